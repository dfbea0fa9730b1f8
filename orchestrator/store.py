"""The database of the product's tables: opening with migrations, transactions, and the ledger of idempotency keys."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from google.protobuf.message import Message
from planerka.orchestrator.v1.orchestrator_pb2 import WatchMeetingResponse
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from mesh.database import fingerprint
from mesh.errors import Internal
from orchestrator.broadcast import Broadcast
from orchestrator.errors import KeyReused
from orchestrator.tables import KeyRow

__all__ = ["Store", "announce", "once", "repeated"]

M = TypeVar("M", bound=Message)
_MIGRATIONS = Path(__file__).parent / "migrations"
_UPDATES = "updates"


class Store:
    """The tables, on SQLite or PostgreSQL.

    Args:
        url: SQLAlchemy URL with an asynchronous driver.
        broadcast: Receives what transactions announce, once they are committed.
    """

    def __init__(self, url: str, broadcast: Broadcast) -> None:
        self._url = url
        self._broadcast = broadcast
        self._engine: AsyncEngine | None = None

    async def open(self) -> None:
        """Connect and bring the schema up to date.

        Raises:
            Internal: The database cannot be opened or migrated; the message names it.
        """
        url = make_url(self._url)
        if url.get_backend_name() == "sqlite" and url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        is_sqlite = url.get_backend_name() == "sqlite"
        engine = create_async_engine(url, connect_args={"factory": _SqliteConnection} if is_sqlite else {})
        if is_sqlite:
            event.listen(engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(engine.sync_engine, "begin", _begin_sqlite)
        try:
            async with engine.connect() as connection:
                await connection.execution_options(writes=True)
                await connection.run_sync(_migrate)
                await connection.commit()
        except (SQLAlchemyError, OSError) as error:
            await engine.dispose()
            raise Internal(
                f"The database {url.render_as_string(hide_password=True)} cannot be used: {error}. "
                "Check that it runs, its rights and free space.",
                reason="DATABASE_UNUSABLE",
            ) from error
        self._engine = engine

    async def close(self) -> None:
        """Disconnect."""
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None

    async def check(self) -> None:
        """Raise where the tables cannot be read any more."""
        try:
            async with self.read() as session:
                await session.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError) as error:
            raise Internal(f"The database does not answer: {error}", reason="DATABASE_UNUSABLE") from error

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Read inside one transaction, so that all of it is from one moment."""
        async with AsyncSession(self._opened(), expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """Read and write inside one transaction: committed at the end, rolled back on an error; then watchers are told."""
        async with AsyncSession(self._opened(), expire_on_commit=False) as session:
            await session.connection(execution_options={"writes": True})
            yield session
            await session.commit()
            for meeting_id, update in session.info.get(_UPDATES, ()):
                self._broadcast.publish(meeting_id, update)

    def _opened(self) -> AsyncEngine:
        if self._engine is None:
            raise Internal("The database is not open.", reason="DATABASE_UNUSABLE")
        return self._engine


def announce(session: AsyncSession, meeting_id: str, update: WatchMeetingResponse) -> None:
    """Tell the watchers of a meeting about a change, once its transaction is committed."""
    session.info.setdefault(_UPDATES, []).append((meeting_id, update))


async def once(
    session: AsyncSession,
    workspace_id: str,
    request: Any,
    response: type[M],
    work: Callable[[], Awaitable[M]],
    *,
    secret: str = "",
) -> M:
    """Return what `work` answers, or what it answered when the request's idempotency key was first used.

    Args:
        session: A writing transaction; answer and effects are committed together.
        workspace_id: Keys of different workspaces do not know each other.
        request: The request with its `idempotency_key`.
        response: Type of the answer.
        work: Makes the change.
        secret: Field of the answer that must not be kept.

    Raises:
        KeyReused: The key was used with another request.
    """
    known = await repeated(session, workspace_id, request, response)
    if known is not None:
        return known
    answer = await work()
    kept = response()
    kept.CopyFrom(answer)
    if secret:
        kept.ClearField(secret)
    session.add(
        KeyRow(
            workspace_id=workspace_id,
            method=type(request).__name__,
            key=request.idempotency_key,
            request_hash=fingerprint(request),
            response=kept.SerializeToString(deterministic=True),
            created_at=time.time(),
        )
    )
    return answer


async def repeated(session: AsyncSession, workspace_id: str, request: Any, response: type[M]) -> M | None:
    """Return the first answer to a request that was made before; None for a new one.

    Raises:
        KeyReused: The key was used with another request.
    """
    key = request.idempotency_key
    row = await session.get(KeyRow, (workspace_id, type(request).__name__, key))
    if row is None:
        return None
    if row.request_hash != fingerprint(request):
        raise KeyReused(
            f"The idempotency key {key!r} was used before with another request; use a new key for a new request.",
            resource=("idempotency_key", key),
        )
    return response.FromString(row.response)


class _SqliteConnection(sqlite3.Connection):
    """Gives its locks back when it is closed.

    SQLite keeps a closed connection, and the lock of its transaction, until the last cursor is gone. A cancelled call
    closes its connection while the traceback still holds the cursor, and nobody could write until the next collection.
    """

    def close(self) -> None:
        if self.in_transaction:
            self.rollback()
        super().close()


def _prepare_sqlite(connection: Any, record: Any) -> None:
    del record
    # The driver's own transactions begin late and as readers; ours are opened by `_begin_sqlite`.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A reader that turns writer fails at once when somebody else wrote meanwhile, so writers say so at the beginning.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
