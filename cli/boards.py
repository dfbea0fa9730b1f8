"""`planerka board …` and `planerka stale`: boards, their cards, and cards that nobody speaks about."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from planerka.orchestrator.v1 import orchestrator_pb2
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rich.text import Text

from cli import show, show_board
from cli.client import Client, fresh_key
from cli.errors import UsageWrong
from cli.session import AsJson, run, session_of

__all__ = ["app", "create_from_file", "register"]

app = typer.Typer(no_args_is_help=True, help="Boards: list, show, create.")


class _CardFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str = ""
    title: str = Field(min_length=1)
    description: str = ""
    column: str = ""
    members: list[str] = []
    labels: list[str] = []


class _BoardFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    columns: list[str] = Field(min_length=1)
    members: list[str] = []
    cards: list[_CardFile] = []


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="board")
    root.command("stale")(stale)


async def create_from_file(client: Client, path: Path) -> orchestrator_pb2.CreateBoardResponse:
    """Create the board that a `board.json` describes: `name`, `columns`, `members`, `cards`.

    Raises:
        UsageWrong: The file is missing or is no such board.
    """
    try:
        found = _BoardFile.model_validate_json(await asyncio.to_thread(path.read_bytes))
    except OSError as error:
        raise UsageWrong(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False))
        raise UsageWrong(f"{path} is no board: {wrong}.") from error
    request = orchestrator_pb2.CreateBoardRequest(
        workspace_id=client.workspace,
        name=found.name,
        columns=found.columns,
        members=found.members,
        cards=[
            orchestrator_pb2.NewCard(
                key=card.id,
                title=card.title,
                description=card.description,
                column=card.column,
                members=card.members,
                labels=card.labels,
            )
            for card in found.cards
        ],
        idempotency_key=fresh_key(),
    )
    return await client.call(lambda seconds: client.stub.CreateBoard(request, timeout=seconds))


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the boards of the workspace."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            output, found = session.output(as_json=as_json), await client.boards()
            texts = output.texts
            if as_json:
                output.emit({"boards": found})
                return
            if not found:
                output.result.print(texts("board.none"))
                return
            table = show.table(texts("col.id"), texts("col.title"), texts("col.column"))
            for board in found:
                columns = " | ".join(column.title for column in board.columns)
                table.add_row(Text(board.board_id, style="cyan"), Text(board.name), Text(columns))
            output.result.print(table)

    run(work())


@app.command("show")
def show_(
    context: typer.Context,
    board_id: Annotated[str, typer.Argument(help="Identifier of the board; the only one where it is empty.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show a board with its cards."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            output = session.output(as_json=as_json)
            answer = await client.board(board_id or await _only_board(client))
            if as_json:
                output.emit(answer)
                return
            output.result.print(Text(answer.board.name, style="bold"))
            output.result.print(show_board.board(answer.board, answer.cards, output.texts))

    run(work())


@app.command("create")
def create(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="board.json with name, columns, members and cards.")],
    as_json: AsJson = False,
) -> None:
    """Create a board with its cards from a file."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            output, answer = session.output(as_json=as_json), await create_from_file(client, file)
            if as_json:
                output.emit(answer)
                return
            output.result.print(
                Text(output.texts("board.created", name=answer.board.name, id=answer.board.board_id), style="green")
            )
            output.result.print(show_board.board(answer.board, answer.cards, output.texts))

    run(work())


def stale(
    context: typer.Context,
    board: Annotated[str, typer.Option("--board", help="The board; the default board where it is empty.")] = "",
    as_json: AsJson = False,
) -> None:
    """List active cards that nobody has spoken about for long."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            output = session.output(as_json=as_json)
            pages = client.pages(
                lambda token, seconds: client.stub.ListStaleCards(
                    orchestrator_pb2.ListStaleCardsRequest(
                        workspace_id=client.workspace, board_id=board, page_token=token
                    ),
                    timeout=seconds,
                )
            )
            found = [card async for page in pages for card in page.cards]
            texts = output.texts
            if as_json:
                output.emit({"cards": found})
                return
            if not found:
                output.result.print(texts("stale.none"))
                return
            table = show.table(texts("col.card"), texts("col.column"), texts("col.silent"), texts("col.last"))
            for one in found:
                title = Text(f"{one.card.key} ".lstrip(), style="cyan").append(one.card.title, style="default")
                last = show.moment(one.last_mentioned_at) if one.HasField("last_mentioned_at") else texts("never")
                table.add_row(title, Text(one.column_title), str(one.meetings_since), last)
            output.result.print(table)

    run(work())


async def _only_board(client: Client) -> str:
    boards = await client.boards()
    if len(boards) != 1:
        known = ", ".join(f"{board.board_id} ({board.name})" for board in boards) or "none yet"
        raise UsageWrong(f"Name the board; there are: {known}.")
    return boards[0].board_id
