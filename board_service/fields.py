"""What the fields of a card may hold, whatever board keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from planerka.board.v1.board_pb2 import CreateBoardRequest, CreateCardRequest, UpdateCardRequest
from planerka.common.v1.card_pb2 import Card, ChecklistItem
from planerka.common.v1.time_pb2 import CalendarDate

from board_service.errors import FieldsInvalid
from mesh.errors import InvalidArgument, Violation
from mesh.times import to_date

__all__ = ["MAX_LABEL", "UPDATABLE", "check_board", "check_new", "check_update"]

UPDATABLE = ("title", "description", "member_ids", "labels", "due", "checklist", "blocked_by")
"""Fields that `UpdateCard` can change, in the order in which they are changed."""

MAX_LABEL = 128
"""Longest label, in characters."""


def check_board(request: CreateBoardRequest) -> None:
    """Refuse a board with a blank name.

    Raises:
        FieldsInvalid: A name or title has no visible character.
    """
    named = [("name", request.name)]
    named += [(f"columns[{place}].title", column.title) for place, column in enumerate(request.columns)]
    named += [(f"member_names[{place}]", name) for place, name in enumerate(request.member_names)]
    _raise(Violation(field, "must have a visible character") for field, text in named if not text.strip())


def check_new(request: CreateCardRequest) -> None:
    """Refuse a new card that no board could keep.

    Raises:
        FieldsInvalid: A field breaks a rule; all of them are named.
    """
    found = [*_title("title", request.title), *_labels("labels", request.labels)]
    if request.HasField("due"):
        found += _due("due", request.due)
    found += [
        Violation(f"checklist[{place}].item_id", "must be empty on a new card")
        for place, item in enumerate(request.checklist)
        if item.item_id
    ]
    if request.key and (not request.key.isprintable() or any(letter.isspace() for letter in request.key)):
        found.append(Violation("key", "must be one word"))
    _raise(found)


def check_update(request: UpdateCardRequest) -> tuple[str, ...]:
    """Return the fields that an update changes, each once.

    Raises:
        FieldsInvalid: The mask is empty or names a field that cannot be changed, or a new value breaks a rule.
    """
    paths = set(request.update_mask.paths)
    if not paths:
        raise FieldsInvalid([Violation("update_mask", f"must name at least one of {', '.join(UPDATABLE)}")])
    unknown = sorted(paths - set(UPDATABLE))
    if unknown:
        raise FieldsInvalid(
            [
                Violation("update_mask", f"{path!r} cannot be changed; possible: {', '.join(UPDATABLE)}")
                for path in unknown
            ]
        )
    card = request.card
    found: list[Violation] = []
    for field in paths:
        match field:
            case "title":
                found += _title("card.title", card.title)
            case "labels":
                found += [*_unique("card.labels", card.labels), *_labels("card.labels", card.labels)]
            case "due" if card.HasField("due"):
                found += _due("card.due", card.due)
            case "member_ids":
                found += _unique("card.member_ids", card.member_ids)
            case "checklist":
                found += _unique("card.checklist.item_id", _given(card.checklist))
            case "blocked_by":
                found += _blockers(card)
    _raise(found)
    return tuple(field for field in UPDATABLE if field in paths)


def _raise(violations: Iterable[Violation]) -> None:
    listed = list(violations)
    if listed:
        raise FieldsInvalid(listed)


def _title(field: str, title: str) -> list[Violation]:
    return [] if title.strip() else [Violation(field, "must have a visible character")]


def _labels(field: str, labels: Sequence[str]) -> list[Violation]:
    return [
        Violation(f"{field}[{place}]", f"must have 1 to {MAX_LABEL} characters, not only spaces")
        for place, label in enumerate(labels)
        if not label.strip() or len(label) > MAX_LABEL
    ]


def _due(field: str, due: CalendarDate) -> list[Violation]:
    try:
        to_date(due)
    except InvalidArgument as error:
        return [Violation(field, error.message)]
    return []


def _unique(field: str, values: Sequence[str]) -> list[Violation]:
    return [] if len(set(values)) == len(values) else [Violation(field, "must not name anything twice")]


def _given(items: Iterable[ChecklistItem]) -> list[str]:
    return [item.item_id for item in items if item.item_id]


def _blockers(card: Card) -> list[Violation]:
    found = _unique("card.blocked_by", card.blocked_by)
    if card.card_id in card.blocked_by:
        found.append(Violation("card.blocked_by", "a card cannot block itself"))
    return found
