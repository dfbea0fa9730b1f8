"""The append-only journal: what happened, when, and who did it."""

from __future__ import annotations

import time

from planerka.orchestrator.v1.meeting_pb2 import Stage
from planerka.orchestrator.v1.orchestrator_pb2 import WatchMeetingResponse
from planerka.orchestrator.v1.proposal_pb2 import Event, EventKind
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from mesh.ids import derived_id, new_id
from orchestrator.enums import as_enum
from orchestrator.moments import from_epoch
from orchestrator.store import announce
from orchestrator.tables import EventRow

__all__ = ["append", "list_events"]


async def append(
    session: AsyncSession,
    kind: EventKind,
    workspace_id: str,
    text: str,
    *,
    meeting_id: str = "",
    proposal_id: str = "",
    stage: Stage = Stage.STAGE_UNSPECIFIED,
    person_id: str = "",
    once: tuple[str, ...] = (),
) -> None:
    """Write an event inside the transaction of `session`.

    With `once`, which tells what makes the event the same one when a step is repeated, it is written only the first time.
    """
    event_id = derived_id("evt", str(kind), meeting_id, proposal_id, *once) if once else new_id("evt")
    if once and await session.scalar(select(EventRow.number).where(EventRow.event_id == event_id)) is not None:
        return
    row = EventRow(
        event_id=event_id,
        kind=int(kind),
        workspace_id=workspace_id,
        meeting_id=meeting_id,
        proposal_id=proposal_id,
        stage=int(stage),
        person_id=person_id,
        text=text,
        happened_at=time.time(),
    )
    session.add(row)
    await session.flush()
    if meeting_id:
        announce(session, meeting_id, WatchMeetingResponse(event=_message(row)))


async def list_events(
    session: AsyncSession, workspace_id: str, meeting_id: str, before: int | None, limit: int
) -> list[tuple[int, Event]]:
    """Return events with their numbers, newest first, `before` a number."""
    query = select(EventRow).where(EventRow.workspace_id == workspace_id)
    if meeting_id:
        query = query.where(EventRow.meeting_id == meeting_id)
    if before is not None:
        query = query.where(EventRow.number < before)
    rows = await session.scalars(query.order_by(EventRow.number.desc()).limit(limit))
    return [(row.number, _message(row)) for row in rows]


def _message(row: EventRow) -> Event:
    return Event(
        event_id=row.event_id,
        kind=as_enum(EventKind, row.kind),
        workspace_id=row.workspace_id,
        meeting_id=row.meeting_id,
        proposal_id=row.proposal_id,
        stage=as_enum(Stage, row.stage),
        person_id=row.person_id,
        text=row.text,
        happened_at=from_epoch(row.happened_at),
    )
