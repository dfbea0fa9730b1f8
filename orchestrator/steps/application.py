"""apply: one approved change goes to the board, once; a card that changed meanwhile becomes a question, never an overwrite."""

from __future__ import annotations

import time
from typing import Any

from planerka.board.v1 import board_pb2
from planerka.common.v1.card_pb2 import Card
from planerka.common.v1.change_pb2 import CardSnapshot
from planerka.orchestrator.v1.orchestrator_pb2 import GetBoardResponse
from planerka.orchestrator.v1.proposal_pb2 import ApplyResult, EventKind, Proposal, ProposalState
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from mesh.errors import RemoteError
from orchestrator import journal
from orchestrator.applications import Done, can_undo, change_card, read_card
from orchestrator.boards import column_title
from orchestrator.changes import Changed, describe, plan
from orchestrator.meetings import announce_meeting, read_row
from orchestrator.moments import from_epoch
from orchestrator.proposals import save
from orchestrator.steps.job import AWAY, Job, StepBody
from orchestrator.tables import DecisionRow, MatchRow, ProposalRow
from orchestrator.texts import say
from orchestrator.workspaces import language_of

__all__ = ["of"]

_AUTHOR = "Planerka"


def of(proposal_id: str) -> StepBody:
    """Return the step that applies one proposal."""

    async def run(job: Job) -> dict[str, Any]:
        return await _apply(job, proposal_id)

    return run


async def _apply(job: Job, proposal_id: str) -> dict[str, Any]:
    async with job.store.read() as session:
        row = await session.get(ProposalRow, proposal_id)
        if row is None or row.state != int(ProposalState.PROPOSAL_STATE_APPROVED):
            return {"state": "skipped"}
        language = await language_of(session, row.workspace_id)
        ordinal = await session.scalar(
            select(func.count()).select_from(DecisionRow).where(DecisionRow.proposal_id == proposal_id)
        )
    proposal = Proposal.FromString(row.data)
    change, frozen = proposal.proposed.change, proposal.card.card
    try:
        done = await change_card(
            job.desk,
            proposal_id,
            frozen.card_id,
            f"apply{ordinal}",
            job.key(f"{proposal_id}:{ordinal}"),
            lambda fresh, key: plan(change, frozen, fresh, row.board_id, key, _AUTHOR, language),
        )
        if isinstance(done, Changed):
            return await _conflict(job, proposal_id, done, await read_card(job.desk.services, frozen.card_id), language)
        result = ApplyResult(applied_at=from_epoch(time.time()))
        if isinstance(done, Done):
            await _fill(job, result, row.board_id, frozen, done)
        else:
            result.card.CopyFrom(await read_card(job.desk.services, frozen.card_id))
    except RemoteError as error:
        if error.code in AWAY or error.reason == error.code.name:
            raise
        return await _refused(job, proposal_id, error, language)
    return await _applied(job, proposal_id, result, language, made=isinstance(done, Done))


async def _fill(job: Job, result: ApplyResult, board_id: str, frozen: Card, done: Done) -> None:
    result.card.CopyFrom(done.response.card)
    method = type(done.request).__name__.removesuffix("Request")
    if isinstance(done.response, board_pb2.CommentCardResponse):
        result.comment_id = done.response.comment.comment_id
    if isinstance(done.request, board_pb2.UpdateCardRequest) and "checklist" in done.request.update_mask.paths:
        before = {item.item_id for item in done.request.card.checklist if item.item_id}
        result.item_id = next((item.item_id for item in result.card.checklist if item.item_id not in before), "")
    result.undoable = await can_undo(job.desk.services, board_id or frozen.board_id, method)


async def _applied(job: Job, proposal_id: str, result: ApplyResult, language: str, *, made: bool) -> dict[str, Any]:
    async with job.store.write() as session:
        row, proposal = await _locked(session, proposal_id)
        proposal.result.CopyFrom(result)
        proposal.state = ProposalState.PROPOSAL_STATE_APPLIED
        await save(session, row, proposal)
        await _note(
            session, job, row, proposal, EventKind.EVENT_KIND_APPLIED, "applied" if made else "already_there", language
        )
        await announce_meeting(session, await read_row(session, row.meeting_id))
    return {"state": "applied"}


async def _refused(job: Job, proposal_id: str, error: RemoteError, language: str) -> dict[str, Any]:
    async with job.store.write() as session:
        row, proposal = await _locked(session, proposal_id)
        proposal.failure = say(language, "apply_failed", why=error.message)
        proposal.state = ProposalState.PROPOSAL_STATE_FAILED
        await save(session, row, proposal)
        await _note(
            session, job, row, proposal, EventKind.EVENT_KIND_APPLY_FAILED, "apply_failed", language, why=error.message
        )
        await announce_meeting(session, await read_row(session, row.meeting_id))
    return {"state": "failed"}


async def _conflict(job: Job, proposal_id: str, changed: Changed, fresh: Card, language: str) -> dict[str, Any]:
    """Freeze the card as it is now, so that the next decision is about what the person then sees."""
    async with job.store.write() as session:
        row, proposal = await _locked(session, proposal_id)
        stored = await session.get(MatchRow, row.meeting_id)
        board = GetBoardResponse.FromString(stored.board if stored is not None else b"").board
        column = column_title(board, fresh.column_id)
        now = column if changed.now == fresh.column_id else changed.now
        proposal.card.CopyFrom(CardSnapshot(card=fresh, column_title=column))
        proposal.proposed.card_says = now
        change = proposal.proposed.change
        if change.HasField("set_due_date"):
            change.set_due_date.ClearField("previous")
            if fresh.HasField("due"):
                change.set_due_date.previous.CopyFrom(fresh.due)
        if change.HasField("move_card"):
            change.move_card.previous_column_id = fresh.column_id
            change.move_card.previous_column_title = column
        proposal.ClearField("decision")
        proposal.state = ProposalState.PROPOSAL_STATE_CONFLICT
        await save(session, row, proposal)
        await _note(session, job, row, proposal, EventKind.EVENT_KIND_CONFLICT, "conflict", language, now=now)
        await announce_meeting(session, await read_row(session, row.meeting_id))
    return {"state": "conflict"}


async def _locked(session: AsyncSession, proposal_id: str) -> tuple[ProposalRow, Proposal]:
    row = await session.get_one(ProposalRow, proposal_id)
    return row, Proposal.FromString(row.data)


async def _note(
    session: AsyncSession,
    job: Job,
    row: ProposalRow,
    proposal: Proposal,
    kind: EventKind,
    text: str,
    language: str,
    **values: object,
) -> None:
    ordinal = await session.scalar(
        select(func.count()).select_from(DecisionRow).where(DecisionRow.proposal_id == row.proposal_id)
    )
    await journal.append(
        session,
        kind,
        row.workspace_id,
        say(language, text, change=describe(proposal.proposed.change, language), **values),
        meeting_id=row.meeting_id,
        proposal_id=row.proposal_id,
        stage=job.stage,
        once=(str(ordinal),),
    )
