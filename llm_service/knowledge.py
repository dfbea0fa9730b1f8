"""The knowledge base: documents in SQLite, their vectors in Milvus, and the search over both.

A document is replaced in three steps, so that a process that dies at any moment leaves the old or the new version, never a mixture: the
new vectors are noted as stray and written to Milvus; one transaction swaps the rows and makes the old vectors stray instead; the old
vectors are deleted. What Milvus finds counts only where its row stands in SQLite.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from google.protobuf.message import Message

from llm_service.documents import Chunk, Document, audience_of, cut_document
from llm_service.retrieval import fuse, share_of_words
from llm_service.settings import LlmSettings
from llm_service.vectors import Entry, Filter, Vectors
from mesh.database import Database, once
from mesh.logs import get_logger
from textkit.embedder import Embedder
from textkit.lemmas import lemmas

__all__ = ["Access", "Found", "Knowledge", "Narrowed", "Written"]

M = TypeVar("M", bound=Message)

_SCHEMA: Final = Path(__file__).with_name("schema.sql")
_DEPTH: Final = 50
"""Chunks that each of the two searches brings at least."""
_EMBED_BATCH: Final = 32


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
class Found:
    """A chunk that was found, with its document."""

    chunk_id: str
    document_id: str
    kind: int
    title: str
    header: str
    text: str
    score: float
    meeting_id: str
    card_id: str
    turn_ids: tuple[str, ...]
    speakers: tuple[str, ...]
    start_us: int | None
    end_us: int | None
    happened_ms: int | None


@dataclass(frozen=True)
class Written:
    """What an upsert did."""

    written: int
    unchanged: int
    chunks: int


class Knowledge:
    """Documents of all workspaces; any number of readers, one writer at a time.

    Attributes:
        embedder: The model behind all vectors.
    """

    def __init__(self, settings: LlmSettings, embedder: Embedder) -> None:
        self._settings = settings
        self.embedder = embedder
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
        """Write documents; unchanged ones cost a comparison of hashes.

        Args:
            workspace_id: The workspace.
            documents: The documents; of two with one id the last counts.
            remember: Called in the transaction that makes them visible, to keep the answer under its idempotency key.
        """
        latest = {document.document_id: document for document in documents}
        async with self._writing:
            known = await self._database.run(lambda c: _hashes(c, workspace_id, list(latest)))
            changed = [one for one in latest.values() if known.get(one.document_id) != one.content_hash]
            chunks = {
                one.document_id: cut_document(workspace_id, one, _day(one.happened_ms), self._settings.chunk_characters)
                for one in changed
            }
            fresh = [chunk.chunk_id for group in chunks.values() for chunk in group]
            await self._database.run(lambda c: _add_strays(c, fresh))
            entries = [
                entry for one in changed for entry in await self._entries(workspace_id, one, chunks[one.document_id])
            ]
            await self._vectors.upsert(entries)
            result = Written(len(changed), len(latest) - len(changed), len(fresh))

            def swap(connection: sqlite3.Connection) -> None:
                for one in changed:
                    _remove(connection, workspace_id, [one.document_id])
                    _insert(connection, workspace_id, one, chunks[one.document_id])
                connection.executemany("DELETE FROM stray WHERE chunk_id = ?", [(chunk_id,) for chunk_id in fresh])
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
            column, value = ("document_id", document_id) if document_id else ("meeting_id", meeting_id)
            rows = connection.execute(
                f"SELECT document_id FROM document WHERE workspace_id = ? AND {column} = ?",  # noqa: S608 - one of two names
                (workspace_id, value),
            ).fetchall()
            _remove(connection, workspace_id, [row[0] for row in rows])
            remember(connection, len(rows))
            return len(rows)

        async with self._writing:
            deleted = await self._database.run(remove)
            await self._clear_strays()
        return deleted

    async def search(self, query: str, access: Access, narrowed: Narrowed, limit: int) -> list[Found]:
        """Return the chunks that fit a query best, best first: nearest in meaning and matching in words, joined."""
        audiences = None
        if access.readers is not None:
            readers = sorted(access.readers)
            audiences = await self._database.run(lambda c: _audiences(c, access.workspace_id, readers))
        allowed = Filter(
            access.workspace_id, audiences, narrowed.kinds, narrowed.meeting_ids, narrowed.after_ms, narrowed.before_ms
        )
        words = await asyncio.to_thread(lemmas, query)
        vector = (await asyncio.to_thread(self.embedder.embed_queries, [query]))[0]
        depth = max(_DEPTH, 2 * limit)
        near, matching = await asyncio.gather(
            self._vectors.nearest(vector, allowed, depth), self._vectors.matching(words, allowed, depth)
        )
        found = list(dict.fromkeys(chunk_id for chunk_id, _ in [*matching, *near]))
        rows = await self._database.run(lambda c: _rows(c, access.workspace_id, audiences, found))
        best = next((rows[chunk_id] for chunk_id, _ in matching if chunk_id in rows), None)
        text = "" if best is None else _searched(best["header"], json.loads(best["speakers"]), best["text"])
        ranked = fuse(near, matching, share_of_words(words, await asyncio.to_thread(lemmas, text)))
        return [_found(rows[chunk_id], score) for chunk_id, score in ranked if chunk_id in rows][:limit]

    async def _entries(self, workspace_id: str, document: Document, chunks: Sequence[Chunk]) -> list[Entry]:
        texts = [_searched(chunk.header, chunk.speakers, chunk.text) for chunk in chunks]
        entries: list[Entry] = []
        for start in range(0, len(texts), _EMBED_BATCH):
            batch = texts[start : start + _EMBED_BATCH]
            vectors = await asyncio.to_thread(self.embedder.embed_passages, batch)
            for chunk, text, vector in zip(chunks[start:], batch, vectors, strict=False):
                words = await asyncio.to_thread(lemmas, text)
                entries.append(
                    Entry(
                        chunk.chunk_id,
                        workspace_id,
                        audience_of(document.readers),
                        document.meeting_id,
                        document.kind,
                        document.happened_ms or 0,
                        tuple(words),
                        vector,
                    )
                )
        return entries

    async def _clear_strays(self) -> None:
        strays = await self._database.run(lambda c: [row[0] for row in c.execute("SELECT chunk_id FROM stray")])
        if strays:
            await self._vectors.delete(strays)
            await self._database.run(
                lambda c: c.executemany("DELETE FROM stray WHERE chunk_id = ?", [(one,) for one in strays])
            )

    async def _restore(self) -> None:
        """Make vectors again that are missing, such as after the loss of the file or with another embedding model."""
        rows = await self._database.run(_identities)
        if await self._vectors.count() == len(rows):
            return
        present = await self._vectors.chunk_ids()
        missing = [row for row in rows if row["chunk_id"] not in present]
        await self._vectors.delete(sorted(present - {row["chunk_id"] for row in rows}))
        self._log.warning("vectors are made again", chunks=len(missing))
        for start in range(0, len(missing), _EMBED_BATCH):
            batch = missing[start : start + _EMBED_BATCH]
            texts = [_searched(row["header"], json.loads(row["speakers"]), row["text"]) for row in batch]
            vectors = await asyncio.to_thread(self.embedder.embed_passages, texts)
            await self._vectors.upsert(
                [
                    Entry(
                        row["chunk_id"],
                        row["workspace_id"],
                        row["audience"],
                        row["meeting_id"],
                        row["kind"],
                        row["happened_ms"] or 0,
                        tuple(lemmas(text)),
                        vector,
                    )
                    for row, text, vector in zip(batch, texts, vectors, strict=True)
                ]
            )


class _NotYetError(Exception):
    """No call with this key was answered before."""


def _not_yet() -> Any:
    raise _NotYetError


def _searched(header: str, speakers: Sequence[str], text: str) -> str:
    return "\n".join(part for part in (header, ", ".join(speakers), text) if part)


def _day(happened_ms: int | None) -> str:
    return "" if happened_ms is None else datetime.fromtimestamp(happened_ms / 1000, UTC).date().isoformat()


def _hashes(connection: sqlite3.Connection, workspace_id: str, document_ids: Sequence[str]) -> dict[str, bytes]:
    marks = ", ".join("?" * len(document_ids))
    rows = connection.execute(
        f"SELECT document_id, content_hash FROM document WHERE workspace_id = ? AND document_id IN ({marks})",  # noqa: S608
        (workspace_id, *document_ids),
    )
    return {row[0]: row[1] for row in rows}


def _add_strays(connection: sqlite3.Connection, chunk_ids: Sequence[str]) -> None:
    connection.executemany("INSERT OR IGNORE INTO stray (chunk_id) VALUES (?)", [(one,) for one in chunk_ids])


def _remove(connection: sqlite3.Connection, workspace_id: str, document_ids: Sequence[str]) -> None:
    for document_id in document_ids:
        place = (workspace_id, document_id)
        connection.execute(
            "INSERT OR IGNORE INTO stray (chunk_id) SELECT chunk_id FROM chunk WHERE workspace_id = ? AND document_id = ?",
            place,
        )
        connection.execute("DELETE FROM document WHERE workspace_id = ? AND document_id = ?", place)


def _insert(connection: sqlite3.Connection, workspace_id: str, one: Document, chunks: Sequence[Chunk]) -> None:
    audience = audience_of(one.readers)
    connection.execute(
        "INSERT INTO document VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            workspace_id,
            one.document_id,
            one.kind,
            one.title,
            one.meeting_id,
            one.card_id,
            one.happened_ms,
            audience,
            one.content_hash,
        ),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO audience_member VALUES (?, ?, ?)",
        [(workspace_id, audience, member) for member in one.readers],
    )
    connection.executemany(
        "INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                chunk.chunk_id,
                workspace_id,
                one.document_id,
                chunk.ordinal,
                chunk.header,
                chunk.text,
                json.dumps(chunk.turn_ids, ensure_ascii=False),
                json.dumps(chunk.speakers, ensure_ascii=False),
                chunk.start_us,
                chunk.end_us,
            )
            for chunk in chunks
        ],
    )


def _audiences(connection: sqlite3.Connection, workspace_id: str, readers: Sequence[str]) -> tuple[str, ...]:
    marks = ", ".join("?" * len(readers))
    rows = connection.execute(
        f"SELECT DISTINCT audience FROM audience_member WHERE workspace_id = ? AND member IN ({marks})",  # noqa: S608
        (workspace_id, *readers),
    )
    return ("", *(row[0] for row in rows))


def _rows(
    connection: sqlite3.Connection, workspace_id: str, audiences: Sequence[str] | None, chunk_ids: Sequence[str]
) -> dict[str, sqlite3.Row]:
    """Return the rows of chunks by id, those alone that the reader may see: Milvus is only a copy."""
    marks = ", ".join("?" * len(chunk_ids))
    rows = connection.execute(
        f"SELECT * FROM chunk JOIN document USING (workspace_id, document_id) WHERE workspace_id = ? AND chunk_id IN ({marks})",  # noqa: S608
        (workspace_id, *chunk_ids),
    )
    return {row["chunk_id"]: row for row in rows if audiences is None or row["audience"] in audiences}


def _identities(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    return connection.execute(
        "SELECT chunk_id, workspace_id, header, speakers, text, audience, meeting_id, kind, happened_ms "
        "FROM chunk JOIN document USING (workspace_id, document_id)"
    ).fetchall()


def _found(row: sqlite3.Row, score: float) -> Found:
    return Found(
        row["chunk_id"],
        row["document_id"],
        row["kind"],
        row["title"],
        row["header"],
        row["text"],
        score,
        row["meeting_id"],
        row["card_id"],
        tuple(json.loads(row["turn_ids"])),
        tuple(json.loads(row["speakers"])),
        row["start_us"],
        row["end_us"],
        row["happened_ms"],
    )
