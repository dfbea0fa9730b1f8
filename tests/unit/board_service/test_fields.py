import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from planerka.board.v1 import board_pb2 as pb
from planerka.common.v1.card_pb2 import Card, ChecklistItem
from planerka.common.v1.time_pb2 import CalendarDate

from board_service.errors import FieldsInvalid
from board_service.fields import UPDATABLE, check_board, check_new, check_update


def update(card: Card, *paths: str) -> pb.UpdateCardRequest:
    return pb.UpdateCardRequest(card=card, update_mask=FieldMask(paths=paths))


def test_fields_come_once_and_in_order():
    assert check_update(update(Card(card_id="crd_1", title="x"), "labels", "title", "labels")) == ("title", "labels")


def test_every_updatable_field_is_a_field_of_the_contract():
    assert set(UPDATABLE) < set(Card.DESCRIPTOR.fields_by_name)


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (update(Card()), ["update_mask"]),
        (update(Card(), "column_id"), ["update_mask"]),
        (update(Card(), "nonsense", "card_id", "title"), ["update_mask", "update_mask"]),
        (update(Card(), "due.year"), ["update_mask"]),
        (update(Card(), "title"), ["card.title"]),
        (update(Card(title=" \n"), "title"), ["card.title"]),
        (update(Card(labels=["ok", "", "x" * 129]), "labels"), ["card.labels[1]", "card.labels[2]"]),
        (update(Card(labels=["a", "a"]), "labels"), ["card.labels"]),
        (update(Card(member_ids=["m", "m"]), "member_ids"), ["card.member_ids"]),
        (update(Card(due=CalendarDate(year=2026, month=2, day=30)), "due"), ["card.due"]),
        (update(Card(card_id="crd_1", blocked_by=["crd_1"]), "blocked_by"), ["card.blocked_by"]),
        (
            update(
                Card(checklist=[ChecklistItem(item_id="i", text="a"), ChecklistItem(item_id="i", text="b")]),
                "checklist",
            ),
            ["card.checklist.item_id"],
        ),
    ],
)
def test_wrong_updates_name_their_fields(request_, fields):
    with pytest.raises(FieldsInvalid) as raised:
        check_update(request_)
    assert sorted(v.field for v in raised.value.violations) == sorted(fields)
    assert raised.value.reason == "FIELDS_INVALID"


def test_values_outside_the_mask_are_nobodys_business():
    assert check_update(update(Card(title=" ", labels=["a", "a"]), "description")) == ("description",)


def test_a_due_date_can_be_taken_away():
    assert check_update(update(Card(), "due")) == ("due",)


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (pb.CreateCardRequest(title="  "), ["title"]),
        (pb.CreateCardRequest(title="x", labels=[""]), ["labels[0]"]),
        (pb.CreateCardRequest(title="x", due=CalendarDate(year=2025, month=2, day=29)), ["due"]),
        (pb.CreateCardRequest(title="x", checklist=[ChecklistItem(item_id="i", text="a")]), ["checklist[0].item_id"]),
        (pb.CreateCardRequest(title="x", key="A 1"), ["key"]),
        (pb.CreateCardRequest(title="x", key="A\x001"), ["key"]),
        (pb.CreateCardRequest(title="", labels=[" "], key="\t"), ["key", "labels[0]", "title"]),
    ],
)
def test_wrong_cards_name_their_fields(request_, fields):
    with pytest.raises(FieldsInvalid) as raised:
        check_new(request_)
    assert sorted(v.field for v in raised.value.violations) == fields


def test_a_board_needs_visible_names():
    request = pb.CreateBoardRequest(
        name=" ", columns=[pb.NewColumn(title="a"), pb.NewColumn(title="\t")], member_names=[" "]
    )
    with pytest.raises(FieldsInvalid) as raised:
        check_board(request)
    assert [v.field for v in raised.value.violations] == ["name", "columns[1].title", "member_names[0]"]
