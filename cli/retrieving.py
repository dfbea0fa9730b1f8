"""Evaluation of retrieval: a BEIR folder as the documents of a knowledge base, its queries as searches."""

from __future__ import annotations

import time
from typing import Any

import grpc
from planerka.llm.v1 import llm_pb2, llm_pb2_grpc

from cli.client import fresh_key, typed_errors
from cli.matching import Tell, batches
from evaluation.matching import BeirSet, Document
from evaluation.retrieval import retrieval_figures
from mesh.ids import new_id

__all__ = ["measure_retrieval"]

_AT_ONCE = 50
_SECONDS = 1800.0
_CHUNKS = 60
"""Chunks that a search brings; a document counts where its best one stands."""
_RANKS = 10
_TITLE = 1024
_TEXT = 2_000_000


async def measure_retrieval(channel: grpc.aio.Channel, found: BeirSet, tell: Tell) -> dict[str, Any]:
    """Write the corpus as uploaded documents, search every query one after another, and return the figures of the design.

    Beside them: `chunks`, and `index_s`, the seconds in which the corpus was written.
    """
    stub = llm_pb2_grpc.LlmServiceStub(channel)
    guest = new_id("evl")
    documents = [_document(document, guest) for document in found.documents]
    begun, chunks, done = time.monotonic(), 0, 0
    try:
        for batch in batches(documents, _AT_ONCE):
            request = llm_pb2.UpsertDocumentsRequest(workspace_id=guest, documents=batch, idempotency_key=fresh_key())
            with typed_errors():
                chunks += (await stub.UpsertDocuments(request, timeout=_SECONDS)).chunks
            done += len(batch)
            tell("index", done, len(documents))
        index_seconds = time.monotonic() - begun
        rankings: dict[str, list[str]] = {}
        seconds: list[float] = []
        for name, text in found.queries:
            search = llm_pb2.SearchRequest(workspace_id=guest, query=text[:4000], limit=_CHUNKS)
            begun = time.monotonic()
            with typed_errors():
                answer = await stub.Search(search, timeout=_SECONDS)
            seconds.append(time.monotonic() - begun)
            rankings[name] = list(dict.fromkeys(chunk.document_id for chunk in answer.chunks))[:_RANKS]
            tell("search", len(rankings), len(found.queries))
    finally:
        # The set was a guest: nothing of it stays in the knowledge base.
        clearing = llm_pb2.DeleteDocumentsRequest(workspace_id=guest, meeting_id=guest, idempotency_key=fresh_key())
        with typed_errors():
            await stub.DeleteDocuments(clearing, timeout=_SECONDS)
    figures = retrieval_figures(rankings, found.relevant, seconds)
    return {**figures, "queries": len(rankings), "chunks": chunks, "index_s": index_seconds}


def _document(document: Document, guest: str) -> llm_pb2.Document:
    return llm_pb2.Document(
        document_id=document.document_id,
        kind=llm_pb2.DOCUMENT_KIND_UPLOAD,
        title=document.title[:_TITLE],
        meeting_id=guest,
        text=document.text[:_TEXT],
    )
