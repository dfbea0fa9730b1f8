"""`planerka meeting …`: recordings and texts go in, transcripts and summaries come out."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from planerka.llm.v1 import llm_pb2
from planerka.orchestrator.v1 import meeting_pb2, orchestrator_pb2

from cli import show
from cli.audio import check_microphone, file_chunks, length_of, microphone_chunks, paced
from cli.client import Client, fresh_key, typed_errors
from cli.errors import UsageWrong
from cli.export import FORMATS, export, format_of
from cli.following import Steps, settle
from cli.live import LiveTranscript
from cli.output import Output
from cli.session import AsJson, run, session_of
from cli.settings import CliSettings
from cli.streaming import LiveStream
from mesh.times import from_datetime

__all__ = ["app", "import_file", "meeting_config"]

app = typer.Typer(no_args_is_help=True, help="Meetings: stream, import, list, show, export, watch, delete.")

_PIECE = 256 << 10
_FORMATS = {
    "audio": orchestrator_pb2.IMPORT_FORMAT_AUDIO,
    "text": orchestrator_pb2.IMPORT_FORMAT_PLAIN_TEXT,
    "webvtt": orchestrator_pb2.IMPORT_FORMAT_WEBVTT,
    "srt": orchestrator_pb2.IMPORT_FORMAT_SRT,
    "jsonl": orchestrator_pb2.IMPORT_FORMAT_JSON_LINES,
    "telegram": orchestrator_pb2.IMPORT_FORMAT_TELEGRAM,
}
_STRATEGIES = {
    name.removeprefix("SUMMARY_STRATEGY_").lower().replace("_", "-"): name
    for name, number in llm_pb2.SummaryStrategy.items()
    if number
}

Title = Annotated[str, typer.Option(help="Title of the meeting; its date where it is empty.")]
Language = Annotated[
    str, typer.Option("--language", help="Spoken language, such as ru or en; found out where it is empty.")
]
BoardId = Annotated[
    str, typer.Option("--board", help="Board that the talk is about; the default board where it is empty.")
]
Started = Annotated[
    datetime | None,
    typer.Option("--date", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="When it began; now by default."),
]
Participants = Annotated[
    list[str] | None, typer.Option("--participant", help="Name of somebody who takes part; repeatable.")
]
Template = Annotated[
    str, typer.Option("--template", help="Template of the summary; `planerka template list` shows them.")
]
SummaryLanguage = Annotated[
    str,
    typer.Option(
        "--summary-language", help="Language of the summary, ru or en; that of the meeting where it is empty."
    ),
]
Strategy = Annotated[str, typer.Option("--strategy", help=f"How to sum up: {', '.join(_STRATEGIES)}.")]


def meeting_config(
    workspace: str,
    *,
    title: str = "",
    language: str = "",
    board: str = "",
    started: datetime | None = None,
    participants: list[str] | None = None,
    strategy: str = "",
    template: str = "",
    summary_language: str = "",
) -> meeting_pb2.MeetingConfig:
    """Return how a new meeting is treated.

    Raises:
        UsageWrong: There is no such strategy.
    """
    if strategy and strategy not in _STRATEGIES:
        raise UsageWrong(f"There is no strategy {strategy!r}; choose one of: {', '.join(_STRATEGIES)}.")
    return meeting_pb2.MeetingConfig(
        workspace_id=workspace,
        title=title,
        language=language,
        board_id=board,
        started_at=from_datetime(started.astimezone()) if started is not None else None,
        participants=participants or [],
        summary_strategy=_STRATEGIES.get(strategy),
        template=template,
        summary_language=summary_language,
        idempotency_key=fresh_key(),
    )


async def import_file(
    client: Client, path: Path, config: meeting_pb2.MeetingConfig, file_format: str = ""
) -> meeting_pb2.Meeting:
    """Send a file, and return the meeting whose workflow has begun.

    Raises:
        UsageWrong: There is no such file or no such format.
        RemoteError: The orchestrator cannot use the file.
    """
    if file_format and file_format not in _FORMATS:
        raise UsageWrong(f"There is no format {file_format!r}; choose one of: {', '.join(_FORMATS)}.")
    try:
        content = await asyncio.to_thread(path.open, "rb")
    except OSError as error:
        raise UsageWrong(f"{path} cannot be read: {error.strerror}.") from error
    first = orchestrator_pb2.ImportConfig(
        meeting=config,
        format=_FORMATS.get(file_format, orchestrator_pb2.IMPORT_FORMAT_UNSPECIFIED),
        file_name=path.name,
    )

    async def pieces() -> AsyncIterator[orchestrator_pb2.ImportMeetingRequest]:
        yield orchestrator_pb2.ImportMeetingRequest(config=first)
        while piece := content.read(_PIECE):
            yield orchestrator_pb2.ImportMeetingRequest(data=piece)

    with content, typed_errors():
        return (await client.stub.ImportMeeting(pieces())).meeting


@app.command("stream")
def stream(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="Recording to stream as if it were live.")] = None,
    microphone: Annotated[bool, typer.Option("--microphone", help="Stream from the microphone until Ctrl-C.")] = False,
    pace: Annotated[
        float, typer.Option(min=0, help="1 sends a file as fast as it was spoken, 0 as fast as it is taken.")
    ] = 0,
    title: Title = "",
    language: Language = "",
    board: BoardId = "",
    date: Started = None,
    participant: Participants = None,
    strategy: Strategy = "",
    template: Template = "",
    summary_language: SummaryLanguage = "",
    wait: Annotated[bool, typer.Option(help="Stay until the proposals are there.")] = True,
    as_json: AsJson = False,
) -> None:
    """Stream a recording or the microphone, and print the transcript while people talk."""
    if (file is None) is not microphone:
        raise typer.BadParameter("give either a file or --microphone")
    session, settings = session_of(context), CliSettings.load()
    # What cannot be heard must not open a meeting.
    if file is None:
        check_microphone()
    else:
        length_of(file)

    async def work() -> None:
        async with session.client() as client:
            output = session.output(as_json=as_json)
            chunks = microphone_chunks() if file is None else paced(file_chunks(file), pace)
            config = meeting_config(
                client.workspace,
                title=title or (file.stem if file is not None else ""),
                language=language,
                board=board,
                started=date,
                participants=participant,
                strategy=strategy,
                template=template,
                summary_language=summary_language,
            )
            output.note("meeting.listening") if file is None else output.note("meeting.sending", name=file.name)
            live = LiveStream(
                client, config, chunks, settings.window_chunks, settings.ahead_seconds if file is not None else None
            )
            with LiveTranscript(output) as transcript, _ctrl_c_finishes(live, output):
                async with aclosing(live.events()) as events:
                    async for event in events:
                        transcript.take(event)
            transcript.totals()
            await _afterwards(client, transcript.meeting_id, output, wait=wait)

    run(work())


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Recording, WebVTT, SRT, JSON lines, Telegram export or plain text.")],
    file_format: Annotated[str, typer.Option("--format", help=f"{', '.join(_FORMATS)}; found out where empty.")] = "",
    title: Title = "",
    language: Language = "",
    board: BoardId = "",
    date: Started = None,
    participant: Participants = None,
    strategy: Strategy = "",
    template: Template = "",
    summary_language: SummaryLanguage = "",
    wait: Annotated[bool, typer.Option(help="Stay until the proposals are there.")] = True,
    as_json: AsJson = False,
) -> None:
    """Import a recording, a transcript or a chat log."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            output = session.output(as_json=as_json)
            config = meeting_config(
                client.workspace,
                title=title or file.stem,
                language=language,
                board=board,
                started=date,
                participants=participant,
                strategy=strategy,
                template=template,
                summary_language=summary_language,
            )
            with output.status("meeting.sending", name=file.name):
                meeting = await import_file(client, file, config, file_format)
            await _afterwards(client, meeting.meeting_id, output, wait=wait)

    run(work())


