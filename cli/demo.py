"""`planerka demo`: the main job on the sample meeting, from its sound to the changed board."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

import typer
from planerka.common.v1 import change_pb2, transcript_pb2
from planerka.orchestrator.v1 import meeting_pb2, orchestrator_pb2, proposal_pb2
from rich.text import Text

from cli import decisions, show, show_board, show_proposals
from cli.audio import file_chunks, paced
from cli.boards import create_from_file
from cli.changes import kind_of
from cli.client import Client, connect
from cli.following import Steps, settle, until_decided
from cli.launcher import Mesh
from cli.live import LiveTranscript
from cli.meetings import meeting_config
from cli.output import Output
from cli.private import private_mesh
from cli.samples import begin_of, sample_folder
from cli.session import run, session_of
from cli.settings import CliSettings
from cli.streaming import LiveStream

__all__ = ["choose", "register"]

_APPLY_SECONDS = 60.0
_LISTENING = ("board", "orchestrator", "asr")
"""Services without which nobody can listen; the others are needed when the recording is over."""
_VISIBLE = frozenset(
    {
        change_pb2.CHANGE_KIND_MOVE_CARD,
        change_pb2.CHANGE_KIND_SET_DUE_DATE,
        change_pb2.CHANGE_KIND_ADD_MEMBER,
        change_pb2.CHANGE_KIND_ADD_CHECKLIST_ITEM,
        change_pb2.CHANGE_KIND_COMPLETE_CHECKLIST_ITEM,
        change_pb2.CHANGE_KIND_ADD_LABEL,
    }
)
"""Changes that a board shows without opening the card."""


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("demo")(demo)


def demo(
    context: typer.Context,
    samples: Annotated[
        Path | None, typer.Option(help="Folder with meeting.flac and board.json, or with such folders.")
    ] = None,
    keep: Annotated[Path | None, typer.Option(help="Keep state and logs in this folder.")] = None,
) -> None:
    """Show the main job on the sample meeting; touches nothing of this machine's own mesh."""
    output = session_of(context).output()
    folder = sample_folder(samples)
    texts, console = output.texts, output.result
    console.print(Text(texts("demo.title"), style="bold"))
    console.print(Text(texts("demo.what"), style="dim"))
    _head(output, 1, "demo.services")

    def ready(name: str, seconds: float) -> None:
        output.result.print(Text(f"  ✓ {name}  {seconds:.1f} s", style="dim"))

    # Loading models takes the longest; people talk meanwhile.
    with private_mesh(watcher=ready, keep=keep, first=_LISTENING) as mesh:
        console.print(Text(texts("demo.loading"), style="dim"))
        run(_show(mesh, folder, output))
        output.note("stopping_mesh")
    console.print()
    console.print(Text(texts("demo.hint"), style="dim"))


def choose(found: list[proposal_pb2.Proposal]) -> proposal_pb2.Proposal | None:
    """Return the proposal that the demo approves: a visible change of an existing card if there is one, and the surest."""
    pending = [one for one in found if one.state == proposal_pb2.PROPOSAL_STATE_PENDING]

    def rank(one: proposal_pb2.Proposal) -> tuple[bool, bool, float]:
        kind = kind_of(one.proposed.change)
        sure = one.proposed.confidence * (one.match_probability or 1.0)
        return kind in _VISIBLE, kind != change_pb2.CHANGE_KIND_CREATE_CARD, sure

    return max(pending, key=rank, default=None)


