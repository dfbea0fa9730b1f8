"""A meeting as a file that other programs read: subtitles, speaker stretches, JSON, plain text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from planerka.common.v1 import transcript_pb2
from planerka.orchestrator.v1 import meeting_pb2

from cli import show
from cli.cues import cues, lines, timed_words
from cli.errors import UsageWrong
from mesh.times import to_datetime, to_seconds

__all__ = ["FORMATS", "export", "format_of"]

_GAP = 500
"""Milliseconds between two words of one speaker that still belong to one stretch."""
_NOBODY = "unknown"
"""Name in RTTM, which has no empty one, for speech of an unknown voice."""


def export(detail: meeting_pb2.MeetingDetail, form: str) -> str:
    """Return the meeting in a format of `FORMATS`.

    Raises:
        UsageWrong: The format needs times, and the meeting, a chat log, has none.
    """
    turns = list(detail.turns)
    if form in _TIMED and turns and not any(turn.HasField("start") for turn in turns):
        raise UsageWrong(
            f"{detail.meeting.meeting_id} is a text without times, so it cannot become {form.upper()}. "
            "Choose --format json, jsonl or txt."
        )
    return FORMATS[form](detail)


def format_of(path: Path | None) -> str:
    """Return the format that a file's name stands for; plain text where it stands for none.

    Args:
        path: The file; None for standard output.
    """
    suffix = path.suffix.lower().lstrip(".") if path is not None else ""
    return suffix if suffix in FORMATS else "txt"


def _vtt(detail: meeting_pb2.MeetingDetail) -> str:
    blocks = ["WEBVTT"]
    for cue in cues(detail.turns):
        text = "\n".join(_markup(line) for line in lines(cue.text))
        voice = f"<v {_markup(cue.speaker)}>" if cue.speaker else ""
        blocks.append(f"{_stamp(cue.start, '.')} --> {_stamp(cue.end, '.')}\n{voice}{text}")
    return "\n\n".join(blocks) + "\n"


def _srt(detail: meeting_pb2.MeetingDetail) -> str:
    blocks = []
    for number, cue in enumerate(cues(detail.turns), start=1):
        text = "\n".join(lines(f"{cue.speaker}: {cue.text}" if cue.speaker else cue.text))
        blocks.append(f"{number}\n{_stamp(cue.start, ',')} --> {_stamp(cue.end, ',')}\n{_unmarked(text)}\n")
    return "\n".join(blocks)


def _minutes(detail: meeting_pb2.MeetingDetail) -> str:
    return f"{detail.summary.finished.minutes or detail.summary.overview}\n"


def _rttm(detail: meeting_pb2.MeetingDetail) -> str:
    recording = detail.meeting.meeting_id
    return "".join(
        f"SPEAKER {recording} 1 {start / 1000:.3f} {(end - start) / 1000:.3f} <NA> <NA> {speaker} <NA> <NA>\n"
        for start, end, speaker in _stretches(detail.turns)
    )


def _json(detail: meeting_pb2.MeetingDetail) -> str:
    meeting = detail.meeting
    facts = {
        "id": meeting.meeting_id,
        "title": meeting.title,
        "language": meeting.language,
        "started_at": to_datetime(meeting.started_at).isoformat() if meeting.HasField("started_at") else None,
        "duration": _seconds(meeting, "duration"),
        "participants": list(meeting.participants),
    }
    found = {"meeting": facts, "turns": [_turn(turn) for turn in detail.turns]}
    return json.dumps(found, ensure_ascii=False, indent=2) + "\n"


def _json_lines(detail: meeting_pb2.MeetingDetail) -> str:
    return "".join(json.dumps(_turn(turn), ensure_ascii=False) + "\n" for turn in detail.turns)


def _text(detail: meeting_pb2.MeetingDetail) -> str:
    rows = []
    for turn in detail.turns:
        at = f"[{show.clock(turn.start)}] " if turn.HasField("start") else ""
        name = _speaker(turn)
        rows.append(f"{at}{name + ': ' if name else ''}{' '.join(turn.text.split())}\n")
    return "".join(rows)


FORMATS: Final[Mapping[str, Callable[[meeting_pb2.MeetingDetail], str]]] = {
    "vtt": _vtt,
    "srt": _srt,
    "rttm": _rttm,
    "json": _json,
    "jsonl": _json_lines,
    "txt": _text,
    "md": _minutes,
}
"""What a meeting can become, by the name of the format, which is also the suffix of its files."""
_TIMED: Final = frozenset({"vtt", "srt", "rttm"})


def _turn(turn: transcript_pb2.Turn) -> dict[str, Any]:
    return {
        "id": turn.turn_id,
        "speaker": _speaker(turn),
        "voice": turn.speaker,
        "confidence": round(turn.speaker_confidence, 3),
        "start": _seconds(turn, "start"),
        "end": _seconds(turn, "end"),
        "language": turn.language,
        "text": turn.text,
        "words": [
            {
                "text": word.text,
                "start": _seconds(word, "start"),
                "end": _seconds(word, "end"),
                "confidence": round(word.confidence, 3),
                "voices": [{"voice": one.speaker, "confidence": round(one.confidence, 3)} for one in word.speakers],
            }
            for word in turn.words
        ],
    }


def _stretches(turns: Iterable[transcript_pb2.Turn]) -> list[tuple[int, int, str]]:
    """Return who speaks when, in milliseconds, in order; of words that several people speak, every one of them."""
    names = {turn.speaker: _speaker(turn) for turn in turns if turn.speaker}
    spoken: dict[str, list[tuple[int, int]]] = {}
    timed = [turn for turn in turns if turn.HasField("start")]
    for number, turn in enumerate(timed):
        following = timed[number + 1] if number + 1 < len(timed) else None
        voices = [[one.speaker for one in word.speakers] for word in turn.words if word.text.split()]
        for place, word in enumerate(timed_words(turn, following)):
            told = voices[place] if turn.words else []
            for voice in told or [turn.speaker]:
                name = "_".join((names.get(voice) or voice or _speaker(turn) or _NOBODY).split())
                spoken.setdefault(name, []).append((word.start, word.end))
    return sorted((start, end, name) for name, words in spoken.items() for start, end in _joined(words))


def _joined(words: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(words):
        if joined and start - joined[-1][1] <= _GAP:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return [(start, end) for start, end in joined if end > start]


def _speaker(turn: transcript_pb2.Turn) -> str:
    return " ".join((turn.speaker_name or turn.speaker).split())


def _seconds(message: Any, field: str) -> float | None:
    return round(to_seconds(getattr(message, field)), 3) if message.HasField(field) else None


def _stamp(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"


def _markup(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _unmarked(text: str) -> str:
    """Replace what SubRip would take for a tag or a time: it has no way to write these signs."""
    return text.replace("-->", "→").replace("<", "‹").replace(">", "›")
