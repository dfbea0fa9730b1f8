"""From a complete recording or text to a running workflow; and what makes sure that none is forgotten."""

from __future__ import annotations

import asyncio
import time

from planerka.orchestrator.v1.meeting_pb2 import MeetingState, Stage
from planerka.orchestrator.v1.proposal_pb2 import EventKind, ProposalState
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from mesh.logs import get_logger
from mesh.times import to_seconds
from orchestrator import journal
from orchestrator.desk import Desk
from orchestrator.enums import as_enum
from orchestrator.live import LiveMeetings
from orchestrator.meetings import ENDED, read_row, set_state
from orchestrator.tables import AudioSegmentRow, DecisionRow, MeetingRow, ProposalRow
from orchestrator.texts import say
from orchestrator.workflow import FIRST_STAGE, workflow_id_of
from orchestrator.workspaces import language_of, read_settings

__all__ = ["Sweeper", "close_live", "start_workflow"]

_RUNNING = (int(MeetingState.MEETING_STATE_PROCESSING), int(MeetingState.MEETING_STATE_WAITING))


async def start_workflow(desk: Desk, row: MeetingRow, stage: Stage = FIRST_STAGE) -> None:
    """Start the workflow of a meeting's present round; one that runs already stays as it is."""
    await desk.engine.start(workflow_id_of(row.meeting_id, row.round), row.meeting_id, row.round, Stage.Name(stage))


async def close_live(desk: Desk, meeting_id: str) -> MeetingRow:
    """End the recording of a live meeting and start its workflow; done before, it changes nothing.

    Raises:
        MeetingNotFound: There is no such meeting.
    """
    async with desk.store.write() as session:
        row = await read_row(session, meeting_id)
        if row.state == int(MeetingState.MEETING_STATE_LIVE):
            await set_state(session, row, MeetingState.MEETING_STATE_PROCESSING, FIRST_STAGE)
    await start_workflow(desk, row)
    return row


class Sweeper:
    """Looks from time to time for work that fell between two chairs: a crash after a commit and before the next call.

    Args:
        desk: Tables and workflows.
        live: The streams that are open in this process.
    """

    def __init__(self, desk: Desk, live: LiveMeetings) -> None:
        self._desk = desk
        self._live = live
        self._log = get_logger(__name__)

    async def begin(self) -> None:
        """Give streams that died with the process their full time to come back, then sweep once."""
        async with self._desk.store.write() as session:
            live = MeetingRow.state == int(MeetingState.MEETING_STATE_LIVE)
            await session.execute(update(MeetingRow).where(live).values(touched_at=time.time()))
        await self.sweep()

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            await asyncio.sleep(self._desk.settings.sweep_seconds)
            await self.sweep()
            await self._desk.janitor.sweep()
            await self._desk.documents.sweep()

    async def sweep(self) -> None:
        """Close abandoned streams, start forgotten workflows, wake those with decisions, delete audio that has had its time."""
        async with self._desk.store.read() as session:
            abandoned = await self._abandoned(session)
            running = list(await session.scalars(select(MeetingRow).where(MeetingRow.state.in_(_RUNNING))))
            decided = await self._decided(session)
        for meeting_id in abandoned:
            self._log.info("abandoned stream closed", meeting_id=meeting_id)
            self._live.drop(meeting_id)
            await close_live(self._desk, meeting_id)
        for row in running:
            state = await self._desk.engine.state(workflow_id_of(row.meeting_id, row.round))
            if state == "unknown":
                await start_workflow(self._desk, row, as_enum(Stage, max(row.stage, int(FIRST_STAGE))))
            elif state == "broken":
                await self._give_up(row)
        for workflow_id in decided:
            await self._desk.engine.wake(workflow_id)
        await self._delete_old_audio()

    async def _give_up(self, row: MeetingRow) -> None:
        """Fail a meeting whose run ended with an exception, so that nobody waits for it."""
        async with self._desk.store.write() as session:
            current = await read_row(session, row.meeting_id)
            if current.round == row.round and current.state in _RUNNING:
                message = say(await language_of(session, row.workspace_id), "fail_internal")
                await set_state(session, current, MeetingState.MEETING_STATE_FAILED, failure=message)

    async def _abandoned(self, session: AsyncSession) -> list[str]:
        rows = await session.scalars(
            select(MeetingRow.meeting_id).where(
                MeetingRow.state == int(MeetingState.MEETING_STATE_LIVE),
                MeetingRow.touched_at < time.time() - self._desk.settings.resume_window_seconds,
            )
        )
        return [meeting_id for meeting_id in rows if not self._live.is_attached(meeting_id)]

    async def _decided(self, session: AsyncSession) -> list[str]:
        rows = await session.execute(
            select(MeetingRow.meeting_id, MeetingRow.round)
            .join(ProposalRow, ProposalRow.meeting_id == MeetingRow.meeting_id)
            .join(DecisionRow, DecisionRow.proposal_id == ProposalRow.proposal_id)
            .where(
                MeetingRow.state == int(MeetingState.MEETING_STATE_WAITING),
                MeetingRow.stage == int(Stage.STAGE_WAIT),
                DecisionRow.settled.is_(False),
                ProposalRow.state.in_([ProposalState.PROPOSAL_STATE_APPROVED, ProposalState.PROPOSAL_STATE_REJECTED]),
                DecisionRow.decided_at < time.time() - 5,
            )
            .distinct()
        )
        return [workflow_id_of(meeting_id, round_) for meeting_id, round_ in rows]

    async def _delete_old_audio(self) -> None:
        async with self._desk.store.read() as session:
            rows = await session.scalars(
                select(MeetingRow).where(MeetingRow.state.in_(ENDED), MeetingRow.audio_deleted.is_(False))
            )
            due = []
            for row in rows:
                settings = await read_settings(session, row.workspace_id)
                if not settings.HasField("audio_retention") or row.finished_at is None:
                    continue
                if row.finished_at + to_seconds(settings.audio_retention) <= time.time():
                    due.append((row.meeting_id, row.workspace_id, settings.language))
        for meeting_id, workspace_id, language in due:
            await asyncio.to_thread(self._desk.vault.delete, meeting_id)
            async with self._desk.store.write() as session:
                await session.execute(delete(AudioSegmentRow).where(AudioSegmentRow.meeting_id == meeting_id))
                await session.execute(
                    update(MeetingRow).where(MeetingRow.meeting_id == meeting_id).values(audio_deleted=True)
                )
                await journal.append(
                    session,
                    EventKind.EVENT_KIND_ADMINISTRATION,
                    workspace_id,
                    say(language, "audio_deleted"),
                    meeting_id=meeting_id,
                    once=("audio",),
                )
