"""JSON lines: objects with `speaker`, `text`, and optionally `start` and `end` in seconds."""

from __future__ import annotations

import json
import math
from typing import Any

from mesh.errors import Violation
from orchestrator.errors import TextUnreadable
from orchestrator.imports.spoken import Spoken, SpokenTurn

__all__ = ["read"]


def read(text: str) -> Spoken:
    """Return the turns of JSON lines.

    Raises:
        TextUnreadable: A line is no such object; the message names its number.
    """
    turns = [_turn(line, number) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    return Spoken(tuple(turn for turn in turns if turn.text))


def _turn(line: str, number: int) -> SpokenTurn:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise _refused(number, f"it is not valid JSON: {error.msg} at character {error.colno}") from error
    if not isinstance(value, dict):
        raise _refused(number, 'it must be an object such as {"speaker": "Anna", "text": "Good morning"}')
    text, speaker = value.get("text"), value.get("speaker") or ""
    if not isinstance(text, str):
        raise _refused(number, "`text` is missing or no string")
    if not isinstance(speaker, str):
        raise _refused(number, "`speaker` is no string")
    start, end = _time(value, "start", number), _time(value, "end", number)
    if start is not None and end is not None and end < start:
        raise _refused(number, "`end` lies before `start`")
    return SpokenTurn(speaker.strip(), text.strip(), start, end)


def _time(value: dict[str, Any], field: str, number: int) -> float | None:
    seconds = value.get(field)
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds) or seconds < 0:
        raise _refused(number, f"`{field}` is no number of seconds from 0")
    return float(seconds)


def _refused(number: int, why: str) -> TextUnreadable:
    return TextUnreadable(
        f"Line {number} cannot be read: {why}. Mend it and import again; nothing was kept.",
        violations=[Violation(f"data[line {number}]", why)],
        metadata={"line": str(number)},
    )