async def _show(mesh: Mesh, folder: Path, output: Output) -> None:
    texts, console = output.texts, output.result
    async with connect(mesh.address("orchestrator"), mesh.settings) as client:
        _head(output, 2, "demo.board")
        board = await create_from_file(client, folder / "board.json")
        console.print(Text(f"{board.board.name}: {len(board.cards)}", style="dim"))
        _head(output, 3, "live_transcript")
        begun = time.monotonic()
        live, meeting_id = await _stream(client, folder, board.board.board_id, output)
        _head(output, 4, "demo.work")
        await asyncio.to_thread(mesh.wait)
        with Steps(output) as steps:
            meeting = await settle(client, meeting_id, steps)
        if meeting.state == meeting_pb2.MEETING_STATE_FAILED:
            console.print(Text(texts("meeting.failed", failure=meeting.failure), style="red"))
            raise typer.Exit(1)
        seconds = time.monotonic() - begun
        detail, found = await client.detail(meeting_id), await client.proposals(meeting_id)
        names = {turn.turn_id: show.speaker_of(turn, texts) for turn in detail.turns}
        _corrected(live, detail, output)
        _head(output, 5, "summary")
        console.print(
            show.summary(detail.summary, names, texts) if detail.HasField("summary") else texts("summary.none")
        )
        _head(output, 6, "matches")
        console.print(show.matches(detail, {card.card_id: card.key for card in board.cards}, texts))
        _head(output, 7, "proposals")
        console.print(show_proposals.proposals(found, names, texts))
        _head(output, 8, "demo.approval")
        applied = await _approve(client, choose(found), board, output)
        after = await client.detail(meeting_id)
        facts = {
            "seconds": round(seconds),
            "audio": round(meeting.duration.seconds or live.seconds),
            "proposals": len(found),
            "pending": after.meeting.pending,
        }
        console.print(Text(texts("demo.end", **facts), style="bold"))
        if not applied:
            raise typer.Exit(1)


class _Live:
    """What was printed while the meeting was live."""

    def __init__(self, turns: Mapping[str, transcript_pb2.Turn], seconds: float) -> None:
        self.turns = turns
        self.seconds = seconds


async def _stream(client: Client, folder: Path, board_id: str, output: Output) -> tuple[_Live, str]:
    truth = _truth(folder)
    config = meeting_config(
        client.workspace,
        title=str(truth.get("title", folder.name)),
        language=str(truth.get("language", "")),
        board=board_id,
        started=begin_of(truth.get("date")),
    )
    chunks = paced(file_chunks(folder / "meeting.flac"), 0)
    settings = CliSettings.load()
    live = LiveStream(client, config, chunks, settings.window_chunks, settings.ahead_seconds)
    with LiveTranscript(output) as transcript:
        async with aclosing(live.events()) as events:
            async for event in events:
                transcript.take(event)
    return _Live(transcript.turns, live.seconds), transcript.meeting_id


async def _approve(
    client: Client,
    chosen: proposal_pb2.Proposal | None,
    board: orchestrator_pb2.CreateBoardResponse,
    output: Output,
) -> bool:
    texts, console = output.texts, output.result
    before = await client.board(board.board.board_id)
    if chosen is None:
        console.print(texts("demo.nothing"))
        console.print(show_board.board(before.board, before.cards, texts))
        return True
    visible = kind_of(chosen.proposed.change) in _VISIBLE
    console.print(Text(texts("demo.chosen" if visible else "demo.chosen_any"), style="dim"))
    request = orchestrator_pb2.DecideRequest(
        proposal_id=chosen.proposal_id, verdict=proposal_pb2.VERDICT_APPROVE, note="demo"
    )
    decided = await client.decide(request)
    decided = await until_decided(client, chosen.proposal_id, _APPLY_SECONDS) or decided
    decisions.tell(decided, output)
    after = await client.board(board.board.board_id)
    console.print(show.heading(texts("board.before")))
    console.print(show_board.board(before.board, before.cards, texts))
    console.print(show.heading(texts("board.after")))
    console.print(show_board.board(after.board, after.cards, texts, before=before.cards))
    return decided.state == proposal_pb2.PROPOSAL_STATE_APPLIED


def _corrected(live: _Live, detail: meeting_pb2.MeetingDetail, output: Output) -> None:
    """Print the transcript again where the end knows more than the live view did."""
    texts = output.texts
    shown = {one.turn_id: (show.speaker_of(one, texts), one.text) for one in live.turns.values()}
    final = {one.turn_id: (show.speaker_of(one, texts), one.text) for one in detail.turns}
    if shown == final:
        return
    output.result.print(show.heading(texts("meeting.corrected")))
    for turn in detail.turns:
        output.result.print(show.turn(turn, texts))


def _truth(folder: Path) -> dict[str, Any]:
    path = folder / "truth.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _head(output: Output, number: int, key: str) -> None:
    output.result.print(show.heading(output.texts("demo.step", number=number, title=output.texts(key))))
