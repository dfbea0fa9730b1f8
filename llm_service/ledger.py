"""What calls of language models took, call by call, in a SQLite file of its own."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Final

from mesh.database import Database
from mesh.errors import NotReady
from mesh.logs import get_logger

__all__ = ["Entry", "Ledger", "Took"]

_SCHEMA: Final = Path(__file__).with_name("ledger.sql")
_KEPT_MS: Final = 400 * 24 * 3600 * 1000
"""A year and a month, so that two Januaries can be compared."""


@dataclass(frozen=True)
class Entry:
    """One answer that was asked for, with its repetitions."""

    workspace_id: str
    purpose: str
    provider: str
    """Name in the settings."""
    model: str
    mode: str
    redacted: bool
    outcome: str
    """`ok`, or the reason of the error."""
    calls: int
    prompt_tokens: int
    completion_tokens: int
    elapsed_ms: int
    cost_micros: int
    currency: str


@dataclass(frozen=True)
class Took:
    """What the calls of one provider, model, purpose and currency took together."""

    provider: str
    model: str
    purpose: str
    currency: str
    calls: int
    failed: int
    redacted: int
    prompt_tokens: int
    completion_tokens: int
    elapsed_ms: int
    cost_micros: int


class Ledger:
    """The file.

    Args:
        path: Where it is; made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)

    async def open(self) -> None:
        """Open the file, and forget what is older than 400 days."""
        await self._database.open()
        oldest = _now() - _KEPT_MS
        await self._database.run(lambda c: c.execute("DELETE FROM model_call WHERE happened_ms < ?", (oldest,)))

    async def close(self) -> None:
        """Close the file."""
        await self._database.close()

    async def record(self, entry: Entry) -> None:
        """Write an entry; a full disk costs the entry, not the answer."""
        names = ", ".join(field.name for field in fields(Entry))
        marks = ", ".join("?" for _ in fields(Entry))
        statement = f"INSERT INTO model_call (happened_ms, {names}) VALUES (?, {marks})"  # noqa: S608 - names of our fields
        try:
            await self._database.run(lambda c: c.execute(statement, (_now(), *astuple(entry))))
        except NotReady as error:
            get_logger(__name__).warning("call of a model not recorded", reason=error.reason)

    async def tokens_since(self, workspace_id: str, seconds: float) -> int:
        """Return the tokens that a workspace's calls took in the last `seconds`."""
        after = _now() - int(seconds * 1000)

        def work(connection: sqlite3.Connection) -> int:
            row = connection.execute(
                "SELECT coalesce(sum(prompt_tokens + completion_tokens), 0) FROM model_call WHERE workspace_id = ? AND happened_ms >= ?",
                (workspace_id, after),
            ).fetchone()
            return int(row[0])

        return await self._database.run(work)

    async def took(self, workspace_id: str, after_ms: int | None, before_ms: int | None) -> list[Took]:
        """Return the sums of a workspace's calls from `after_ms` until just before `before_ms`; None for no limit."""
        names = ", ".join(field.name for field in fields(Took)[:4])

        def work(connection: sqlite3.Connection) -> list[Took]:
            rows = connection.execute(
                f"SELECT {names}, sum(calls), sum(outcome != 'ok'), sum(redacted), sum(prompt_tokens), sum(completion_tokens), "  # noqa: S608
                "sum(elapsed_ms), sum(cost_micros) FROM model_call WHERE workspace_id = ? AND happened_ms >= ? AND happened_ms < ? "
                f"GROUP BY {names} ORDER BY {names}",
                (workspace_id, after_ms or 0, before_ms if before_ms is not None else 1 << 62),
            ).fetchall()
            return [Took(*row) for row in rows]

        return await self._database.run(work)


def _now() -> int:
    return int(time.time() * 1000)
