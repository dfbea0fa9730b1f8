"""Errors of the matching service.

PlanerkaError
├── InvalidArgument
│   ├── DuplicateText         DUPLICATE_TEXT_ID
│   ├── UnknownTurn           UNKNOWN_TURN
│   ├── TimeZoneUnknown       TIME_ZONE_UNKNOWN
│   └── LanguageUnknown       LANGUAGE_UNKNOWN
├── NotFound
│   └── CardNotIndexed        CARD_NOT_INDEXED
├── FailedPrecondition
│   └── BoardNotIndexed       BOARD_NOT_INDEXED
└── NotReady
    └── ModelNotReady         MODEL_NOT_READY
"""

from mesh.errors import FailedPrecondition, InvalidArgument, NotFound, NotReady, Violation

__all__ = [
    "BoardNotIndexed",
    "CardNotIndexed",
    "DuplicateText",
    "LanguageUnknown",
    "ModelNotReady",
    "TimeZoneUnknown",
    "UnknownTurn",
]


class DuplicateText(InvalidArgument):
    """Two texts of one request have the same identifier."""

    default_reason = "DUPLICATE_TEXT_ID"

    def __init__(self, field: str, text_id: str) -> None:
        super().__init__(
            f"The identifier {text_id!r} stands twice in {field}; give every text its own.",
            violations=[Violation(field, f"{text_id!r} stands twice")],
        )


class UnknownTurn(InvalidArgument):
    """A part rests on a turn that the request does not have."""

    default_reason = "UNKNOWN_TURN"

    def __init__(self, part_id: str, turn_id: str) -> None:
        super().__init__(
            f"The part {part_id!r} rests on the turn {turn_id!r}, which is not in the request.",
            violations=[Violation("parts.turn_ids", f"{turn_id!r} is no turn of the request")],
        )


class TimeZoneUnknown(InvalidArgument):
    """The time zone has no entry in the IANA database."""

    default_reason = "TIME_ZONE_UNKNOWN"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no time zone {name!r}; use an IANA name such as Europe/Moscow.",
            violations=[Violation("time_zone", "must be an IANA name, or empty for UTC")],
        )


class LanguageUnknown(InvalidArgument):
    """Proposals cannot be written in that language."""

    default_reason = "LANGUAGE_UNKNOWN"

    def __init__(self, code: str) -> None:
        super().__init__(
            f"Proposals are written in Russian or English, not in {code!r}; leave the language empty for that of the turns.",
            violations=[Violation("language", "must be `ru`, `en` or empty")],
        )


class CardNotIndexed(NotFound):
    """The board's index has no such card."""

    default_reason = "CARD_NOT_INDEXED"

    def __init__(self, card_id: str, board_id: str) -> None:
        super().__init__(
            f"The index of the board {board_id} has no card {card_id!r}; index the board again.",
            resource=("card", card_id),
        )


class BoardNotIndexed(FailedPrecondition):
    """The board was never indexed for the workspace."""

    default_reason = "BOARD_NOT_INDEXED"

    def __init__(self, board_id: str) -> None:
        super().__init__(f"The board {board_id!r} is not indexed; call IndexCards first.", resource=("board", board_id))


class ModelNotReady(NotReady):
    """The embedding model is not loaded."""

    default_reason = "MODEL_NOT_READY"
