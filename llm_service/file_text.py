"""Takes the text out of a PDF or a Word document; a process of its own, because such a file may come from anybody.

    python -m llm_service.file_text pdf|docx <FILE >TEXT

The file comes on standard input. Standard output gets one JSON object: `{"parts": [[page, section, text], …]}` in reading order, or
`{"error": REASON}` with a reason of `llm_service.extraction`. Memory and processor time are bounded before anything is read. Nothing of
the service is imported here, so that the process starts quickly and has nothing to lose.
"""

from __future__ import annotations

import io
import json
import re
import resource
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

__all__ = ["BROKEN", "EMPTY", "ENCRYPTED", "MOST_LETTERS", "TOO_LARGE", "main"]

BROKEN: Final = "FILE_BROKEN"
ENCRYPTED: Final = "FILE_ENCRYPTED"
TOO_LARGE: Final = "FILE_TOO_LARGE"
EMPTY: Final = "FILE_WITHOUT_TEXT"

MOST_LETTERS: Final = 2_000_000
"""Characters of text that a document may have, as in a document that is sent as text."""
_MEMORY: Final = 1 << 30
_PROCESSOR_SECONDS: Final = 60
_MOST_PAGES: Final = 3_000
_MOST_UNPACKED: Final = 64 << 20
_MOST_ENTRIES: Final = 5_000
_OLE: Final = b"\xd0\xcf\x11\xe0"
_OLE_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_SHORT: Final = 0.7
"""A line that is shorter than this share of the page's longest one ends its paragraph."""
_REPEATED_FROM: Final = 3
_BULLET: Final = re.compile(r"^(?:[•●▪◦‣*–—-]|\d{1,3}[.)])\s")
_WORD: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"

Part = tuple[int, str, str]


class UnreadableError(Exception):
    """The file gives no text; the argument is the reason."""


