"""The rpcs about meetings: contract to domain and back, nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from planerka.llm.v1.llm_pb2 import DeleteDocumentsRequest
from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1.meeting_pb2 import Meeting, MeetingDetail, MeetingState, Stage
from planerka.orchestrator.v1.proposal_pb2 import EventKind, ProposalState
from planerka.orchestrator.v1.workspace_pb2 import Role
from sqlalchemy import delete

from mesh.paging import decode_token, encode_token, page_size
from orchestrator import journal
from orchestrator.clients import answer
from orchestrator.desk import Desk
from orchestrator.errors import MeetingBusy, RoleMissing, StreamOutOfOrder
from orchestrator.live import LiveMeetings
from orchestrator.meetings import ENDED, list_rows, message, read_row, set_state
from orchestrator.processing import close_live, start_workflow
from orchestrator.proposals import OPEN, of_meeting, save
from orchestrator.proposals import message as proposal_message
from orchestrator.rights import may_decide, require
from orchestrator.store import once, repeated
from orchestrator.tables import MeetingRow, ProposalRow
from orchestrator.texts import say
from orchestrator.transcripts import name_voice, read_links, read_summary, read_turns
from orchestrator.uploads import import_meeting
from orchestrator.workflow import workflow_id_of
from orchestrator.workspaces import language_of

__all__ = ["MeetingRpcs"]

_FIRST_BACK = Stage.STAGE_TRANSCRIBE
_LAST_BACK = Stage.STAGE_ASK
# A connection that broke looks like a half-close for a moment, until its call is cancelled.
_SETTLING = 0.1


class MeetingRpcs:
    """Streams, imports, reads, watches and deletes meetings.

    Args:
        desk: What the rpcs work with.
        live: The live meetings of this process.
    """

    def __init__(self, desk: Desk, live: LiveMeetings) -> None:
        self._desk = desk
        self._live = live
        self._stopping = asyncio.Event()

    async def StreamMeeting(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.StreamMeetingRequest], context: Any
    ) -> AsyncIterator[pb.StreamMeetingResponse]:
        """Take a live meeting."""
        who = require(Role.ROLE_MEMBER)
        requests = aiter(request_iterator)
        first = await anext(requests, None)
        kind = None if first is None else first.WhichOneof("request")
        if first is None or kind not in {"config", "resume"}:
            raise StreamOutOfOrder("The first message must carry `config` or `resume`.")
        if kind == "config":
            meeting, meeting_id, token = await self._live.begin(who, first.config)
            last_event = 0
        else:
            meeting, meeting_id = await self._live.resume(first.resume)
            token, last_event = first.resume.resume_token, first.resume.last_event_id
        try:
            async for response in meeting.serve(requests, token, last_event):
                yield response
            await asyncio.sleep(_SETTLING)
            if context.cancelled():
                return
        finally:
            await self._live.touch(meeting_id)
        self._live.drop(meeting_id)
        row = await close_live(self._desk, meeting_id)
        yield pb.StreamMeetingResponse(closed=pb.MeetingClosed(meeting=await self._message(row)))

    async def ImportMeeting(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.ImportMeetingRequest], context: Any
    ) -> pb.ImportMeetingResponse:
        """Take a recording or a text."""
        del context
        row = await import_meeting(self._desk, require(Role.ROLE_MEMBER), request_iterator)
        if row.state not in ENDED:
            await start_workflow(self._desk, row)
        return pb.ImportMeetingResponse(meeting=await self._message(row))

    async def GetMeeting(self, request: pb.GetMeetingRequest, context: Any) -> pb.GetMeetingResponse:  # noqa: N802
        """Read one meeting."""
        del context
        who = require(Role.ROLE_VIEWER)
        async with self._desk.store.read() as session:
            row = await read_row(session, request.meeting_id, who.workspace_id)
            detail = MeetingDetail(
                meeting=await message(session, row),
                turns=await read_turns(session, row.meeting_id),
                summary=await read_summary(session, row.meeting_id),
                links=await read_links(session, row.meeting_id),
            )
        return pb.GetMeetingResponse(detail=detail)

    async def ListMeetings(self, request: pb.ListMeetingsRequest, context: Any) -> pb.ListMeetingsResponse:  # noqa: N802
        """List meetings."""
        del context
        workspace_id = require(Role.ROLE_VIEWER).workspace(request.workspace_id)
        limit = page_size(request.page_size)
        async with self._desk.store.read() as session:
            before = decode_token(request.page_token)
            rows = await list_rows(session, workspace_id, int(request.state), before, limit + 1)
            meetings = [await message(session, row) for row in rows[:limit]]
        token = encode_token(rows[limit - 1].meeting_id) if len(rows) > limit else ""
        return pb.ListMeetingsResponse(meetings=meetings, next_page_token=token)

    async def WatchMeeting(  # noqa: N802
        self, request: pb.WatchMeetingRequest, context: Any
    ) -> AsyncIterator[pb.WatchMeetingResponse]:
        """Send what there is, then what happens, until the meeting is over."""
        del context
        who = require(Role.ROLE_VIEWER)
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            with self._desk.broadcast.watch(request.meeting_id) as watcher:
                snapshot = await self._snapshot(request.meeting_id, who.workspace_id)
                for update in snapshot:
                    yield update
                while not _is_over(snapshot[-1]):
                    waiting = asyncio.create_task(watcher.next())
                    await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
                    if not waiting.done():
                        waiting.cancel()
                        return
                    news = waiting.result()
                    snapshot = [news] if news else await self._snapshot(request.meeting_id, who.workspace_id)
                    for update in snapshot:
                        yield update
        finally:
            stopping.cancel()

    async def DeleteMeeting(self, request: pb.DeleteMeetingRequest, context: Any) -> pb.DeleteMeetingResponse:  # noqa: N802
        """Delete a meeting with audio, text and vectors."""
        del context
        who = require(Role.ROLE_MEMBER)
        async with self._desk.store.write() as session:
            # A repeated call finds no meeting any more, but its first answer.
            known = await repeated(session, who.workspace_id, request, pb.DeleteMeetingResponse)
            if known is not None:
                return known
            row = await read_row(session, request.meeting_id, who.workspace_id)
        if who.person.role < Role.ROLE_ADMIN and row.created_by != who.person.person_id:
            raise RoleMissing("Only an admin, or who began the meeting, may delete it.", metadata={"role": "admin"})
        documents = DeleteDocumentsRequest(
            workspace_id=row.workspace_id,
            meeting_id=row.meeting_id,
            idempotency_key=f"{row.meeting_id}:delete",
        )
        await answer(self._desk.services.llm.DeleteDocuments(documents))
        self._live.drop(row.meeting_id)
        for round_ in range(1, row.round + 1):
            await self._desk.engine.forget(workflow_id_of(row.meeting_id, round_))
        await asyncio.to_thread(self._desk.vault.delete, row.meeting_id)

        async def work() -> pb.DeleteMeetingResponse:
            await session.execute(delete(ProposalRow).where(ProposalRow.meeting_id == row.meeting_id))
            await session.execute(delete(MeetingRow).where(MeetingRow.meeting_id == row.meeting_id))
            await journal.append(
                session,
                EventKind.EVENT_KIND_MEETING_DELETED,
                row.workspace_id,
                say(await language_of(session, row.workspace_id), "meeting_deleted"),
                meeting_id=row.meeting_id,
                person_id=who.person.person_id,
            )
            return pb.DeleteMeetingResponse()

        async with self._desk.store.write() as session:
            return await once(session, who.workspace_id, request, pb.DeleteMeetingResponse, work)

    async def GoBack(self, request: pb.GoBackRequest, context: Any) -> pb.GoBackResponse:  # noqa: N802
        """Send the workflow back to an earlier step, as a new round with new keys."""
        del context
        who = require(Role.ROLE_LEAD)

        async def work() -> pb.GoBackResponse:
            row = await read_row(session, request.meeting_id, who.workspace_id)
            if not may_decide(who.person, row.board_id) and row.board_id:
                raise RoleMissing("Going back needs the lead of the meeting's board, or an admin.")
            _require_back(row, request.stage)
            if await of_meeting(session, row.meeting_id, [ProposalState.PROPOSAL_STATE_APPROVED]):
                raise MeetingBusy("An approved change is on its way to the board; wait until it is there.")
            language = await language_of(session, row.workspace_id)
            for waiting in await of_meeting(session, row.meeting_id, OPEN):
                proposal = proposal_message(waiting)
                proposal.state = ProposalState.PROPOSAL_STATE_SUPERSEDED
                await save(session, waiting, proposal)
            row.round += 1
            stage = Stage.Name(request.stage).removeprefix("STAGE_").lower()
            await journal.append(
                session,
                EventKind.EVENT_KIND_WENT_BACK,
                row.workspace_id,
                say(language, "went_back", stage=stage, note=request.note).strip(),
                meeting_id=row.meeting_id,
                stage=request.stage,
                person_id=who.person.person_id,
            )
            await set_state(session, row, MeetingState.MEETING_STATE_PROCESSING, request.stage)
            return pb.GoBackResponse(meeting=await message(session, row))

        async with self._desk.store.write() as session:
            response = await once(session, who.workspace_id, request, pb.GoBackResponse, work)
            row = await read_row(session, request.meeting_id, who.workspace_id)
        await self._desk.engine.wake(workflow_id_of(row.meeting_id, row.round - 1))
        await start_workflow(self._desk, row, request.stage)
        return response

    async def RenameSpeaker(self, request: pb.RenameSpeakerRequest, context: Any) -> pb.RenameSpeakerResponse:  # noqa: N802
        """Give a voice a name in all its turns."""
        del context
        who = require(Role.ROLE_MEMBER)

        async def work() -> pb.RenameSpeakerResponse:
            row = await read_row(session, request.meeting_id, who.workspace_id)
            turns = await name_voice(
                session, row.meeting_id, request.speaker, request.name, request.person_id, given=True
            )
            await journal.append(
                session,
                EventKind.EVENT_KIND_SPEAKER_RENAMED,
                row.workspace_id,
                say(
                    await language_of(session, row.workspace_id),
                    "speaker_renamed",
                    speaker=request.speaker,
                    name=request.name,
                ),
                meeting_id=row.meeting_id,
                person_id=who.person.person_id,
            )
            return pb.RenameSpeakerResponse(turns=turns)

        async with self._desk.store.write() as session:
            return await once(session, who.workspace_id, request, pb.RenameSpeakerResponse, work)

    async def _message(self, row: MeetingRow) -> Meeting:
        async with self._desk.store.read() as session:
            return await message(session, await read_row(session, row.meeting_id))

    async def _snapshot(self, meeting_id: str, workspace_id: str) -> list[pb.WatchMeetingResponse]:
        """Return everything that there is, the state of the meeting last, so that an ended one ends the watching."""
        async with self._desk.store.read() as session:
            row = await read_row(session, meeting_id, workspace_id)
            updates = [pb.WatchMeetingResponse(turn=turn) for turn in await read_turns(session, meeting_id)]
            summary = await read_summary(session, meeting_id)
            if summary is not None:
                updates.append(pb.WatchMeetingResponse(summary=summary))
            visible = [int(state) for state in ProposalState.values() if state]
            updates += [
                pb.WatchMeetingResponse(proposal=proposal_message(proposal))
                for proposal in await of_meeting(session, meeting_id, visible)
            ]
            updates.append(pb.WatchMeetingResponse(meeting=await message(session, row)))
        return updates


def _require_back(row: MeetingRow, stage: Stage) -> None:
    if not _FIRST_BACK <= stage <= _LAST_BACK or (stage > row.stage and row.state not in ENDED):
        raise StreamOutOfOrder(
            "The workflow can go back to a step between `transcribe` and `ask` that lies before the present one.",
            reason="STAGE_NOT_EARLIER",
        )
    waiting = (*ENDED, int(MeetingState.MEETING_STATE_WAITING))
    if row.state not in waiting or row.stage == int(Stage.STAGE_APPLY):
        raise MeetingBusy("The workflow is in the middle of a step; wait until it asks, closes or gives up.")


def _is_over(update: pb.WatchMeetingResponse) -> bool:
    return update.HasField("meeting") and int(update.meeting.state) in ENDED
