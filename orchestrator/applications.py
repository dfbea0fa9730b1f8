"""Requests to the board on behalf of proposals: written down before they are sent, sent exactly as written down.

So a request whose answer was lost in a crash is repeated with the same key and the same content, and the board answers what it answered
before; nothing is made twice, and nothing is planned anew on a card that the lost request has changed already.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.message import Message
from planerka.board.v1.board_pb2 import GetCapabilitiesRequest, GetCardRequest
from planerka.common.v1.card_pb2 import Card
from sqlalchemy import select

from mesh.errors import RemoteError
from orchestrator.changes import REQUESTS, Changed, Satisfied, Send
from orchestrator.clients import Services, answer
from orchestrator.desk import Desk
from orchestrator.tables import ApplicationRow

__all__ = ["Done", "can_undo", "change_card", "read_card"]

_TRIES = 20
_SENT, _DONE, _VOID = "sent", "done", "void"

Plan = Callable[[Card, str], Send | Satisfied | Changed]
"""Decides from the card as it is now, and the idempotency key, what to send."""


class Done:
    """The board made the change.

    Attributes:
        request: What was sent.
        response: What the board answered.
    """

    def __init__(self, request: Message, response: Any) -> None:
        self.request = request
        self.response = response


async def change_card(
    desk: Desk, proposal_id: str, card_id: str, purpose: str, key: str, plan: Plan
) -> Done | Satisfied | Changed:
    """Make one change, exactly once over any number of crashes and repeats.

    Args:
        desk: Tables and services.
        proposal_id: The proposal.
        card_id: The card; empty where it is created.
        purpose: Distinguishes what is done for one proposal: each decision's application, and its undoing.
        key: Beginning of the idempotency keys; the number of the attempt is added.
        plan: Decides on the card as it is now.

    Raises:
        RemoteError: The board refused, or is away.
    """
    for _ in range(_TRIES):
        written = await _last(desk, proposal_id, purpose)
        if written is None or written.state == _VOID:
            attempt = 1 if written is None else written.attempt + 1
            card = await read_card(desk.services, card_id) if card_id else Card()
            step = plan(card, f"{key}:{attempt}")
            if not isinstance(step, Send):
                return step
            written = ApplicationRow(
                proposal_id=proposal_id,
                purpose=purpose,
                attempt=attempt,
                state=_SENT,
                method=step.method,
                request=step.request.SerializeToString(),
            )
            async with desk.store.write() as session:
                session.add(written)
        request = REQUESTS[written.method].FromString(written.request)
        try:
            response = await answer(getattr(desk.services.board, written.method)(request))
        except RemoteError as error:
            if error.code is not grpc.StatusCode.ABORTED:
                raise
            # Somebody changed the card between reading and writing: look at it again.
            await _mark(desk, written, _VOID)
            continue
        await _mark(desk, written, _DONE)
        return Done(request, response)
    raise RemoteError(
        grpc.StatusCode.UNAVAILABLE,
        "UNAVAILABLE",
        "The card changes faster than it can be written; trying again later.",
    )


async def read_card(services: Services, card_id: str) -> Card:
    """Return a card as it is now."""
    card: Card = (await answer(services.board.GetCard(GetCardRequest(card_id=card_id)))).card
    return card


async def can_undo(services: Services, board_id: str, method: str) -> bool:
    """Tell whether the board can take back what a method did."""
    capabilities = await answer(services.board.GetCapabilities(GetCapabilitiesRequest(board_id=board_id)))
    if method == "CommentCard":
        return bool(capabilities.delete_comments)
    return bool(capabilities.archive) if method == "CreateCard" else True


async def _last(desk: Desk, proposal_id: str, purpose: str) -> ApplicationRow | None:
    async with desk.store.read() as session:
        row: ApplicationRow | None = await session.scalar(
            select(ApplicationRow)
            .where(ApplicationRow.proposal_id == proposal_id, ApplicationRow.purpose == purpose)
            .order_by(ApplicationRow.attempt.desc())
            .limit(1)
        )
    return row


async def _mark(desk: Desk, written: ApplicationRow, state: str) -> None:
    async with desk.store.write() as session:
        row = await session.get(ApplicationRow, (written.proposal_id, written.purpose, written.attempt))
        if row is not None:
            row.state = state
