"""Finds out what format a file has, and reads it: the one table of formats."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Final

from planerka.orchestrator.v1.orchestrator_pb2 import ImportFormat

from orchestrator.errors import EmptyFile, TextUnreadable
from orchestrator.imports import json_lines, plain, subtitles, telegram
from orchestrator.imports.spoken import Spoken

__all__ = ["TEXT_FORMATS", "read_text", "sniff"]

TEXT_FORMATS: Final[Mapping[int, Callable[[str], Spoken]]] = {
    ImportFormat.IMPORT_FORMAT_PLAIN_TEXT: plain.read,
    ImportFormat.IMPORT_FORMAT_WEBVTT: subtitles.read_webvtt,
    ImportFormat.IMPORT_FORMAT_SRT: subtitles.read_srt,
    ImportFormat.IMPORT_FORMAT_JSON_LINES: json_lines.read,
    ImportFormat.IMPORT_FORMAT_TELEGRAM: telegram.read,
}
_TEXT_SUFFIXES: Final = {
    ".txt": ImportFormat.IMPORT_FORMAT_PLAIN_TEXT,
    ".md": ImportFormat.IMPORT_FORMAT_PLAIN_TEXT,
    ".vtt": ImportFormat.IMPORT_FORMAT_WEBVTT,
    ".srt": ImportFormat.IMPORT_FORMAT_SRT,
    ".jsonl": ImportFormat.IMPORT_FORMAT_JSON_LINES,
    ".ndjson": ImportFormat.IMPORT_FORMAT_JSON_LINES,
}
_AUDIO_SUFFIXES: Final = frozenset(
    """
    .wav .flac .mp3 .ogg .oga .opus .m4a .aac .wma .webm .mp4 .mkv .mov .avi .aiff .aif .amr .3gp .caf .w64 .au
    """.split()  # noqa: SIM905 - a table of suffixes reads best as words
)


def sniff(head: bytes, file_name: str) -> ImportFormat:
    """Return the format of a file by its name and its first kilobytes; what is no text is audio.

    A file that calls itself audio is taken at its word, so that a text under the name of a recording is refused, not imported.
    """
    suffix = PurePath(file_name).suffix.lower()
    if suffix in _AUDIO_SUFFIXES:
        return ImportFormat.IMPORT_FORMAT_AUDIO
    text = _text_of(head)
    if text is None:
        return ImportFormat.IMPORT_FORMAT_AUDIO
    if suffix in _TEXT_SUFFIXES:
        return _TEXT_SUFFIXES[suffix]
    body = text.lstrip()
    if body.startswith("WEBVTT"):
        return ImportFormat.IMPORT_FORMAT_WEBVTT
    if telegram.looks_like(body):
        return ImportFormat.IMPORT_FORMAT_TELEGRAM
    if suffix == ".json" or _is_json_line(body):
        return ImportFormat.IMPORT_FORMAT_JSON_LINES
    lines = body.splitlines()
    if len(lines) > 1 and lines[0].strip().isdigit() and "-->" in lines[1]:
        return ImportFormat.IMPORT_FORMAT_SRT
    return ImportFormat.IMPORT_FORMAT_PLAIN_TEXT


def read_text(data: bytes, format_: ImportFormat) -> Spoken:
    """Return what was said in a text.

    Raises:
        EmptyFile: The file holds nothing but space.
        TextUnreadable: It is not in UTF-8 (or UTF-16 with a mark), or not in this format; the message names the line where it can.
    """
    text = _decoded(data)
    if not text.strip():
        raise EmptyFile("The file is empty. Check that the text was saved, and try again.")
    return TEXT_FORMATS[format_](text)


def _decoded(data: bytes) -> str:
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        try:
            # Old Russian exports are in this code page; Cyrillic letters prove that the guess is right.
            text = data.decode("cp1251")
        except UnicodeDecodeError:
            text = ""
        if sum("а" <= letter <= "я" for letter in text.lower()) > len(text) // 3:
            return text
        line = data[: error.start].count(b"\n") + 1
        raise TextUnreadable(
            f"The text is not in UTF-8: line {line} has a byte that is no part of it. Save it in UTF-8 and import it again.",
            metadata={"line": str(line)},
        ) from error


def _text_of(head: bytes) -> str | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", errors="ignore")
    if b"\0" in head:
        return None
    try:
        return head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start >= len(head) - 4:
            # The piece ends in the middle of a letter.
            return head[: error.start].decode("utf-8-sig")
    text = head.decode("cp1251", errors="ignore")
    return text if sum("а" <= letter <= "я" for letter in text.lower()) > len(text) // 3 else None


def _is_json_line(body: str) -> bool:
    first = body.split("\n", 1)[0].strip()
    if not first.startswith("{"):
        return False
    try:
        return isinstance(json.loads(first), dict)
    except json.JSONDecodeError:
        return first.endswith("}") or '"text"' in first
