"""Documents of the knowledge base, and the pieces (chunks) in which they are found."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Final

from llm_service.talk import cut_sentences
from llm_service.topics import opens_topic
from mesh.ids import derived_id

__all__ = ["DECISION", "SUMMARY", "Chunk", "Document", "Passage", "audience_of", "cut_document", "paragraphs"]

SUMMARY: Final = 2
DECISION: Final = 3
"""Values of the contract's `DocumentKind`."""
_HEADING: Final = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_HALF_FULL: Final = 0.4
_NEARLY_FULL: Final = 0.6
_WITH_ANSWER: Final = 1.3
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
    page: int = 0
    """Page on which it begins, from 1; 0 where there are no pages."""
    written_ms: int | None = None
    """Moment at which a message was written, in milliseconds since 1970; None for what is no message."""


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
    """Context that is embedded and searched with the text: title, day, section."""
    text: str
    turn_ids: tuple[str, ...]
    speakers: tuple[str, ...]
    start_us: int | None
    end_us: int | None
    page: int = 0
    happened_ms: int | None = None
    """Moment of the first message, else that of the document; None where neither is known."""

    @property
    def searched(self) -> str:
        """What is embedded and whose words are matched: header, speakers and text."""
        return "\n".join(part for part in (self.header, ", ".join(self.speakers), self.text) if part)


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


def cut_document(workspace_id: str, document: Document, size: int) -> list[Chunk]:
    """Return the chunks of a document.

    Passages are put together up to `size` characters; turns may be parted between sentences. A chunk that is half full ends where the
    subject is changed aloud, and no chunk crosses a section or a page. A chunk that is nearly full ends after every third passage or so,
    chosen by the passage's own words: whatever is inserted before it, the same places part the same chunks, and only the neighbourhood
    of a change is new. For the same reason a chunk is named by what it holds, and not by its place.

    Args:
        workspace_id: Part of the chunks' identity.
        document: The document.
        size: Characters after which a chunk ends.
    """
    groups: list[list[Passage]] = []
    for passage in (piece for whole in document.passages for piece in _pieces(whole, size)):
        length = sum(len(one.text) for one in groups[-1]) if groups else 0
        place = (passage.section, passage.page)
        # A question stays together with what is said to it.
        room = size * _WITH_ANSWER if groups and groups[-1][-1].text.rstrip().endswith("?") else size
        fits = groups and (groups[-1][0].section, groups[-1][0].page) == place and length + len(passage.text) <= room
        ends = length >= _HALF_FULL * size and opens_topic(passage.text)
        ends = ends or (length >= _NEARLY_FULL * size and _parts(groups[-1][-1].text))
        if fits and (not ends or room > size):
            groups[-1].append(passage)
        else:
            groups.append([passage])
    # Everything that a vector or its filter is made of, beside the words of the chunk itself.
    common = (
        workspace_id,
        document.document_id,
        str(document.kind),
        document.meeting_id,
        audience_of(document.readers),
    )
    chunks: list[Chunk] = []
    alike: Counter[str] = Counter()
    for number, group in enumerate(groups):
        chunk = _chunk(number, document, group)
        digest = hashlib.sha256(json.dumps(asdict(replace(chunk, ordinal=0)), sort_keys=True).encode()).hexdigest()
        chunks.append(replace(chunk, chunk_id=derived_id("chk", *common, digest, str(alike[digest]))))
        alike[digest] += 1
    return chunks


def _parts(text: str) -> bool:
    return zlib.crc32(text.encode()) % 3 == 0


def _chunk(number: int, document: Document, group: Sequence[Passage]) -> Chunk:
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
    happened_ms = next((one.written_ms for one in group if one.written_ms is not None), document.happened_ms)
    return Chunk(
        "",
        number,
        " · ".join(part for part in (document.title, _day(happened_ms), group[0].section) if part),
        "\n".join(lines),
        tuple(dict.fromkeys(one.turn_id for one in group if one.turn_id)),
        speakers,
        min(starts) if starts and ends else None,
        max(ends) if starts and ends else None,
        group[0].page,
        happened_ms,
    )


def _day(happened_ms: int | None) -> str:
    return "" if happened_ms is None else datetime.fromtimestamp(happened_ms / 1000, UTC).date().isoformat()


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
    return [replace(passage, text=text) for text in pieces]
