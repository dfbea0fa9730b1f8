"""Evaluation of matching: a BEIR folder as a board, its queries as talk."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import grpc
from planerka.common.v1 import card_pb2
from planerka.match.v1 import match_pb2, match_pb2_grpc

from cli.client import fresh_key, typed_errors
from cli.errors import UsageWrong
from evaluation.matching import BeirSet, Document, Outcome, match_figures, read_beir
from mesh.ids import new_id

__all__ = ["Tell", "batches", "measure_matching", "read_set"]

T = TypeVar("T")

_WORKSPACE = "evaluation"
_CARDS_AT_ONCE = 100
_TEXTS_AT_ONCE = 50
_RANKS = 10
_SECONDS = 1800.0
_TITLE = 1024
_DESCRIPTION = 32_768
_TEXT = 65_536

Tell = Callable[[str, int, int], None]
"""Told what is being done (`index` or `score`), how much of it is done, and of how much."""


def read_set(folder: Path) -> BeirSet:
    """Read a BEIR folder.

    Raises:
        UsageWrong: It is none.
    """
    try:
        return read_beir(folder)
    except ValueError as error:
        raise UsageWrong(f"{error}. Name a folder with corpus.jsonl, queries.jsonl and qrels/test.tsv.") from error


async def measure_matching(channel: grpc.aio.Channel, found: BeirSet, tell: Tell) -> dict[str, Any]:
    """Index the corpus as cards, rank them for every query, and return the figures of the design."""
    stub = match_pb2_grpc.MatchServiceStub(channel)
    board = card_pb2.Board(
        board_id=new_id("brd"), name="evaluation", columns=[card_pb2.Column(column_id="all", title="all")]
    )
    cards = [_card(document, board.board_id) for document in found.documents]
    done = 0
    for batch in batches(cards, _CARDS_AT_ONCE):
        request = match_pb2.IndexCardsRequest(
            workspace_id=_WORKSPACE, board=board, cards=batch, idempotency_key=fresh_key()
        )
        with typed_errors():
            await stub.IndexCards(request, timeout=_SECONDS)
        done += len(batch)
        tell("index", done, len(cards))
    outcomes: list[Outcome] = []
    seconds = 0.0
    for queries in batches(found.queries, _TEXTS_AT_ONCE):
        texts = [match_pb2.MatchText(text_id=name, text=text[:_TEXT]) for name, text in queries]
        scoring = match_pb2.ScoreTextsRequest(
            workspace_id=_WORKSPACE, board_id=board.board_id, texts=texts, limit=_RANKS
        )
        begun = time.monotonic()
        with typed_errors():
            answer = await stub.ScoreTexts(scoring, timeout=_SECONDS)
        seconds += time.monotonic() - begun
        outcomes += [_outcome(ranking) for ranking in answer.rankings]
        tell("score", len(outcomes), len(found.queries))
    with typed_errors():
        # The set was a guest: nothing of it stays in the index.
        clearing = match_pb2.IndexCardsRequest(
            workspace_id=_WORKSPACE, board=board, complete=True, idempotency_key=fresh_key()
        )
        await stub.IndexCards(clearing, timeout=_SECONDS)
    return dict(match_figures(outcomes, found.relevant, seconds))


def _card(document: Document, board_id: str) -> card_pb2.Card:
    title = document.title or document.text.partition("\n")[0] or document.document_id
    return card_pb2.Card(
        card_id=document.document_id,
        board_id=board_id,
        title=title[:_TITLE],
        description=document.text[:_DESCRIPTION]
        if document.title
        else document.text[len(title[:_TITLE]) :][:_DESCRIPTION],
        column_id="all",
    )


def _outcome(ranking: match_pb2.TextRanking) -> Outcome:
    return Outcome(
        query_id=ranking.text_id,
        ranked=tuple(card.card_id for card in ranking.cards),
        no_card=ranking.no_card_probability,
        auto=ranking.decision == match_pb2.MATCH_DECISION_AUTO,
    )


def batches(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Return the items in order, in pieces of this size and a rest."""
    return [items[start : start + size] for start in range(0, len(items), size)]
