"""Literal quotes with their place in the recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from llm_service.talk import Line, Said, Talk

__all__ = ["Quote", "quote_lines"]

_LONGEST: Final = 2000


@dataclass(frozen=True)
class Quote:
    """Words of a turn, letter by letter."""

    turn_id: str
    text: str
    speaker: str
    start_seconds: float | None = None
    end_seconds: float | None = None


def quote_lines(talk: Talk, lines: Sequence[Line]) -> tuple[Quote, ...]:
    """Return the lines as quotes; neighbouring lines of one turn become one quote."""
    quotes: list[Quote] = []
    group: list[Line] = []
    for line in [*sorted(lines, key=lambda line: line.number), None]:
        if group and (line is None or line.turn != group[-1].turn or line.number != group[-1].number + 1):
            quotes.append(_quote(talk.turns[group[0].turn], group[0].start, group[-1].end))
            group = []
        if line is not None:
            group.append(line)
    return tuple(quotes)


def _quote(turn: Said, start: int, end: int) -> Quote:
    end = min(end, start + _LONGEST)
    timings = [timing for timing in turn.timings if timing.end > start and timing.start < end]
    if timings:
        return Quote(
            turn.turn_id, turn.text[start:end], turn.speaker, timings[0].start_seconds, timings[-1].end_seconds
        )
    return Quote(turn.turn_id, turn.text[start:end], turn.speaker, turn.start_seconds, turn.end_seconds)
