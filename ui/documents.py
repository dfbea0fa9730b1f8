"""Documents of the knowledge base as the page shows and sends them, without anything of Streamlit."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from planerka.llm.v1 import llm_pb2
from planerka.orchestrator.v1 import document_pb2

from mesh.errors import RemoteError
from mesh.ids import derived_id
from ui.texts import TEXTS, Texts
from ui.wording import moment, number

__all__ = ["LARGEST", "Row", "Sending", "failure", "objection", "outcome", "row", "size"]

LARGEST: Final = 3 << 20
"""Bytes of the largest document that any orchestrator takes."""

Send = Callable[[document_pb2.AddDocumentConfig, bytes, Callable[[int], None]], document_pb2.AddDocumentResponse]


@dataclass(frozen=True)
class Row:
    """A document for people to read."""

    document_id: str
    title: str
    kind: str
    """Format in one word; empty where it is not known."""
    facts: tuple[str, ...]
    """Size, when and by whom it was added, name of the file where the title is another."""
    readers: str
    """Who may read it; empty for everybody in the workspace."""


def row(one: document_pb2.KnowledgeDocument, names: Mapping[str, str], texts: Texts) -> Row:
    """Return a document for people to read.

    Args:
        one: The document.
        names: Names of people by identifier; somebody who has left keeps the identifier.
        texts: The sentences.
    """
    kind = llm_pb2.FileFormat.Name(one.format) if one.format else ""
    when = moment(one.changed_at if one.HasField("changed_at") else one.added_at, texts)
    by = names.get(one.added_by, one.added_by)
    facts = (
        texts("documents.letters", count=number(one.letters, texts)) if one.letters else size(one.size_bytes, texts),
        f"{when}, {by}" if by else when,
        one.file_name if one.file_name != one.title else "",
    )
    readers = ", ".join(names.get(person, person) for person in one.reader_ids)
    return Row(one.document_id, one.title, texts(kind), tuple(fact for fact in facts if fact), readers)


def size(count: int, texts: Texts) -> str:
    """Return a number of bytes for people."""
    amount, unit = (count / (1 << 20), "megabytes") if count >= 1 << 20 else (count / (1 << 10), "kilobytes")
    shown = f"{amount:.1f}".removesuffix(".0") if amount < 10 else f"{amount:.0f}"
    return texts(unit, count=shown.replace(".", ",") if texts.language == "ru" else shown)


def objection(data: bytes | None, texts: Texts) -> str:
    """Return why a file, or none, need not be sent at all; empty where nothing speaks against it."""
    if data is None:
        return texts("documents.error.NO_FILE")
    if len(data) > LARGEST:
        limit = size(LARGEST, texts)
        return texts("documents.error.FILE_TOO_LARGE", limit=limit)
    return "" if data.strip() else texts("documents.error.EMPTY_FILE")


def failure(error: RemoteError, texts: Texts) -> str:
    """Return an answer of the orchestrator that is no success in words that say what to do."""
    key = f"documents.error.{error.reason}"
    if key in TEXTS:
        told = error.metadata.get("maxBytes", "")
        return texts(key, limit=size(int(told) if told.isdecimal() else LARGEST, texts))
    if error.code.name in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
        return texts(f"documents.error.{error.code.name}")
    return f"{error.message} [{error.reason}]"


def outcome(added: document_pb2.AddDocumentResponse, texts: Texts, *, replaced: bool = False) -> str:
    """Return what became of a file that the knowledge base took."""
    one = added.document
    if replaced:
        return texts("documents.replaced", title=one.title)
    if not one.letters:
        return texts("documents.added", title=one.title)
    return texts("documents.added_letters", title=one.title, count=number(one.letters, texts))


class Sending:
    """One file on its way into the knowledge base, in a thread of its own: the page may be drawn again as often as it likes.

    The key is made of what is sent: a press that arrives twice, or one that is repeated because nobody knows what became of the first,
    is one document.

    Args:
        send: Sends a file, and tells how many bytes of it are out.
        form: Identifier of the form that the person filled in; a new form is a new intention.
        name: Name of the file.
        data: The file.
        title: Title; the name of the file where it is empty.
        readers: Identifiers of who may read it; empty for everybody.
        workspace_id: Workspace; empty for the default one.
        document_id: Document that the file takes the place of, with its title and readers; empty for a new one.
    """

    def __init__(
        self,
        send: Send,
        form: str,
        name: str,
        data: bytes,
        title: str = "",
        readers: Sequence[str] = (),
        workspace_id: str = "",
        document_id: str = "",
    ) -> None:
        self.name = name
        self.config = document_pb2.AddDocumentConfig(
            workspace_id=workspace_id,
            document_id=document_id,
            title=title.strip(),
            file_name=name,
            reader_ids=readers,
            idempotency_key=derived_id(
                "web", form, document_id, hashlib.sha256(data).hexdigest(), title.strip(), *sorted(set(readers))
            ),
        )
        self.added: document_pb2.AddDocumentResponse | None = None
        self.error: RemoteError | None = None
        self._send, self._data = send, data
        self._out = 0
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._work, name="document", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether it arrived or failed."""
        return not self._thread.is_alive()

    @property
    def share(self) -> float:
        """Share of the file that is out, 0 to 1."""
        return min(1.0, self._out / len(self._data)) if self._data else 1.0

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    def wait(self, seconds: float) -> bool:
        """Wait until it is done, at most so many seconds, and return whether it is."""
        self._thread.join(seconds)
        return self.done

    def _work(self) -> None:
        try:
            self.added = self._send(self.config, self._data, self._went_out)
        except RemoteError as error:
            self.error = error

    def _went_out(self, count: int) -> None:
        self._out = count
