"""One run of one step: its keys, its journal entries, its patience with services that are away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import grpc
from planerka.orchestrator.v1.meeting_pb2 import MeetingState, Stage
from planerka.orchestrator.v1.proposal_pb2 import EventKind
from sqlalchemy.ext.asyncio import AsyncSession

from mesh.errors import PlanerkaError, RemoteError
from mesh.logs import get_logger
from orchestrator import journal
from orchestrator.desk import Desk
from orchestrator.errors import MeetingNotFound, StepFailed
from orchestrator.meetings import ENDED, read_row, set_state
from orchestrator.store import Store
from orchestrator.tables import MeetingRow
from orchestrator.texts import say
from orchestrator.workspaces import language_of

__all__ = ["AWAY", "Job", "Outcome", "StepBody", "note_finished", "perform", "service_of", "stage_name"]

AWAY = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        # A service that is stopped in mid-call cancels what it cannot finish.
        grpc.StatusCode.CANCELLED,
    }
)
# A connection that is cut in mid-message may come back as one of these, without a reason of ours.
_BROKEN = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.ABORTED})
_BROKEN_TRIES = 5
_FIRST_PAUSE = 0.25
_TOLD_AFTER = 5.0

Outcome = Literal["next", "close", "failed", "gone"]
"""What comes after a step: the next one, the end without asking, the end with a failure, or nothing: the meeting was deleted or redone."""


@dataclass(frozen=True, slots=True)
class Job:
    """A step of a run, as its body sees it."""

    desk: Desk
    """What the step works with."""
    workflow_id: str
    """The run."""
    meeting_id: str
    """The meeting."""
    round: int
    """Number of the run of this meeting, from 1; `GoBack` makes a new one."""
    stage: Stage
    """The step."""

    @property
    def store(self) -> Store:
        """The tables."""
        return self.desk.store

    def key(self, number: object = 1) -> str:
        """Return the idempotency key of the step's effect with this number or name."""
        return f"{self.workflow_id}:{stage_name(self.stage)}:{number}"

    async def meeting(self) -> MeetingRow:
        """Return the meeting.

        Raises:
            MeetingNotFound: It was deleted meanwhile.
        """
        async with self.store.read() as session:
            return await read_row(session, self.meeting_id)


StepBody = Callable[[Job], Awaitable[dict[str, Any]]]


def stage_name(stage: Stage) -> str:
    """Return the name of a step in keys and in the journal, such as `summarize`."""
    return Stage.Name(stage).removeprefix("STAGE_").lower()


async def perform(job: Job, body: StepBody, *, quiet: bool = False) -> dict[str, Any]:
    """Run a step to its end, whatever that is, and return small JSON with its `outcome`.

    Services that are away are waited for; refusals and errors end the meeting with advice. This is the one boundary of the workflow:
    no exception leaves it but the end of the process.

    Args:
        job: The step.
        body: Its work; returns facts for the journal, and optionally an `outcome`.
        quiet: Whether beginning and end stay out of the journal, for steps that come many times.
    """
    log = get_logger(__name__).bind(meeting_id=job.meeting_id, step=stage_name(job.stage))
    try:
        if not await _begin(job, quiet=quiet):
            return {"outcome": "gone"}
        started = time.monotonic()
        facts = await _patiently(job, body)
        log.info("step done", elapsed_seconds=round(time.monotonic() - started, 3), **facts)
        if not quiet:
            await _finish(job, facts)
    except MeetingNotFound:
        return {"outcome": "gone"}
    except StepFailed as failure:
        log.warning("step failed", reason=failure.message)
        return await _fail(job, failure.message)
    return {"outcome": "next", **facts}