@app.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="Largest number of meetings.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List meetings, newest first."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            output, found = session.output(as_json=as_json), await client.meetings(limit)
            if as_json:
                output.emit({"meetings": found})
            else:
                output.result.print(show.meetings(found, output.texts) if found else output.texts("meeting.none"))

    run(work())


@app.command("show")
def show_(
    context: typer.Context,
    meeting_id: Annotated[str, typer.Argument(help="Identifier of the meeting.")],
    as_json: AsJson = False,
) -> None:
    """Show the transcript, the summary and the matched cards of a meeting."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            output, detail = session.output(as_json=as_json), await client.detail(meeting_id)
            if as_json:
                output.emit(detail)
                return
            texts, console = output.texts, output.result
            names = {turn.turn_id: show.speaker_of(turn, texts) for turn in detail.turns}
            console.print(show.meeting_head(detail.meeting, texts), show.heading(texts("transcript")))
            for turn in detail.turns:
                console.print(show.turn(turn, texts))
            if not detail.turns:
                console.print(texts("meeting.no_words"))
            console.print(show.heading(texts("summary")))
            has_summary = detail.HasField("summary")
            console.print(show.summary(detail.summary, names, texts) if has_summary else texts("summary.none"))
            console.print(show.heading(texts("matches")))
            console.print(show.matches(detail, await card_keys(client, detail.meeting.board_id), texts))

    run(work())


@app.command("export")
def export_(
    context: typer.Context,
    meeting_id: Annotated[str, typer.Argument(help="Identifier of the meeting.")],
    form: Annotated[
        str, typer.Option("--format", help=f"{', '.join(FORMATS)}; by the name of --output where it is empty.")
    ] = "",
    to: Annotated[Path | None, typer.Option("--output", help="File to write; standard output by default.")] = None,
) -> None:
    """Write a meeting as subtitles, speaker stretches (RTTM), JSON, plain text, or its minutes as Markdown."""
    session = session_of(context)
    if form and form not in FORMATS:
        raise UsageWrong(f"There is no format {form!r}; choose one of: {', '.join(FORMATS)}.")

    async def work() -> None:
        async with session.client() as client:
            detail = await client.detail(meeting_id)
        content = export(detail, form or format_of(to))
        if to is None:
            typer.echo(content, nl=False)
            return
        try:
            await asyncio.to_thread(to.write_text, content, encoding="utf-8")
        except OSError as error:
            raise UsageWrong(f"{to} cannot be written: {error.strerror}.") from error
        session.output().note("meeting.exported", file=to, turns=len(detail.turns))

    run(work())


@app.command("watch")
def watch(
    context: typer.Context, meeting_id: Annotated[str, typer.Argument(help="Identifier of the meeting.")]
) -> None:
    """Print what happens in a meeting, from its beginning until people are asked."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            output = session.output()
            with LiveTranscript(output, moving=False) as transcript, Steps(output) as steps:

                def take(update: orchestrator_pb2.WatchMeetingResponse) -> None:
                    kind = update.WhichOneof("update")
                    if kind == "turn":
                        transcript.turn(update.turn)
                    elif kind == "speaker_revision":
                        transcript.revise(update.speaker_revision)
                    steps(update)

                meeting = await settle(client, meeting_id, take)
            _tell_end(meeting, output)

    run(work())


