"""Evaluation of a whole meeting: from its file to the proposals, on a mesh of its own."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from planerka.common.v1 import card_pb2, transcript_pb2
from planerka.orchestrator.v1 import meeting_pb2, orchestrator_pb2, proposal_pb2

from cli.boards import create_from_file
from cli.client import Client, fresh_key
from cli.errors import MeasureFailed, UsageWrong
from cli.following import Update, settle
from cli.meetings import import_file, meeting_config
from cli.samples import begin_of
from evaluation.meeting import (
    NEW,
    Promise,
    Quote,
    Statement,
    Truth,
    TruthTurn,
    Turn,
    f1,
    link_scores,
    load_truth,
    new_cards_found,
    promise_accuracy,
    ungrounded,
)
from evaluation.speech import SpeakerSpan, cp_word_errors, diarization_errors, read_rttm, word_errors
from mesh.times import to_date, to_seconds

__all__ = ["measure_meeting", "read_truth"]

_LONGEST_SILENCE = 3650
"""Days; the most that the settings allow."""


def read_truth(folder: Path) -> Truth:
    """Read the truth of a meeting's folder.

    Raises:
        UsageWrong: A file of the layout is missing or broken.
    """
    for name in ("meeting.flac", "board.json", "truth.json"):
        if not (folder / name).is_file():
            raise UsageWrong(
                f"{folder} has no {name}. A meeting is a folder with meeting.flac, board.json and truth.json."
            )
    try:
        return load_truth(folder / "truth.json")
    except ValueError as error:
        raise UsageWrong(str(error)) from error


async def measure_meeting(client: Client, folder: Path, truth: Truth, *listeners: Update) -> dict[str, Any]:
    """Import the meeting, wait for its proposals, and return the figures of the design.

    Raises:
        MeasureFailed: The workflow gave up.
    """
    board = await create_from_file(client, folder / "board.json")
    await _count_one_silent_meeting_as_stale(client)
    config = meeting_config(
        client.workspace,
        title=truth.title,
        language=truth.language,
        board=board.board.board_id,
        started=begin_of(truth.day),
    )
    begun = time.monotonic()
    meeting = await import_file(client, folder / "meeting.flac", config)
    meeting = await settle(client, meeting.meeting_id, *listeners)
    seconds = time.monotonic() - begun
    if meeting.state == meeting_pb2.MEETING_STATE_FAILED:
        raise MeasureFailed(f"The workflow of {folder} gave up: {meeting.failure}")
    detail = await client.detail(meeting.meeting_id)
    proposals = await client.proposals(meeting.meeting_id)
    stale = None if truth.stale is None else await _stale(client, board)
    rttm = folder / "meeting.rttm"
    return {
        **_figures(detail, proposals, board.cards, truth, rttm if rttm.is_file() else None),
        "stale_f1": None if truth.stale is None or stale is None else _set_f1(truth.stale, stale),
        "seconds": seconds,
        "audio_seconds": to_seconds(detail.meeting.duration),
    }


def _figures(
    detail: meeting_pb2.MeetingDetail,
    proposals: Sequence[proposal_pb2.Proposal],
    cards: Iterable[card_pb2.Card],
    truth: Truth,
    rttm: Path | None,
) -> dict[str, Any]:
    creating = [one for one in proposals if one.proposed.change.HasField("create_card")]
    turns = _turns(detail, creating, {card.card_id: card.key for card in cards})
    true_spans: Sequence[SpeakerSpan] = truth.turns if rttm is None else read_rttm(rttm)
    links = link_scores(truth.turns, turns)
    promises = [_promise(action) for action in detail.summary.actions]
    claims = [*_claims(detail.summary), *(_statement(one.proposal_id, one.proposed.evidence) for one in proposals)]
    return {
        "wer": word_errors(_text(truth.turns), _text(turns)).rate,
        "cpwer": cp_word_errors(truth.turns, turns).rate,
        "der": diarization_errors(true_spans, turns).der,
        "link_precision": links.precision,
        "link_recall": links.recall,
        "link_f1": links.f1,
        "new_card_found": new_cards_found(
            truth.turns, turns, [_statement(one.proposal_id, one.proposed.evidence) for one in creating]
        ),
        "owner_accuracy": promise_accuracy(truth.turns, turns, promises, "owner"),
        "due_accuracy": promise_accuracy(truth.turns, turns, promises, "due"),
        "ungrounded": len(ungrounded(claims, turns, [turn.turn_id for turn in turns])),
    }


def _turns(
    detail: meeting_pb2.MeetingDetail, creating: Sequence[proposal_pb2.Proposal], keys: Mapping[str, str]
) -> list[Turn]:
    labels: dict[str, str] = {quote.turn_id: NEW for one in creating for quote in one.proposed.evidence}
    for link in sorted(detail.links, key=lambda link: link.probability):
        labels[link.turn_id] = keys.get(link.card_id, link.card_id) if link.card_id else NEW
    return [
        Turn(
            start=to_seconds(turn.start),
            end=to_seconds(turn.end),
            speaker=turn.speaker or turn.speaker_name,
            text=turn.text,
            turn_id=turn.turn_id,
            label=labels.get(turn.turn_id),
        )
        for turn in detail.turns
    ]


def _claims(summary: meeting_pb2.Summary) -> list[Statement]:
    claims = [_statement(part.title, part.evidence) for part in summary.parts if part.evidence or not part.turn_ids]
    for items in (summary.decisions, summary.actions, summary.questions, summary.risks):
        claims += [_statement(item.text, item.evidence) for item in items]
    return claims


def _statement(name: str, evidence: Iterable[transcript_pb2.Evidence]) -> Statement:
    return Statement(name, tuple(Quote(one.turn_id, one.quote) for one in evidence))


def _promise(action: Any) -> Promise:
    due = to_date(action.due).isoformat() if action.HasField("due") else ""
    quotes = tuple(Quote(one.turn_id, one.quote) for one in action.evidence)
    return Promise(name=action.text, quotes=quotes, owner=action.owner_name, due=due)


def _text(turns: Sequence[TruthTurn] | Sequence[Turn]) -> str:
    return " ".join(turn.text for turn in sorted(turns, key=lambda turn: (turn.start, turn.end)))


async def _count_one_silent_meeting_as_stale(client: Client) -> None:
    """The board of a measured meeting has no other meeting, so stale there is what this one is silent about."""
    asked = orchestrator_pb2.GetWorkspaceSettingsRequest(workspace_id=client.workspace)
    settings = (await client.stub.GetWorkspaceSettings(asked, timeout=30)).settings
    settings.stale_after_meetings, settings.stale_after_days = 1, _LONGEST_SILENCE
    await client.stub.UpdateWorkspaceSettings(
        orchestrator_pb2.UpdateWorkspaceSettingsRequest(settings=settings, idempotency_key=fresh_key()), timeout=30
    )


async def _stale(client: Client, board: orchestrator_pb2.CreateBoardResponse) -> frozenset[str]:
    pages = client.pages(
        lambda token, seconds: client.stub.ListStaleCards(
            orchestrator_pb2.ListStaleCardsRequest(
                workspace_id=client.workspace, board_id=board.board.board_id, page_token=token
            ),
            timeout=seconds,
        )
    )
    return frozenset([one.card.key async for page in pages for one in page.cards])


def _set_f1(true: frozenset[str], found: frozenset[str]) -> float:
    hits = len(true & found)
    return f1(hits / len(found) if found else float(not true), hits / len(true) if true else 1.0)
