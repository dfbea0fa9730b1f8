"""Decisions: recording one exactly once, whoever brings it, and never without the right to."""

from __future__ import annotations

import time
from dataclasses import dataclass

from planerka.board.v1.board_pb2 import GetBoardRequest, GetCardRequest
from planerka.common.v1.change_pb2 import CardChange, CardSnapshot
from planerka.orchestrator.v1.proposal_pb2 import DecisionRecord, EventKind, Proposal, ProposalState, Verdict
from planerka.orchestrator.v1.workspace_pb2 import WorkspacePerson
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from mesh.errors import Violation
from orchestrator import journal
from orchestrator.boards import column_title
from orchestrator.changes import describe, edit_problem
from orchestrator.clients import Services, answer
from orchestrator.enums import as_enum
from orchestrator.errors import AlreadyDecided, EditInvalid, RoleMissing
from orchestrator.meetings import announce_meeting, read_row
from orchestrator.moments import from_epoch
from orchestrator.proposals import OPEN, save
from orchestrator.rights import may_decide
from orchestrator.store import Store
from orchestrator.tables import DecisionRow, ProposalRow
from orchestrator.texts import say
from orchestrator.workspaces import language_of

__all__ = ["Choice", "check_right", "decide", "record", "snapshot_for"]

_OUTCOMES = {
    Verdict.VERDICT_APPROVE: (ProposalState.PROPOSAL_STATE_APPROVED, "approved"),
    Verdict.VERDICT_EDIT: (ProposalState.PROPOSAL_STATE_APPROVED, "edited"),
    Verdict.VERDICT_REJECT: (ProposalState.PROPOSAL_STATE_REJECTED, "rejected"),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody decided."""

    verdict: Verdict
    """Approve, edit or reject."""
    channel: str
    """Channel on which it was decided."""
    note: str = ""
    """Note for the journal."""
    edited: CardChange | None = None
    """The change instead; only with the verdict EDIT."""
    snapshot: CardSnapshot | None = None
    """The other card that is meant, as it is now; None to keep the card."""


async def check_right(store: Store, row: ProposalRow, person: WorkspacePerson, channel: str) -> None:
    """Refuse a person who may not decide on the proposal's board, and keep the attempt in the journal.

    Raises:
        RoleMissing: The person is neither a lead of the board nor an admin.
    """
    if may_decide(person, row.board_id):
        return
    async with store.write() as session:
        language = await language_of(session, row.workspace_id)
        await journal.append(
            session,
            EventKind.EVENT_KIND_REFUSED,
            row.workspace_id,
            say(language, "refused", name=person.name),
            meeting_id=row.meeting_id,
            proposal_id=row.proposal_id,
            person_id=person.person_id,
        )
    raise RoleMissing(
        f"Decisions on this board need its lead or an admin; {person.name} is neither. The attempt is in the journal ({channel}).",
        metadata={"role": "lead"},
    )


async def snapshot_for(services: Services, proposal: Proposal, edited: CardChange, card_id: str) -> CardSnapshot | None:
    """Return the card that an edit means instead of the proposal's own, as it is now; None where it keeps the card.

    Raises:
        EditInvalid: The change does not fit the card.
        RemoteError: There is no such card (`CARD_NOT_FOUND`), or the board is away.
    """
    target = card_id or proposal.card.card.card_id
    creates = edited.WhichOneof("change") == "create_card"
    problem = edit_problem(edited, card_id if creates else target)
    if problem:
        raise EditInvalid(problem, violations=[Violation("card_id", problem)])
    if creates or target == proposal.card.card.card_id:
        return None
    card = (await answer(services.board.GetCard(GetCardRequest(card_id=target)))).card
    board = (await answer(services.board.GetBoard(GetBoardRequest(board_id=card.board_id)))).board
    if card.board_id != proposal.board_id:
        problem = f"The card {card.key or card.card_id} is on another board than the meeting."
        raise EditInvalid(problem, violations=[Violation("card_id", problem)])
    return CardSnapshot(card=card, column_title=column_title(board, card.column_id))


async def decide(session: AsyncSession, row: ProposalRow, person: WorkspacePerson, choice: Choice) -> Proposal:
    """Write a decision inside a writing transaction, and return the proposal after it.

    Raises:
        AlreadyDecided: Somebody decided before.
    """
    proposal = Proposal.FromString(row.data)
    if row.state not in OPEN:
        raise AlreadyDecided(_already(row, proposal), resource=("proposal", row.proposal_id))
    if choice.verdict == Verdict.VERDICT_EDIT and choice.edited is not None:
        if choice.edited.WhichOneof("change") == "create_card":
            proposal.ClearField("card")
        elif choice.snapshot is not None:
            proposal.card.CopyFrom(choice.snapshot)
        proposal.proposed.change.CopyFrom(choice.edited)
    decision = DecisionRecord(
        verdict=choice.verdict,
        person_id=person.person_id,
        person_name=person.name,
        channel=choice.channel,
        note=choice.note,
        decided_at=from_epoch(time.time()),
    )
    await record(session, row, proposal, decision, await language_of(session, row.workspace_id))
    await announce_meeting(session, await read_row(session, row.meeting_id))
    return proposal


async def record(
    session: AsyncSession, row: ProposalRow, proposal: Proposal, decision: DecisionRecord, language: str
) -> None:
    """Write a decision that was found to be allowed: the row, the proposal's new state, and the journal."""
    ordinal = 1 + (
        await session.scalar(
            select(func.count()).select_from(DecisionRow).where(DecisionRow.proposal_id == row.proposal_id)
        )
        or 0
    )
    before = row.card_id
    state, text = _OUTCOMES[decision.verdict]
    if decision.channel == "auto":
        text = "automatic"
    proposal.decision.CopyFrom(decision)
    proposal.state = state
    await save(session, row, proposal)
    session.add(
        DecisionRow(
            proposal_id=row.proposal_id,
            ordinal=ordinal,
            meeting_id=row.meeting_id,
            verdict=int(decision.verdict),
            person_id=decision.person_id,
            proposed_card_id=before,
            chosen_card_id="" if decision.verdict == Verdict.VERDICT_REJECT else row.card_id,
            settled=False,
            decided_at=time.time(),
            data=decision.SerializeToString(),
        )
    )
    await journal.append(
        session,
        EventKind.EVENT_KIND_DECIDED,
        row.workspace_id,
        say(language, text, name=decision.person_name, change=describe(proposal.proposed.change, language)),
        meeting_id=row.meeting_id,
        proposal_id=row.proposal_id,
        person_id=decision.person_id,
        once=(str(ordinal),),
    )


def _already(row: ProposalRow, proposal: Proposal) -> str:
    state = ProposalState.Name(as_enum(ProposalState, row.state)).removeprefix("PROPOSAL_STATE_").lower()
    if not proposal.HasField("decision"):
        return f"The proposal is {state}; it cannot be decided any more."
    who = proposal.decision.person_name or "the workspace's settings"
    return f"{who} decided before; the proposal is {state}. `planerka undo` takes an applied change back."
