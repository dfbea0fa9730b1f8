"""The rpcs about documents that people add to the knowledge base."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
from planerka.orchestrator.v1 import document_pb2 as pb
from planerka.orchestrator.v1.proposal_pb2 import EventKind
from planerka.orchestrator.v1.workspace_pb2 import Role
from sqlalchemy.ext.asyncio import AsyncSession

from mesh.errors import InvalidArgument, RemoteError, Violation
from mesh.paging import decode_token, encode_token, page_size
from orchestrator import journal
from orchestrator.desk import Desk
from orchestrator.documents import begin, finish, list_documents, receive, send, take_back
from orchestrator.errors import DocumentNotFound, KeyReused
from orchestrator.rights import Caller, require
from orchestrator.store import once, repeated
from orchestrator.texts import say
from orchestrator.uploads import first_with_config
from orchestrator.workspaces import language_of

__all__ = ["DocumentRpcs"]

_REFUSED = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED)
"""Answers of the understanding service after which nothing of a document is there."""


class DocumentRpcs:
    """Adds, lists and removes documents.

    Args:
        desk: What the rpcs work with.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def AddDocument(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.AddDocumentRequest], context: Any
    ) -> pb.AddDocumentResponse:
        """Add a document, or replace one."""
        del context
        requests = aiter(request_iterator)
        config, who = (await first_with_config(requests)).config, require(Role.ROLE_MEMBER)
        workspace_id = who.workspace(config.workspace_id)
        upload = await receive(requests, config, self._desk.settings.max_document_bytes)
        async with self._desk.store.write() as session:
            known = await repeated(session, workspace_id, config, pb.AddDocumentResponse)
            if known is None:
                document = await begin(session, who, upload)
        if known is not None:
            return _same_file(known, upload.sha256, config.idempotency_key)
        try:
            chunks = await send(self._desk.services, workspace_id, upload, document)
        except RemoteError as error:
            if error.code in _REFUSED:
                async with self._desk.store.write() as session:
                    await take_back(session, upload, document)
            raise

        async def work() -> pb.AddDocumentResponse:
            text = "document_replaced" if config.document_id else "document_added"
            await _note(session, who, text, document)
            return pb.AddDocumentResponse(document=document, chunks=chunks)

        async with self._desk.store.write() as session:
            is_there = await finish(session, who, document)
            response = await once(session, workspace_id, config, pb.AddDocumentResponse, work) if is_there else None
        if response is None:
            await self._desk.documents.sweep()
            raise DocumentNotFound(
                f"The document {document.document_id!r} was removed meanwhile.",
                resource=("document", document.document_id),
            )
        return response

    async def ListDocuments(self, request: pb.ListDocumentsRequest, context: Any) -> pb.ListDocumentsResponse:  # noqa: N802
        """List documents."""
        del context
        who = require(Role.ROLE_VIEWER)
        who.workspace(request.workspace_id)
        limit = page_size(request.page_size)
        after = _place(decode_token(request.page_token)) if request.page_token else None
        async with self._desk.store.read() as session:
            found = await list_documents(session, who, after, limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        return pb.ListDocumentsResponse(
            documents=[document for _, document in found[:limit]],
            next_page_token="" if last is None else encode_token(f"{last[0]!r} {last[1].document_id}"),
        )

    async def RemoveDocument(self, request: pb.RemoveDocumentRequest, context: Any) -> pb.RemoveDocumentResponse:  # noqa: N802
        """Remove a document."""
        del context
        who = require(Role.ROLE_MEMBER)
        workspace_id = who.workspace(request.workspace_id)

        async def work() -> pb.RemoveDocumentResponse:
            document = await self._desk.documents.note(session, who, request.document_id)
            await _note(session, who, "document_removed", document)
            return pb.RemoveDocumentResponse()

        async with self._desk.store.write() as session:
            response = await once(session, workspace_id, request, pb.RemoveDocumentResponse, work)
        # After the commit: an understanding service that is away must not keep the document listed.
        await self._desk.documents.sweep()
        return response


def _same_file(known: pb.AddDocumentResponse, sha256: str, key: str) -> pb.AddDocumentResponse:
    if known.document.sha256 != sha256:
        raise KeyReused(
            f"The idempotency key {key!r} was used before with another file; use a new key for a new request.",
            resource=("idempotency_key", key),
        )
    return known


def _place(position: str) -> tuple[float, str]:
    moment, _, document_id = position.partition(" ")
    try:
        return float(moment), document_id
    except ValueError as error:
        raise InvalidArgument(
            "The page token is not one of ours; begin again without one.",
            reason="PAGE_TOKEN_INVALID",
            violations=[Violation("page_token", "must be the `next_page_token` of an earlier answer, or empty")],
        ) from error


async def _note(session: AsyncSession, who: Caller, text: str, document: pb.KnowledgeDocument) -> None:
    # The journal is read by everybody in the workspace, and the title of what is kept from them would tell too much.
    title = document.document_id if document.reader_ids else document.title
    await journal.append(
        session,
        EventKind.EVENT_KIND_ADMINISTRATION,
        who.workspace_id,
        say(await language_of(session, who.workspace_id), text, title=title),
        person_id=who.person.person_id,
    )
