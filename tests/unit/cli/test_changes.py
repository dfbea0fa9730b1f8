"""Changes in words, and changes as a person wants them instead."""

from __future__ import annotations

from datetime import date

import pytest
from planerka.common.v1 import card_pb2, change_pb2

from cli.changes import describe, kind_of, rewritten
from cli.errors import UsageWrong
from cli.texts import Texts
from mesh.times import from_date, to_date
from ui import wording
from ui.texts import Texts as PageTexts

BOARD = card_pb2.Board(
    board_id="b",
    columns=[card_pb2.Column(column_id="c1", title="В работе"), card_pb2.Column(column_id="c2", title="Ревью")],
    members=[card_pb2.Member(member_id="m1", name="Анна"), card_pb2.Member(member_id="m2", name="Ирина")],
)
MOVE = change_pb2.CardChange(
    move_card=change_pb2.MoveCard(
        column_id="c2", column_title="Ревью", previous_column_id="c1", previous_column_title="В работе"
    )
)
DUE = change_pb2.CardChange(set_due_date=change_pb2.SetDueDate(due=from_date(date(2026, 11, 27))))
COMMENT = change_pb2.CardChange(add_comment=change_pb2.AddComment(text="Тесты готовы"))
MEMBER = change_pb2.CardChange(add_member=change_pb2.AddMember(member_id="m1", name="Анна"))
NONE: dict[str, str] = {"text": "", "due": "", "column": "", "member": "", "raw": ""}


def every_change() -> list[change_pb2.CardChange]:
    made = []
    for field in change_pb2.CardChange.DESCRIPTOR.fields:
        change = change_pb2.CardChange()
        getattr(change, field.name).SetInParent()
        if field.name == "set_due_date":
            change.set_due_date.due.CopyFrom(from_date(date(2026, 11, 27)))
        made.append(change)
    return made


def test_a_change_names_the_old_and_the_new() -> None:
    assert describe(MOVE, Texts("en")).line == "Move: В работе → Ревью"
    assert describe(DUE, Texts("ru")).line == "Срок: нет → 27.11.2026"
    assert describe(COMMENT, Texts("ru")).line == "Комментарий: Тесты готовы"


def test_every_kind_has_a_label_in_the_command_and_on_the_page() -> None:
    for change in every_change():
        assert describe(change, Texts("ru")).label
        label = wording.describe(change, PageTexts("ru")).label
        assert not label.startswith("change."), label


def test_kind_of_a_change() -> None:
    assert kind_of(MOVE) == change_pb2.CHANGE_KIND_MOVE_CARD
    assert kind_of(change_pb2.CardChange()) == change_pb2.CHANGE_KIND_UNSPECIFIED


def test_options_rewrite_only_what_they_name() -> None:
    assert rewritten(COMMENT, BOARD, **{**NONE, "text": "Тесты в пятницу"}).add_comment.text == "Тесты в пятницу"
    assert to_date(rewritten(DUE, BOARD, **{**NONE, "due": "2026-12-01"}).set_due_date.due) == date(2026, 12, 1)
    moved = rewritten(MOVE, BOARD, **{**NONE, "column": "в работе"}).move_card
    assert (moved.column_id, moved.column_title, moved.previous_column_id) == ("c1", "В работе", "c1")
    assert rewritten(MEMBER, BOARD, **{**NONE, "member": "Ирина"}).add_member.member_id == "m2"
    assert COMMENT.add_comment.text == "Тесты готовы"


def test_a_whole_change_may_be_given() -> None:
    raw = '{"add_label": {"label": "срочно"}}'
    assert rewritten(MOVE, BOARD, **{**NONE, "raw": raw}).add_label.label == "срочно"


@pytest.mark.parametrize(
    ("change", "option"),
    [
        (MOVE, {"text": "x"}),
        (COMMENT, {"due": "2026-12-01"}),
        (DUE, {"due": "Friday"}),
        (MOVE, {"column": "Нет такой"}),
        (COMMENT, {"column": "Ревью"}),
        (MEMBER, {"member": "Кто-то"}),
        (MOVE, {"raw": "{"}),
        (MOVE, {"raw": '{"no_such": {}}'}),
    ],
)
def test_an_option_that_does_not_fit_is_refused(change: change_pb2.CardChange, option: dict[str, str]) -> None:
    with pytest.raises(UsageWrong):
        rewritten(change, BOARD, **{**NONE, **option})
