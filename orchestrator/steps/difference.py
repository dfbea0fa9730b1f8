"""difference: what the talk says that a card does not say yet, card by card, as drafts of proposals."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from planerka.common.v1.card_pb2 import Card
from planerka.common.v1.change_pb2 import CardChange, CardSnapshot, ProposedChange
from planerka.match.v1.match_pb2 import (
    DifferenceRequest,
    MatchDecision,
    MatchResponse,
    MatchSignals,
    MatchText,
    TurnMatch,
)
from planerka.orchestrator.v1.meeting_pb2 import Summary
from planerka.orchestrator.v1.orchestrator_pb2 import GetBoardResponse
from planerka.orchestrator.v1.proposal_pb2 import Candidate, Proposal
from sqlalchemy import delete

from mesh.ids import derived_id
from orchestrator.boards import column_title
from orchestrator.changes import kind_of
from orchestrator.clients import answer
from orchestrator.meetings import participants_of, read_row
from orchestrator.moments import from_epoch
from orchestrator.people import list_people, roster
from orchestrator.proposals import DRAFT, known_changes
from orchestrator.steps.board import frozen_board
from orchestrator.steps.job import Job
from orchestrator.steps.matching import parts_of, texts_of
from orchestrator.tables import MatchRow, ProposalRow
from orchestrator.transcripts import read_summary, read_turns
from orchestrator.workspaces import read_settings

__all__ = ["run"]

_CONTEXT = 4
_LARGEST_GROUP = 1000
_ROUND_POSITIONS = 100_000


@dataclass(slots=True)
class _Group:
    """The turns about one card, or about one new card."""

    card_id: str
    new_card_group: str
    turns: dict[str, TurnMatch] = field(default_factory=dict)


async def run(job: Job) -> dict[str, Any]:
    """Find the changes of every card that was spoken about, in the order of the talk."""
    reading = await frozen_board(job)
    async with job.store.read() as session:
        meeting = await read_row(session, job.meeting_id)
        stored = await session.get(MatchRow, job.meeting_id)
        matches = MatchResponse.FromString(stored.data) if stored is not None else MatchResponse()
        texts = texts_of(await read_turns(session, job.meeting_id, words=False))
        summary = await read_summary(session, job.meeting_id) or Summary()
        people = await list_people(session, meeting.workspace_id)
        settings = await read_settings(session, meeting.workspace_id)
    cards = {card.card_id: card for card in reading.cards}
    groups = _groups(matches, cards)
    everybody = roster(people, participants_of(meeting), reading.board)
    drafts: list[Proposal] = []
    for group in groups:
        async with job.store.read() as session:
            known = await known_changes(session, reading.board.board_id, group.card_id)
        request = DifferenceRequest(
            workspace_id=meeting.workspace_id,
            board=reading.board,
            turns=[text for text in texts if text.text_id in group.turns][:_LARGEST_GROUP],
            parts=[part for part in parts_of(summary) if group.turns.keys() & set(part.turn_ids)][:100],
            people=everybody,
            meeting_started_at=from_epoch(meeting.started_at),
            time_zone=settings.time_zone,
            language=meeting.language or settings.language,
            known=known,
            context=_context(texts, group),
        )
        if group.card_id:
            request.card.CopyFrom(cards[group.card_id])
        response = await answer(job.desk.services.match.Difference(request, timeout=300))
        taken = {_content(change) for change in known}
        for proposed in response.changes:
            if _content(proposed.change) in taken:
                continue
            taken.add(_content(proposed.change))
            drafts.append(_draft(job, reading, cards, group, matches, proposed))
    await _write(job, drafts)
    return {"changes": len(drafts)}


async def _write(job: Job, drafts: Sequence[Proposal]) -> None:
    async with job.store.write() as session:
        meeting = await read_row(session, job.meeting_id)
        await session.execute(
            delete(ProposalRow).where(ProposalRow.meeting_id == job.meeting_id, ProposalRow.state == DRAFT)
        )
        for position, draft in enumerate(drafts):
            session.add(
                ProposalRow(
                    proposal_id=draft.proposal_id,
                    workspace_id=meeting.workspace_id,
                    meeting_id=job.meeting_id,
                    board_id=draft.board_id,
                    card_id=draft.card.card.card_id,
                    position=job.round * _ROUND_POSITIONS + position,
                    round=job.round,
                    state=DRAFT,
                    deadline=None,
                    created_at=time.time(),
                    data=draft.SerializeToString(),
                )
            )


def _groups(matches: MatchResponse, cards: dict[str, Card]) -> list[_Group]:
    groups: dict[tuple[str, str], _Group] = {}
    for match in matches.turns:
        if match.card_id in cards or match.new_card_group:
            key = (match.card_id, match.new_card_group)
            groups.setdefault(key, _Group(*key)).turns[match.turn_id] = match
        for card_id in match.other_card_ids:
            if card_id in cards:
                groups.setdefault((card_id, ""), _Group(card_id, "")).turns[match.turn_id] = _aside(match, card_id)
    return list(groups.values())


def _aside(match: TurnMatch, card_id: str) -> TurnMatch:
    """Return the match of a turn with a card that only some of its sentences are about; never sure enough to act alone."""
    aside = TurnMatch()
    aside.CopyFrom(match)
    aside.card_id = card_id
    aside.decision = MatchDecision.MATCH_DECISION_CONFIRM
    aside.probability = next((c.probability for c in match.candidates if c.card_id == card_id), match.probability)
    return aside


def _context(texts: Sequence[MatchText], group: _Group) -> list[MatchText]:
    """Return some turns before the first and after the last one of a group."""
    places = [place for place, text in enumerate(texts) if text.text_id in group.turns]
    if not places:
        return []
    return [*texts[max(0, places[0] - _CONTEXT) : places[0]], *texts[places[-1] + 1 : places[-1] + 1 + _CONTEXT]]


def _draft(
    job: Job,
    reading: GetBoardResponse,
    cards: dict[str, Card],
    group: _Group,
    matches: MatchResponse,
    proposed: ProposedChange,
) -> Proposal:
    said = [group.turns[e.turn_id] for e in proposed.evidence if e.turn_id in group.turns] or list(group.turns.values())
    automatic = all(match.decision == MatchDecision.MATCH_DECISION_AUTO for match in said)
    if group.new_card_group:
        decision = MatchDecision.MATCH_DECISION_NEW_CARD
    else:
        decision = MatchDecision.MATCH_DECISION_AUTO if automatic else MatchDecision.MATCH_DECISION_CONFIRM
    draft = Proposal(
        proposal_id=derived_id(
            "prp",
            job.meeting_id,
            str(job.round),
            group.card_id or group.new_card_group,
            proposed.change.SerializeToString(deterministic=True).hex(),
        ),
        meeting_id=job.meeting_id,
        board_id=reading.board.board_id,
        proposed=proposed,
        match_decision=decision,
        match_probability=max(match.probability for match in said),
        match_signals=_signals(matches, group, said),
        candidates=_candidates(cards, group, said),
    )
    if group.card_id:
        card = cards[group.card_id]
        draft.card.CopyFrom(CardSnapshot(card=card, column_title=column_title(reading.board, card.column_id)))
    return draft


def _signals(matches: MatchResponse, group: _Group, said: Sequence[TurnMatch]) -> MatchSignals | None:
    best = max(said, key=lambda match: match.probability)
    for candidate in best.candidates:
        if candidate.card_id == group.card_id:
            return candidate.signals
    for part in matches.parts:
        if part.card_id == group.card_id and part.new_card_group == group.new_card_group:
            return part.signals
    return None


def _candidates(cards: dict[str, Card], group: _Group, said: Sequence[TurnMatch]) -> list[Candidate]:
    """Return other cards that the quoted turns may mean, each with its best probability."""
    best: dict[str, float] = defaultdict(float)
    for match in said:
        for candidate in match.candidates:
            if candidate.card_id != group.card_id and candidate.card_id in cards:
                best[candidate.card_id] = max(best[candidate.card_id], candidate.probability)
    ranked = sorted(best.items(), key=lambda pair: -pair[1])[:5]
    return [Candidate(card_id=card_id, title=cards[card_id].title, probability=p) for card_id, p in ranked]


def _content(change: CardChange) -> bytes:
    """Return what a change does, without what the card said before and without names for people."""
    core = CardChange()
    core.CopyFrom(change)
    body: Any = getattr(core, core.WhichOneof("change") or "")
    for name in ("previous", "previous_column_id", "previous_column_title", "column_title", "name"):
        if name in body.DESCRIPTOR.fields_by_name:
            body.ClearField(name)
    return bytes([kind_of(core)]) + core.SerializeToString(deterministic=True)
