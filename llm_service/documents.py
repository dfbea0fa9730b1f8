"""Documents of the knowledge base, and the pieces (chunks) in which they are found."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from llm_service.talk import cut_sentences
from llm_service.topics import opens_topic
from mesh.ids import derived_id

__all__ = ["Chunk", "Document", "Passage", "audience_of", "cut_document", "paragraphs"]

_HEADING: Final = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_HALF_FULL: Final = 0.4
_PARAGRAPH: Final = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class Passage:
    """One turn of a talk, one message of a chat, or one paragraph of a text."""

    text: str
    turn_id: str = ""
    speaker: str = ""
    start_us: int | None = None
    """Beginning in microseconds from the first sample; None for what is not speech."""
    end_us: int | None = None
    section: str = ""
    """Heading under which a paragraph stands."""


@dataclass(frozen=True)
class Document:
    """A document as a caller writes it."""

    document_id: str
    kind: int
    """Value of the contract's `DocumentKind`."""
    title: str
    meeting_id: str
    card_id: str
    happened_ms: int | None
    """Milliseconds since 1970, UTC."""
    readers: tuple[str, ...]
    """Sorted; empty for everybody in the workspace."""
    passages: tuple[Passage, ...]

    @property
    def content_hash(self) -> bytes:
        """SHA-256 of everything that a chunk or a filter is made of."""
        return hashlib.sha256(json.dumps(asdict(self), ensure_ascii=False, sort_keys=True).encode()).digest()


@dataclass(frozen=True)
class Chunk:
    """A piece of a document."""

    chunk_id: str
    ordinal: int
    header: str
    """Context that is embedded and searched with the text: title, day, section, speakers."""
    text: str
    turn_ids: tuple[str, ...]
    speakers: tuple[str, ...]
    start_us: int | None
    end_us: int | None


def audience_of(readers: Sequence[str]) -> str:
    """Return the one identifier of a set of readers; empty for everybody."""
    return derived_id("aud", *sorted(set(readers))) if readers else ""


def paragraphs(text: str, *, markdown: bool) -> tuple[Passage, ...]:
    """Cut a text at empty lines, and Markdown also at headings, which become the section of what follows."""
    if not markdown:
        return tuple(Passage(piece.strip()) for piece in _PARAGRAPH.split(text) if piece.strip())
    found: list[Passage] = []
    section, start = "", 0
    for heading in [*_HEADING.finditer(text), None]:
        body = text[start : heading.start() if heading else len(text)]
        found += [Passage(piece.strip(), section=section) for piece in _PARAGRAPH.split(body) if piece.strip()]
        if heading:
            section, start = heading.group(1), heading.end()
    return tuple(found)


def cut_document(workspace_id: str, document: Document, day: str, size: int) -> list[Chunk]:
    """Return the chunks of a document.

    Passages are put together up to `size` characters; turns may be parted between sentences. A chunk that is half full ends where the
    subject is changed aloud, and no chunk crosses a section.

    Args:
        workspace_id: Part of the chunks' identity.
        document: The document.
        day: Day of the content in ISO form for the header; empty where there is none.
        size: Characters after which a chunk ends.
    """
    groups: list[list[Passage]] = []
    for passage in (piece for whole in document.passages for piece in _pieces(whole, size)):
        length = sum(len(one.text) for one in groups[-1]) if groups else 0
        fits = groups and groups[-1][0].section == passage.section and length + len(passage.text) <= size
        if fits and not (length >= _HALF_FULL * size and opens_topic(passage.text)):
            groups[-1].append(passage)
        else:
            groups.append([passage])
    version = document.content_hash.hex()
    return [
        _chunk(
            derived_id("chk", workspace_id, document.document_id, version, str(number)),
            number,
            document.title,
            day,
            group,
        )
        for number, group in enumerate(groups)
    ]


def _chunk(chunk_id: str, number: int, title: str, day: str, group: Sequence[Passage]) -> Chunk:
    speakers = tuple(dict.fromkeys(one.speaker for one in group if one.speaker))
    lines: list[str] = []
    for place, one in enumerate(group):
        goes_on = place and one.turn_id and one.turn_id == group[place - 1].turn_id
        if goes_on:
            lines[-1] = f"{lines[-1]} {one.text}"
        else:
            lines.append(f"{one.speaker}: {one.text}" if one.speaker else one.text)
    starts = [one.start_us for one in group if one.start_us is not None]
    ends = [one.end_us for one in group if one.end_us is not None]
    return Chunk(
        chunk_id,
        number,
        " · ".join(part for part in (title, day, group[0].section) if part),
        "\n".join(lines),
        tuple(dict.fromkeys(one.turn_id for one in group if one.turn_id)),
        speakers,
        min(starts) if starts and ends else None,
        max(ends) if starts and ends else None,
    )


def _pieces(passage: Passage, size: int) -> list[Passage]:
    if len(passage.text) <= size and not passage.turn_id:
        return [passage] if passage.text.strip() else []
    pieces: list[str] = []
    for start, end in cut_sentences(passage.text):
        sentence = passage.text[start:end]
        for part in (sentence[place : place + size] for place in range(0, len(sentence), size)):
            if pieces and not passage.turn_id and len(pieces[-1]) + len(part) < size:
                pieces[-1] = f"{pieces[-1]} {part}"
            else:
                pieces.append(part)
    return [
        Passage(text, passage.turn_id, passage.speaker, passage.start_us, passage.end_us, passage.section)
        for text in pieces
    ]
