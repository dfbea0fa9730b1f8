"""The rpcs about people, tokens and settings."""

from __future__ import annotations

from typing import Any

from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1.proposal_pb2 import EventKind
from planerka.orchestrator.v1.workspace_pb2 import Role
from sqlalchemy.ext.asyncio import AsyncSession

from mesh.paging import decode_token, encode_token, page_size
from mesh.times import to_seconds
from orchestrator import journal
from orchestrator.desk import Desk
from orchestrator.people import list_people, put_person, read_person, remove_person
from orchestrator.rights import Caller, require
from orchestrator.store import once
from orchestrator.texts import say
from orchestrator.tokens import create_token, list_tokens, revoke_token
from orchestrator.workspaces import language_of, read_settings, write_settings

__all__ = ["PeopleRpcs"]


class PeopleRpcs:
    """Administers people, tokens and settings.

    Args:
        desk: What the rpcs work with.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def ListPeople(self, request: pb.ListPeopleRequest, context: Any) -> pb.ListPeopleResponse:  # noqa: N802
        """List people."""
        del context
        workspace_id = require(Role.ROLE_VIEWER).workspace(request.workspace_id)
        limit = page_size(request.page_size)
        after = None
        if request.page_token:
            person_id, _, name = decode_token(request.page_token).partition(" ")
            after = (name, person_id)
        async with self._desk.store.read() as session:
            people = await list_people(session, workspace_id, after, limit + 1)
        last = people[limit - 1] if len(people) > limit else None
        token = "" if last is None else encode_token(f"{last.person_id} {last.name}")
        return pb.ListPeopleResponse(people=people[:limit], next_page_token=token)

    async def PutPerson(self, request: pb.PutPersonRequest, context: Any) -> pb.PutPersonResponse:  # noqa: N802
        """Add or replace a person."""
        del context
        who = require(Role.ROLE_ADMIN)
        workspace_id = who.workspace(request.workspace_id)

        async def work() -> pb.PutPersonResponse:
            person = await put_person(session, workspace_id, request.person)
            role = Role.Name(person.role).removeprefix("ROLE_").lower()
            await _note(session, who, "person_put", name=person.name, role=role)
            return pb.PutPersonResponse(person=person)

        async with self._desk.store.write() as session:
            return await once(session, workspace_id, request, pb.PutPersonResponse, work)

    async def RemovePerson(self, request: pb.RemovePersonRequest, context: Any) -> pb.RemovePersonResponse:  # noqa: N802
        """Remove a person with all tokens."""
        del context
        who = require(Role.ROLE_ADMIN)
        workspace_id = who.workspace(request.workspace_id)

        async def work() -> pb.RemovePersonResponse:
            person = await remove_person(session, workspace_id, request.person_id)
            await _note(session, who, "person_removed", name=person.name)
            return pb.RemovePersonResponse()

        async with self._desk.store.write() as session:
            return await once(session, workspace_id, request, pb.RemovePersonResponse, work)

    async def CreateToken(self, request: pb.CreateTokenRequest, context: Any) -> pb.CreateTokenResponse:  # noqa: N802
        """Make a token; a repeated call tells the token, never the secret."""
        del context
        who = require(Role.ROLE_ADMIN)
        workspace_id = who.workspace(request.workspace_id)

        async def work() -> pb.CreateTokenResponse:
            person = await read_person(session, workspace_id, request.person_id)
            lifetime = to_seconds(request.lifetime) if request.HasField("lifetime") else None
            token, secret = await create_token(session, workspace_id, person.person_id, request.purpose, lifetime)
            await _note(session, who, "token_created", name=person.name, purpose=request.purpose)
            return pb.CreateTokenResponse(token=token, secret=secret)

        async with self._desk.store.write() as session:
            return await once(session, workspace_id, request, pb.CreateTokenResponse, work, secret="secret")  # noqa: S106

    async def ListTokens(self, request: pb.ListTokensRequest, context: Any) -> pb.ListTokensResponse:  # noqa: N802
        """List tokens."""
        del context
        workspace_id = require(Role.ROLE_ADMIN).workspace(request.workspace_id)
        limit = page_size(request.page_size)
        before = decode_token(request.page_token) if request.page_token else ""
        async with self._desk.store.read() as session:
            tokens = await list_tokens(session, workspace_id, request.person_id, before, limit + 1)
        token = encode_token(tokens[limit - 1].token_id) if len(tokens) > limit else ""
        return pb.ListTokensResponse(tokens=tokens[:limit], next_page_token=token)

    async def RevokeToken(self, request: pb.RevokeTokenRequest, context: Any) -> pb.RevokeTokenResponse:  # noqa: N802
        """Make a token invalid."""
        del context
        who = require(Role.ROLE_ADMIN)
        workspace_id = who.workspace(request.workspace_id)

        async def work() -> pb.RevokeTokenResponse:
            await revoke_token(session, workspace_id, request.token_id)
            await _note(session, who, "token_revoked", token=request.token_id)
            return pb.RevokeTokenResponse()

        async with self._desk.store.write() as session:
            return await once(session, workspace_id, request, pb.RevokeTokenResponse, work)

    async def GetWorkspaceSettings(  # noqa: N802
        self, request: pb.GetWorkspaceSettingsRequest, context: Any
    ) -> pb.GetWorkspaceSettingsResponse:
        """Read the settings."""
        del context
        workspace_id = require(Role.ROLE_VIEWER).workspace(request.workspace_id)
        async with self._desk.store.read() as session:
            return pb.GetWorkspaceSettingsResponse(settings=await read_settings(session, workspace_id))

    async def UpdateWorkspaceSettings(  # noqa: N802
        self, request: pb.UpdateWorkspaceSettingsRequest, context: Any
    ) -> pb.UpdateWorkspaceSettingsResponse:
        """Replace the settings."""
        del context
        who = require(Role.ROLE_ADMIN)
        workspace_id = who.workspace(request.settings.workspace_id)

        async def work() -> pb.UpdateWorkspaceSettingsResponse:
            settings = await write_settings(session, workspace_id, request.settings)
            await _note(session, who, "settings_changed")
            return pb.UpdateWorkspaceSettingsResponse(settings=settings)

        async with self._desk.store.write() as session:
            return await once(session, workspace_id, request, pb.UpdateWorkspaceSettingsResponse, work)


async def _note(session: AsyncSession, who: Caller, text: str, **values: object) -> None:
    await journal.append(
        session,
        EventKind.EVENT_KIND_ADMINISTRATION,
        who.workspace_id,
        say(await language_of(session, who.workspace_id), text, **values),
        person_id=who.person.person_id,
    )
