"""`planerka eval …`: quality on data in standard layouts; figures under the names of the design."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import grpc
import typer
from rich.text import Text

from cli import show
from cli.client import connect
from cli.errors import UsageWrong
from cli.following import Steps
from cli.output import Output
from cli.private import private_mesh
from cli.services import BY_NAME
from cli.session import run, session_of
from mesh.channel import open_channel
from mesh.errors import Unimplemented
from mesh.settings import MeshSettings

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Measure: asr, diarization, match, rag, meeting, summary.")

_DIGITS = 4
_ITEM_KEYS = ("wer", "cer", "der", "live_der", "jer", "rtf", "word_latency_p50_s", "word_latency_p95_s", "lag_s")
_NOT_BUILT = 2

SpeechPath = Annotated[Path, typer.Argument(help="Folder with manifest.jsonl, or the file itself.")]
Address = Annotated[str, typer.Option(help="Measure the service at this address instead of one started for it.")]
Live = Annotated[bool, typer.Option("--live", help="Measure live streams instead of files.")]
Pace = Annotated[
    float,
    typer.Option(min=0.1, max=100, help="With --live: how many times as fast as they were spoken clips are sent."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command("asr")
def asr(
    context: typer.Context,
    path: SpeechPath,
    address: Address = "",
    live: Live = False,
    pace: Pace = 1,
    as_json: AsJson = False,
) -> None:
    """Word and character errors, and speed, of speech recognition on files; with --live also how soon words are there."""
    output = session_of(context).output(as_json=as_json)
    _print(run(_speech(path, address, output, diarize=False, pace=pace if live else None)), output)


@app.command("diarization")
def diarization(
    context: typer.Context,
    path: SpeechPath,
    address: Address = "",
    live: Live = False,
    pace: Pace = 1,
    as_json: AsJson = False,
) -> None:
    """Diarization errors (collar 0, overlaps scored) on files; with --live also of the first labels."""
    output = session_of(context).output(as_json=as_json)
    _print(run(_speech(path, address, output, diarize=True, pace=pace if live else None)), output)


@app.command("match")
def match(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="Folder with corpus.jsonl, queries.jsonl and qrels/test.tsv.")],
    address: Address = "",
    as_json: AsJson = False,
) -> None:
    """Ranks, the decision that no card fits, and automatic decisions, on a BEIR folder."""
    from cli import matching  # noqa: PLC0415  (brings SciPy)

    output, found = session_of(context).output(as_json=as_json), matching.read_set(path)

    async def work() -> Mapping[str, Any]:
        async with _service("match", address, output) as channel:
            with output.counting() as counted:
                return await matching.measure_matching(channel, found, counted)

    _print(run(work()), output)


@app.command("meeting")
def meeting(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="Folder with meeting.flac, board.json and truth.json.")],
    address: Annotated[str, typer.Option(help="Orchestrator to measure instead of a mesh started for it.")] = "",
    keep: Annotated[Path | None, typer.Option(help="Keep state and logs in this folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """Everything from the recording to the proposals, on a mesh of its own."""
    from cli import measuring  # noqa: PLC0415  (brings SciPy)

    output, truth = session_of(context).output(as_json=as_json), measuring.read_truth(path)

    async def work(orchestrator: str, shared: MeshSettings | None) -> Mapping[str, Any]:
        async with connect(orchestrator, shared) as client:
            with Steps(output) as steps:
                return await measuring.measure_meeting(client, path, truth, steps)

    if address:
        figures = run(work(address, None))
    else:
        output.note("starting_mesh")
        with private_mesh(watcher=_told(output), keep=keep) as mesh:
            figures = run(work(mesh.address("orchestrator"), mesh.settings))
    _print(figures, output)


@app.command("rag")
def rag(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="Folder with corpus.jsonl, queries.jsonl and qrels/test.tsv.")],
    address: Address = "",
    as_json: AsJson = False,
) -> None:
    """Ranks and speed of the knowledge base's search, on a BEIR folder."""
    from cli import matching, retrieving  # noqa: PLC0415  (brings SciPy)

    output, found = session_of(context).output(as_json=as_json), matching.read_set(path)

    async def work() -> Mapping[str, Any]:
        # A search needs no language model, and loading one takes longer than most sets.
        async with _service("llm", address, output, {"PLANERKA_LLM__PROVIDER": "none"}) as channel:
            with output.counting() as counted:
                return await retrieving.measure_retrieval(channel, found, counted)

    _print(run(work()), output)


