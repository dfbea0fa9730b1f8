"""The knowledge base: documents in SQLite, their vectors in Milvus, and the search over both.

A document is replaced in three steps, so that a process that dies at any moment leaves the old or the new version, never a mixture: the
new vectors are noted as stray and written to Milvus; one transaction swaps the rows and makes the old vectors stray instead; the old
vectors are deleted. What Milvus finds counts only where its row stands in SQLite. Chunks that the new version has unchanged keep their
rows and vectors.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from google.protobuf.message import Message

from llm_service import rows
from llm_service.documents import Chunk, Document, audience_of, cut_document
from llm_service.retrieval import fuse, share_of_words
from llm_service.rows import Audiences, Found
from llm_service.settings import LlmSettings
from llm_service.vectors import Entry, Filter, Floats, Vectors
from mesh.database import Database, once
from mesh.logs import get_logger
from textkit.embedder import Embedder
from textkit.lemmas import lemmas
from textkit.reranker import Reranker

__all__ = ["Access", "Found", "Knowledge", "Narrowed", "Written"]

M = TypeVar("M", bound=Message)

_SCHEMA: Final = Path(__file__).with_name("schema.sql")
_DEPTH: Final = 50
"""Chunks that each of the two searches brings at least."""
_EMBED_BATCH: Final = 64


@dataclass(frozen=True)
class Access:
    """Who asks."""

    workspace_id: str
    readers: frozenset[str] | None
    """The person and the roles; None for the system itself, which may read everything in the workspace."""


@dataclass(frozen=True)
class Narrowed:
    """What a search leaves out, beside what the reader may not see."""

    kinds: tuple[int, ...] = ()
    meeting_ids: tuple[str, ...] = ()
    after_ms: int | None = None
    before_ms: int | None = None


@dataclass(frozen=True)
class Written:
    """What an upsert did."""

    written: int
    unchanged: int
    chunks: int
    """Chunks that the workspace did not have before."""


class Knowledge:
    """Documents of all workspaces; any number of readers, one writer at a time.

    Attributes:
        embedder: The model behind all vectors.
    """

    def __init__(self, settings: LlmSettings, embedder: Embedder, reranker: Reranker | None = None) -> None:
        self._settings = settings
        self.embedder = embedder
        self._reranker = reranker
        self._database = Database(settings.folder() / "knowledge.sqlite", _SCHEMA)
        self._vectors = Vectors(
            settings.folder(),
            settings.vectors,
            settings.vectors_token.get_secret_value(),
            embedder.fingerprint,
            embedder.dimension,
            settings.vectors_seconds,
        )
        self._writing = asyncio.Lock()
        self._log = get_logger(__name__)

    async def open(self) -> None:
        """Open both stores, and bring the vectors up to date with the rows.

        Raises:
            VectorsUnusable: Milvus does not open.
            Internal: SQLite does not open.
        """
        await self._database.open()
        # What is deleted is overwritten with zeros in the file.
        await self._database.run(lambda c: c.execute("PRAGMA secure_delete = ON").fetchone())
        await self._vectors.open()
        await self._clear_strays()
        await self._restore()

    async def check(self) -> None:
        """Raise while one of the stores does not work."""
        await self._database.check()
        await self._vectors.check()

    async def close(self) -> None:
        """Close both stores."""
        await self._vectors.close()
        await self._database.close()

    async def answered(self, method: str, key: str, request: Message, response: type[M]) -> M | None:
        """Return what a call with this key was answered before, or None.

        Raises:
            IdempotencyKeyReused: The key was used with another request.
        """

        def look(connection: sqlite3.Connection) -> M | None:
            try:
                return once(connection, method, key, request, response, _not_yet)
            except _NotYetError:
                return None

        return await self._database.run(look)

    async def upsert(
        self,
        workspace_id: str,
        documents: Sequence[Document],
        remember: Callable[[sqlite3.Connection, Written], None],
    ) -> Written:
        """Write documents; unchanged ones cost a comparison of hashes, and unchanged chunks of changed ones nothing more.

        Args:
            workspace_id: The workspace.
            documents: The documents; of two with one id the last counts.
            remember: Called in the transaction that makes them visible, to keep the answer under its idempotency key.
        """
        latest = {document.document_id: document for document in documents}
        chunks: dict[str, list[Chunk]] = {}
        embedded: dict[str, Floats] = {}
        # The slow part comes before other writers have to wait, and again for what they changed meanwhile: mostly nothing.
        await self._prepare(workspace_id, latest, chunks, embedded)
        async with self._writing:
            changed, fresh = await self._prepare(workspace_id, latest, chunks, embedded)
            added = [chunk for _, chunk in fresh]
            result = Written(len(changed), len(latest) - len(changed), len(added))
            await self._database.run(lambda c: rows.add_strays(c, [chunk.chunk_id for chunk in added]))
            words = await asyncio.to_thread(lambda: [lemmas(chunk.searched) for chunk in added])
            await self._vectors.upsert(
                [
                    _entry(workspace_id, audience_of(one.readers), one, chunk, found, embedded[chunk.searched])
                    for (one, chunk), found in zip(fresh, words, strict=True)
                ]
            )

            def swap(connection: sqlite3.Connection) -> None:
                for one in changed:
                    rows.replace_document(connection, workspace_id, one, chunks[one.document_id])
                rows.forget_audiences(connection, workspace_id)
                rows.take_strays(connection, [chunk.chunk_id for chunk in added])
                remember(connection, result)

            await self._database.run(swap)
            await self._clear_strays()
        return result

    async def delete(
        self,
        workspace_id: str,
        *,
        document_id: str = "",
        meeting_id: str = "",
        remember: Callable[[sqlite3.Connection, int], None],
    ) -> int:
        """Delete one document, or all of a meeting, and return how many there were; no later search finds them."""

        def remove(connection: sqlite3.Connection) -> int:
            gone = rows.documents_of(connection, workspace_id, document_id=document_id, meeting_id=meeting_id)
            rows.remove(connection, workspace_id, gone)
            rows.forget_audiences(connection, workspace_id)
            remember(connection, len(gone))
            return len(gone)

        async with self._writing:
            deleted = await self._database.run(remove)
            await self._clear_strays()
            if deleted:
                await self._database.empty_log()
        return deleted

    async def search(self, query: str, access: Access, narrowed: Narrowed, limit: int) -> list[Found]:
        """Return the chunks that fit a query best, best first: nearest in meaning and matching in words, joined."""
        audiences = await self._audiences(access)
        # Over no rows at all BM25 has no average length, and Milvus Lite fails instead of finding nothing.
        if not await self._database.run(lambda c: rows.holds_any(c, access.workspace_id)):
            return []
        allowed = Filter(
            access.workspace_id, audiences, narrowed.kinds, narrowed.meeting_ids, narrowed.after_ms, narrowed.before_ms
        )
        words = await asyncio.to_thread(lemmas, query)
        vector = (await asyncio.to_thread(self.embedder.embed_queries, [query]))[0]
        depth = max(_DEPTH, 2 * limit)
        near, matching = await asyncio.gather(
            self._vectors.nearest(vector, allowed, depth), self._vectors.matching(words, allowed, depth)
        )
        ids = list(dict.fromkeys(chunk_id for chunk_id, _ in [*matching, *near]))
        found = await self._database.run(lambda c: rows.found_chunks(c, access.workspace_id, audiences, ids))
        best = next((found[chunk_id] for chunk_id, _ in matching if chunk_id in found), None)
        held = await asyncio.to_thread(lemmas, best.searched) if best else []
        ranked = fuse(near, matching, share_of_words(words, held))
        best_first = [replace(found[chunk_id], score=score) for chunk_id, score in ranked if chunk_id in found]
        return (await self._reranked(query, best_first))[:limit]

    async def latest(self, access: Access, narrowed: Narrowed, kind: int, limit: int) -> list[Found]:
        """Return the chunks of one kind of documents from a span of time, the latest first."""
        audiences = await self._audiences(access)
        return await self._database.run(
            lambda c: rows.latest(
                c,
                access.workspace_id,
                audiences,
                kind,
                narrowed.after_ms,
                narrowed.before_ms,
                narrowed.meeting_ids,
                limit,
            )
        )

    async def _reranked(self, query: str, found: list[Found]) -> list[Found]:
        """Order the first ones by what the cross-encoder thinks; each keeps its score, which others compare with limits."""
        first, rest = found[: self._settings.reranked], found[self._settings.reranked :]
        if self._reranker is None or len(first) < 2:
            return found
        places = await asyncio.to_thread(self._reranker.order, query, [one.searched for one in first])
        return [*(first[place] for place in places), *rest]

    async def _audiences(self, access: Access) -> Audiences:
        readers = access.readers
        if readers is None:
            return None
        return await self._database.run(lambda c: rows.audiences_of(c, access.workspace_id, readers))

    async def _prepare(
        self,
        workspace_id: str,
        latest: Mapping[str, Document],
        chunks: dict[str, list[Chunk]],
        embedded: dict[str, Floats],
    ) -> tuple[list[Document], list[tuple[Document, Chunk]]]:
        """Return the documents that changed, and their chunks that are new; cut and embed what is not yet."""
        known = await self._database.run(lambda c: rows.hashes(c, workspace_id, list(latest)))
        changed = [one for one in latest.values() if known.get(one.document_id) != one.content_hash]
        for one in changed:
            if one.document_id not in chunks:
                size = self._settings.chunk_characters
                chunks[one.document_id] = await asyncio.to_thread(cut_document, workspace_id, one, size)
        before = await self._database.run(
            lambda c: rows.chunks_of(c, workspace_id, [one.document_id for one in changed])
        )
        there = {chunk.chunk_id for chunk in before}
        fresh = [(one, chunk) for one in changed for chunk in chunks[one.document_id] if chunk.chunk_id not in there]
        wanted = {chunk.searched for _, chunk in fresh} - set(embedded)
        # The same words for other readers, or at another time, have the same vector.
        alike = {chunk.chunk_id: chunk.searched for chunk in before if chunk.searched in wanted}
        known_vectors = await self._vectors.vectors_of(list(alike)) if alike else {}
        embedded.update({alike[chunk_id]: vector for chunk_id, vector in known_vectors.items()})
        await self._embed(sorted(wanted - set(embedded), key=len), embedded)
        return changed, fresh

    async def _embed(self, texts: Sequence[str], embedded: dict[str, Floats]) -> None:
        for start in range(0, len(texts), _EMBED_BATCH):
            batch = texts[start : start + _EMBED_BATCH]
            embedded.update(zip(batch, await asyncio.to_thread(self.embedder.embed_passages, batch), strict=True))

    async def _clear_strays(self) -> None:
        strays = await self._database.run(rows.strays)
        if strays:
            await self._vectors.delete(strays)
            await self._database.run(lambda c: rows.take_strays(c, strays))

    async def _restore(self) -> None:
        """Make vectors again that are missing, such as after the loss of the file or with another embedding model."""
        if await self._vectors.count() == await self._database.run(rows.count):
            return
        stored = await self._database.run(rows.every_chunk)
        present = await self._vectors.chunk_ids()
        missing = [one for one in stored if one.chunk.chunk_id not in present]
        await self._vectors.delete(sorted(present - {one.chunk.chunk_id for one in stored}))
        self._log.warning("vectors are made again", chunks=len(missing))
        for start in range(0, len(missing), _EMBED_BATCH):
            batch = missing[start : start + _EMBED_BATCH]
            vectors = await asyncio.to_thread(self.embedder.embed_passages, [one.chunk.searched for one in batch])
            await self._vectors.upsert(
                [
                    _entry(one.workspace_id, one.audience, one.chunk, one.chunk, lemmas(one.chunk.searched), vector)
                    for one, vector in zip(batch, vectors, strict=True)
                ]
            )


class _NotYetError(Exception):
    """No call with this key was answered before."""


def _not_yet() -> Any:
    raise _NotYetError


def _entry(
    workspace_id: str,
    audience: str,
    document: Document | Found,
    chunk: Chunk | Found,
    words: Iterable[str],
    vector: Floats,
) -> Entry:
    return Entry(
        chunk.chunk_id,
        workspace_id,
        audience,
        document.meeting_id,
        document.kind,
        chunk.happened_ms or 0,
        tuple(words),
        vector,
    )
