"""A SQLite file of one service: schema, transactions off the event loop, and the ledger of idempotency keys."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf.message import Message

from mesh.errors import AlreadyExists, Internal, NotReady

__all__ = ["Database", "IdempotencyKeyReused", "fingerprint", "once"]

T = TypeVar("T")
M = TypeVar("M", bound=Message)

_LEDGER = """
CREATE TABLE IF NOT EXISTS idempotency (
    method TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    response BLOB NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (method, key)
) WITHOUT ROWID
"""


# Errors of the machine, not of our statements: the same call may work later.
_ENVIRONMENT = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)


class IdempotencyKeyReused(AlreadyExists):
    """The key was used before, with another request."""

    default_reason = "IDEMPOTENCY_KEY_REUSED"


class Database:
    """One SQLite file in WAL mode, used by one thread at a time.

    Args:
        path: The file; its folder is created.
        schema: A file with `CREATE … IF NOT EXISTS` statements, run at every opening.
    """

    def __init__(self, path: Path, schema: Path) -> None:
        self._path = path
        self._schema = schema
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"db-{path.stem}")
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open the file and bring the schema up to date.

        Raises:
            Internal: The file cannot be opened or is no database; the message names it.
        """
        await asyncio.get_running_loop().run_in_executor(self._thread, self._open)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in one transaction: committed when it returns, rolled back when it raises.

        Raises:
            NotReady: The disk is full, the file locked or broken; nothing was changed.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    async def check(self) -> None:
        """Raise where the file cannot be used any more.

        Raises:
            NotReady: The file is gone, or cannot be read or written.
        """
        if not await asyncio.get_running_loop().run_in_executor(self._thread, self._path.is_file):
            raise self._unusable("the file is gone")
        await self.run(lambda connection: connection.execute("SELECT count(*) FROM sqlite_master").fetchone())

    async def empty_log(self) -> None:
        """Bring the write-ahead log into the file and cut it to nothing, so that no old content stays in it.

        A reader in another process may hold it; then the next checkpoint does this.
        """
        await asyncio.get_running_loop().run_in_executor(self._thread, self._empty_log)

    async def close(self) -> None:
        """Close the file; opening it again is allowed afterwards."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, isolation_level=None, timeout=30)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.executescript(self._schema.read_text(encoding="utf-8"))
            connection.execute(_LEDGER)
        except (sqlite3.Error, OSError) as error:
            raise Internal(
                f"The database {self._path} cannot be opened: {error}. Check the folder's rights and free space.",
                reason="DATABASE_UNUSABLE",
            ) from error
        self._connection = connection

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None:
            raise Internal(f"The database {self._path} is not open.", reason="DATABASE_UNUSABLE")
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            result = work(self._connection)
            self._connection.execute("COMMIT")
        except BaseException as error:
            # A full disk ends the transaction by itself, and a failed COMMIT leaves it open.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _ENVIRONMENT:
                raise self._unusable(str(error)) from error
            raise
        return result

    def _unusable(self, why: str) -> NotReady:
        return NotReady(
            f"The database {self._path} cannot be used: {why}. Check the folder's rights and free space.",
            reason="DATABASE_UNUSABLE",
        )

    def _empty_log(self) -> None:
        if self._connection is not None:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def once(
    connection: sqlite3.Connection, method: str, key: str, request: Message, response: type[M], work: Callable[[], M]
) -> M:
    """Return what `work` answers, or what it answered when the key was first used, in the transaction of `connection`.

    Raises:
        IdempotencyKeyReused: The key was used with another request.
    """
    digest = fingerprint(request)
    row: Any = connection.execute(
        "SELECT request_hash, response FROM idempotency WHERE method = ? AND key = ?", (method, key)
    ).fetchone()
    if row is not None:
        if row[0] != digest:
            raise IdempotencyKeyReused(
                f"The idempotency key {key!r} was used before with another request; use a new key for a new request.",
                resource=("idempotency_key", key),
            )
        return response.FromString(row[1])
    answer = work()
    connection.execute(
        "INSERT INTO idempotency (method, key, request_hash, response) VALUES (?, ?, ?, ?)",
        (method, key, digest, answer.SerializeToString(deterministic=True)),
    )
    return answer


def fingerprint(request: Message) -> bytes:
    """Return the SHA-256 of a request, by which a repeated one is known."""
    return hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
