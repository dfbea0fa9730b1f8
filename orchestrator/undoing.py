"""Undo: the inverse of an applied change, where the card still stands as the change left it."""

from __future__ import annotations

import grpc
from planerka.common.v1.card_pb2 import Card
from planerka.orchestrator.v1.proposal_pb2 import EventKind, Proposal, ProposalState
from planerka.orchestrator.v1.workspace_pb2 import WorkspacePerson

from mesh.errors import RemoteError
from orchestrator import journal
from orchestrator.applications import change_card
from orchestrator.changes import Changed, Send, describe, inverse
from orchestrator.desk import Desk
from orchestrator.errors import CardChanged, NotUndoable
from orchestrator.meetings import announce_meeting, read_row
from orchestrator.proposals import read_row as read_proposal
from orchestrator.proposals import save
from orchestrator.texts import say
from orchestrator.workspaces import language_of

__all__ = ["undo"]

_APPLIED = int(ProposalState.PROPOSAL_STATE_APPLIED)
_UNDONE = int(ProposalState.PROPOSAL_STATE_UNDONE)


async def undo(desk: Desk, proposal_id: str, person: WorkspacePerson, note: str) -> Proposal:
    """Take an applied change back, once, and return the proposal afterwards.

    Raises:
        NotUndoable: Nothing was applied, or the board cannot take it back.
        CardChanged: The card does not stand as the change left it.
    """
    async with desk.store.read() as session:
        row = await read_proposal(session, proposal_id)
    proposal = Proposal.FromString(row.data)
    if row.state != _APPLIED:
        state = ProposalState.Name(proposal.state).removeprefix("PROPOSAL_STATE_").lower()
        raise NotUndoable(f"The proposal is {state}; only an applied change can be taken back.")
    if not proposal.result.undoable:
        raise NotUndoable(
            "The board cannot take this change back, or it was there already and nothing was written. Change the card by hand."
        )
    change, result = proposal.proposed.change, proposal.result
    creates = change.WhichOneof("change") == "create_card"
    frozen = result.card if creates else proposal.card.card

    def plan(fresh: Card, key: str) -> Send | Changed:
        return inverse(change, frozen, fresh, result.comment_id, result.item_id, key) or Changed("")

    try:
        done = await change_card(desk, proposal_id, result.card.card_id, "undo", f"{proposal_id}:undo", plan)
    except RemoteError as error:
        if error.code is grpc.StatusCode.UNIMPLEMENTED:
            raise NotUndoable(f"The board cannot take this change back: {error.message}") from error
        if error.code is grpc.StatusCode.NOT_FOUND:
            raise CardChanged(f"What the change wrote is not there any more: {error.message}") from error
        raise
    if isinstance(done, Changed):
        raise CardChanged(
            "The card was changed after the change was applied; look at it, and change it by hand.",
            resource=("card", result.card.card_id),
        )
    async with desk.store.write() as session:
        row = await read_proposal(session, proposal_id)
        proposal = Proposal.FromString(row.data)
        if row.state != _UNDONE:
            proposal.state = ProposalState.PROPOSAL_STATE_UNDONE
            proposal.result.undoable = False
            await save(session, row, proposal)
            language = await language_of(session, row.workspace_id)
            text = say(language, "undone", change=describe(change, language))
            await journal.append(
                session,
                EventKind.EVENT_KIND_UNDONE,
                row.workspace_id,
                f"{text} {note}".strip(),
                meeting_id=row.meeting_id,
                proposal_id=proposal_id,
                person_id=person.person_id,
                once=("undone",),
            )
            await announce_meeting(session, await read_row(session, row.meeting_id))
    return proposal
