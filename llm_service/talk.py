"""A talk as the summaries see it: lines (sentences) with their turn, place and speaker."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Final

from textkit.people import Person

__all__ = ["Line", "Said", "Talk", "Timing", "cut_sentences"]

_SENTENCE_END: Final = re.compile(r"(?<=[.!?…])[\"»”)]*\s+(?=[«\"„“(—–-]?\s*[A-ZА-ЯЁ0-9])|\n+")

_LONGEST_SENTENCE: Final = 1000


@dataclass(frozen=True)
class Timing:
    """One word of a turn with its place in the text and in the recording."""

    start: int
    """First character in the turn's text."""
    end: int
    """Character behind the last one."""
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class Said:
    """One turn."""

    turn_id: str
    speaker: str
    """Name to show: of the person where it is known, else of the voice; may be empty."""
    text: str
    start_seconds: float | None = None
    end_seconds: float | None = None
    timings: tuple[Timing, ...] = ()
    person: str = ""
    """Key of the speaker in the talk's roster; empty while unknown."""


@dataclass(frozen=True)
class Line:
    """One sentence of a turn."""

    number: int
    """Place in the talk, from 0."""
    turn: int
    """Place of its turn in the talk, from 0."""
    start: int
    """First character in the turn's text."""
    end: int
    """Character behind the last one."""
    text: str
    speaker: str
    person: str


@dataclass(frozen=True)
class Talk:
    """The turns of one meeting, and who may be meant in them."""

    turns: tuple[Said, ...]
    day: date
    """Day of the talk in the workspace's time zone; relative dates are counted from it."""
    language: str
    """`ru` or `en`: the language that most of the talk is in."""
    roster: tuple[Person, ...] = ()
    names: dict[str, str] = field(default_factory=dict)
    """Display name of each person of the roster, by key."""
    title: str = ""

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """All sentences in order."""
        lines: list[Line] = []
        for place, turn in enumerate(self.turns):
            for start, end in cut_sentences(turn.text):
                lines.append(Line(len(lines), place, start, end, turn.text[start:end], turn.speaker, turn.person))
        return tuple(lines)

    def turn_ids(self, lines: Sequence[Line]) -> list[str]:
        """Return the turns that the lines belong to, in order, each once."""
        return [self.turns[place].turn_id for place in sorted({line.turn for line in lines})]


def cut_sentences(text: str) -> list[tuple[int, int]]:
    """Return the half-open character spans of the sentences of `text`, without surrounding spaces.

    What goes on for 1,000 characters without an end, such as speech that was recognised without punctuation, is cut at a space.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for gap in [*_SENTENCE_END.finditer(text), None]:
        end = gap.start() if gap else len(text)
        raw = text[start:end]
        piece = raw.strip()
        if piece:
            begin = start + len(raw) - len(raw.lstrip())
            spans.extend(_short_enough(text, begin, begin + len(piece)))
        start = gap.end() if gap else end
    return spans


def _short_enough(text: str, start: int, end: int) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    while end - start > _LONGEST_SENTENCE:
        space = text.rfind(" ", start + 1, start + _LONGEST_SENTENCE)
        stop = space if space > start else start + _LONGEST_SENTENCE
        spans.append((start, stop))
        start = stop + len(text[stop:end]) - len(text[stop:end].lstrip())
    return [*spans, (start, end)]