@app.command("summary")
def summary(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="QMSum lines, a meeting of AMI, or a folder with both.")],
    strategy: Annotated[
        list[str] | None, typer.Option("--strategy", help="Way to sum up, repeatable; all of them by default.")
    ] = None,
    meetings: Annotated[
        int, typer.Option("--meetings", min=0, help="Number of meetings, the longest first; 0 for all.")
    ] = 0,
    meeting: Annotated[list[str] | None, typer.Option("--meeting", help="Name of a meeting, repeatable.")] = None,
    keep: Annotated[
        Path | None, typer.Option(help="Keep summaries in this folder, and do not make again what is there.")
    ] = None,
    address: Address = "",
    as_json: AsJson = False,
) -> None:
    """Summaries against human ones and the beginning of the talk; support by quotes; actions against human ones."""
    from cli import summarising  # noqa: PLC0415  (brings the dictionaries of Russian)

    output = session_of(context).output(as_json=as_json)
    names = strategy or list(summarising.STRATEGIES)
    for name in names:
        if name not in summarising.STRATEGIES:
            known = ", ".join(summarising.STRATEGIES)
            raise UsageWrong(f"There is no strategy {name!r}; choose one of: {known}.")
    chosen = summarising.choose_meetings(path, meetings, meeting or [])

    async def work() -> Mapping[str, Any]:
        async with _service("llm", address, output) as channel:
            with output.counting() as counted:
                return await summarising.measure_summaries(channel, chosen, names, keep, counted)

    figures = _rounded(run(work()))
    if output.json:
        output.emit(figures)
        return
    columns = {
        "R1": "rouge1",
        "R2": "rouge2",
        "RL": "rougeL",
        "grounded": "grounded_fraction",
        "act. P": "action_precision",
        "act. R": "action_recall",
        "s": "seconds",
    }
    table = show.table(output.texts("eval.strategy"), *columns)
    for name, own in figures["strategies"].items():
        table.add_row(name, *("-" if own[key] is None else str(own[key]) for key in columns.values()))
    output.result.print(table)


async def _speech(path: Path, address: str, output: Output, *, diarize: bool, pace: float | None) -> Mapping[str, Any]:
    # Measures bring SciPy, which would make every other command half a second slower.
    from cli import hearing, recognising  # noqa: PLC0415

    items = recognising.items_of(path)
    async with _service("asr", address, output) as channel:
        with output.counting() as counted:

            def tell(number: int, total: int, name: str) -> None:
                counted(name, number, total)

            if pace is not None:
                heard = await hearing.hear(channel, items, diarize=diarize, pace=pace, tell=tell)
                return hearing.live_diarization_figures(heard) if diarize else hearing.live_asr_figures(heard)
            done = await recognising.recognise(channel, items, diarize=diarize, tell=tell)
    return recognising.diarization_figures(done) if diarize else recognising.asr_figures(done)


@asynccontextmanager
async def _service(
    name: str, address: str, output: Output, variables: Mapping[str, str] | None = None
) -> AsyncIterator[grpc.aio.Channel]:
    names = [BY_NAME[name].grpc_name]
    if address:
        async with open_channel(address, MeshSettings.load(), names) as channel:
            yield channel
        return
    output.note("starting_mesh")
    with private_mesh([name], watcher=_told(output), variables=variables) as mesh:
        async with open_channel(mesh.address(name), mesh.settings, names) as channel:
            yield channel


def _told(output: Output) -> Any:
    def ready(name: str, seconds: float) -> None:
        del seconds
        output.note("up.one", name=name)

    return ready


def _print(figures: Mapping[str, Any], output: Output) -> None:
    rounded = _rounded(figures)
    if output.json:
        output.emit(rounded)
        return
    texts = output.texts
    table = show.table(texts("eval.figure"), texts("eval.value"))
    for name, value in rounded.items():
        if name != "items":
            table.add_row(name, "-" if value is None else str(value))
    output.result.print(table)
    for item in rounded.get("items", ()):
        own = ", ".join(f"{key} {item[key]}" for key in _ITEM_KEYS if item.get(key) is not None)
        output.result.print(Text(f"{item['path']}  {own}", style="dim"), soft_wrap=True)
        if isinstance(item["hypothesis"], str):
            output.result.print(Text(f"  {item['hypothesis']}"), soft_wrap=True)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, Mapping):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value


def _not_built(output: Output, what: str) -> typer.Exit:
    error = Unimplemented(f"planerka {what} is not built yet.")
    output.progress.print(Text(f"planerka: {error.message}", style="red"))
    return typer.Exit(_NOT_BUILT)
