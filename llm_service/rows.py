"""The rows of the knowledge base in SQLite: every statement that reads or writes them, inside a transaction of the caller."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from llm_service.documents import Chunk, Document, audience_of

__all__ = [
    "Audiences",
    "Found",
    "Stored",
    "add_strays",
    "audiences_of",
    "chunks_of",
    "count",
    "documents_of",
    "every_chunk",
    "forget_audiences",
    "found_chunks",
    "hashes",
    "holds_any",
    "latest",
    "remove",
    "replace_document",
    "strays",
    "take_strays",
]

Audiences = tuple[str, ...] | None
"""Audiences whose documents a reader may see, '' for everybody; None for all of them."""

_MARKS_AT_ONCE: Final = 500
"""Values of one statement; SQLite takes 32,766."""
_COLUMNS: Final = (
    "chunk_id, document_id, kind, title, header, text, meeting_id, card_id, turn_ids, speakers, start_us, end_us, "
    "audience, workspace_id, coalesce(page, 0) AS page, coalesce(chunk_place.happened_ms, document.happened_ms) AS moment"
)
_JOINED: Final = "chunk JOIN document USING (workspace_id, document_id) LEFT JOIN chunk_place USING (chunk_id)"


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
    page: int = 0

    @property
    def searched(self) -> str:
        """What is embedded and whose words are matched: header, speakers and text."""
        return "\n".join(part for part in (self.header, ", ".join(self.speakers), self.text) if part)


@dataclass(frozen=True)
class Stored:
    """A chunk as its vector needs it."""

    workspace_id: str
    audience: str
    chunk: Found


def hashes(connection: sqlite3.Connection, workspace_id: str, document_ids: Sequence[str]) -> dict[str, bytes]:
    """Return the hash of each of these documents that exists."""
    found: dict[str, bytes] = {}
    for some in _some(document_ids):
        rows = connection.execute(
            f"SELECT document_id, content_hash FROM document WHERE workspace_id = ? AND document_id IN ({_marks(some)})",  # noqa: S608
            (workspace_id, *some),
        )
        found.update((row[0], row[1]) for row in rows)
    return found


def documents_of(
    connection: sqlite3.Connection, workspace_id: str, *, document_id: str = "", meeting_id: str = ""
) -> list[str]:
    """Return one document, or all of a meeting, as far as they exist."""
    column, value = ("document_id", document_id) if document_id else ("meeting_id", meeting_id)
    rows = connection.execute(
        f"SELECT document_id FROM document WHERE workspace_id = ? AND {column} = ?",  # noqa: S608 - one of two names
        (workspace_id, value),
    )
    return [row[0] for row in rows]


def chunks_of(connection: sqlite3.Connection, workspace_id: str, document_ids: Sequence[str]) -> list[Found]:
    """Return all chunks of these documents."""
    found: list[Found] = []
    for some in _some(document_ids):
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM {_JOINED} WHERE workspace_id = ? AND document_id IN ({_marks(some)})",  # noqa: S608
            (workspace_id, *some),
        )
        found += [_found(row, 0.0) for row in rows]
    return found


def replace_document(
    connection: sqlite3.Connection, workspace_id: str, document: Document, chunks: Sequence[Chunk]
) -> None:
    """Write a document with its chunks. Chunks that it has already stay; those that it has no more become stray."""
    place = (workspace_id, document.document_id)
    audience = audience_of(document.readers)
    connection.execute(
        "INSERT INTO document VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (workspace_id, document_id) DO UPDATE SET "
        "kind = excluded.kind, title = excluded.title, meeting_id = excluded.meeting_id, card_id = excluded.card_id, "
        "happened_ms = excluded.happened_ms, audience = excluded.audience, content_hash = excluded.content_hash",
        (
            *place,
            document.kind,
            document.title,
            document.meeting_id,
            document.card_id,
            document.happened_ms,
            audience,
            document.content_hash,
        ),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO audience_member VALUES (?, ?, ?)",
        [(workspace_id, audience, member) for member in document.readers],
    )
    known = {
        row[0]
        for row in connection.execute("SELECT chunk_id FROM chunk WHERE workspace_id = ? AND document_id = ?", place)
    }
    gone = known - {chunk.chunk_id for chunk in chunks}
    add_strays(connection, gone)
    connection.executemany("DELETE FROM chunk WHERE chunk_id = ?", [(one,) for one in gone])
    connection.executemany(
        "UPDATE chunk SET ordinal = ? WHERE chunk_id = ?",
        [(chunk.ordinal, chunk.chunk_id) for chunk in chunks if chunk.chunk_id in known],
    )
    fresh = [chunk for chunk in chunks if chunk.chunk_id not in known]
    connection.executemany(
        "INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                chunk.chunk_id,
                *place,
                chunk.ordinal,
                chunk.header,
                chunk.text,
                json.dumps(chunk.turn_ids, ensure_ascii=False),
                json.dumps(chunk.speakers, ensure_ascii=False),
                chunk.start_us,
                chunk.end_us,
            )
            for chunk in fresh
        ],
    )
    connection.executemany(
        "INSERT INTO chunk_place VALUES (?, ?, ?)", [(chunk.chunk_id, chunk.page, chunk.happened_ms) for chunk in fresh]
    )


def remove(connection: sqlite3.Connection, workspace_id: str, document_ids: Sequence[str]) -> None:
    """Delete documents with all that was made of them; their vectors become stray."""
    for document_id in document_ids:
        place = (workspace_id, document_id)
        connection.execute(
            "INSERT OR IGNORE INTO stray (chunk_id) SELECT chunk_id FROM chunk WHERE workspace_id = ? AND document_id = ?",
            place,
        )
        connection.execute("DELETE FROM document WHERE workspace_id = ? AND document_id = ?", place)


def forget_audiences(connection: sqlite3.Connection, workspace_id: str) -> None:
    """Drop sets of readers that no document has any more."""
    connection.execute(
        "DELETE FROM audience_member WHERE workspace_id = ? AND NOT EXISTS (SELECT 1 FROM document "
        "WHERE document.workspace_id = audience_member.workspace_id AND document.audience = audience_member.audience)",
        (workspace_id,),
    )


def audiences_of(connection: sqlite3.Connection, workspace_id: str, readers: Iterable[str]) -> tuple[str, ...]:
    """Return the audiences that any of these people and roles belong to, and '' for everybody."""
    members = sorted(readers)
    rows = connection.execute(
        f"SELECT DISTINCT audience FROM audience_member WHERE workspace_id = ? AND member IN ({_marks(members)})",  # noqa: S608
        (workspace_id, *members),
    )
    return ("", *(row[0] for row in rows))


def found_chunks(
    connection: sqlite3.Connection, workspace_id: str, audiences: Audiences, chunk_ids: Sequence[str]
) -> dict[str, Found]:
    """Return chunks by id, those alone that the reader may see: Milvus is only a copy."""
    found: dict[str, Found] = {}
    # The plus keeps SQLite from going through all chunks of the workspace instead of the few that are named.
    for some in _some(chunk_ids):
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM {_JOINED} WHERE +workspace_id = ? AND chunk_id IN ({_marks(some)})",  # noqa: S608
            (workspace_id, *some),
        )
        found.update(
            (row["chunk_id"], _found(row, 0.0)) for row in rows if audiences is None or row["audience"] in audiences
        )
    return found


def latest(
    connection: sqlite3.Connection,
    workspace_id: str,
    audiences: Audiences,
    kind: int,
    after_ms: int | None,
    before_ms: int | None,
    meeting_ids: Sequence[str],
    limit: int,
) -> list[Found]:
    """Return the chunks of one kind of documents from a span of time that a reader may see, the latest first."""
    terms, values = ["workspace_id = ?", "kind = ?", "moment IS NOT NULL"], [workspace_id, kind]
    if audiences is not None:
        terms.append(f"audience IN ({_marks(audiences)})")
        values += list(audiences)
    if meeting_ids:
        terms.append(f"meeting_id IN ({_marks(meeting_ids)})")
        values += list(meeting_ids)
    if after_ms is not None:
        terms.append("moment >= ?")
        values.append(after_ms)
    if before_ms is not None:
        terms.append("moment < ?")
        values.append(before_ms)
    rows = connection.execute(
        f"SELECT * FROM (SELECT {_COLUMNS}, ordinal FROM {_JOINED}) WHERE {' AND '.join(terms)} "  # noqa: S608
        "ORDER BY moment DESC, document_id, ordinal LIMIT ?",
        (*values, limit),
    )
    return [_found(row, 0.0) for row in rows]


def holds_any(connection: sqlite3.Connection, workspace_id: str) -> bool:
    """Tell whether a workspace has any chunk."""
    found = connection.execute("SELECT 1 FROM chunk WHERE workspace_id = ? LIMIT 1", (workspace_id,)).fetchone()
    return found is not None


def every_chunk(connection: sqlite3.Connection) -> list[Stored]:
    """Return all chunks of all workspaces, for vectors that are made again."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM {_JOINED}")  # noqa: S608
    return [Stored(row["workspace_id"], row["audience"], _found(row, 0.0)) for row in rows]


def count(connection: sqlite3.Connection) -> int:
    """Return the number of chunks of all workspaces."""
    return int(connection.execute("SELECT count(*) FROM chunk").fetchone()[0])


def add_strays(connection: sqlite3.Connection, chunk_ids: Iterable[str]) -> None:
    """Note vectors that may exist without a chunk."""
    connection.executemany("INSERT OR IGNORE INTO stray (chunk_id) VALUES (?)", [(one,) for one in chunk_ids])


def take_strays(connection: sqlite3.Connection, chunk_ids: Iterable[str]) -> None:
    """Forget vectors that are gone, or have a chunk now."""
    connection.executemany("DELETE FROM stray WHERE chunk_id = ?", [(one,) for one in chunk_ids])


def strays(connection: sqlite3.Connection) -> list[str]:
    """Return the vectors that may exist without a chunk."""
    return [row[0] for row in connection.execute("SELECT chunk_id FROM stray")]


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
        row["moment"],
        row["page"],
    )


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))


def _some(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return [values[start : start + _MARKS_AT_ONCE] for start in range(0, len(values), _MARKS_AT_ONCE)]