def main() -> None:
    """Read the file, write the text."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_SECONDS, _PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # a pipe is no file: nothing can be written anywhere
    data = sys.stdin.buffer.read()
    try:
        parts = _bounded(_pdf(data) if sys.argv[1] == "pdf" else _docx(data))
        answer: dict[str, Any] = {"parts": parts} if parts else {"error": EMPTY}
    except UnreadableError as error:
        answer = {"error": str(error)}
    except MemoryError:
        answer = {"error": TOO_LARGE}
    sys.stdout.write(json.dumps(answer))


def _bounded(parts: Iterator[Part]) -> list[Part]:
    found: list[Part] = []
    letters = 0
    for part in parts:
        letters += len(part[2])
        if letters > MOST_LETTERS:
            raise UnreadableError(TOO_LARGE)
        if part[2].strip():
            found.append(part)
    return found


def _pdf(data: bytes) -> Iterator[Part]:
    import pypdfium2  # noqa: PLC0415 - one of two formats

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise UnreadableError(ENCRYPTED if "password" in str(error).lower() else BROKEN) from error
    if len(document) > _MOST_PAGES:
        raise UnreadableError(TOO_LARGE)
    pages: list[list[str]] = []
    letters = 0
    for number in range(len(document)):
        try:
            page = document[number]
            text = page.get_textpage().get_text_bounded()
            page.close()
        except pypdfium2.PdfiumError as error:
            raise UnreadableError(BROKEN) from error
        letters += len(text)
        if letters > MOST_LETTERS:
            raise UnreadableError(TOO_LARGE)
        # PDFium marks a hyphen at the end of a line, where a word goes on, in one of these ways.
        text = re.sub(r"(?<=\w)[\u00ad\ufffe\x02-]\r?\n(?=[a-zа-яё])", "", text)
        pages.append([" ".join(line.split()) for line in text.splitlines()])
    repeated = _repeated(pages)
    held: tuple[int, str] | None = None
    for number, lines in enumerate(pages, start=1):
        body = [line for place, line in enumerate(lines) if not _at_edge(place, lines) or _shape(line) not in repeated]
        for paragraph in _paragraphs(body):
            # A sentence that goes on upon the next page stays whole.
            if held and held[0] < number and held[1][-1] not in ".!?…:;" and paragraph[0].islower():
                held = (held[0], f"{held[1]} {paragraph}")
                continue
            if held:
                yield held[0], "", held[1]
            held = (number, paragraph)
    if held:
        yield held[0], "", held[1]


def _repeated(pages: list[list[str]]) -> set[str]:
    """Return the shapes of first and last lines that most pages have: running titles and page numbers."""
    if len(pages) < _REPEATED_FROM:
        return set()
    counted: Counter[str] = Counter()
    for lines in pages:
        counted.update({_shape(line) for place, line in enumerate(lines) if line and _at_edge(place, lines)})
    return {shape for shape, count in counted.items() if count > len(pages) / 2}


def _at_edge(place: int, lines: list[str]) -> bool:
    return place == 0 or place == len(lines) - 1


def _shape(line: str) -> str:
    return re.sub(r"\d+", "0", line)


def _paragraphs(lines: list[str]) -> Iterator[str]:
    longest = max((len(line) for line in lines), default=0)
    held: list[str] = []
    for line in lines:
        if held and (not line or _BULLET.match(line)):
            yield " ".join(held)
            held = []
        if line:
            held.append(line)
            if len(line) < _SHORT * longest:
                yield " ".join(held)
                held = []
    if held:
        yield " ".join(held)


def _docx(data: bytes) -> Iterator[Part]:
    if data.startswith(_OLE):
        raise UnreadableError(ENCRYPTED if _OLE_ENCRYPTED in data else BROKEN)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise UnreadableError(BROKEN) from error
    # An entry never unpacks to more than it declares: zipfile stops there.
    if len(entries) > _MOST_ENTRIES or sum(entry.file_size for entry in entries) > _MOST_UNPACKED:
        raise UnreadableError(TOO_LARGE)
    if any(entry.flag_bits & 1 for entry in entries):
        raise UnreadableError(ENCRYPTED)
    import docx  # noqa: PLC0415 - one of two formats

    try:
        document = docx.Document(io.BytesIO(data))
        headings = _headings(document)
        body = document.element.body
    except MemoryError:
        raise
    except (
        Exception
    ) as error:  # python-docx lets errors of zipfile, zlib, lxml and its own through, KeyError among them
        raise UnreadableError(BROKEN) from error
    section = ""
    for block in _blocks(body):
        if block.tag == f"{_WORD}tbl":
            for row in _rows(block):
                yield 0, section, row
            continue
        text = _text(block)
        style = block.find(f"{_WORD}pPr/{_WORD}pStyle")
        if style is not None and style.get(f"{_WORD}val") in headings and text:
            section = text
        else:
            yield 0, section, text


def _headings(document: Any) -> set[str]:
    """Return the identifiers of the styles of titles and headings, which differ between languages of Word."""
    return {style.style_id for style in document.styles if str(style.name).lower().startswith(("heading", "title"))}


def _blocks(element: Any) -> Iterator[Any]:
    """Yield paragraphs and tables in order, those inside content controls and insertions too."""
    for child in element:
        if child.tag in (f"{_WORD}p", f"{_WORD}tbl"):
            yield child
        elif child.tag in (f"{_WORD}sdt", f"{_WORD}sdtContent", f"{_WORD}ins", f"{_WORD}customXml"):
            yield from _blocks(child)


def _rows(table: Any) -> Iterator[str]:
    """Yield each row of a table as one text, its cells named by the first row."""
    rows = [[_cell(cell) for cell in row.findall(f"{_WORD}tc")] for row in table.iter(f"{_WORD}tr")]
    if len(rows) < 2:
        yield from (" | ".join(cell for cell in row if cell) for row in rows)
        return
    names = rows[0]
    for row in rows[1:]:
        named = [
            f"{names[place]}: {cell}" if place < len(names) and names[place] else cell
            for place, cell in enumerate(row)
            if cell
        ]
        yield "; ".join(named)


def _cell(cell: Any) -> str:
    return " ".join(text for paragraph in cell.iter(f"{_WORD}p") if (text := _text(paragraph)))


def _text(paragraph: Any) -> str:
    """Return the words of a paragraph; what was deleted with changes tracked stands in `delText` and is left out."""
    nodes = paragraph.iter(f"{_WORD}t", f"{_WORD}tab", f"{_WORD}br")
    return " ".join("".join((node.text or "") if node.tag == f"{_WORD}t" else " " for node in nodes).split())


if __name__ == "__main__":
    main()