@app.command("delete")
def delete(
    context: typer.Context,
    meeting_id: Annotated[str, typer.Argument(help="Identifier of the meeting.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a meeting with its audio, text and vectors; changes on boards stay."""
    session = session_of(context)
    if not yes:
        typer.confirm(f"Delete {meeting_id} with its audio and text?", abort=True)

    async def work() -> None:
        async with session.client() as client:
            request = orchestrator_pb2.DeleteMeetingRequest(meeting_id=meeting_id, idempotency_key=fresh_key())
            await client.call(lambda seconds: client.stub.DeleteMeeting(request, timeout=seconds))
            output = session.output()
            output.result.print(output.texts("meeting.deleted", id=meeting_id))

    run(work())


@app.command("rename-speaker")
def rename_speaker(
    context: typer.Context,
    meeting_id: Annotated[str, typer.Argument(help="Identifier of the meeting.")],
    speaker: Annotated[str, typer.Argument(help="The voice, such as S1.")],
    name: Annotated[str, typer.Argument(help="Name of the person.")],
) -> None:
    """Give a voice of a meeting a name, in all its turns."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            request = orchestrator_pb2.RenameSpeakerRequest(
                meeting_id=meeting_id, speaker=speaker, name=name, idempotency_key=fresh_key()
            )
            answer = await client.call(lambda seconds: client.stub.RenameSpeaker(request, timeout=seconds))
            output = session.output()
            output.result.print(output.texts("meeting.renamed", speaker=speaker, name=name, turns=answer.turns))

    run(work())


async def card_keys(client: Client, board_id: str) -> dict[str, str]:
    """Return the short keys of the cards of a board; empty where the meeting has no board."""
    if not board_id:
        return {}
    return {card.card_id: card.key for card in (await client.board(board_id)).cards}


async def _afterwards(client: Client, meeting_id: str, output: Output, *, wait: bool) -> None:
    if wait:
        with Steps(output) as steps:
            meeting = await settle(client, meeting_id, steps)
    else:
        meeting = (await client.detail(meeting_id)).meeting
    if output.json:
        output.emit(meeting)
    else:
        output.result.print(show.meeting_head(meeting, output.texts))
    _tell_end(meeting, output)
    if not wait:
        output.note("meeting.watch", id=meeting_id)


def _tell_end(meeting: meeting_pb2.Meeting, output: Output) -> None:
    if meeting.state == meeting_pb2.MEETING_STATE_FAILED:
        output.progress.print(output.texts("meeting.failed", failure=meeting.failure), style="red")
        raise typer.Exit(1)
    if meeting.pending:
        output.note("meeting.pending", count=meeting.pending, id=meeting.meeting_id)


@contextlib.contextmanager
def _ctrl_c_finishes(live: LiveStream, output: Output) -> Iterator[None]:
    """End the meeting at the first Ctrl-C; a second one ends the command as ever."""
    loop = asyncio.get_running_loop()

    def first() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        output.note("live.ending")
        live.finish()

    loop.add_signal_handler(signal.SIGINT, first)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
