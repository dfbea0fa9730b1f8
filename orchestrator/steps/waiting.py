"""wait: what is decided, what is not, and until when; settling what a decision leaves behind."""

from __future__ import annotations

import time
from typing import Any

from planerka.match.v1.match_pb2 import LearnRequest
from planerka.notify.v1.notify_pb2 import MessageContent, UpdateMessageRequest
from planerka.orchestrator.v1.proposal_pb2 import EventKind, Proposal, ProposalState, Verdict
from sqlalchemy import func, select

from mesh.errors import RemoteError
from mesh.logs import get_logger
from orchestrator import journal
from orchestrator.changes import describe
from orchestrator.clients import answer
from orchestrator.meetings import announce_meeting, read_row
from orchestrator.proposals import OPEN, of_meeting, save
from orchestrator.steps.job import Job
from orchestrator.tables import DecisionRow, ProposalRow, QuestionRow
from orchestrator.texts import say
from orchestrator.workspaces import language_of

__all__ = ["run", "settle"]

_LONGEST_WAIT = 6 * 3600.0
_SETTLE_SECONDS = 5.0
_APPROVED = int(ProposalState.PROPOSAL_STATE_APPROVED)


async def run(job: Job) -> dict[str, Any]:
    """Count what waits; proposals whose deadline has passed expire, for silence means no."""
    now = time.time()
    async with job.store.write() as session:
        meeting = await read_row(session, job.meeting_id)
        language = await language_of(session, meeting.workspace_id)
        rows = await of_meeting(session, job.meeting_id, (*OPEN, _APPROVED), job.round)
        waiting = [row for row in rows if row.state in OPEN]
        for row in waiting:
            if row.deadline is not None and row.deadline <= now:
                proposal = Proposal.FromString(row.data)
                proposal.state = ProposalState.PROPOSAL_STATE_EXPIRED
                await save(session, row, proposal)
                await journal.append(
                    session,
                    EventKind.EVENT_KIND_DECIDED,
                    row.workspace_id,
                    say(language, "expired"),
                    meeting_id=job.meeting_id,
                    proposal_id=row.proposal_id,
                    stage=job.stage,
                    once=("expired",),
                )
        still = [row for row in waiting if row.state in OPEN]
        if len(still) < len(waiting):
            await announce_meeting(session, meeting)
        unsettled = await session.scalar(
            select(func.count())
            .select_from(DecisionRow)
            .where(DecisionRow.meeting_id == job.meeting_id, DecisionRow.settled.is_(False))
        )
    deadlines = [row.deadline - now for row in still if row.deadline is not None]
    return {
        "approved": [row.proposal_id for row in rows if row.state == _APPROVED],
        "open": len(still),
        "unsettled": unsettled or 0,
        "seconds": round(min([*deadlines, _LONGEST_WAIT]) + 0.05, 3),
    }


async def settle(job: Job) -> dict[str, Any]:
    """Take the buttons off questions that are answered, and let the matcher learn; what cannot be reached is left as it is."""
    async with job.store.read() as session:
        meeting = await read_row(session, job.meeting_id)
        language = await language_of(session, meeting.workspace_id)
        decisions = list(
            await session.scalars(
                select(DecisionRow).where(DecisionRow.meeting_id == job.meeting_id, DecisionRow.settled.is_(False))
            )
        )
    for decision in decisions:
        await _learn(job, meeting.workspace_id, decision)
    closed = await _close_questions(job, language)
    async with job.store.write() as session:
        for decision in decisions:
            row = await session.get(DecisionRow, (decision.proposal_id, decision.ordinal))
            if row is not None:
                row.settled = True
    return {"settled": len(decisions), "closed": closed}


async def _close_questions(job: Job, language: str) -> int:
    async with job.store.read() as session:
        rows = (
            await session.execute(
                select(QuestionRow, ProposalRow.data)
                .join(ProposalRow, ProposalRow.proposal_id == QuestionRow.proposal_id)
                .where(
                    ProposalRow.meeting_id == job.meeting_id,
                    QuestionRow.closed.is_(False),
                    ProposalRow.state.not_in([ProposalState.PROPOSAL_STATE_PENDING]),
                )
            )
        ).all()
    closed = 0
    for question, data in rows:
        request = UpdateMessageRequest(
            message_id=question.message_id,
            content=_outcome(Proposal.FromString(data), language),
            close_question=True,
            idempotency_key=job.key(f"close:{question.message_id}"),
        )
        if await _reach(job, job.desk.services.notify.UpdateMessage(request, timeout=_SETTLE_SECONDS)):
            closed += 1
            async with job.store.write() as session:
                row = await session.get(QuestionRow, question.message_id)
                if row is not None:
                    row.closed = True
    return closed


async def _learn(job: Job, workspace_id: str, decision: DecisionRow) -> None:
    if not decision.person_id:
        return
    async with job.store.read() as session:
        row = await session.get(ProposalRow, decision.proposal_id)
    if row is None:
        return
    proposal = Proposal.FromString(row.data)
    request = LearnRequest(
        workspace_id=workspace_id,
        board_id=row.board_id,
        proposal_id=row.proposal_id,
        text="\n".join(evidence.quote for evidence in proposal.proposed.evidence) or proposal.proposed.reason or "-",
        proposed_card_id=decision.proposed_card_id,
        chosen_card_id=decision.chosen_card_id,
        approved=decision.verdict != int(Verdict.VERDICT_REJECT),
        probability=proposal.match_probability,
        signals=proposal.match_signals,
        person_id=decision.person_id,
        idempotency_key=job.key(f"learn:{decision.proposal_id}:{decision.ordinal}"),
    )
    await _reach(job, job.desk.services.match.Learn(request, timeout=_SETTLE_SECONDS))


async def _reach(job: Job, call: Any) -> bool:
    """Make a call that nothing depends on; a failure is logged and forgotten."""
    try:
        await answer(call)
    except RemoteError as error:
        get_logger(__name__).warning("not settled", meeting_id=job.meeting_id, reason=error.reason)
        return False
    return True


def _outcome(proposal: Proposal, language: str) -> MessageContent:
    change = describe(proposal.proposed.change, language)
    name = proposal.decision.person_name
    texts = {
        ProposalState.PROPOSAL_STATE_APPROVED: say(language, "approved", name=name, change=change),
        ProposalState.PROPOSAL_STATE_APPLIED: say(language, "applied", change=change),
        ProposalState.PROPOSAL_STATE_REJECTED: say(language, "rejected", name=name, change=change),
        ProposalState.PROPOSAL_STATE_EXPIRED: say(language, "expired"),
        ProposalState.PROPOSAL_STATE_CONFLICT: say(
            language, "conflict", change=change, now=proposal.proposed.card_says
        ),
        ProposalState.PROPOSAL_STATE_FAILED: proposal.failure,
        ProposalState.PROPOSAL_STATE_UNDONE: say(language, "undone", change=change),
    }
    title = proposal.card.card.title or say(language, "question_new_card")
    return MessageContent(title=title[:256], text=(texts.get(proposal.state) or say(language, "superseded"))[:4000])
