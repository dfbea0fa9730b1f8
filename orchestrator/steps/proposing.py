"""propose: drafts become proposals; those that the workspace allows without asking are approved at once."""

from __future__ import annotations

import time
from typing import Any

from planerka.match.v1.match_pb2 import MatchDecision, MatchResponse
from planerka.orchestrator.v1.proposal_pb2 import DecisionRecord, EventKind, Proposal, ProposalState, Verdict
from planerka.orchestrator.v1.workspace_pb2 import WorkspaceSettings
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from mesh.times import to_seconds
from orchestrator import journal
from orchestrator.changes import describe, kind_of
from orchestrator.decisions import record
from orchestrator.meetings import announce_meeting, read_row
from orchestrator.moments import from_epoch
from orchestrator.proposals import DRAFT, of_meeting, save
from orchestrator.steps.job import Job
from orchestrator.tables import MatchRow, TurnLinkRow
from orchestrator.texts import say
from orchestrator.workspaces import read_settings

__all__ = ["run"]


async def run(job: Job) -> dict[str, Any]:
    """Show the drafts to people, with a deadline where the workspace has one."""
    proposed = automatic = 0
    async with job.store.write() as session:
        meeting = await read_row(session, job.meeting_id)
        settings = await read_settings(session, meeting.workspace_id)
        now = time.time()
        timeout = to_seconds(settings.decision_timeout) if settings.HasField("decision_timeout") else None
        for row in await of_meeting(session, job.meeting_id, [DRAFT], job.round):
            proposal = Proposal.FromString(row.data)
            proposal.created_at.CopyFrom(from_epoch(now))
            row.created_at = now
            if timeout is not None:
                row.deadline = now + timeout
                proposal.deadline.CopyFrom(from_epoch(row.deadline))
            proposal.state = ProposalState.PROPOSAL_STATE_PENDING
            await save(session, row, proposal)
            await journal.append(
                session,
                EventKind.EVENT_KIND_PROPOSAL_CREATED,
                row.workspace_id,
                say(
                    settings.language, "proposal_created", change=describe(proposal.proposed.change, settings.language)
                ),
                meeting_id=job.meeting_id,
                proposal_id=row.proposal_id,
                stage=job.stage,
                once=("created",),
            )
            proposed += 1
            if _is_automatic(proposal, settings):
                decision = DecisionRecord(verdict=Verdict.VERDICT_APPROVE, channel="auto", decided_at=from_epoch(now))
                await record(session, row, proposal, decision, settings.language)
                automatic += 1
            if proposal.proposed.change.HasField("create_card"):
                await _link_new_card(job, session, proposal)
        await announce_meeting(session, meeting)
    return {"proposals": proposed, "automatic": automatic}


def _is_automatic(proposal: Proposal, settings: WorkspaceSettings) -> bool:
    allowed = kind_of(proposal.proposed.change) in settings.automatic_changes
    return allowed and proposal.match_decision == MatchDecision.MATCH_DECISION_AUTO


async def _link_new_card(job: Job, session: AsyncSession, proposal: Proposal) -> None:
    """Link the turns of the new card's group to the proposal that creates it."""
    stored = await session.get(MatchRow, job.meeting_id)
    quoted = {evidence.turn_id for evidence in proposal.proposed.evidence}
    groups = {
        match.new_card_group
        for match in MatchResponse.FromString(stored.data if stored is not None else b"").turns
        if match.turn_id in quoted and match.new_card_group
    }
    await session.execute(
        update(TurnLinkRow)
        .where(TurnLinkRow.meeting_id == job.meeting_id, TurnLinkRow.new_card_group.in_(groups))
        .values(proposal_id=proposal.proposal_id, card_title=proposal.proposed.change.create_card.title)
    )
