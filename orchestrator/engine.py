"""The durable engine: the only module that knows DBOS.

A workflow is a coroutine over a `Flow`. Finished steps are read from the journal when a process starts again, never run twice; a step
that was cut off runs again with the same inputs.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, Protocol

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from mesh.errors import Internal
from mesh.logs import get_logger

__all__ = ["Engine", "Flow", "Journaled"]

# Changed by hand when the order of steps changes: waiting runs of another version are not picked up by this code.
_VERSION = "planerka-1"
_WAKE = "wake"

Journaled = dict[str, Any]
"""Small JSON that the journal keeps as the result of a step."""


class Flow(Protocol):
    """What a workflow may do besides plain code."""

    @property
    def workflow_id(self) -> str:
        """Identifier of this run."""

    async def step(self, name: str, body: Callable[[], Awaitable[Journaled]]) -> Journaled:
        """Run `body` once and journal its result; when the run is resumed, return what is in the journal."""

    async def sleep_until_woken(self, seconds: float) -> None:
        """Wait for `Engine.wake`, at most `seconds` long; holds over restarts."""


Body = Callable[[Flow, str, int, str], Awaitable[None]]


class _Run:
    """One run of a workflow inside DBOS."""

    def __init__(self, workflow_id: str) -> None:
        self.workflow_id = workflow_id

    async def step(self, name: str, body: Callable[[], Awaitable[Journaled]]) -> Journaled:
        async def call() -> Journaled:
            return await body()

        result: Journaled = await DBOS.run_step_async({"name": name}, call)
        return result

    async def sleep_until_woken(self, seconds: float) -> None:
        await DBOS.recv_async(_WAKE, timeout_seconds=seconds)


class Engine:
    """Starts, wakes and resumes workflows. A process has one.

    Args:
        database: URL of the journal.
        executor_id: Name under which this process finds its own runs again.
        poll_seconds: Pause between two looks for messages to waiting runs.
    """

    def __init__(self, database: str, executor_id: str, poll_seconds: float = 0.2) -> None:
        self._database = database
        self._executor_id = executor_id
        self._poll_seconds = poll_seconds
        self._running: set[asyncio.Task[Any]] = set()
        self._workflow: Any = None
        self._log = get_logger(__name__)

    async def open(self, body: Body) -> None:
        """Open the journal, and resume every run that was cut off.

        Raises:
            Internal: The journal cannot be opened.
        """
        _refuse_old_sqlite(self._database)
        try:
            await asyncio.to_thread(_use_write_ahead_log, self._database)
            config: DBOSConfig = {
                "name": "planerka-orchestrator",
                "system_database_url": self._database,
                "application_version": _VERSION,
                "executor_id": self._executor_id,
                "serializer": DBOSPortableJSONSerializer(),
                "notification_listener_polling_interval_sec": self._poll_seconds,
                "log_level": "ERROR",
                "enable_otlp": False,
            }
            DBOS(config=config)
            self._workflow = DBOS.workflow(name="meeting", max_recovery_attempts=None)(self._runner(body))
            DBOS.launch()
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise Internal(
                f"The workflow journal cannot be opened: {error}. Check that its database runs, its rights and free space.",
                reason="JOURNAL_UNUSABLE",
            ) from error
        strangers = [
            run.workflow_id
            for run in await DBOS.list_workflows_async(status="PENDING", load_input=False, load_output=False)
            if run.app_version != _VERSION
        ]
        if strangers:
            self._log.warning("runs of another version wait for it", version=_VERSION, runs=strangers)

    async def close(self) -> None:
        """Stop running steps where they are, and close the journal; everything goes on after the next start."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        # DBOS makes its own pool the loop's default one, and has just shut it down.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="orchestrator"))

    async def start(self, workflow_id: str, meeting_id: str, round_: int, stage: str) -> None:
        """Start a run; one that was started before stays as it is."""
        with SetWorkflowID(workflow_id):
            await DBOS.start_workflow_async(self._workflow, meeting_id, round_, stage)

    async def wake(self, workflow_id: str) -> None:
        """Tell a waiting run to look again; a run that is over, or does not exist, is left alone."""
        status = await DBOS.get_workflow_status_async(workflow_id)
        if status is not None and status.status in {"PENDING", "ENQUEUED"}:
            await DBOS.send_async(workflow_id, "look", _WAKE)

    async def state(self, workflow_id: str) -> Literal["unknown", "running", "done", "broken"]:
        """Tell how a run stands; a broken one ended with an exception, which is always an error in this program."""
        status = await DBOS.get_workflow_status_async(workflow_id)
        if status is None:
            return "unknown"
        if status.status in {"PENDING", "ENQUEUED", "DELAYED"}:
            return "running"
        return "done" if status.status == "SUCCESS" else "broken"

    async def forget(self, workflow_id: str) -> None:
        """Stop a run for good and delete what its journal holds."""
        if await self.state(workflow_id) != "unknown":
            await DBOS.cancel_workflow_async(workflow_id)
            await DBOS.delete_workflow_async(workflow_id)

    def _runner(self, body: Body) -> Callable[[str, int, str], Awaitable[None]]:
        async def run(meeting_id: str, round_: int, stage: str) -> None:
            task = asyncio.current_task()
            workflow_id = DBOS.workflow_id
            if task is None or workflow_id is None:
                raise Internal("A workflow ran outside its engine.")
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            await body(_Run(workflow_id), meeting_id, round_, stage)

        return run


def _refuse_old_sqlite(database: str) -> None:
    """From Python 3.12 on DBOS asks SQLite for sub-second times, which versions before 3.42 answer with NULL.

    Raises:
        Internal: The journal is in SQLite, and this SQLite is too old for it.
    """
    is_sqlite = make_url(database).get_backend_name() == "sqlite"
    if is_sqlite and sys.version_info >= (3, 12) and sqlite3.sqlite_version_info < (3, 42):
        raise Internal(
            f"SQLite {sqlite3.sqlite_version} is too old for Python {sys.version_info.major}.{sys.version_info.minor}: "
            "the workflow journal needs 3.42. Use Python 3.11, a newer SQLite, or PostgreSQL.",
            reason="JOURNAL_UNUSABLE",
        )


def _use_write_ahead_log(database: str) -> None:
    """Set the journal mode of a SQLite file, which belongs to the file; with the default one a writer stalls waiting runs."""
    url = make_url(database)
    if url.get_backend_name() != "sqlite" or not url.database:
        return
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(url.database)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
