"""The sample meeting, and when a recorded meeting is taken to have begun."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cli.errors import UsageWrong

__all__ = ["begin_of", "sample_folder"]

_SAMPLE = "standup_ru"
_MONDAY = "2026-11-23"
"""Day of a meeting whose truth names none, so that "on Friday" is the same day every time."""
_HOUR = 7
"""Hour in UTC at which demonstrated and measured meetings begin."""


def sample_folder(chosen: Path | None) -> Path:
    """Return the folder with the sample meeting.

    Raises:
        UsageWrong: There is no meeting in the folder.
    """
    base = Path(__file__).parent.parent / "samples" if chosen is None else chosen
    for folder in (base, base / _SAMPLE):
        if (folder / "meeting.flac").is_file() and (folder / "board.json").is_file():
            return folder
    raise UsageWrong(
        f"{base} has no meeting.flac and board.json. Name a folder that has them: planerka demo --samples DIR"
    )


def begin_of(day: str | None) -> datetime:
    """Return the moment at which a meeting of that day (YYYY-MM-DD) begins."""
    return datetime.fromisoformat(day or _MONDAY).replace(tzinfo=UTC) + timedelta(hours=_HOUR)
