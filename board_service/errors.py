"""Errors of the board service.

PlanerkaError
├── InvalidArgument
│   ├── FieldsInvalid         FIELDS_INVALID
│   └── CursorInvalid         CURSOR_INVALID
├── NotFound
│   ├── BoardNotFound         BOARD_NOT_FOUND
│   ├── ColumnNotFound        COLUMN_NOT_FOUND
│   ├── MemberNotFound        MEMBER_NOT_FOUND
│   ├── CardNotFound          CARD_NOT_FOUND
│   ├── CommentNotFound       COMMENT_NOT_FOUND
│   ├── ItemNotFound          CHECKLIST_ITEM_NOT_FOUND
│   └── ConnectorNotFound     CONNECTOR_NOT_FOUND
├── AlreadyExists
│   └── KeyTaken              CARD_KEY_TAKEN
└── Conflict
    └── CardChanged           CARD_CHANGED
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mesh.errors import AlreadyExists, Conflict, InvalidArgument, NotFound, Violation

__all__ = [
    "BoardNotFound",
    "CardChanged",
    "CardNotFound",
    "ColumnNotFound",
    "CommentNotFound",
    "ConnectorNotFound",
    "CursorInvalid",
    "FieldsInvalid",
    "ItemNotFound",
    "KeyTaken",
    "MemberNotFound",
]


class FieldsInvalid(InvalidArgument):
    """Fields of a card break a rule that the contract's own validation does not know."""

    default_reason = "FIELDS_INVALID"

    def __init__(self, violations: Sequence[Violation]) -> None:
        listed = "; ".join(f"{v.field}: {v.description}" for v in violations)
        super().__init__(f"The request cannot be carried out: {listed}.", violations=violations)


class CursorInvalid(InvalidArgument):
    """The cursor belongs to another board, or to none."""

    default_reason = "CURSOR_INVALID"

    def __init__(self) -> None:
        super().__init__(
            "The cursor is not one of this board; begin again without one.",
            violations=[Violation("cursor", "must be a cursor of this board, or empty")],
        )


class BoardNotFound(NotFound):
    """The board does not exist."""

    default_reason = "BOARD_NOT_FOUND"

    def __init__(self, board_id: str) -> None:
        super().__init__(f"There is no board {board_id!r}; list them with ListBoards.", resource=("board", board_id))


class ColumnNotFound(NotFound):
    """The board has no such column."""

    default_reason = "COLUMN_NOT_FOUND"

    def __init__(self, column_id: str, board_id: str) -> None:
        super().__init__(
            f"The board {board_id} has no column {column_id!r}; GetBoard tells its columns.",
            resource=("column", column_id),
        )


class MemberNotFound(NotFound):
    """The board has no such member."""

    default_reason = "MEMBER_NOT_FOUND"

    def __init__(self, member_ids: Iterable[str], board_id: str) -> None:
        missing = ", ".join(member_ids)
        super().__init__(
            f"The board {board_id} has no member {missing}; GetBoard tells its members.", resource=("member", missing)
        )


class CardNotFound(NotFound):
    """The card does not exist, or was deleted."""

    default_reason = "CARD_NOT_FOUND"

    def __init__(self, card_id: str) -> None:
        super().__init__(f"There is no card {card_id!r}; it may have been deleted.", resource=("card", card_id))


class CommentNotFound(NotFound):
    """The card has no such comment."""

    default_reason = "COMMENT_NOT_FOUND"

    def __init__(self, comment_id: str, card_id: str) -> None:
        super().__init__(f"The card {card_id} has no comment {comment_id!r}.", resource=("comment", comment_id))


class ItemNotFound(NotFound):
    """The card has no such item in its checklists."""

    default_reason = "CHECKLIST_ITEM_NOT_FOUND"

    def __init__(self, item_ids: Iterable[str], card_id: str) -> None:
        missing = ", ".join(item_ids)
        super().__init__(
            f"The card {card_id} has no checklist item {missing}; leave the identifier of a new item empty.",
            resource=("checklist_item", missing),
        )


class ConnectorNotFound(NotFound):
    """The service has no such connector, or it is off."""

    default_reason = "CONNECTOR_NOT_FOUND"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"There is no connector {name!r}; [board] connectors has {', '.join(sorted(known))}.",
            resource=("connector", name),
        )


class KeyTaken(AlreadyExists):
    """Another card of the board has this key."""

    default_reason = "CARD_KEY_TAKEN"

    def __init__(self, key: str, card_id: str) -> None:
        super().__init__(
            f"The key {key!r} belongs to another card of the board; choose another one, or none.",
            resource=("card", card_id),
        )


class CardChanged(Conflict):
    """The card has another version than the caller expects."""

    default_reason = "CARD_CHANGED"

    def __init__(self, card_id: str, expected: str, current: str) -> None:
        super().__init__(
            f"The card {card_id} changed meanwhile: version {current}, not {expected}. Read it again and decide anew.",
            resource=("card", card_id),
            metadata={"currentVersion": current, "expectedVersion": expected},
        )
