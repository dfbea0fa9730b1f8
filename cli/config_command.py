"""`planerka config …`: every parameter of every service, with its value and its meaning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from rich.text import Text

from cli import show
from cli.services import ALL, UI
from cli.session import session_of
from cli.settings import CliSettings
from mesh.paths import settings_file
from mesh.settings import MeshSettings, Section, describe

__all__ = ["app", "sections"]

app = typer.Typer(no_args_is_help=True, help="Settings: show what is in force, print all defaults.")


def sections() -> list[type[Section]]:
    """Return the settings classes of everything, the shared one first."""
    return [MeshSettings, *(kind.section() for kind in (*ALL, UI)), CliSettings]


@app.command("show")
def show_(
    context: typer.Context,
    section: Annotated[str, typer.Argument(help="Only this section, such as asr.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Show the settings in force; secrets as stars, values that differ from the default in bold."""
    output = session_of(context).output(as_json=as_json)
    wanted = [one for one in sections() if section in ("", one.section)]
    if not wanted:
        raise typer.BadParameter(f"there is no section {section!r}; choose one of: {', '.join(_names())}")
    loaded = [one.load() for one in wanted]
    if as_json:
        output.emit({"file": str(settings_file()), **{one.section: _jsonable(one.redacted()) for one in loaded}})
        return
    output.result.print(Text(str(settings_file()), style="dim"), soft_wrap=True)
    for one in loaded:
        output.result.print(show.heading(f"[{one.section}]"))
        for name, value in one.redacted().items():
            style = "bold" if name in one.model_fields_set else "dim"
            output.result.print(Text(f"{name} = {value!r}" if isinstance(value, str) else f"{name} = {value}", style))


@app.command("defaults")
def defaults() -> None:
    """Print a complete planerka.toml with all defaults and what they mean."""
    typer.echo("\n".join(describe(one) for one in sections()), nl=False)


def _names() -> list[str]:
    return [one.section for one in sections()]


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(inner) for inner in value]
    return str(value) if isinstance(value, Path | SecretStr) else value
