"""notify: those who decide, those who took part and those who own an action are told what came of the meeting."""

from __future__ import annotations

from collections import Counter
from typing import Any

from planerka.notify.v1.notify_pb2 import MessageContent, SendRequest
from planerka.orchestrator.v1.meeting_pb2 import Summary
from planerka.orchestrator.v1.proposal_pb2 import EventKind, ProposalState
from planerka.orchestrator.v1.workspace_pb2 import WorkspacePerson
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from mesh.errors import RemoteError
from mesh.logs import get_logger
from orchestrator import journal
from orchestrator.clients import answer
from orchestrator.meetings import participants_of, read_row
from orchestrator.people import list_people
from orchestrator.rights import may_decide
from orchestrator.steps.asking import CONSOLE, channels_of
from orchestrator.steps.job import AWAY, Job
from orchestrator.tables import MeetingRow, ProposalRow
from orchestrator.texts import say
from orchestrator.transcripts import read_summary, read_turns
from orchestrator.workspaces import language_of

__all__ = ["run"]


async def run(job: Job) -> dict[str, Any]:
    """Send one short message to each; a meeting without a word is nobody's news."""
    async with job.store.read() as session:
        meeting = await read_row(session, job.meeting_id)
        language = await language_of(session, meeting.workspace_id)
        summary = await read_summary(session, job.meeting_id) or Summary()
        turns = await read_turns(session, job.meeting_id, words=False)
        people = await list_people(session, meeting.workspace_id)
        counts = await _counts(session, job.meeting_id)
    if not turns:
        return {"told": 0}
    present = {turn.speaker_name for turn in turns} | set(participants_of(meeting))
    owners = {action.owner_person_id for action in summary.actions} | {action.owner_name for action in summary.actions}
    concerned = [person for person in people if _is_concerned(person, meeting, present | owners)]
    content = MessageContent(
        title=say(language, "closing_title", title=meeting.title)[:256],
        text=say(language, "closing_text", overview=summary.overview, **counts).strip()[:4000],
    )
    told = [person.name for person in concerned if await _tell(job, person, content)]
    await _send(job, SendRequest(recipient=CONSOLE, content=content, idempotency_key=job.key("console")))
    if told:
        async with job.store.write() as session:
            await journal.append(
                session,
                EventKind.EVENT_KIND_NOTIFIED,
                meeting.workspace_id,
                say(language, "notified", names=", ".join(told)),
                meeting_id=job.meeting_id,
                stage=job.stage,
                once=(job.workflow_id,),
            )
    return {"told": len(told)}


def _is_concerned(person: WorkspacePerson, meeting: MeetingRow, names: set[str]) -> bool:
    known = {person.person_id, person.name, *person.aliases}
    return bool(known & names) or may_decide(person, meeting.board_id)


async def _counts(session: AsyncSession, meeting_id: str) -> dict[str, int]:
    rows = await session.execute(
        select(ProposalRow.state, func.count()).where(ProposalRow.meeting_id == meeting_id).group_by(ProposalRow.state)
    )
    by_state = Counter(dict(rows.tuples().all()))
    return {
        "applied": by_state[int(ProposalState.PROPOSAL_STATE_APPLIED)],
        "rejected": by_state[int(ProposalState.PROPOSAL_STATE_REJECTED)],
        "expired": by_state[int(ProposalState.PROPOSAL_STATE_EXPIRED)],
        "failed": by_state[int(ProposalState.PROPOSAL_STATE_FAILED)],
    }


async def _tell(job: Job, person: WorkspacePerson, content: MessageContent) -> bool:
    reached = False
    for recipient in channels_of(person):
        key = job.key(f"{person.person_id}:{recipient.channel}")
        reached |= await _send(job, SendRequest(recipient=recipient, content=content, idempotency_key=key))
    return reached


async def _send(job: Job, request: SendRequest) -> bool:
    try:
        await answer(job.desk.services.notify.Send(request))
    except RemoteError as error:
        if error.code in AWAY or error.reason == error.code.name:
            raise
        get_logger(__name__).warning(
            "address refused", meeting_id=job.meeting_id, channel=request.recipient.channel, reason=error.reason
        )
        return False
    return True
