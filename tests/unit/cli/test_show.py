"""What the terminal shows: plain in a log, with every fact."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from planerka.common.v1 import card_pb2, change_pb2
from planerka.orchestrator.v1 import proposal_pb2
from rich.console import Console, RenderableType

from cli import show, show_board, show_proposals
from cli.demo import choose
from cli.errors import UsageWrong
from cli.samples import sample_folder
from cli.texts import Texts
from mesh.times import from_date, from_seconds

COLUMNS = [card_pb2.Column(column_id="c1", title="В работе"), card_pb2.Column(column_id="c2", title="Ревью")]
BOARD = card_pb2.Board(
    board_id="b", name="Доска", columns=COLUMNS, members=[card_pb2.Member(member_id="m", name="Анна")]
)


def plain(shown: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(shown)
    return console.file.getvalue()


def card(key: str, column: str = "c1", **fields: object) -> card_pb2.Card:
    return card_pb2.Card(card_id=f"crd_{key}", key=key, title=f"Задача {key}", column_id=column, **fields)


@pytest.mark.parametrize(("seconds", "shown"), [(0, "00:00"), (65.9, "01:05"), (3599, "59:59"), (3600, "1:00:00")])
def test_clock(seconds: float, shown: str) -> None:
    assert show.clock(from_seconds(seconds)) == shown
    assert show.clock(Duration()) == "00:00"


def test_only_what_people_see_makes_a_card_changed() -> None:
    before = [card("A1", version="1"), card("A2"), card("A3")]
    after = [card("A1", version="2"), card("A2", "c2"), card("A3"), card("A4")]
    assert show_board.changed_cards(before, after) == {"crd_A2", "crd_A4"}


def test_board_marks_what_changed_and_says_what() -> None:
    before = [card("A1"), card("A2")]
    after = [card("A1", "c2", due=from_date(date(2026, 11, 27))), card("A2"), card("A3")]
    shown = plain(show_board.board(BOARD, after, Texts("ru"), before=before))
    assert shown.count("★") == 2
    assert "★ изменена" in shown
    assert "★ новая" in shown
    assert "В работе → Ревью" in shown
    assert "срок 27.11.2026" in shown


def test_board_without_an_earlier_look_marks_nothing() -> None:
    shown = plain(show_board.board(BOARD, [card("A1", member_ids=["m"])], Texts("en")))
    assert "★" not in shown
    assert "Анна" in shown


def test_brackets_in_what_people_wrote_are_no_markup() -> None:
    one = card_pb2.Card(card_id="x", key="A1", title="[red]Не цвет[/red]", column_id="c1")
    assert "[red]Не цвет[/red]" in plain(show_board.board(BOARD, [one], Texts("ru")))


def proposal(name: str, change: change_pb2.CardChange, confidence: float, match: float = 0.9) -> proposal_pb2.Proposal:
    return proposal_pb2.Proposal(
        proposal_id=name,
        proposed=change_pb2.ProposedChange(change=change, confidence=confidence),
        match_probability=match,
        state=proposal_pb2.PROPOSAL_STATE_PENDING,
    )


MOVE = change_pb2.CardChange(move_card=change_pb2.MoveCard(column_id="c2", column_title="Ревью"))
COMMENT = change_pb2.CardChange(add_comment=change_pb2.AddComment(text="x"))
NEW = change_pb2.CardChange(create_card=change_pb2.CreateCard(title="Промокоды"))


def test_demo_prefers_a_visible_change_then_an_existing_card_then_the_surest() -> None:
    found = [proposal("new", NEW, 0.99), proposal("comment", COMMENT, 0.95), proposal("move", MOVE, 0.6)]
    assert choose(found).proposal_id == "move"
    assert choose(found[:2]).proposal_id == "comment"
    assert choose(found[:1]).proposal_id == "new"
    assert choose([*found, proposal("surer", MOVE, 0.8), proposal("vague", MOVE, 0.9, 0.1)]).proposal_id == "surer"
    assert choose([]) is None


def test_demo_leaves_decided_proposals_alone() -> None:
    decided = proposal("move", MOVE, 0.9)
    decided.state = proposal_pb2.PROPOSAL_STATE_APPLIED
    assert choose([decided]) is None


def test_new_card_is_named_by_its_title() -> None:
    assert plain(show_proposals.head(proposal("p", NEW, 0.5), Texts("en"))).startswith("NEW CARD «Промокоды»")


def test_sample_folder_is_the_meeting_or_holds_it(tmp_path: Path) -> None:
    with pytest.raises(UsageWrong, match="--samples"):
        sample_folder(tmp_path)
    inner = tmp_path / "standup_ru"
    inner.mkdir()
    for name in ("meeting.flac", "board.json"):
        (inner / name).touch()
    assert sample_folder(tmp_path) == inner
    assert sample_folder(inner) == inner
