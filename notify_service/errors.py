"""Errors of the notification service.

PlanerkaError
├── InvalidArgument
│   ├── QuestionInvalid       QUESTION_INVALID
│   ├── TextTooLong           TEXT_TOO_LONG
│   ├── ValueUnknown          ANSWER_VALUE_UNKNOWN
│   └── CursorInvalid         CURSOR_INVALID
├── NotFound
│   ├── ChannelNotFound       CHANNEL_NOT_FOUND
│   ├── MessageNotFound       MESSAGE_NOT_FOUND
│   └── QuestionNotFound      QUESTION_NOT_FOUND
├── PermissionDenied
│   └── NotAsked              NOT_ASKED
├── FailedPrecondition
│   ├── AlreadyAnswered       ALREADY_ANSWERED
│   ├── QuestionClosed        QUESTION_CLOSED
│   └── QuestionExpired       QUESTION_EXPIRED
├── NotReady
│   └── Stopping              STOPPING
├── Internal
│   └── OutboxStopped         OUTBOX_STOPPED
└── Unimplemented
    └── ChannelCannot         CHANNEL_CANNOT

ChannelError                  what an adapter raises, never crosses the wire
├── ChannelRefused            for good
└── ChannelUnavailable        for now
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from mesh.errors import (
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    NotReady,
    PermissionDenied,
    Unimplemented,
    Violation,
)

__all__ = [
    "AlreadyAnswered",
    "ChannelCannot",
    "ChannelError",
    "ChannelNotFound",
    "ChannelRefused",
    "ChannelUnavailable",
    "CursorInvalid",
    "MessageNotFound",
    "NotAsked",
    "OutboxStopped",
    "QuestionClosed",
    "QuestionExpired",
    "QuestionInvalid",
    "QuestionNotFound",
    "Stopping",
    "TextTooLong",
    "ValueUnknown",
]


class QuestionInvalid(InvalidArgument):
    """A question could never be answered as it stands."""

    default_reason = "QUESTION_INVALID"

    def __init__(self, violations: Sequence[Violation]) -> None:
        listed = "; ".join(f"{v.field}: {v.description}" for v in violations)
        super().__init__(f"The question cannot be asked: {listed}.", violations=violations)


class TextTooLong(InvalidArgument):
    """The channel takes no text of this length."""

    default_reason = "TEXT_TOO_LONG"

    def __init__(self, channel: str, length: int, limit: int) -> None:
        super().__init__(
            f"The text has {length} characters; the channel {channel} takes at most {limit}.",
            violations=[Violation("content.text", f"must have at most {limit} characters on {channel}")],
        )


class ValueUnknown(InvalidArgument):
    """The question has no button with this value."""

    default_reason = "ANSWER_VALUE_UNKNOWN"

    def __init__(self, value: str, values: Iterable[str]) -> None:
        possible = ", ".join(values)
        super().__init__(
            f"{value!r} is no answer to this question; possible: {possible}.",
            violations=[Violation("value", f"must be one of {possible}")],
        )


class CursorInvalid(InvalidArgument):
    """The cursor was not made by this service, or belongs to state that is gone."""

    default_reason = "CURSOR_INVALID"

    def __init__(self) -> None:
        super().__init__(
            "The cursor is not one of this service; begin again without one.",
            violations=[Violation("cursor", "must be a cursor of an earlier answer, or empty")],
        )


class ChannelNotFound(NotFound):
    """There is no such channel, or it is off."""

    default_reason = "CHANNEL_NOT_FOUND"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"There is no channel {name!r}; [notify] channels has {', '.join(sorted(known))}.",
            resource=("channel", name),
        )


class MessageNotFound(NotFound):
    """There is no such message."""

    default_reason = "MESSAGE_NOT_FOUND"

    def __init__(self, message_id: str) -> None:
        super().__init__(f"There is no message {message_id!r}.", resource=("message", message_id))


class QuestionNotFound(NotFound):
    """There is no such question."""

    default_reason = "QUESTION_NOT_FOUND"

    def __init__(self, question_id: str) -> None:
        super().__init__(f"There is no question {question_id!r}.", resource=("question", question_id))


class NotAsked(PermissionDenied):
    """Somebody answers who was not asked."""

    default_reason = "NOT_ASKED"

    def __init__(self, question_id: str) -> None:
        super().__init__(
            "Only the person who was asked can answer; the question stays open.", resource=("question", question_id)
        )


class AlreadyAnswered(FailedPrecondition):
    """The question has its answer."""

    default_reason = "ALREADY_ANSWERED"

    def __init__(self, question_id: str, value: str) -> None:
        super().__init__(
            f"The question was answered already: {value}.",
            resource=("question", question_id),
            metadata={"value": value},
        )


class QuestionClosed(FailedPrecondition):
    """The question was taken back."""

    default_reason = "QUESTION_CLOSED"

    def __init__(self, question_id: str) -> None:
        super().__init__(
            "The question is closed; nobody needs the answer any more.", resource=("question", question_id)
        )


class QuestionExpired(FailedPrecondition):
    """The deadline has passed."""

    default_reason = "QUESTION_EXPIRED"

    def __init__(self, question_id: str, deadline: datetime) -> None:
        super().__init__(
            f"The deadline was {deadline:%Y-%m-%d %H:%M} UTC.",
            resource=("question", question_id),
            metadata={"deadline": deadline.isoformat()},
        )


class Stopping(NotReady):
    """The service stops; the watch goes on elsewhere, or later."""

    default_reason = "STOPPING"

    def __init__(self) -> None:
        super().__init__("The service stops; watch again with the last cursor.", retry_after=timedelta(seconds=1))


class OutboxStopped(Internal):
    """Messages are taken but no longer sent."""

    default_reason = "OUTBOX_STOPPED"


class ChannelCannot(Unimplemented):
    """The channel has no way to do this; `ListChannels` tells beforehand."""

    default_reason = "CHANNEL_CANNOT"

    def __init__(self, channel: str, what: str) -> None:
        super().__init__(f"The channel {channel} cannot {what}.", resource=("channel", channel))


class ChannelError(Exception):
    """A channel did not take a message; the text says why, and holds no secret."""


class ChannelRefused(ChannelError):
    """The channel will never take the message."""


class ChannelUnavailable(ChannelError):
    """The channel may take the message later.

    Attributes:
        retry_after: When the channel wants to be tried again, where it told.
    """

    def __init__(self, why: str, retry_after: timedelta | None = None) -> None:
        super().__init__(why)
        self.retry_after = retry_after
