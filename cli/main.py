"""The `planerka` command: its options, its parts, and what becomes of errors."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from cli import (
    boards,
    calibration,
    config_command,
    decisions,
    demo,
    doctor,
    evaluate,
    knowledge,
    meetings,
    mesh_commands,
    models_command,
    people,
    templates,
    workspace,
)
from cli.errors import UsageWrong
from cli.session import Session
from cli.settings import CliSettings, speech_language
from cli.texts import Texts
from mesh.errors import PlanerkaError, RemoteError
from mesh.settings import SettingsInvalid
from models.errors import StoreError

__all__ = ["build", "main"]

_INTERRUPTED = 130
_TERMINATED = 143


def build() -> typer.Typer:
    """Return the command with all its parts."""
    app = typer.Typer(
        name="planerka",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="From meetings to boards: live transcripts, summaries with quotes, matched cards, approved changes.",
    )
    app.callback()(_options)
    for part in (demo, mesh_commands, doctor):
        part.register(app)
    app.add_typer(meetings.app, name="meeting")
    for part in (decisions, calibration, boards, knowledge, people, workspace):
        part.register(app)
    app.add_typer(templates.app, name="template")
    app.add_typer(models_command.app, name="models")
    app.add_typer(config_command.app, name="config")
    app.add_typer(evaluate.app, name="eval")
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit status: 0 done, 1 failed, 2 wrongly used."""
    signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        build()(args=None if arguments is None else [*arguments])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except UsageWrong as error:
        return _fail(error.message, 2)
    except SettingsInvalid as error:
        return _fail(error.message, 2)
    except RemoteError as error:
        return _fail(_advice(error), 1)
    except PlanerkaError as error:
        return _fail(error.message, 1)
    except StoreError as error:
        return _fail(error.text(_language()), 1)
    return 0


def _print_version(wanted: bool) -> None:
    if not wanted:
        return
    try:
        typer.echo(version("planerka"))
    except PackageNotFoundError:
        typer.echo("not installed")
    raise typer.Exit


def _options(
    context: typer.Context,
    address: Annotated[
        str, typer.Option(help="Address of the orchestrator; found by settings and the running mesh.")
    ] = "",
    language: Annotated[str, typer.Option(help="Language of results: ru or en.", metavar="ru|en")] = "",
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    del show_version
    if language not in ("", "ru", "en"):
        raise typer.BadParameter("choose ru or en", param_hint="--language")
    context.obj = Session(address, language)


def _advice(error: RemoteError) -> str:
    fields = "; ".join(f"{one.field}: {one.description}" for one in error.violations)
    line = f"{error.message}{f' ({fields})' if fields else ''} [{error.reason}]"
    if error.code.name == "UNAVAILABLE" and error.reason == "UNAVAILABLE":
        found = re.search(r"ipv[46]:(\S+?):? ", error.message)
        where = f" at {found[1]}" if found is not None else ""
        return f"No orchestrator answers{where}. Start it with `planerka up`, or look at `planerka status`."
    if error.code.name == "UNAUTHENTICATED":
        return f"{line}. Make a token with `planerka people token`, and set PLANERKA_CLI__TOKEN."
    return line


def _fail(message: str, status: int) -> int:
    line = Text("planerka: ", style="bold red").append(message, style="not bold default")
    Console(file=sys.stderr, soft_wrap=True, highlight=False).print(line)
    return status


def _language() -> str:
    try:
        return speech_language(CliSettings.load())
    except SettingsInvalid:
        return Texts("en").language


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    del number, frame
    sys.exit(_TERMINATED)
