"""Changes against a board in memory: applied, taken back, and refused where the card says something else meanwhile."""

from __future__ import annotations

import pytest
from planerka.common.v1.card_pb2 import Card, ChecklistItem, Comment
from planerka.common.v1.change_pb2 import (
    AddChecklistItem,
    AddComment,
    AddLabel,
    AddMember,
    AppendDescription,
    CardChange,
    CompleteChecklistItem,
    CreateCard,
    MarkBlocked,
    MoveCard,
    RemoveLabel,
    RemoveMember,
    SetDueDate,
)
from planerka.common.v1.time_pb2 import CalendarDate

from orchestrator.changes import Changed, Satisfied, Send, describe, edit_problem, inverse, kind_of, plan

DAY = CalendarDate(year=2026, month=3, day=6)
OTHER = CalendarDate(year=2026, month=4, day=1)
CHANGES = {
    "comment": CardChange(add_comment=AddComment(text="готово наполовину")),
    "description": CardChange(append_description=AppendDescription(text="Шлюз не берёт меньше рубля.")),
    "item": CardChange(add_checklist_item=AddChecklistItem(text="написать в поддержку")),
    "tick": CardChange(complete_checklist_item=CompleteChecklistItem(item_id="i1", text="проверить")),
    "due": CardChange(set_due_date=SetDueDate(due=DAY)),
    "member": CardChange(add_member=AddMember(member_id="m2", name="Анна")),
    "no member": CardChange(remove_member=RemoveMember(member_id="m1", name="Олег")),
    "move": CardChange(move_card=MoveCard(column_id="c2", column_title="Готово", previous_column_id="c1")),
    "label": CardChange(add_label=AddLabel(label="срочно")),
    "no label": CardChange(remove_label=RemoveLabel(label="старое")),
    "blocked by": CardChange(mark_blocked=MarkBlocked(by_card_id="k9")),
    "blocked": CardChange(mark_blocked=MarkBlocked(reason="ждём шланги")),
}


def card(**values):
    base = {
        "card_id": "k1",
        "title": "Возвраты",
        "description": "Через шлюз.",
        "column_id": "c1",
        "member_ids": ["m1"],
        "labels": ["старое"],
        "checklist": [ChecklistItem(item_id="i1", checklist="Дела", text="проверить")],
        "version": "1",
    }
    return Card(**(base | values))


class Board:
    """One card in memory that follows the contract."""

    def __init__(self, first):
        self.card = Card()
        self.card.CopyFrom(first)

    def send(self, step):
        request = step.request
        expected = getattr(request, "expected_version", "")
        assert expected in ("", self.card.version)
        comment_id = item_id = ""
        if step.method == "UpdateCard":
            (field,) = request.update_mask.paths
            before = {item.item_id for item in self.card.checklist}
            self.card.ClearField(field)
            if field == "description":
                setattr(self.card, field, request.card.description)
            elif field == "due":
                if request.card.HasField("due"):
                    self.card.due.CopyFrom(request.card.due)
            else:
                getattr(self.card, field).extend(getattr(request.card, field))
            for item in self.card.checklist:
                item.item_id = item.item_id or "i2"
            item_id = next((item.item_id for item in self.card.checklist if item.item_id not in before), "")
        elif step.method == "MoveCard":
            self.card.column_id = request.column_id
        elif step.method == "CommentCard":
            comment_id = "x1"
            self.card.comments.append(Comment(comment_id=comment_id, text=request.text))
        elif step.method == "DeleteComment":
            kept = [comment for comment in self.card.comments if comment.comment_id != request.comment_id]
            del self.card.comments[:]
            self.card.comments.extend(kept)
        self.card.version = str(int(self.card.version) + 1)
        return comment_id, item_id


def step_of(change, fresh, frozen=None):
    return plan(change, frozen or card(), fresh, "b1", "key", "Planerka", "ru")


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_and_its_inverse_leave_the_card_as_it_was(change):
    board = Board(card())
    comment_id, item_id = board.send(step_of(change, board.card))
    assert board.card != card(version=board.card.version)
    if not change.HasField("add_comment") and not change.mark_blocked.reason:
        assert isinstance(step_of(change, board.card), Satisfied)
    back = inverse(change, card(), board.card, comment_id, item_id, "undo")
    assert isinstance(back, Send)
    board.send(back)
    assert board.card == card(version=board.card.version)
    assert inverse(change, card(), board.card, comment_id, item_id, "undo") is None


@pytest.mark.parametrize(
    ("change", "fresh"),
    [
        ("due", card(due=OTHER)),
        ("move", card(column_id="c3")),
        ("tick", card(checklist=[])),
        ("comment", card(archived=True)),
        ("label", card(archived=True)),
    ],
)
def test_what_somebody_else_changed_is_a_question(change, fresh):
    assert isinstance(step_of(CHANGES[change], fresh), Changed)


@pytest.mark.parametrize("change", [name for name in CHANGES if name not in {"due", "move"}])
def test_other_fields_of_the_card_do_not_matter(change):
    fresh = card(due=OTHER, column_id="c3", title="Другое", version="7")
    assert isinstance(step_of(CHANGES[change], fresh), Send)


def test_what_was_decided_about_the_changed_card_is_done():
    fresh = card(due=OTHER)
    step = step_of(CHANGES["due"], fresh, frozen=fresh)
    assert isinstance(step, Send)
    assert step.request.card.due == DAY
    assert step.request.expected_version == "1"


def test_a_paragraph_is_found_again_among_later_ones():
    board = Board(card())
    board.send(step_of(CHANGES["description"], board.card))
    later = CardChange(append_description=AppendDescription(text="Позже."))
    board.send(step_of(later, board.card))
    board.send(inverse(CHANGES["description"], card(), board.card, "", "", "undo"))
    assert board.card.description == "Через шлюз.\n\nПозже."


def test_a_created_card_is_archived_unless_somebody_worked_on_it():
    change = CardChange(create_card=CreateCard(title="Промокоды", labels=["a", "a"], due=DAY))
    step = plan(change, Card(), Card(), "b1", "key", "Planerka", "ru")
    assert (step.method, list(step.request.labels), step.request.due) == ("CreateCard", ["a"], DAY)
    created = card()
    assert inverse(change, created, created, "", "", "undo").method == "ArchiveCard"
    assert inverse(change, created, card(version="2"), "", "", "undo") is None


def test_an_edit_must_fit_its_card():
    create = CardChange(create_card=CreateCard(title="Новая"))
    assert edit_problem(create, "") == ""
    assert edit_problem(create, "k1")
    assert edit_problem(CHANGES["due"], "k1") == ""
    assert edit_problem(CHANGES["due"], "")


@pytest.mark.parametrize("language", ["ru", "en"])
def test_every_change_has_words_and_a_kind(language):
    changes = [*CHANGES.values(), CardChange(create_card=CreateCard(title="Новая"))]
    texts = [describe(change, language) for change in changes]
    assert all(texts)
    assert "06.03.2026" in texts[list(CHANGES).index("due")]
    assert len({kind_of(change) for change in changes}) == 12
