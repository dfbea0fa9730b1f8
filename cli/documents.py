"""`planerka knowledge …`: documents that people add to the knowledge base."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from planerka.llm.v1 import llm_pb2
from planerka.orchestrator.v1 import document_pb2, orchestrator_pb2
from rich.text import Text

from cli import show
from cli.client import Client, fresh_key, typed_errors
from cli.errors import UsageWrong
from cli.session import AsJson, run, session_of
from mesh.errors import RemoteError
from mesh.times import from_datetime

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Documents of the knowledge base: add, list, remove.")

_PIECE = 256 << 10
_FORMATS = {name.removeprefix("FILE_FORMAT_").lower(): name for name, number in llm_pb2.FileFormat.items() if number}
_HOPELESS = ("UNAVAILABLE", "UNAUTHENTICATED", "PERMISSION_DENIED")
"""Errors that say the same of every further file."""


@app.command("add")
def add(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Text, Markdown, PDF or Word (.docx) files of up to 3 MiB.")],
    reader: Annotated[
        list[str] | None,
        typer.Option(help="Name or identifier of somebody who may read it, beside you; repeatable, everybody without."),
    ] = None,
    everybody: Annotated[
        bool, typer.Option("--everybody", help="Let everybody read a replaced document that only some could read.")
    ] = False,
    title: Annotated[
        str, typer.Option(help="Title as citations show it; the name of the file where it is empty.")
    ] = "",
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day to which the content belongs.")
    ] = None,
    file_format: Annotated[
        str, typer.Option("--format", help=f"One of: {', '.join(_FORMATS)}; found out where it is empty.")
    ] = "",
    replace: Annotated[str, typer.Option(help="Document that the file takes the place of.", metavar="ID")] = "",
    as_json: AsJson = False,
) -> None:
    """Add documents, so that questions are answered from them; the next question finds them."""
    if file_format and file_format not in _FORMATS:
        raise UsageWrong(f"There is no format {file_format!r}; choose one of: {', '.join(_FORMATS)}.")
    if len(files) > 1 and (replace or title):
        raise UsageWrong("--replace and --title are for one file.")
    session = session_of(context)

    async def work() -> int:
        async with session.client() as client:
            output = session.output(as_json=as_json)
            readers = await _readers(client, reader or [])
            added: list[document_pb2.AddDocumentResponse] = []
            failed: list[dict[str, str]] = []
            for path in files:
                config = document_pb2.AddDocumentConfig(
                    workspace_id=client.workspace,
                    document_id=replace,
                    title=title,
                    file_name=path.name,
                    format=_FORMATS.get(file_format),
                    reader_ids=readers,
                    for_everybody=everybody,
                    happened_at=from_datetime(date.astimezone()) if date is not None else None,
                    idempotency_key=fresh_key(),
                )
                try:
                    done = await _send(client, path, config)
                except RemoteError as error:
                    if len(files) == 1 or error.code.name in _HOPELESS:
                        raise
                    failed.append({"file": str(path), "reason": error.reason, "message": error.message})
                    output.note("document.refused", file=path, why=f"{error.message} [{error.reason}]")
                    continue
                added.append(done)
                if not as_json:
                    key = "document.added" if done.chunks else "document.unchanged"
                    line = output.texts(key, id=done.document.document_id, title=done.document.title)
                    output.result.print(Text(line), soft_wrap=True)
            if as_json:
                output.emit({"added": added, "failed": failed})
            return len(failed)

    if run(work()):
        raise typer.Exit(1)


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the documents that you may read, newest first."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            output = session.output(as_json=as_json)
            pages = client.pages(
                lambda token, seconds: client.stub.ListDocuments(
                    document_pb2.ListDocumentsRequest(workspace_id=client.workspace, page_token=token), timeout=seconds
                )
            )
            found = [document async for page in pages for document in page.documents]
            if as_json:
                output.emit({"documents": found})
                return
            texts = output.texts
            if not found:
                output.result.print(texts("document.none"))
                return
            names = await _names(client)
            table = show.table(*(texts(f"col.{name}") for name in ("id", "title", "size", "readers", "added")))
            for one in found:
                readers = ", ".join(names.get(person, person) for person in one.reader_ids)
                table.add_row(
                    Text(one.document_id, style="cyan"),
                    Text(one.title),
                    str(one.size_bytes),
                    Text(readers or texts("document.everybody")),
                    show.moment(one.changed_at),
                )
            output.result.print(table)

    run(work())


@app.command("remove")
def remove(
    context: typer.Context,
    document_id: Annotated[str, typer.Argument(help="Identifier, as `planerka knowledge list` shows it.")],
) -> None:
    """Remove a document for good, with everything that was made of it."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            request = document_pb2.RemoveDocumentRequest(
                workspace_id=client.workspace, document_id=document_id, idempotency_key=fresh_key()
            )
            await client.call(lambda seconds: client.stub.RemoveDocument(request, timeout=seconds))
            output = session.output()
            output.result.print(output.texts("document.removed", id=document_id))

    run(work())


async def _send(client: Client, path: Path, config: document_pb2.AddDocumentConfig) -> document_pb2.AddDocumentResponse:
    try:
        content = await asyncio.to_thread(path.open, "rb")
    except OSError as error:
        raise UsageWrong(f"{path} cannot be read: {error.strerror}.") from error

    async def pieces() -> AsyncIterator[document_pb2.AddDocumentRequest]:
        yield document_pb2.AddDocumentRequest(config=config)
        while piece := content.read(_PIECE):
            yield document_pb2.AddDocumentRequest(data=piece)

    with content, typed_errors():
        # Reading a long PDF and embedding its text takes longer than an ordinary call.
        return await client.stub.AddDocument(pieces(), timeout=10 * client.seconds)


async def _names(client: Client) -> dict[str, str]:
    """Return the names of all people of the workspace by identifier."""
    pages = client.pages(
        lambda token, seconds: client.stub.ListPeople(
            orchestrator_pb2.ListPeopleRequest(workspace_id=client.workspace, page_token=token), timeout=seconds
        )
    )
    return {person.person_id: person.name async for page in pages for person in page.people}


async def _readers(client: Client, asked: list[str]) -> list[str]:
    """Return the identifiers of people who are named by identifier or name.

    Raises:
        UsageWrong: Nobody, or several, have a name.
    """
    names = await _names(client) if asked else {}
    found: list[str] = []
    for one in asked:
        meant = [one] if one in names else [key for key, name in names.items() if name.casefold() == one.casefold()]
        if len(meant) != 1:
            problem = "Nobody in the workspace is" if not meant else "Several people are"
            raise UsageWrong(f"{problem} named {one!r}; `planerka people list` shows names and identifiers.")
        found += meant
    return found
