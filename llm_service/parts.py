"""The parts of a summary: sentences with the lines that each of them rests on, and what was found beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from llm_service.actions import Remark, Task
from llm_service.extract import Extract, attribute
from llm_service.talk import Line
from textkit.lemmas import lemmas

__all__ = ["Part", "Sentence", "extracted", "join_neighbours", "join_subjects", "join_titles", "text_of"]

_SAME_SUBJECT: Final = 0.6


@dataclass(frozen=True)
class Sentence:
    """One sentence of a summary."""

    text: str
    lines: tuple[Line, ...]
    """What it rests on, in order; never empty."""


@dataclass(frozen=True)
class Part:
    """One topic, or what one person said."""

    title: str
    sentences: tuple[Sentence, ...]
    lines: tuple[Line, ...]
    """All lines of the topic but greetings."""
    tasks: tuple[Task, ...] = ()
    decisions: tuple[Remark, ...] = ()
    questions: tuple[Remark, ...] = ()
    risks: tuple[Remark, ...] = ()

    @property
    def text(self) -> str:
        """The sentences as one text."""
        return text_of(self.sentences)

    @property
    def evidence(self) -> tuple[Line, ...]:
        """All lines that the sentences rest on, in order, each once."""
        found = {line.number: line for sentence in self.sentences for line in sentence.lines}
        return tuple(found[number] for number in sorted(found))


def text_of(sentences: Iterable[Sentence]) -> str:
    """Return sentences as one text, each with its full stop."""
    return " ".join(one.text if one.text[-1:] in ".!?…" else f"{one.text}." for one in sentences)


def extracted(extract: Extract, language: str) -> Part:
    """Return a topic as its own most telling sentences."""
    found = extract.found
    return Part(
        extract.title,
        tuple(Sentence(attribute(line, language), (line,)) for line in extract.chosen),
        extract.lines,
        found.tasks,
        found.decisions,
        found.questions,
        found.risks,
    )


def join_neighbours(parts: Sequence[Part]) -> list[Part]:
    """Join neighbours with one subject, such as the two halves of a long topic."""
    joined: list[Part] = []
    for part in parts:
        if joined and _same_subject(joined[-1].title, part.title):
            joined[-1] = _together(joined[-1], part)
        else:
            joined.append(part)
    return joined


def join_subjects(parts: Sequence[Part]) -> list[Part]:
    """Join all parts with one subject, wherever in the talk they were; each stands where its subject came up first."""
    joined: list[Part] = []
    for part in parts:
        place = next((place for place, one in enumerate(joined) if _same_subject(one.title, part.title)), None)
        if place is None:
            joined.append(part)
        else:
            joined[place] = _together(joined[place], part)
    return joined


def join_titles(parts: Sequence[Part]) -> list[Part]:
    """Join all parts with the very same title, such as what one person said."""
    joined: dict[str, Part] = {}
    for part in parts:
        joined[part.title] = _together(joined[part.title], part) if part.title in joined else part
    return list(joined.values())


def _together(one: Part, other: Part) -> Part:
    return Part(
        one.title,
        one.sentences + other.sentences,
        one.lines + other.lines,
        one.tasks + other.tasks,
        one.decisions + other.decisions,
        one.questions + other.questions,
        one.risks + other.risks,
    )


def _same_subject(first: str, second: str) -> bool:
    one, other = set(lemmas(first)), set(lemmas(second))
    return bool(one and other) and len(one & other) / len(one | other) >= _SAME_SUBJECT
