"""Plain text: one turn a line, with an optional `Name:` before it; a line without a name goes on with the one before."""

from __future__ import annotations

import re
from collections import Counter

from orchestrator.imports.spoken import Spoken, SpokenTurn

__all__ = ["read"]

_NAMED = re.compile(
    r"^(?:\[?(?P<time>\d{1,2}:\d{2}(?::\d{2})?)\]?\s*)?(?P<name>[^\W\d_][\w.'’-]*(?: [^\W_][\w.'’-]*){0,3})\s*:\s+(?P<text>\S.*)$"
)

_MOSTLY = 0.6


def read(text: str) -> Spoken:
    """Return the turns of a plain text."""
    lines = [line for line in (raw.strip() for raw in text.splitlines()) if line]
    names = _names(lines)
    turns: list[SpokenTurn] = []
    for line in lines:
        match = _NAMED.match(line)
        if match is None or match["name"] not in names:
            turns.append(SpokenTurn(turns[-1].speaker if turns else "", line))
            continue
        turns.append(SpokenTurn(match["name"], match["text"], start=_seconds(match["time"])))
    return Spoken(tuple(turns))


def _names(lines: list[str]) -> set[str]:
    """Return what is a name before a colon; «Итак: …» once among sentences is none."""
    found = [
        match["name"] for line in lines if (match := _NAMED.match(line)) is not None and match["name"][0].isupper()
    ]
    if len(found) >= _MOSTLY * len(lines):
        return set(found)
    return {name for name, count in Counter(found).items() if count > 1}


def _seconds(time: str | None) -> float | None:
    if time is None:
        return None
    seconds = 0.0
    for part in time.split(":"):
        seconds = seconds * 60 + int(part)
    return seconds
