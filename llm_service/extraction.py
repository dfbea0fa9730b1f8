"""The text of uploaded files: plain text, Markdown, PDF and Word documents."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Final, Literal

from llm_service import file_text
from llm_service.documents import Passage, paragraphs
from llm_service.errors import FileBroken, FileEncrypted, FileTooLarge, FileWithoutText, TextNotUtf8
from mesh.errors import InvalidArgument, Violation

__all__ = ["FileKind", "passages_of_file"]

FileKind = Literal["text", "markdown", "pdf", "docx"]

_SECONDS: Final = 90.0
_KEPT_VARIABLES: Final = ("PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
"""What the process that reads a file learns of this one's environment; keys and tokens are not among it."""
_ERRORS: Final[dict[str, tuple[type[InvalidArgument], str]]] = {
    file_text.BROKEN: (FileBroken, "is damaged or is no {kind} file; send it anew, or as text"),
    file_text.ENCRYPTED: (FileEncrypted, "is protected by a password; save it without one"),
    file_text.TOO_LARGE: (
        FileTooLarge,
        f"unpacks to more than {file_text.MOST_LETTERS:,} characters of text, or takes too much memory or time; cut it",
    ),
    file_text.EMPTY: (FileWithoutText, "holds no text, as a scan does; have its text recognised first"),
}


def passages_of_file(name: str, kind: FileKind, data: bytes) -> tuple[Passage, ...]:
    """Return the paragraphs of a file in order, with their page (PDF) or heading (Markdown, Word).

    A PDF or a Word document is opened in a process of its own, with bounded memory and time, that learns nothing of this one. Blocks
    for up to a minute and a half.

    Args:
        name: Identifier of the document, for messages.
        kind: What the file is said to be.
        data: The file.

    Raises:
        TextNotUtf8: A text or Markdown file is not UTF-8.
        FileBroken, FileEncrypted, FileTooLarge, FileWithoutText: A PDF or Word document gives no text.
    """
    if kind in ("text", "markdown"):
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise TextNotUtf8(
                f"The file of document {name!r} is not UTF-8.",
                violations=[Violation("documents.file.data", "must be UTF-8")],
            ) from error
        return paragraphs(text, markdown=kind == "markdown")
    environment = {key: os.environ[key] for key in _KEPT_VARIABLES if key in os.environ}
    try:
        done = subprocess.run(  # noqa: S603 - our own module, and the kind is one of two words
            [sys.executable, "-m", file_text.__name__, kind],
            input=data,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise _error(name, kind, file_text.TOO_LARGE) from error
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        # Killed by its own limit of memory or time, or crashed over the file.
        raise _error(name, kind, file_text.BROKEN if done.returncode > 0 else file_text.TOO_LARGE) from None
    if "error" in answer:
        raise _error(name, kind, str(answer["error"]))
    return tuple(Passage(str(text), section=str(section), page=int(page)) for page, section, text in answer["parts"])


def _error(name: str, kind: FileKind, reason: str) -> InvalidArgument:
    error, what = _ERRORS[reason]
    says = what.format(kind={"pdf": "PDF", "docx": "Word (.docx)"}.get(kind, kind))
    return error(f"The file of document {name!r} {says}.", violations=[Violation("documents.file.data", f"it {says}")])
