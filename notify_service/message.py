"""A message to one person, and the question that it may carry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

__all__ = [
    "Answer",
    "Button",
    "ButtonStyle",
    "Content",
    "Delivery",
    "DeliveryState",
    "Message",
    "Question",
    "Recipient",
]


class DeliveryState(Enum):
    """What became of a message."""

    PENDING = "pending"
    """It waits for its turn, or for another try."""
    SENT = "sent"
    """The channel took it."""
    FAILED = "failed"
    """The channel refused it for good, or too often."""


class ButtonStyle(Enum):
    """How a button looks, where the channel can show it."""

    PLAIN = "plain"
    """Like any other."""
    PRIMARY = "primary"
    """The expected answer."""
    DANGER = "danger"
    """An answer that destroys something."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where a message goes."""

    channel: str
    """Name of the channel."""
    address: str
    """Person or chat on the channel."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says, in plain text."""

    title: str
    """First line; may be empty."""
    text: str
    """The text."""
    url: str
    """Address to open for more; may be empty."""


@dataclass(frozen=True, slots=True)
class Button:
    """A possible answer."""

    value: str
    """What the answer carries."""
    label: str
    """What people see."""
    style: ButtonStyle = ButtonStyle.PLAIN
    """How it looks."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a message asks."""

    question_id: str
    """Identifier with the prefix `qst_`."""
    subject_id: str
    """What the question is about."""
    buttons: tuple[Button, ...]
    """The possible answers, at least one."""
    deadline: datetime | None
    """Moment in UTC after which nobody can answer; None for never."""
    closed: bool = False
    """Whether the question was taken back."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message to one person."""

    message_id: str
    """Identifier with the prefix `msg_`."""
    recipient: Recipient
    """Where it goes."""
    content: Content
    """What it says now."""
    question: Question | None
    """What it asks; None for a plain message."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a message so far."""

    message_id: str
    """The message."""
    recipient: Recipient
    """Where it goes."""
    state: DeliveryState
    """State of the newest text."""
    attempts: int
    """Tries of the newest text so far."""
    last_error: str
    """Why the last try failed; empty where none did."""
    sent_at: datetime | None
    """Moment in UTC at which the channel first took the message."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody answered."""

    answer_id: str
    """Identifier with the prefix `ans_`."""
    question_id: str
    """The question."""
    subject_id: str
    """What the question was about."""
    value: str
    """Value of the button."""
    text: str
    """What the person added; may be empty."""
    channel: str
    """Channel of the answer."""
    account: str
    """The person on that channel."""
    answered_at: datetime
    """Moment in UTC."""
    sequence: int
    """Place in the order of all answers, from 1."""
