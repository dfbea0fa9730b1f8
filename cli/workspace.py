"""`planerka workspace …`: how far texts may go, which language model works, in which template, and what it took."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from planerka.llm.v1 import llm_pb2
from planerka.orchestrator.v1 import orchestrator_pb2, workspace_pb2
from rich.text import Text

from cli import show
from cli.client import Client, fresh_key
from cli.errors import UsageWrong
from cli.output import Output
from cli.session import AsJson, run, session_of
from mesh.times import to_seconds

__all__ = ["app", "register"]

app = typer.Typer(
    no_args_is_help=True, help="Settings of the workspace: perimeter, language model, template, and what it took."
)

_PERIMETERS = {name.removeprefix("PERIMETER_").lower(): name for name, number in llm_pb2.Perimeter.items() if number}
_MICROS = 1_000_000


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="workspace")


@app.command("show")
def show_(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the settings of the workspace."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            _print(session.output(as_json=as_json), await _settings(client), as_json=as_json)

    run(work())


@app.command("set")
def set_(
    context: typer.Context,
    perimeter: Annotated[
        str, typer.Option(help=f"How far texts may go: {', '.join(_PERIMETERS)}; `default` for the service's own.")
    ] = "",
    provider: Annotated[
        str | None, typer.Option(help="Provider of language models to ask first; empty for the service's own choice.")
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            help="Template of summaries where a meeting names none; `planerka template list` shows them; empty for the default one."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change settings; what is not named stays."""
    if perimeter not in ("", "default", *_PERIMETERS):
        raise typer.BadParameter(
            f"there is no perimeter {perimeter!r}; choose one of: {', '.join(_PERIMETERS)}, default"
        )
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            settings = await _settings(client)
            if perimeter:
                settings.perimeter = getattr(llm_pb2, _PERIMETERS.get(perimeter, "PERIMETER_UNSPECIFIED"))
            if provider is not None:
                settings.model_provider = provider
            if template is not None:
                await _require_template(client, template)
                settings.summary_template = template
            request = orchestrator_pb2.UpdateWorkspaceSettingsRequest(settings=settings, idempotency_key=fresh_key())
            answer = await client.call(lambda seconds: client.stub.UpdateWorkspaceSettings(request, timeout=seconds))
            _print(session.output(as_json=as_json), answer.settings, as_json=as_json)

    run(work())


@app.command("usage")
def usage(
    context: typer.Context,
    since: Annotated[
        datetime | None, typer.Option(help="Only calls from this day on.", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what calls of language models took, and which providers there are."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            request = orchestrator_pb2.GetModelUsageRequest(workspace_id=client.workspace)
            if since is not None:
                request.after.FromDatetime(since.astimezone())
            answer = await client.call(lambda seconds: client.stub.GetModelUsage(request, timeout=seconds))
            output = session.output(as_json=as_json)
            if as_json:
                output.emit(answer)
                return
            _tables(output, answer)

    run(work())


async def _require_template(client: Client, name: str) -> None:
    request = orchestrator_pb2.ListTemplatesRequest(workspace_id=client.workspace, page_size=500)
    found = await client.call(lambda seconds: client.stub.ListTemplates(request, timeout=seconds))
    known = [one.name for one in found.templates]
    if name and name not in known:
        raise UsageWrong(f"There is no template {name!r}; choose one of: {', '.join(known)}.")


async def _settings(client: Client) -> workspace_pb2.WorkspaceSettings:
    request = orchestrator_pb2.GetWorkspaceSettingsRequest(workspace_id=client.workspace)
    return (await client.call(lambda seconds: client.stub.GetWorkspaceSettings(request, timeout=seconds))).settings


def _print(output: Output, settings: workspace_pb2.WorkspaceSettings, *, as_json: bool) -> None:
    if as_json:
        output.emit(settings)
        return
    texts = output.texts
    perimeter = texts.name(llm_pb2.Perimeter.Name(settings.perimeter)) if settings.perimeter else texts("by_service")
    provider = settings.model_provider or texts("by_service")
    template = settings.summary_template or "default"
    output.result.print(
        texts("workspace.shown", id=settings.workspace_id, perimeter=perimeter, provider=provider, template=template)
    )


def _tables(output: Output, answer: orchestrator_pb2.GetModelUsageResponse) -> None:
    texts = output.texts
    providers = show.table(
        texts("col.name"), texts("col.model"), texts("col.inside"), texts("col.window"), texts("col.shape")
    )
    for one in answer.providers:
        shape = one.structured_mode or "-"
        providers.add_row(
            Text(one.name, style="cyan"),
            Text(f"{one.kind}: {one.model}"),
            texts("yes" if one.inside else "no"),
            str(one.context_tokens),
            Text(shape if one.schema_enforced or shape == "-" else texts("workspace.unenforced", mode=shape)),
        )
    output.result.print(providers)
    if not answer.usage:
        output.result.print(texts("workspace.unused"))
        return
    table = show.table(
        *(texts(f"col.{name}") for name in ("name", "purpose", "calls", "failed", "redacted", "tokens", "time", "cost"))
    )
    for row in answer.usage:
        cost = f"{row.cost_micros / _MICROS:.2f} {row.currency}" if row.currency else "-"
        table.add_row(
            Text(row.provider, style="cyan"),
            Text(row.purpose),
            str(row.calls),
            str(row.failed),
            str(row.redacted),
            f"{row.prompt_tokens} + {row.completion_tokens}",
            f"{to_seconds(row.elapsed):.1f} s",
            cost,
        )
    output.result.print(table)
