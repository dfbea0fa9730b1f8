"""`planerka people …` and `planerka events`: who may do what, and what was done."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer
from google.protobuf.duration_pb2 import Duration
from planerka.orchestrator.v1 import orchestrator_pb2, workspace_pb2
from rich.text import Text

from cli import show, voices
from cli.client import fresh_key
from cli.session import AsJson, run, session_of

__all__ = ["app", "register"]

app = typer.Typer(no_args_is_help=True, help="People, their rights and voices.")

_ROLES = {name.removeprefix("ROLE_").lower(): name for name, number in workspace_pb2.Role.items() if number}


def register(root: typer.Typer) -> None:
    """Add the commands."""
    voices.register(app)
    root.add_typer(app, name="people")
    root.command("events")(events)


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the people of the workspace."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            output = session.output(as_json=as_json)
            pages = client.pages(
                lambda token, seconds: client.stub.ListPeople(
                    orchestrator_pb2.ListPeopleRequest(workspace_id=client.workspace, page_token=token),
                    timeout=seconds,
                )
            )
            found = [person async for page in pages for person in page.people]
            texts = output.texts
            if as_json:
                output.emit({"people": found})
                return
            if not found:
                output.result.print(texts("people.none"))
                return
            table = show.table(texts("col.id"), texts("col.name"), texts("col.role"), texts("col.aliases"))
            for person in found:
                table.add_row(
                    Text(person.person_id, style="cyan"),
                    Text(person.name),
                    texts.name(workspace_pb2.Role.Name(person.role)),
                    Text(", ".join(person.aliases)),
                )
            output.result.print(table)

    run(work())


@app.command("add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the person.")],
    role: Annotated[str, typer.Option(help=f"One of: {', '.join(_ROLES)}.")] = "member",
    alias: Annotated[list[str] | None, typer.Option(help="Another name that people use in talk; repeatable.")] = None,
    board: Annotated[
        list[str] | None, typer.Option(help="Board that a lead decides on; repeatable, all without.")
    ] = None,
    account: Annotated[list[str] | None, typer.Option(help="Account as channel:account; repeatable.")] = None,
    person_id: Annotated[str, typer.Option("--id", help="Replace what is known of this person.")] = "",
    as_json: AsJson = False,
) -> None:
    """Add a person, or replace what is known of one."""
    if role not in _ROLES:
        raise typer.BadParameter(f"there is no role {role!r}; choose one of: {', '.join(_ROLES)}")
    accounts = []
    for pair in account or []:
        channel, colon, there = pair.partition(":")
        if not (channel and colon and there):
            raise typer.BadParameter(f"write {pair!r} as channel:account, such as telegram:12345")
        accounts.append(workspace_pb2.Account(channel=channel, account=there))
    session = session_of(context)
    person = workspace_pb2.WorkspacePerson(
        person_id=person_id,
        name=name,
        aliases=alias or [],
        role=_ROLES[role],
        board_ids=board or [],
        accounts=accounts,
    )

    async def work() -> None:
        async with session.client() as client:
            request = orchestrator_pb2.PutPersonRequest(
                workspace_id=client.workspace, person=person, idempotency_key=fresh_key()
            )
            answer = await client.call(lambda seconds: client.stub.PutPerson(request, timeout=seconds))
            output = session.output(as_json=as_json)
            if as_json:
                output.emit(answer.person)
                return
            role_name = output.texts.name(workspace_pb2.Role.Name(answer.person.role))
            output.result.print(output.texts("person.put", name=name, role=role_name, id=answer.person.person_id))

    run(work())


@app.command("remove")
def remove(context: typer.Context, person_id: Annotated[str, typer.Argument(help="Identifier of the person.")]) -> None:
    """Remove a person with all tokens and the voice."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            request = orchestrator_pb2.RemovePersonRequest(
                workspace_id=client.workspace, person_id=person_id, idempotency_key=fresh_key()
            )
            await client.call(lambda seconds: client.stub.RemovePerson(request, timeout=seconds))
            output = session.output()
            output.result.print(output.texts("person.removed", id=person_id))

    run(work())


@app.command("token")
def token(
    context: typer.Context,
    person_id: Annotated[str, typer.Argument(help="The person who acts with it.")],
    purpose: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    days: Annotated[int, typer.Option(min=0, help="Days after which it is refused; 0 for never.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Make a bearer token; its secret is printed once."""
    session = session_of(context)
    lifetime = Duration()
    lifetime.FromTimedelta(timedelta(days=days))

    async def work() -> None:
        async with session.client() as client:
            request = orchestrator_pb2.CreateTokenRequest(
                workspace_id=client.workspace,
                person_id=person_id,
                purpose=purpose,
                lifetime=lifetime if days else None,
                idempotency_key=fresh_key(),
            )
            answer = await client.call(lambda seconds: client.stub.CreateToken(request, timeout=seconds))
            output = session.output(as_json=as_json)
            if as_json:
                output.emit(answer)
                return
            output.note("token.made")
            output.result.print(answer.secret, soft_wrap=True)

    run(work())


def events(
    context: typer.Context,
    meeting: Annotated[str, typer.Option("--meeting", help="Only of this meeting.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="Largest number of events.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what happened, newest first."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            request = orchestrator_pb2.ListEventsRequest(
                workspace_id=client.workspace, meeting_id=meeting, page_size=limit
            )
            answer = await client.call(lambda seconds: client.stub.ListEvents(request, timeout=seconds))
            output = session.output(as_json=as_json)
            texts = output.texts
            if as_json:
                output.emit({"events": answer.events})
                return
            if not answer.events:
                output.result.print(texts("events.none"))
                return
            table = show.table(texts("col.when"), texts("col.what"), texts("col.id"))
            for event in answer.events:
                about = event.proposal_id or event.meeting_id
                table.add_row(show.moment(event.happened_at), Text(event.text), Text(about, style="dim"))
            output.result.print(table)

    run(work())
