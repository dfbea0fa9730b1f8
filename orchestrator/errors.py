"""Errors of the orchestrator.

PlanerkaError
├── InvalidArgument
│   ├── AudioUnreadable       AUDIO_UNREADABLE
│   ├── FormatUnknown         DOCUMENT_FORMAT_UNKNOWN
│   ├── EmptyFile             EMPTY_FILE
│   ├── TextUnreadable        TEXT_UNREADABLE
│   ├── UnknownLanguage       UNKNOWN_LANGUAGE
│   ├── StreamOutOfOrder      STREAM_OUT_OF_ORDER
│   └── EditInvalid           EDIT_INVALID
├── NotFound
│   ├── MeetingNotFound       MEETING_NOT_FOUND
│   ├── ProposalNotFound      PROPOSAL_NOT_FOUND
│   ├── PersonNotFound        PERSON_NOT_FOUND
│   ├── TokenNotFound         TOKEN_NOT_FOUND
│   ├── SpeakerNotFound       SPEAKER_NOT_FOUND
│   ├── BoardMissing          BOARD_NOT_FOUND
│   ├── DocumentNotFound      DOCUMENT_NOT_FOUND
│   └── StreamNotFound        STREAM_NOT_FOUND
├── FailedPrecondition
│   ├── AlreadyDecided        ALREADY_DECIDED
│   ├── NotUndoable           NOT_UNDOABLE
│   ├── MeetingBusy           MEETING_BUSY
│   └── LastAdmin             LAST_ADMIN
├── AlreadyExists
│   ├── KeyReused             IDEMPOTENCY_KEY_REUSED
│   └── AccountTaken          ACCOUNT_TAKEN
├── Conflict
│   └── CardChanged           CARD_CHANGED
├── PermissionDenied
│   └── RoleMissing           ROLE_MISSING
└── Unauthenticated
    └── TokenInvalid          TOKEN_INVALID

`StepFailed` never crosses the wire: a step raises it to give a meeting up, with advice for people.
"""

from __future__ import annotations

from mesh.errors import (
    AlreadyExists,
    Conflict,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthenticated,
)

__all__ = [
    "AccountTaken",
    "AlreadyDecided",
    "AudioUnreadable",
    "BoardMissing",
    "CardChanged",
    "DocumentNotFound",
    "EditInvalid",
    "EmptyFile",
    "FormatUnknown",
    "KeyReused",
    "LastAdmin",
    "MeetingBusy",
    "MeetingNotFound",
    "NotUndoable",
    "PersonNotFound",
    "ProposalNotFound",
    "RoleMissing",
    "SpeakerNotFound",
    "StepFailed",
    "StreamNotFound",
    "StreamOutOfOrder",
    "TextUnreadable",
    "TokenInvalid",
    "TokenNotFound",
    "UnknownLanguage",
]


class AudioUnreadable(InvalidArgument):
    """The file holds no audio that can be decoded."""

    default_reason = "AUDIO_UNREADABLE"


class FormatUnknown(InvalidArgument):
    """The file is no document of a format that can be read."""

    default_reason = "DOCUMENT_FORMAT_UNKNOWN"


class EmptyFile(InvalidArgument):
    """The file holds nothing."""

    default_reason = "EMPTY_FILE"


class TextUnreadable(InvalidArgument):
    """The text is not in the format that it claims, or in none that is known."""

    default_reason = "TEXT_UNREADABLE"


class UnknownLanguage(InvalidArgument):
    """The language is no ISO 639-1 code."""

    default_reason = "UNKNOWN_LANGUAGE"


class StreamOutOfOrder(InvalidArgument):
    """The messages of a stream do not follow each other as the contract says."""

    default_reason = "STREAM_OUT_OF_ORDER"


class EditInvalid(InvalidArgument):
    """An edited change does not fit the proposal or the card."""

    default_reason = "EDIT_INVALID"


class MeetingNotFound(NotFound):
    """There is no such meeting in the workspace."""

    default_reason = "MEETING_NOT_FOUND"


class ProposalNotFound(NotFound):
    """There is no such proposal in the workspace."""

    default_reason = "PROPOSAL_NOT_FOUND"


class PersonNotFound(NotFound):
    """There is no such person in the workspace."""

    default_reason = "PERSON_NOT_FOUND"


class TokenNotFound(NotFound):
    """There is no such token in the workspace."""

    default_reason = "TOKEN_NOT_FOUND"


class SpeakerNotFound(NotFound):
    """There is no such voice in the meeting."""

    default_reason = "SPEAKER_NOT_FOUND"


class BoardMissing(NotFound):
    """There is no such board, or none at all."""

    default_reason = "BOARD_NOT_FOUND"


class DocumentNotFound(NotFound):
    """There is no such document in the workspace, or the person may not read it."""

    default_reason = "DOCUMENT_NOT_FOUND"


class StreamNotFound(NotFound):
    """The resume token is unknown, or the meeting is complete already."""

    default_reason = "STREAM_NOT_FOUND"


class AlreadyDecided(FailedPrecondition):
    """Somebody decided before."""

    default_reason = "ALREADY_DECIDED"


class NotUndoable(FailedPrecondition):
    """Nothing was applied, or the board cannot take it back."""

    default_reason = "NOT_UNDOABLE"


class MeetingBusy(FailedPrecondition):
    """The workflow of the meeting is in the middle of a step."""

    default_reason = "MEETING_BUSY"


class LastAdmin(FailedPrecondition):
    """A workspace keeps at least one admin."""

    default_reason = "LAST_ADMIN"


class KeyReused(AlreadyExists):
    """The idempotency key was used before, with another request."""

    default_reason = "IDEMPOTENCY_KEY_REUSED"


class AccountTaken(AlreadyExists):
    """The account on the channel belongs to somebody else."""

    default_reason = "ACCOUNT_TAKEN"


class CardChanged(Conflict):
    """The card changed meanwhile."""

    default_reason = "CARD_CHANGED"


class RoleMissing(PermissionDenied):
    """The person does not have the role that this needs."""

    default_reason = "ROLE_MISSING"


class TokenInvalid(Unauthenticated):
    """The bearer token is missing, unknown, or expired."""

    default_reason = "TOKEN_INVALID"


class StepFailed(Exception):
    """A step cannot be done, and trying again would not help.

    Args:
        message: What went wrong and what to do, for people.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
