"""Proposals: writing, reading, lists, and what is known of a card already."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from planerka.common.v1.change_pb2 import CardChange
from planerka.orchestrator.v1.orchestrator_pb2 import WatchMeetingResponse
from planerka.orchestrator.v1.proposal_pb2 import Proposal, ProposalState
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.enums import as_enum
from orchestrator.errors import ProposalNotFound
from orchestrator.store import announce
from orchestrator.tables import ProposalRow

__all__ = ["DRAFT", "OPEN", "known_changes", "list_rows", "message", "of_meeting", "read_row", "save"]

DRAFT = 0
OPEN = (int(ProposalState.PROPOSAL_STATE_PENDING), int(ProposalState.PROPOSAL_STATE_CONFLICT))
_KNOWN = (*OPEN, int(ProposalState.PROPOSAL_STATE_APPROVED), int(ProposalState.PROPOSAL_STATE_APPLIED))


def message(row: ProposalRow) -> Proposal:
    """Return a proposal as the contract shows it."""
    proposal = Proposal.FromString(row.data)
    proposal.state = as_enum(ProposalState, row.state)
    return proposal


async def save(session: AsyncSession, row: ProposalRow, proposal: Proposal) -> None:
    """Write a proposal back, and tell the watchers of its meeting."""
    row.state = int(proposal.state)
    row.card_id = proposal.card.card.card_id
    row.data = proposal.SerializeToString()
    await session.flush()
    announce(session, row.meeting_id, WatchMeetingResponse(proposal=proposal))


async def read_row(session: AsyncSession, proposal_id: str, workspace_id: str | None = None) -> ProposalRow:
    """Return a proposal that people may see, of one workspace or of any.

    Raises:
        ProposalNotFound: There is no such proposal.
    """
    row = await session.get(ProposalRow, proposal_id)
    if row is None or row.state == DRAFT or (workspace_id is not None and row.workspace_id != workspace_id):
        raise ProposalNotFound(
            f"There is no proposal {proposal_id!r}; `planerka proposals` lists them.",
            resource=("proposal", proposal_id),
        )
    return row


async def of_meeting(
    session: AsyncSession, meeting_id: str, states: Collection[int], round_: int | None = None
) -> list[ProposalRow]:
    """Return the proposals of a meeting in some states, in the order of the talk."""
    query = select(ProposalRow).where(ProposalRow.meeting_id == meeting_id, ProposalRow.state.in_(states))
    if round_ is not None:
        query = query.where(ProposalRow.round == round_)
    return list(await session.scalars(query.order_by(ProposalRow.position)))


async def list_rows(
    session: AsyncSession,
    workspace_id: str,
    meeting_id: str,
    states: Sequence[int],
    after: tuple[str, int] | None,
    limit: int,
) -> list[ProposalRow]:
    """Return proposals, newest meeting first, then in the order of the talk, after a pair of meeting and position."""
    query = select(ProposalRow).where(ProposalRow.workspace_id == workspace_id, ProposalRow.state != DRAFT)
    if meeting_id:
        query = query.where(ProposalRow.meeting_id == meeting_id)
    if states:
        query = query.where(ProposalRow.state.in_(states))
    if after is not None:
        meeting, position = after
        query = query.where(
            (ProposalRow.meeting_id < meeting)
            | ((ProposalRow.meeting_id == meeting) & (ProposalRow.position > position))
        )
    ordered = query.order_by(ProposalRow.meeting_id.desc(), ProposalRow.position).limit(limit)
    return list(await session.scalars(ordered))


async def known_changes(session: AsyncSession, board_id: str, card_id: str) -> list[CardChange]:
    """Return the changes of a card, or with an empty `card_id` the new cards of a board, that wait or were made already."""
    rows = await session.scalars(
        select(ProposalRow.data)
        .where(ProposalRow.board_id == board_id, ProposalRow.card_id == card_id, ProposalRow.state.in_(_KNOWN))
        .order_by(ProposalRow.created_at.desc())
        .limit(500)
    )
    return [Proposal.FromString(data).proposed.change for data in rows]
