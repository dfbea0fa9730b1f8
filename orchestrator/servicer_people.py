"""The rpcs about people, their voices, tokens and settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from planerka.asr.v1.asr_pb2 import DeleteVoiceRequest, ListVoicesRequest, VoiceConfig
from planerka.llm.v1.llm_pb2 import GetCapabilitiesRequest, GetUsageRequest
from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1.proposal_pb2 import EventKind
from planerka.orchestrator.v1.workspace_pb2 import Role
from sqlalchemy.ext.asyncio import AsyncSession

from mesh.ids import derived_id
from mesh.paging import decode_token, encode_token, page_size
from mesh.times import to_seconds
from orchestrator import journal
from orchestrator.clients import answer
from orchestrator.desk import Desk
from orchestrator.errors import PersonNotFound
from orchestrator.people import find_person, list_people, put_person, read_person, remove_person
from orchestrator.rights import Caller, require
from orchestrator.store import once
from orchestrator.texts import say
from orchestrator.tokens import create_token, list_tokens, revoke_token
from orchestrator.uploads import first_with_config
from orchestrator.voices import forward_sample, require_own
from orchestrator.workspaces import language_of, read_settings, write_settings

__all__ = ["PeopleRpcs"]

_VOICE_SECONDS = 10.0


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
        """Remove a person with all tokens and the voice."""
        del context
        who = require(Role.ROLE_ADMIN)
        workspace_id = who.workspace(request.workspace_id)

        async def work() -> pb.RemovePersonResponse:
            person = await remove_person(session, workspace_id, request.person_id)
            await self._desk.janitor.note(session, workspace_id, request.person_id)
            await _note(session, who, "person_removed", name=person.name)
            return pb.RemovePersonResponse()

        async with self._desk.store.write() as session:
            response = await once(session, workspace_id, request, pb.RemovePersonResponse, work)
        # After the commit: a speech service that is away must not keep somebody's access alive.
        await self._desk.janitor.sweep()
        return response

    async def EnrollVoice(  # noqa: N802
        self, request_iterator: AsyncIterator[pb.EnrollVoiceRequest], context: Any
    ) -> pb.EnrollVoiceResponse:
        """Learn a person's voice."""
        del context
        requests = aiter(request_iterator)
        first = await first_with_config(requests)
        who = require(Role.ROLE_VIEWER)
        workspace_id = who.workspace(first.config.workspace_id)
        person_id = first.config.person_id
        require_own(who, person_id)
        async with self._desk.store.read() as session:
            person = await read_person(session, workspace_id, person_id)
        config = VoiceConfig(
            workspace_id=workspace_id,
            person_id=person_id,
            idempotency_key=_voice_key(workspace_id, first.config.idempotency_key),
        )
        voice = await forward_sample(self._desk.services, config, requests)
        try:
            async with self._desk.store.write() as session:
                await read_person(session, workspace_id, person_id)
                await _note(session, who, "voice_enrolled", once=("enrolled", config.idempotency_key), name=person.name)
        except PersonNotFound:
            # Removed meanwhile, before there was a voice to forget.
            async with self._desk.store.write() as session:
                await self._desk.janitor.note(session, workspace_id, person_id)
            await self._desk.janitor.sweep()
            raise
        return pb.EnrollVoiceResponse(voice=voice)

    async def ListVoices(self, request: pb.ListVoicesRequest, context: Any) -> pb.ListVoicesResponse:  # noqa: N802
        """List whose voices are enrolled."""
        del context
        workspace_id = require(Role.ROLE_VIEWER).workspace(request.workspace_id)
        asked = ListVoicesRequest(workspace_id=workspace_id, page_size=request.page_size, page_token=request.page_token)
        page = await answer(self._desk.services.asr.ListVoices(asked, timeout=_VOICE_SECONDS))
        return pb.ListVoicesResponse(voices=page.voices, next_page_token=page.next_page_token)

    async def DeleteVoice(self, request: pb.DeleteVoiceRequest, context: Any) -> pb.DeleteVoiceResponse:  # noqa: N802
        """Forget a person's voice."""
        del context
        who = require(Role.ROLE_VIEWER)
        workspace_id = who.workspace(request.workspace_id)
        require_own(who, request.person_id)
        key = _voice_key(workspace_id, request.idempotency_key)
        asked = DeleteVoiceRequest(workspace_id=workspace_id, person_id=request.person_id, idempotency_key=key)
        await answer(self._desk.services.asr.DeleteVoice(asked, timeout=_VOICE_SECONDS))
        async with self._desk.store.write() as session:
            person = await find_person(session, workspace_id, request.person_id)
            name = request.person_id if person is None else person.name
            await _note(session, who, "voice_forgotten", once=("forgotten", key), name=name)
        return pb.DeleteVoiceResponse()

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

    async def GetModelUsage(self, request: pb.GetModelUsageRequest, context: Any) -> pb.GetModelUsageResponse:  # noqa: N802
        """Tell what calls of language models took, and which providers there are."""
        del context
        workspace_id = require(Role.ROLE_ADMIN).workspace(request.workspace_id)
        llm = self._desk.services.llm
        asked = GetUsageRequest(workspace_id=workspace_id)
        if request.HasField("after"):
            asked.after.CopyFrom(request.after)
        if request.HasField("before"):
            asked.before.CopyFrom(request.before)
        usage = await answer(llm.GetUsage(asked))
        capabilities = await answer(llm.GetCapabilities(GetCapabilitiesRequest()))
        return pb.GetModelUsageResponse(usage=usage.usage, providers=capabilities.providers)


def _voice_key(workspace_id: str, key: str) -> str:
    """Return the key of the effect on the speech service, which no other workspace's can be."""
    return derived_id("vce", workspace_id, key)


async def _note(session: AsyncSession, who: Caller, text: str, *, once: tuple[str, ...] = (), **values: object) -> None:
    await journal.append(
        session,
        EventKind.EVENT_KIND_ADMINISTRATION,
        who.workspace_id,
        say(await language_of(session, who.workspace_id), text, **values),
        person_id=who.person.person_id,
        once=once,
    )
