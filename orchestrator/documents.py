"""Documents that people add to the knowledge base: who may read them, and how none is half there.

The text is the understanding service's; here is written down that it is. A new document is `adding` before its text is sent, so that a
process that dies in between leaves a trace, and the text is taken out again (`DocumentJanitor`). A removed one is `leaving` until the
text is gone.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator
from pathlib import PurePath
from typing import Final

from planerka.llm.v1 import llm_pb2
from planerka.orchestrator.v1 import document_pb2 as pb
from planerka.orchestrator.v1.document_pb2 import KnowledgeDocument
from planerka.orchestrator.v1.workspace_pb2 import Role
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from mesh.errors import Exhausted, RemoteError, Violation
from mesh.ids import derived_id, new_id
from mesh.logs import get_logger
from orchestrator.clients import Services, answer
from orchestrator.errors import DocumentNotFound, EmptyFile, FormatUnknown, RoleMissing, StreamOutOfOrder
from orchestrator.moments import from_epoch
from orchestrator.people import read_person
from orchestrator.rights import Caller
from orchestrator.store import Store
from orchestrator.tables import DocumentRow

__all__ = ["DocumentJanitor", "Upload", "begin", "finish", "list_documents", "read_row", "receive", "send", "take_back"]

_ADDING, _READY, _LEAVING = "adding", "ready", "leaving"
_SEND_SECONDS: Final = 300.0
_DELETE_SECONDS: Final = 10.0
_LOST_SECONDS: Final = 3 * _SEND_SECONDS
"""Time after which a document that is still on its way will not arrive."""
_AT_ONCE: Final = 500
_SUFFIXES: Final = {
    ".txt": llm_pb2.FILE_FORMAT_TEXT,
    ".text": llm_pb2.FILE_FORMAT_TEXT,
    ".log": llm_pb2.FILE_FORMAT_TEXT,
    ".md": llm_pb2.FILE_FORMAT_MARKDOWN,
    ".markdown": llm_pb2.FILE_FORMAT_MARKDOWN,
    ".pdf": llm_pb2.FILE_FORMAT_PDF,
    ".docx": llm_pb2.FILE_FORMAT_DOCX,
}


class Upload:
    """A whole file with what is to become of it.

    Attributes:
        config: What the client asked for.
        data: The file.
        sha256: Its SHA-256 as hexadecimal digits.
        format: Its format, asked for or found out.
    """

    def __init__(self, config: pb.AddDocumentConfig, data: bytes) -> None:
        self.config = config
        self.data = data
        self.sha256 = hashlib.sha256(data).hexdigest()
        self.format = config.format or _sniff(data, config.file_name)

    def document_id(self, workspace_id: str) -> str:
        """Return the document that is replaced, else the one that this very call makes, however often it is repeated."""
        return self.config.document_id or derived_id("doc", workspace_id, self.config.idempotency_key)


async def receive(requests: AsyncIterator[pb.AddDocumentRequest], config: pb.AddDocumentConfig, limit: int) -> Upload:
    """Take the pieces of a file.

    Args:
        requests: The messages behind the config.
        config: The first message.
        limit: Most bytes.

    Raises:
        StreamOutOfOrder: A later message than the first carries a config.
        Exhausted: The file is too large.
        EmptyFile: It holds nothing.
        FormatUnknown: It is no document that can be read.
    """
    data = bytearray()
    async for request in requests:
        if not request.HasField("data"):
            raise StreamOutOfOrder("`config` is allowed in the first message only.")
        data += request.data
        if len(data) > limit:
            raise Exhausted(
                f"The document has more than {limit:,} bytes, the limit of this service (`[orchestrator] max_document_bytes`, "
                "at most 3 MiB). Cut it, or save it as text.",
                reason="FILE_TOO_LARGE",
                metadata={"maxBytes": str(limit)},
            )
    if not data.strip():
        raise EmptyFile("The file is empty. Check that it was saved, and try again.")
    return Upload(config, bytes(data))


async def begin(session: AsyncSession, who: Caller, upload: Upload) -> KnowledgeDocument:
    """Write down that a document is on its way, and return it as it will be.

    Raises:
        DocumentNotFound: There is none to replace.
        RoleMissing: Somebody else added the one that is to be replaced.
        PersonNotFound: A reader is not in the workspace.
    """
    config, now = upload.config, time.time()
    for person_id in config.reader_ids:
        await read_person(session, who.workspace_id, person_id)
    document_id = upload.document_id(who.workspace_id)
    name = PurePath(config.file_name).name
    document = KnowledgeDocument(
        document_id=document_id,
        title=name or document_id,
        added_by=who.person.person_id,
        added_at=from_epoch(now),
    )
    if config.document_id:
        document = KnowledgeDocument.FromString((await read_row(session, who, document_id)).data)
        _require_own(who, document)
    document.MergeFrom(
        KnowledgeDocument(
            title=config.title,
            file_name=name,
            format=upload.format,
            size_bytes=len(upload.data),
            sha256=upload.sha256,
        )
    )
    document.changed_at.CopyFrom(from_epoch(now))
    if config.HasField("happened_at"):
        document.happened_at.CopyFrom(config.happened_at)
    if config.reader_ids or config.for_everybody:
        # Who added it is never shut out by naming others.
        document.reader_ids[:] = sorted({*config.reader_ids, document.added_by}) if config.reader_ids else []
    if not config.document_id:
        await session.merge(
            DocumentRow(
                document_id=document_id,
                workspace_id=who.workspace_id,
                state=_ADDING,
                added_at=now,
                touched_at=now,
                data=document.SerializeToString(),
            )
        )
    return document


async def send(services: Services, workspace_id: str, upload: Upload, document: KnowledgeDocument) -> int:
    """Give the text to the understanding service, and return how many of its pieces are new there.

    The document learns how much text it has.

    Raises:
        RemoteError: The file gives no text, or the service is away.
    """
    written = llm_pb2.Document(
        document_id=document.document_id,
        kind=llm_pb2.DOCUMENT_KIND_UPLOAD,
        title=document.title,
        happened_at=document.happened_at if document.HasField("happened_at") else None,
        readers=document.reader_ids,
        file=llm_pb2.DocumentFile(format=upload.format, data=upload.data),
    )
    request = llm_pb2.UpsertDocumentsRequest(
        workspace_id=workspace_id,
        documents=[written],
        idempotency_key=derived_id("doc", workspace_id, upload.config.idempotency_key),
    )
    done: llm_pb2.UpsertDocumentsResponse = await answer(
        services.llm.UpsertDocuments(request, timeout=_SEND_SECONDS),
    )
    document.letters = done.letters
    return done.chunks


async def finish(session: AsyncSession, who: Caller, document: KnowledgeDocument) -> bool:
    """Write down that a document is there; false where it was removed meanwhile, so that its text has to go again."""
    row = await session.get(DocumentRow, document.document_id)
    if row is None or row.state == _LEAVING:
        gone = row or DocumentRow(
            document_id=document.document_id,
            workspace_id=who.workspace_id,
            state=_LEAVING,
            added_at=time.time(),
            touched_at=0.0,
            data=document.SerializeToString(),
        )
        await session.merge(gone)
        return False
    row.state, row.touched_at, row.data = _READY, time.time(), document.SerializeToString()
    return True


async def take_back(session: AsyncSession, upload: Upload, document: KnowledgeDocument) -> None:
    """Forget a document whose file was refused; one that it should have replaced stays."""
    row = await session.get(DocumentRow, document.document_id)
    if row is not None and row.state == _ADDING and not upload.config.document_id:
        await session.delete(row)


async def read_row(session: AsyncSession, who: Caller, document_id: str) -> DocumentRow:
    """Return a document that the person may read.

    Raises:
        DocumentNotFound: There is none, or it is kept from them.
    """
    row = await session.get(DocumentRow, document_id)
    if row is None or row.workspace_id != who.workspace_id or row.state != _READY or not _may_see(who, row):
        raise DocumentNotFound(
            f"There is no document {document_id!r} in the workspace; `planerka knowledge list` shows all.",
            resource=("document", document_id),
        )
    return row


async def list_documents(
    session: AsyncSession, who: Caller, after: tuple[float, str] | None, limit: int
) -> list[tuple[float, KnowledgeDocument]]:
    """Return documents that the person may see with the moment that they were added at, newest first.

    Args:
        session: A transaction.
        who: Who asks.
        after: Moment and identifier of the last one of the page before.
        limit: Most documents.
    """
    found: list[tuple[float, KnowledgeDocument]] = []
    while len(found) < limit:
        query = select(DocumentRow).where(DocumentRow.workspace_id == who.workspace_id, DocumentRow.state == _READY)
        if after is not None:
            moment, document_id = after
            earlier = (DocumentRow.added_at == moment) & (DocumentRow.document_id < document_id)
            query = query.where(or_(DocumentRow.added_at < moment, earlier))
        order = (DocumentRow.added_at.desc(), DocumentRow.document_id.desc())
        rows = list(await session.scalars(query.order_by(*order).limit(_AT_ONCE)))
        found += [(row.added_at, KnowledgeDocument.FromString(row.data)) for row in rows if _may_see(who, row)]
        if len(rows) < _AT_ONCE:
            break
        after = (rows[-1].added_at, rows[-1].document_id)
    return found[:limit]


class DocumentJanitor:
    """Deletes texts of documents that were removed, or never arrived, also when the understanding service is away at that moment.

    Args:
        store: The tables, in which it is written down until it is done.
        services: The understanding service.
    """

    def __init__(self, store: Store, services: Services) -> None:
        self._store = store
        self._services = services

    async def note(self, session: AsyncSession, who: Caller, document_id: str) -> KnowledgeDocument:
        """Write down, in the transaction of `session`, that a document is to be deleted, and return it.

        Raises:
            DocumentNotFound: There is no such document that the person may read.
            RoleMissing: Somebody else added it.
        """
        row = await read_row(session, who, document_id)
        document = KnowledgeDocument.FromString(row.data)
        _require_own(who, document)
        row.state = _LEAVING
        return document

    async def sweep(self) -> None:
        """Delete all that is to be deleted; what fails now is left for the next time."""
        lost = (DocumentRow.state == _ADDING) & (DocumentRow.touched_at < time.time() - _LOST_SECONDS)
        async with self._store.read() as session:
            rows = list(await session.scalars(select(DocumentRow).where(or_(DocumentRow.state == _LEAVING, lost))))
        for row in rows:
            request = llm_pb2.DeleteDocumentsRequest(
                workspace_id=row.workspace_id, document_id=row.document_id, idempotency_key=new_id("doc")
            )
            try:
                await answer(self._services.llm.DeleteDocuments(request, timeout=_DELETE_SECONDS))
            except RemoteError as error:
                get_logger(__name__).info("document is deleted later", document=row.document_id, reason=error.reason)
                return
            async with self._store.write() as session:
                current = await session.get(DocumentRow, row.document_id)
                if current is not None and (current.state, current.touched_at) == (row.state, row.touched_at):
                    await session.delete(current)


def _may_see(who: Caller, row: DocumentRow) -> bool:
    if who.person.role == Role.ROLE_ADMIN:
        return True
    document = KnowledgeDocument.FromString(row.data)
    return not document.reader_ids or who.person.person_id in document.reader_ids


def _require_own(who: Caller, document: KnowledgeDocument) -> None:
    if who.person.role < Role.ROLE_ADMIN and who.person.person_id != document.added_by:
        raise RoleMissing(
            "Only who added a document, or an admin, may replace or remove it.", metadata={"role": "admin"}
        )


def _sniff(data: bytes, file_name: str) -> llm_pb2.FileFormat:
    """Return the format of a file by what is in it, and of a text by its name."""
    suffix = PurePath(file_name).suffix.lower()
    if data.startswith(b"%PDF-"):
        return llm_pb2.FILE_FORMAT_PDF
    if data.startswith(b"PK\x03\x04") and (suffix == ".docx" or b"word/document.xml" in data):
        return llm_pb2.FILE_FORMAT_DOCX
    named = _SUFFIXES.get(suffix)
    if named is not None:
        # A name that promises more than the file holds is refused where the file is opened, with the reason.
        return named
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise FormatUnknown(
            f"{file_name or 'The file'} is no document that can be read: text in UTF-8, Markdown, PDF and Word (.docx) can. "
            "Save it as one of these.",
            violations=[Violation("config.format", "could not be found out")],
        )
    return llm_pb2.FILE_FORMAT_TEXT