async def _patiently(job: Job, body: StepBody) -> dict[str, Any]:
    since: float | None = None
    broken, pause, told = 0, _FIRST_PAUSE, False
    while True:
        try:
            return await body(job)
        except RemoteError as error:
            broken += error.code in _BROKEN
            away = error.code in AWAY or (
                error.code in _BROKEN and error.reason == error.code.name and broken < _BROKEN_TRIES
            )
            if not away:
                raise StepFailed(await _say(job, "fail_refused", service=service_of(job), why=error.message)) from error
            since = since or time.monotonic()
            waited = time.monotonic() - since
            if waited > job.desk.settings.patience_seconds:
                minutes = max(1, round(waited / 60))
                raise StepFailed(
                    await _say(job, "fail_unavailable", service=service_of(job), minutes=minutes)
                ) from error
            if waited > _TOLD_AFTER and not told:
                told = True
                await _tell_waiting(job)
            delay = error.retry_after.total_seconds() if error.retry_after is not None else pause
            await asyncio.sleep(min(max(delay, pause), job.desk.settings.retry_seconds))
            pause = min(pause * 2, job.desk.settings.retry_seconds)
        except (StepFailed, MeetingNotFound):
            raise
        except PlanerkaError as error:
            raise StepFailed(error.message) from error
        except Exception as error:
            get_logger(__name__).error(
                "step broke", meeting_id=job.meeting_id, step=stage_name(job.stage), exc_info=error
            )
            raise StepFailed(await _say(job, "fail_internal")) from error


async def _begin(job: Job, *, quiet: bool) -> bool:
    async with job.store.write() as session:
        row = await read_row(session, job.meeting_id)
        if row.round != job.round or (row.state in ENDED and job.stage != Stage.STAGE_CLOSE):
            return False
        waits = job.stage in (Stage.STAGE_WAIT, Stage.STAGE_APPLY)
        state = MeetingState.MEETING_STATE_WAITING if waits else MeetingState.MEETING_STATE_PROCESSING
        if row.state not in ENDED and (row.stage, row.state) != (int(job.stage), int(state)):
            await set_state(session, row, state, job.stage)
        if not quiet:
            await journal.append(
                session,
                EventKind.EVENT_KIND_STAGE_STARTED,
                row.workspace_id,
                say(await language_of(session, row.workspace_id), "stage_started"),
                meeting_id=job.meeting_id,
                stage=job.stage,
                once=(job.workflow_id, str(int(job.stage))),
            )
    return True


async def note_finished(session: AsyncSession, job: Job, row: MeetingRow, facts: dict[str, Any]) -> None:
    """Write into the journal that a step is done, the first time only."""
    detail = ", ".join(f"{name} {value}" for name, value in facts.items() if isinstance(value, int | str)) or "ok"
    await journal.append(
        session,
        EventKind.EVENT_KIND_STAGE_FINISHED,
        row.workspace_id,
        say(await language_of(session, row.workspace_id), "stage_finished", detail=detail),
        meeting_id=job.meeting_id,
        stage=job.stage,
        once=(job.workflow_id, str(int(job.stage))),
    )


async def _finish(job: Job, facts: dict[str, Any]) -> None:
    async with job.store.write() as session:
        await note_finished(session, job, await read_row(session, job.meeting_id), facts)


async def _fail(job: Job, message: str) -> dict[str, Any]:
    async with job.store.write() as session:
        try:
            row = await read_row(session, job.meeting_id)
        except MeetingNotFound:
            return {"outcome": "gone"}
        await journal.append(
            session,
            EventKind.EVENT_KIND_FAILED,
            row.workspace_id,
            say(await language_of(session, row.workspace_id), "failed", why=message),
            meeting_id=job.meeting_id,
            stage=job.stage,
            once=(job.workflow_id,),
        )
        await set_state(session, row, MeetingState.MEETING_STATE_FAILED, job.stage, message)
    return {"outcome": "failed", "reason": message}


async def _tell_waiting(job: Job) -> None:
    async with job.store.write() as session:
        row = await read_row(session, job.meeting_id)
        await journal.append(
            session,
            EventKind.EVENT_KIND_STAGE_STARTED,
            row.workspace_id,
            say(await language_of(session, row.workspace_id), "waiting_for_service", service=service_of(job)),
            meeting_id=job.meeting_id,
            stage=job.stage,
        )


async def _say(job: Job, key: str, **values: object) -> str:
    row = await job.meeting()
    async with job.store.read() as session:
        return say(await language_of(session, row.workspace_id), key, **values)


def service_of(job: Job) -> str:
    """Return the name of the service that a step works with."""
    return {
        Stage.STAGE_TRANSCRIBE: "asr",
        Stage.STAGE_NAME_SPEAKERS: "board",
        Stage.STAGE_SUMMARIZE: "llm",
        Stage.STAGE_STORE_KNOWLEDGE: "llm",
        Stage.STAGE_READ_BOARD: "board",
        Stage.STAGE_MATCH: "match",
        Stage.STAGE_DIFFERENCE: "match",
        Stage.STAGE_APPLY: "board",
    }.get(job.stage, "notify")
