"""Stale cards: active ones that nobody has spoken about for long."""

from __future__ import annotations

import time
from dataclasses import dataclass

from planerka.common.v1.card_pb2 import Board, Card, ColumnKind
from planerka.orchestrator.v1.proposal_pb2 import StaleCard
from planerka.orchestrator.v1.workspace_pb2 import WorkspaceSettings
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from orchestrator.boards import column_title
from orchestrator.moments import from_epoch, to_epoch
from orchestrator.tables import MeetingRow, MentionRow

__all__ = ["stale_cards"]

_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class _Mention:
    meeting_id: str
    at: float


async def stale_cards(
    session: AsyncSession, workspace_id: str, board: Board, cards: list[Card], settings: WorkspaceSettings
) -> list[StaleCard]:
    """Return the stale cards of a board, longest silence first.

    A card is stale when as many meetings about its board as the settings say, or as many days, have passed since somebody spoke about it;
    for a card that nobody ever spoke about, days count from its last change.
    Imports of the same moment are one meeting. Finished and archived cards are never stale.
    """
    done = {column.column_id for column in board.columns if column.kind == ColumnKind.COLUMN_KIND_DONE}
    meetings = (
        await session.execute(
            select(MeetingRow.meeting_id, MeetingRow.started_at)
            .where(
                MeetingRow.workspace_id == workspace_id,
                MeetingRow.board_id == board.board_id,
                MeetingRow.matched_at.is_not(None),
            )
            .order_by(MeetingRow.started_at, MeetingRow.meeting_id)
        )
    ).all()
    mentions = await _last_mentions(session, workspace_id, board.board_id)
    found: list[tuple[float, StaleCard]] = []
    for card in cards:
        if card.archived or card.column_id in done:
            continue
        mention = mentions.get(card.card_id)
        since = len({started_at for _, started_at in meetings if mention is None or started_at > mention.at})
        silent_from = mention.at if mention is not None else _last_change(card)
        days = 0.0 if silent_from is None else (time.time() - silent_from) / _DAY
        if since < settings.stale_after_meetings and days < settings.stale_after_days:
            continue
        stale = StaleCard(card=card, column_title=column_title(board, card.column_id), meetings_since=since)
        if mention is not None:
            stale.last_meeting_id = mention.meeting_id
            stale.last_mentioned_at.CopyFrom(from_epoch(mention.at))
        found.append((mention.at if mention is not None else 0.0, stale))
    return [stale for _, stale in sorted(found, key=lambda pair: (pair[0], -pair[1].meetings_since))]


async def _last_mentions(session: AsyncSession, workspace_id: str, board_id: str) -> dict[str, _Mention]:
    rows = await session.scalars(
        select(MentionRow)
        .where(MentionRow.workspace_id == workspace_id, MentionRow.board_id == board_id)
        .order_by(MentionRow.mentioned_at)
    )
    return {row.card_id: _Mention(row.meeting_id, row.mentioned_at) for row in rows}


def _last_change(card: Card) -> float | None:
    for name in ("updated_at", "created_at"):
        if card.HasField(name):
            return to_epoch(getattr(card, name))
    return None
