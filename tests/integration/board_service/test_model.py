"""Random operations on the local board, against a model that is simple enough to be right."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from planerka.board.v1 import board_pb2 as pb
from planerka.common.v1.card_pb2 import Card
from planerka.common.v1.time_pb2 import CalendarDate

from board_service.adapters.local import LocalBoards
from board_service.errors import CardChanged
from board_service.settings import BoardSettings

TITLES = st.text(min_size=1, max_size=20).filter(str.strip)
LABELS = st.lists(st.sampled_from(["ui", "баг", "срочно", "Ё"]), unique=True)
DAYS = st.none() | st.dates().filter(lambda day: day.year >= 1970)


@dataclass
class Expected:
    title: str
    column: int
    labels: list[str] = field(default_factory=list)
    due: tuple[int, int, int] | None = None
    comments: list[str] = field(default_factory=list)
    archived: bool = False
    version: int = 1
    stamp: int = 0


class BoardMachine(RuleBasedStateMachine):
    ids = Bundle("cards")

    @initialize()
    def open(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.boards = LocalBoards(BoardSettings(state=Path(self.folder.name)))
        self.do(self.boards.open())
        self.keys = map(str, itertools.count())
        self.stamps = itertools.count(1)
        columns = [pb.NewColumn(title=title) for title in ("Бэклог", "В работе", "Готово")]
        request = pb.CreateBoardRequest(workspace_id="w", name="x", columns=columns, idempotency_key="board")
        self.board = self.do(self.boards.create_board(request)).board
        self.model: dict[str, Expected] = {}
        self.events = 0

    def do(self, work):
        return self.loop.run_until_complete(work)

    def write(self, method, request, *rest):
        """Every write comes twice: the second one must change nothing."""
        request.idempotency_key = next(self.keys)
        answer = self.do(method(request, *rest))
        assert self.do(method(request, *rest)) == answer
        return answer

    def changed(self, card_id: str, happened: bool) -> None:
        self.model[card_id].version += happened
        self.events += happened

    @rule(target=ids, title=TITLES, column=st.integers(0, 2), labels=LABELS)
    def create(self, title, column, labels):
        request = pb.CreateCardRequest(
            board_id=self.board.board_id, title=title, labels=labels, column_id=self.board.columns[column].column_id
        )
        card = self.write(self.boards.create_card, request).card
        self.model[card.card_id] = Expected(title, column, labels, stamp=next(self.stamps))
        self.events += 1
        return card.card_id

    @rule(
        card_id=ids,
        title=TITLES,
        labels=LABELS,
        day=DAYS,
        mask=st.sets(st.sampled_from(["title", "labels", "due"]), min_size=1),
    )
    def update(self, card_id, title, labels, day, mask):
        expected = self.model[card_id]
        due = None if day is None else (day.year, day.month, day.day)
        wanted = {"title": title, "labels": labels, "due": due}
        card = Card(card_id=card_id, title=title, labels=labels)
        if day is not None:
            card.due.CopyFrom(CalendarDate(year=day.year, month=day.month, day=day.day))
        request = pb.UpdateCardRequest(card=card, expected_version=str(expected.version))
        self.write(self.boards.update_card, request, sorted(mask))
        different = any(getattr(expected, name) != wanted[name] for name in mask)
        for name in mask:
            setattr(expected, name, wanted[name])
        self.changed(card_id, different)

    @rule(card_id=ids, column=st.integers(0, 2))
    def move(self, card_id, column):
        expected = self.model[card_id]
        request = pb.MoveCardRequest(card_id=card_id, column_id=self.board.columns[column].column_id)
        self.write(self.boards.move_card, request)
        if column != expected.column:
            expected.column, expected.stamp = column, next(self.stamps)
            self.changed(card_id, True)

    @rule(card_id=ids, text=TITLES)
    def comment(self, card_id, text):
        self.write(self.boards.comment_card, pb.CommentCardRequest(card_id=card_id, text=text))
        self.model[card_id].comments.append(text)
        self.changed(card_id, True)

    @rule(card_id=ids)
    def delete_last_comment(self, card_id):
        if self.model[card_id].comments:
            comment = self.do(self.boards.get_card(card_id)).comments[-1]
            request = pb.DeleteCommentRequest(card_id=card_id, comment_id=comment.comment_id)
            self.write(self.boards.delete_comment, request)
            self.model[card_id].comments.pop()
            self.changed(card_id, True)

    @rule(card_id=ids, archived=st.booleans())
    def archive(self, card_id, archived):
        self.write(self.boards.archive_card, pb.ArchiveCardRequest(card_id=card_id, archived=archived))
        different = self.model[card_id].archived != archived
        self.model[card_id].archived = archived
        self.changed(card_id, different)

    @rule(card_id=consumes(ids))
    def delete(self, card_id):
        self.write(self.boards.delete_card, pb.DeleteCardRequest(card_id=card_id))
        del self.model[card_id]
        self.events += 1

    @rule(card_id=ids, lag=st.integers(1, 3))
    def write_on_a_stale_version(self, card_id, lag):
        request = pb.DeleteCardRequest(
            card_id=card_id, expected_version=str(self.model[card_id].version - lag), idempotency_key=next(self.keys)
        )
        with pytest.raises(CardChanged) as raised:
            self.do(self.boards.delete_card(request))
        assert raised.value.metadata["currentVersion"] == str(self.model[card_id].version)

    @rule()
    def restart(self):
        self.do(self.boards.close())
        self.do(self.boards.open())

    @invariant()
    def the_board_is_as_expected(self):
        cards, token = [], ""
        while True:
            request = pb.ListCardsRequest(
                board_id=self.board.board_id, include_archived=True, page_size=2, page_token=token
            )
            answer = self.do(self.boards.list_cards(request))
            cards += answer.cards
            token = answer.next_page_token
            if not token:
                break
        order = sorted(self.model, key=lambda card_id: (self.model[card_id].column, self.model[card_id].stamp))
        assert [card.card_id for card in cards] == order
        columns = [column.column_id for column in self.board.columns]
        for card in cards:
            expected = self.model[card.card_id]
            due = (card.due.year, card.due.month, card.due.day) if card.HasField("due") else None
            assert (card.title, columns.index(card.column_id), list(card.labels), due, card.archived) == (
                expected.title,
                expected.column,
                expected.labels,
                expected.due,
                expected.archived,
            )
            assert [comment.text for comment in card.comments] == expected.comments
            assert card.version == str(expected.version)
        changes = self.do(self.boards.list_changes(pb.ListChangesRequest(board_id=self.board.board_id, page_size=500)))
        assert len(changes.events) == self.events
        last = {event.card_id: event for event in changes.events}
        assert {card.card_id: card for card in cards} == {
            card_id: event.card for card_id, event in last.items() if event.HasField("card")
        }

    def teardown(self):
        if hasattr(self, "loop"):
            self.do(self.boards.close())
            self.folder.cleanup()
            self.loop.close()


BoardMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestBoardMachine = BoardMachine.TestCase
