"""What the service itself writes around a message, in Russian and English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["TEXTS", "Language", "Texts"]

Language = Literal["ru", "en"]


@dataclass(frozen=True, slots=True)
class Texts:
    """The words of one language; `{…}` are filled in."""

    message: str
    """Headline of a message: `address`."""
    question: str
    """Headline of a question: `address`."""
    changed: str
    """Headline of a message that replaces an earlier one: `address`."""
    closed: str
    """Line under a question that was taken back."""
    answers: str
    """Line with the possible answers: `labels`."""
    deadline: str
    """Line with the deadline: `moment`."""
    how: str
    """How to answer."""


TEXTS: Mapping[Language, Texts] = {
    "ru": Texts(
        message="Сообщение, кому: {address}",
        question="Вопрос, кому: {address}",
        changed="Обновлено, кому: {address}",
        closed="Вопрос закрыт, отвечать не нужно.",
        answers="Варианты: {labels}",
        deadline="Ответить до {moment} UTC",
        how="Ответить: planerka proposals",
    ),
    "en": Texts(
        message="Message to {address}",
        question="Question to {address}",
        changed="Updated for {address}",
        closed="The question is closed, no answer is needed.",
        answers="Choices: {labels}",
        deadline="Answer before {moment} UTC",
        how="To answer: planerka proposals",
    ),
}
