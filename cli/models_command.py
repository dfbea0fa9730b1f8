"""`planerka models …`: the models on this machine."""

from __future__ import annotations

import time
from typing import Annotated, Self

import typer
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from cli import show
from cli.output import Output
from cli.session import AsJson, session_of
from mesh.paths import models_root
from models import ModelStatus, Phase, Progress, State, Store, default_source

__all__ = ["app", "open_store", "size_of"]

app = typer.Typer(no_args_is_help=True, help="Models: pull, list, verify.")

_LINE_SECONDS = 5.0
"""Seconds between two lines about one model where there is no terminal."""

Ids = Annotated[list[str] | None, typer.Argument(help="Models by their ids; all but optional ones without any.")]


def open_store() -> Store:
    """Return the store of this machine."""
    return Store(models_root(), source=default_source())


def size_of(count: int) -> str:
    """Return a number of bytes for people."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


@app.command("pull")
def pull(
    context: typer.Context,
    ids: Ids = None,
    force: Annotated[bool, typer.Option("--force", help="Pull even what is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Get models from the first source that has them; what is there already costs nothing."""
    output, store = session_of(context).output(as_json=as_json), open_store()
    with _listener(output) as listener:
        done = store.pull(ids or None, listener, force=force)
    if as_json:
        output.emit({"root": str(store.root), "models": [_plain(one) for one in done]})
    else:
        output.result.print(output.texts("models.all_here", root=store.root), soft_wrap=True)


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the models that the product uses, and whether they are here."""
    output, store = session_of(context).output(as_json=as_json), open_store()
    found, texts = store.list(), output.texts
    if as_json:
        output.emit({"root": str(store.root), "models": [_plain(one) for one in found]})
        return
    table = show.table(
        texts("col.model"), texts("col.task"), texts("col.licence"), texts("col.size"), texts("col.here")
    )
    for one in found:
        style = "green" if one.state is State.PRESENT else "bold red" if one.wanting else "dim"
        table.add_row(
            Text(one.id, style="cyan"),
            one.task,
            one.licence,
            size_of(one.size),
            Text(one.state.text(texts.language), style),
        )
    output.result.print(table)
    missing = [one.id for one in found if one.wanting]
    if missing:
        output.result.print(texts("models.missing", models=", ".join(missing)))
    optional = [one.id for one in found if one.optional and one.state is State.MISSING]
    if optional:
        output.result.print(texts("models.optional", models=", ".join(optional)))


@app.command("verify")
def verify(context: typer.Context, ids: Ids = None, as_json: AsJson = False) -> None:
    """Read every byte of the models and compare it with what was stored; exit status 1 where something is wrong."""
    output, store = session_of(context).output(as_json=as_json), open_store()
    texts = output.texts
    with _listener(output) as listener:
        found = store.verify(ids or None, listener)
    if as_json:
        output.emit({"root": str(store.root), "models": [_plain(one) for one in found]})
    else:
        for one in found:
            if one.state is State.PRESENT:
                output.result.print(texts("models.sound", model=one.id))
                continue
            problems = "; ".join(problem.text(texts.language) for problem in one.problems)
            output.result.print(Text(f"{one.id}: {one.state.text(texts.language)} {problems}".rstrip(), style="red"))
    if any(one.state is not State.PRESENT for one in found):
        raise typer.Exit(1)


class _Lines:
    """Progress as lines of a log: one when a phase begins or ends, and one every few seconds between."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._last: tuple[str, Phase] | None = None
        self._at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def __call__(self, now: Progress) -> None:
        fresh = self._last != (now.model_id, now.phase)
        if not fresh and time.monotonic() - self._at < _LINE_SECONDS:
            return
        self._last, self._at = (now.model_id, now.phase), time.monotonic()
        share = f" {100 * now.done // now.total} %" if now.total else ""
        amount = f" ({size_of(now.done)}/{size_of(now.total)})" if now.total else ""
        phase = now.phase.text(self._output.texts.language)
        detail = f" · {now.detail}" if now.detail else ""
        line = f"[{now.position}/{now.count}] {now.model_id}: {phase}{share}{amount}{detail}"
        self._output.progress.print(Text(line), soft_wrap=True)


class _LiveBars:
    """Progress as one bar for each model."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._bars = Bars(
            TextColumn("[cyan]{task.fields[model]}", markup=True),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=output.progress,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bars.stop()

    def __call__(self, now: Progress) -> None:
        if now.model_id not in self._tasks:
            self._tasks[now.model_id] = self._bars.add_task("", total=None, model=now.model_id)
        task = self._tasks[now.model_id]
        phase = now.phase.text(self._output.texts.language)
        if now.phase is Phase.READY:
            self._bars.update(task, description=phase, total=now.total or 1, completed=now.total or 1)
        else:
            self._bars.update(task, description=phase, total=now.total or None, completed=now.done)


def _listener(output: Output) -> _Lines | _LiveBars:
    return _LiveBars(output) if output.progress.is_terminal else _Lines(output)


def _plain(one: ModelStatus) -> dict[str, object]:
    return {
        "id": one.id,
        "task": one.task,
        "licence": one.licence,
        "size": one.size,
        "state": one.state.value,
        "optional": one.optional,
        "path": str(one.path),
        "source": one.source,
        "problems": [problem.text() for problem in one.problems],
    }
