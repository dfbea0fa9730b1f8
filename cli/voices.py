"""`planerka people enroll`, `voices`, `forget-voice`: whom meetings know by their voice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import typer
from planerka.asr.v1 import asr_pb2
from planerka.orchestrator.v1 import orchestrator_pb2, workspace_pb2
from rich.text import Text

from cli import show
from cli.client import Client, fresh_key, typed_errors
from cli.errors import UsageWrong
from cli.session import AsJson, run, session_of

__all__ = ["enroll_voice", "register"]

_PIECE = 256 << 10

PersonName = Annotated[str, typer.Argument(metavar="PERSON", help="Identifier or name of the person.")]


def register(app: typer.Typer) -> None:
    """Add the commands to those about people."""
    app.command("enroll")(enroll)
    app.command("voices")(voices)
    app.command("forget-voice")(forget)


async def enroll_voice(client: Client, person_id: str, path: Path) -> asr_pb2.Voice:
    """Send a recording of one person, and return the voice as it is known now.

    Raises:
        UsageWrong: There is no such file.
        RemoteError: No voice can be learned from it, or the person's voice is not the caller's to enroll.
    """
    try:
        content = await asyncio.to_thread(path.open, "rb")
    except OSError as error:
        raise UsageWrong(f"{path} cannot be read: {error.strerror}.") from error
    config = orchestrator_pb2.EnrollVoiceConfig(
        workspace_id=client.workspace, person_id=person_id, idempotency_key=fresh_key()
    )

    async def pieces() -> AsyncIterator[orchestrator_pb2.EnrollVoiceRequest]:
        yield orchestrator_pb2.EnrollVoiceRequest(config=config)
        while piece := content.read(_PIECE):
            yield orchestrator_pb2.EnrollVoiceRequest(data=piece)

    with content, typed_errors():
        return (await client.stub.EnrollVoice(pieces())).voice


def enroll(
    context: typer.Context,
    person: PersonName,
    file: Annotated[Path, typer.Argument(help="Recording of this person alone; 10 to 30 seconds of speech are best.")],
    as_json: AsJson = False,
) -> None:
    """Learn a person's voice, so that meetings name it; again to make it surer."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            output = session.output(as_json=as_json)
            found = await _person(client, person)
            with output.status("voice.learning", name=file.name):
                voice = await enroll_voice(client, found.person_id, file)
            if as_json:
                output.emit(voice)
                return
            output.result.print(
                output.texts(
                    "voice.enrolled", name=found.name, seconds=round(voice.speech.ToTimedelta().total_seconds())
                )
            )

    run(work())


def voices(context: typer.Context, as_json: AsJson = False) -> None:
    """List whose voices are known."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            output = session.output(as_json=as_json)
            pages = client.pages(
                lambda token, seconds: client.stub.ListVoices(
                    orchestrator_pb2.ListVoicesRequest(workspace_id=client.workspace, page_token=token),
                    timeout=seconds,
                )
            )
            found = [voice async for page in pages for voice in page.voices]
            texts = output.texts
            if as_json:
                output.emit({"voices": found})
                return
            if not found:
                output.result.print(texts("voices.none"))
                return
            names = {one.person_id: one.name for one in await _people(client)}
            table = show.table(
                texts("col.id"), texts("col.name"), texts("col.speech"), texts("col.enrolled"), texts("col.model")
            )
            for voice in found:
                table.add_row(
                    Text(voice.person_id, style="cyan"),
                    Text(names.get(voice.person_id, "")),
                    show.clock(voice.speech),
                    show.moment(voice.enrolled_at),
                    Text(voice.model, style="dim"),
                )
            output.result.print(table)

    run(work())


def forget(context: typer.Context, person: PersonName, as_json: AsJson = False) -> None:
    """Forget a person's voice for good."""
    session = session_of(context)

    async def work() -> None:
        async with session.client() as client:
            output = session.output(as_json=as_json)
            found = await _person(client, person)
            request = orchestrator_pb2.DeleteVoiceRequest(
                workspace_id=client.workspace, person_id=found.person_id, idempotency_key=fresh_key()
            )
            answer = await client.call(lambda seconds: client.stub.DeleteVoice(request, timeout=seconds))
            if as_json:
                output.emit(answer)
                return
            output.result.print(output.texts("voice.forgotten", name=found.name))

    run(work())


async def _people(client: Client) -> list[workspace_pb2.WorkspacePerson]:
    pages = client.pages(
        lambda token, seconds: client.stub.ListPeople(
            orchestrator_pb2.ListPeopleRequest(workspace_id=client.workspace, page_token=token), timeout=seconds
        )
    )
    return [one async for page in pages for one in page.people]


async def _person(client: Client, asked: str) -> workspace_pb2.WorkspacePerson:
    """Return who is meant by an identifier or a name."""
    people = await _people(client)
    wanted = asked.casefold()
    found = [one for one in people if one.person_id == asked] or [
        one for one in people if wanted in {name.casefold() for name in (one.name, *one.aliases)}
    ]
    if len(found) == 1:
        return found[0]
    problem = "several people are called" if found else "there is nobody with the identifier or name"
    raise UsageWrong(f"{problem.capitalize()} {asked!r}; `planerka people list` shows who there is.")
