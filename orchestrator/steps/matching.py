"""match: which turns are about which cards, in both directions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from planerka.common.v1.transcript_pb2 import Turn
from planerka.match.v1.match_pb2 import IndexCardsRequest, MatchPart, MatchRequest, MatchResponse, MatchText
from planerka.orchestrator.v1.meeting_pb2 import Summary
from sqlalchemy import delete

from orchestrator.clients import answer
from orchestrator.meetings import participants_of, read_row
from orchestrator.people import list_people, roster
from orchestrator.steps.board import frozen_board
from orchestrator.steps.job import Job
from orchestrator.tables import MatchRow, MentionRow, TurnLinkRow
from orchestrator.transcripts import read_summary, read_turns

__all__ = ["run", "texts_of"]

_LARGEST_INDEX = 1000


async def run(job: Job) -> dict[str, Any]:
    """Index the board, match, and write the links."""
    reading = await frozen_board(job)
    async with job.store.read() as session:
        meeting = await read_row(session, job.meeting_id)
        turns = await read_turns(session, job.meeting_id, words=False)
        summary = await read_summary(session, job.meeting_id) or Summary()
        people = await list_people(session, meeting.workspace_id)
    complete = len(reading.cards) <= _LARGEST_INDEX
    for start in range(0, max(1, len(reading.cards)), _LARGEST_INDEX):
        index = IndexCardsRequest(
            workspace_id=meeting.workspace_id,
            board=reading.board,
            cards=reading.cards[start : start + _LARGEST_INDEX],
            complete=complete,
            idempotency_key=job.key(f"index{start // _LARGEST_INDEX + 1}"),
        )
        await answer(job.desk.services.match.IndexCards(index))
    request = MatchRequest(
        workspace_id=meeting.workspace_id,
        board_id=reading.board.board_id,
        turns=texts_of(turns),
        parts=parts_of(summary),
        people=roster(people, participants_of(meeting), reading.board),
    )
    matches: MatchResponse = await answer(job.desk.services.match.Match(request, timeout=600))
    titles = {card.card_id: card.title for card in reading.cards}
    links = [match for match in matches.turns if match.card_id in titles or match.new_card_group]
    spoken_of = (card_id for match in matches.turns for card_id in (match.card_id, *match.other_card_ids))
    mentioned = dict.fromkeys(card_id for card_id in spoken_of if card_id in titles)
    async with job.store.write() as session:
        row = await read_row(session, job.meeting_id)
        row.matched_at = row.matched_at or time.time()
        stored = await session.get(MatchRow, job.meeting_id)
        if stored is not None:
            stored.data = matches.SerializeToString()
        await session.execute(delete(TurnLinkRow).where(TurnLinkRow.meeting_id == job.meeting_id))
        await session.execute(delete(MentionRow).where(MentionRow.meeting_id == job.meeting_id))
        session.add_all(
            TurnLinkRow(
                meeting_id=job.meeting_id,
                turn_id=match.turn_id,
                position=position,
                card_id=match.card_id,
                new_card_group=match.new_card_group,
                proposal_id="",
                card_title=titles.get(match.card_id, ""),
                probability=match.probability,
            )
            for position, match in enumerate(links)
        )
        session.add_all(
            MentionRow(
                workspace_id=row.workspace_id,
                board_id=row.board_id,
                card_id=card_id,
                meeting_id=job.meeting_id,
                mentioned_at=row.started_at,
            )
            for card_id in mentioned
        )
    return {
        "linked_turns": sum(1 for match in links if match.card_id),
        "cards": len(mentioned),
        "new_cards": len({match.new_card_group for match in links if match.new_card_group}),
    }


def texts_of(turns: Sequence[Turn]) -> list[MatchText]:
    """Return turns as the matcher reads them, without those that say nothing."""
    texts: list[MatchText] = []
    for turn in turns:
        if not turn.text.strip():
            continue
        text = MatchText(text_id=turn.turn_id, text=turn.text, speaker=turn.speaker_name or turn.speaker)
        if turn.HasField("start"):
            text.start.CopyFrom(turn.start)
        if turn.HasField("end"):
            text.end.CopyFrom(turn.end)
        texts.append(text)
    return texts


def parts_of(summary: Summary) -> list[MatchPart]:
    """Return the topics of a summary as the matcher reads them."""
    return [
        MatchPart(part_id=part.part_id, title=part.title, text=part.text, turn_ids=part.turn_ids)
        for part in summary.parts
        if part.part_id
    ][:500]
