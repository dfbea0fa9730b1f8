"""`planerka template …`: how summaries of each kind of meeting are made and laid out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from planerka.llm.v1 import llm_pb2
from planerka.orchestrator.v1 import orchestrator_pb2
from rich.text import Text

from cli import show
from cli.client import Client, fresh_key
from cli.errors import UsageWrong
from cli.session import AsJson, run, session_of

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Templates of summaries: list, show, set, delete.")

Name = Annotated[str, typer.Argument(help="Name of the template, such as stand-up.")]


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the templates of the workspace."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            output = session.output(as_json=as_json)
            found = await _templates(client)
            if output.json:
                output.emit(found)
                return
            texts = output.texts
            table = show.table(texts("template.name"), texts("template.title"), texts("template.origin"))
            for one in found.templates:
                origin = "changed" if one.built_in and one.changed else "built_in" if one.built_in else "own"
                table.add_row(one.name, one.title, texts(f"template.{origin}"))
            output.result.print(table)

    run(work())


@app.command("show")
def show_(
    context: typer.Context,
    name: Name,
    guidance: Annotated[bool, typer.Option("--guidance", help="Print what the model is told instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the layout of a template, ready to be edited and given to `set`."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            output = session.output(as_json=as_json)
            one = await _find(client, name)
            if output.json:
                output.emit(one)
            else:
                output.result.print(Text(one.guidance if guidance else one.layout), soft_wrap=True)

    run(work())


@app.command("set")
def set_(
    context: typer.Context,
    name: Name,
    layout: Annotated[Path | None, typer.Option(help="File with the layout: Jinja2 that gives Markdown.")] = None,
    guidance: Annotated[Path | None, typer.Option(help="File with what the model is told: Jinja2.")] = None,
    title: Annotated[str | None, typer.Option(help="Title as people see it.")] = None,
) -> None:
    """Write a template, or change parts of one."""
    if layout is None and guidance is None and title is None:
        raise UsageWrong("Give at least one of --layout, --guidance and --title.")
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            known = {one.name: one for one in (await _templates(client)).templates}
            one = known.get(name) or llm_pb2.Template(name=name, layout=known["default"].layout)
            if layout is not None:
                one.layout = _read(layout)
            if guidance is not None:
                one.guidance = _read(guidance)
            one.title = one.title if title is None else title
            request = orchestrator_pb2.PutTemplateRequest(
                workspace_id=client.workspace, template=one, idempotency_key=fresh_key()
            )
            await client.call(lambda seconds: client.stub.PutTemplate(request, timeout=seconds))
            output = session.output()
            output.result.print(output.texts("template.written", name=name))

    run(work())


@app.command("delete")
def delete(context: typer.Context, name: Name) -> None:
    """Delete a template of the workspace; one that comes with the product is as it came again."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            request = orchestrator_pb2.DeleteTemplateRequest(
                workspace_id=client.workspace, name=name, idempotency_key=fresh_key()
            )
            done = await client.call(lambda seconds: client.stub.DeleteTemplate(request, timeout=seconds))
            output = session.output()
            output.result.print(output.texts("template.deleted" if done.deleted else "template.unchanged", name=name))

    run(work())


async def _templates(client: Client) -> orchestrator_pb2.ListTemplatesResponse:
    request = orchestrator_pb2.ListTemplatesRequest(workspace_id=client.workspace)
    return await client.call(lambda seconds: client.stub.ListTemplates(request, timeout=seconds))


async def _find(client: Client, name: str) -> llm_pb2.Template:
    known = {one.name: one for one in (await _templates(client)).templates}
    if name not in known:
        raise UsageWrong(f"There is no template {name!r}; choose one of: {', '.join(sorted(known))}.")
    return known[name]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageWrong(f"{path} cannot be read as UTF-8 text: {error}.") from error
