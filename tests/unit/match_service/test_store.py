from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from planerka.common.v1 import card_pb2
from planerka.match.v1 import match_pb2 as pb

from match_service.store import MatchStore
from mesh.database import IdempotencyKeyReused

BOARD = card_pb2.Board(board_id="b", name="B", columns=[card_pb2.Column(column_id="1", title="Готово")])


def card(card_id: str, title: str = "Title", **fields) -> card_pb2.Card:
    return card_pb2.Card(card_id=card_id, title=title, column_id="1", **fields)


def request(key: str, *cards: card_pb2.Card, complete: bool = False, workspace: str = "w") -> pb.IndexCardsRequest:
    return pb.IndexCardsRequest(
        workspace_id=workspace, board=BOARD, cards=cards, complete=complete, idempotency_key=key
    )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[MatchStore]:
    store = MatchStore(tmp_path / "state")
    await store.open()
    yield store
    await store.close()


async def test_cards_are_new_unchanged_changed_and_removed(store: MatchStore) -> None:
    first = await store.index(request("k1", card("A1"), card("A2")))
    again = await store.index(request("k2", card("A1"), card("A2", version="7")))
    changed = await store.index(request("k3", card("A2", "Other"), complete=True))

    assert (first.indexed, first.unchanged, first.removed) == (2, 0, 0)
    assert (again.indexed, again.unchanged, again.removed) == (0, 2, 0)
    assert (changed.indexed, changed.unchanged, changed.removed) == (1, 0, 1)
    stored = await store.board("w", "b")
    assert stored is not None
    assert [found.title for found in stored[1]] == ["Other"]


async def test_a_repeated_key_returns_the_first_answer(store: MatchStore) -> None:
    first = await store.index(request("k1", card("A1")))

    assert await store.index(request("k1", card("A1"))) == first
    with pytest.raises(IdempotencyKeyReused):
        await store.index(request("k1", card("A2")))


async def test_workspaces_do_not_see_each_other(store: MatchStore) -> None:
    await store.index(request("k1", card("A1")))

    assert await store.board("other", "b") is None


async def test_vectors_are_kept_by_model_and_text(store: MatchStore) -> None:
    vector = np.array([0.5, -0.25], dtype=np.float32)
    await store.remember("m", {"text": vector})

    found = await store.vectors("m", ["text", "unknown"])
    assert list(found) == ["text"]
    assert found["text"].tolist() == vector.tolist()
    assert await store.vectors("other", ["text"]) == {}


async def test_decisions_are_kept_once_and_over_a_restart(store: MatchStore, tmp_path: Path) -> None:
    learn = pb.LearnRequest(
        workspace_id="w",
        board_id="b",
        proposal_id="prp_1",
        text="t",
        proposed_card_id="crd_1",
        approved=True,
        probability=0.75,
        idempotency_key="k",
    )
    assert (await store.learn(learn)).decisions == 1
    assert (await store.learn(learn)).decisions == 1
    learn.idempotency_key, learn.approved = "k2", False
    assert (await store.learn(learn)).decisions == 2
    await store.close()

    await store.open()
    (vote,) = await store.votes("w")
    assert (vote.built_in, vote.shown, vote.right) == (0.75, 0.75, False)
    assert await store.votes("other") == []


async def test_only_an_approved_match_that_stayed_counts_as_right(store: MatchStore) -> None:
    for number, (proposed, chosen, approved) in enumerate(
        [("A", "A", True), ("A", "B", True), ("A", "", False), ("", "", True)]
    ):
        learn = pb.LearnRequest(
            workspace_id="w",
            board_id="b",
            proposal_id=f"prp_{number}",
            text="t",
            proposed_card_id=proposed,
            chosen_card_id=chosen,
            approved=approved,
            probability=0.75,
            signals=pb.MatchSignals(built_in_probability=0.5),
            idempotency_key=f"k{number}",
        )
        await store.learn(learn)

    votes = await store.votes("w")
    assert [vote.right for vote in votes] == [True, False, False]
    assert {vote.built_in for vote in votes} == {0.5}
