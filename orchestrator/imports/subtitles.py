"""WebVTT and SubRip, both through webvtt-py; a voice is `<v Name>` in WebVTT, or `Name:` at the beginning of a cue."""

from __future__ import annotations

import html
import io
import re

import webvtt
from webvtt.errors import MalformedCaptionError, MalformedFileError

from orchestrator.errors import TextUnreadable
from orchestrator.imports.plain import read as read_plain
from orchestrator.imports.spoken import Spoken, SpokenTurn

__all__ = ["read_srt", "read_webvtt"]

_VOICE = re.compile(r"<v(?:\.[^ >]*)?\s+([^>]+)>")
_TAG = re.compile(r"<[^>]*>")
_SIGN = re.compile(r"&(?:amp|lt|gt|nbsp|lrm|rlm);")
"""What WebVTT has a name for; `&copy` without a semicolon is what somebody said."""


def read_webvtt(text: str) -> Spoken:
    """Return the turns of a WebVTT file.

    Raises:
        TextUnreadable: It is none.
    """
    return _read(text, "vtt")


def read_srt(text: str) -> Spoken:
    """Return the turns of a SubRip file.

    Raises:
        TextUnreadable: It is none.
    """
    return _read(text, "srt")


def _read(text: str, kind: str) -> Spoken:
    try:
        captions = webvtt.from_buffer(io.StringIO(text), format=kind)
    except (MalformedFileError, MalformedCaptionError) as error:
        raise TextUnreadable(f"The file is not valid {kind.upper()}: {error}") from error
    turns: list[SpokenTurn] = []
    for caption in captions.captions:
        start, end = _seconds(caption.start), _seconds(caption.end)
        for speaker, said in _voices(caption.raw_text):
            previous = turns[-1] if turns else None
            if previous is not None and speaker == previous.speaker and _goes_on(previous, start):
                # Subtitles are cut by width of the screen; one person's sentence is one turn again.
                turns[-1] = SpokenTurn(speaker, f"{previous.text} {said}", previous.start, end)
            else:
                turns.append(SpokenTurn(speaker, said, start, end))
    return Spoken(tuple(turns))


def _voices(raw: str) -> list[tuple[str, str]]:
    pieces = _VOICE.split(raw)
    if len(pieces) == 1:
        return [(turn.speaker, turn.text) for turn in read_plain(_clean(raw)).turns]
    found = [("", pieces[0]), *zip(pieces[1::2], pieces[2::2], strict=True)]
    cleaned = [(_clean(name), _clean(said)) for name, said in found]
    return [(name, said) for name, said in cleaned if said]


def _clean(marked: str) -> str:
    """Return the text of a cue without its tags; `&lt;` and its like are the signs that they stand for."""
    return " ".join(_SIGN.sub(lambda name: html.unescape(name[0]), _TAG.sub("", marked)).split())


def _goes_on(previous: SpokenTurn, start: float) -> bool:
    unfinished = not previous.text.rstrip().endswith((".", "!", "?", "…"))
    return unfinished and previous.end is not None and start - previous.end < 1.0


def _seconds(time: str) -> float:
    seconds = 0.0
    for part in time.replace(",", ".").split(":"):
        seconds = seconds * 60 + float(part)
    return seconds
