"""Enrolled voices of people: learned and forgotten by the speech service, on behalf of those who may."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
from planerka.asr.v1 import asr_pb2
from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1.workspace_pb2 import Role
from sqlalchemy import select

from mesh.errors import RemoteError
from mesh.ids import new_id
from mesh.logs import get_logger
from orchestrator.clients import Services, answer
from orchestrator.errors import RoleMissing, StreamOutOfOrder
from orchestrator.rights import Caller
from orchestrator.store import Store
from orchestrator.tables import PersonRow, WorkspaceRow

__all__ = ["VoiceJanitor", "forward_sample", "require_own"]

_ENROLL_SECONDS = 300.0
_DELETE_SECONDS = 5.0
_PAGE = 500


def require_own(who: Caller, person_id: str) -> None:
    """Check that somebody may have this person's voice learned or forgotten: it is their own, or they are an admin.

    Raises:
        RoleMissing: It is somebody else's.
    """
    if who.person.role < Role.ROLE_ADMIN and who.person.person_id != person_id:
        raise RoleMissing(
            "Only the person themself, or an admin, may do this with a voice.", metadata={"role": "admin"}
        )


async def forward_sample(
    services: Services, config: asr_pb2.VoiceConfig, requests: AsyncIterator[pb.EnrollVoiceRequest]
) -> asr_pb2.Voice:
    """Pass a recording on to the speech service, and return the voice that it learned.

    Raises:
        StreamOutOfOrder: A later message than the first carries a config.
        RemoteError: The speech service refused, or is away.
    """
    misplaced = False

    async def upload() -> AsyncIterator[asr_pb2.EnrollVoiceRequest]:
        nonlocal misplaced
        yield asr_pb2.EnrollVoiceRequest(config=config)
        async for request in requests:
            if not request.HasField("data"):
                misplaced = True
                # Refused there as well, so that half a sample is never learned.
                yield asr_pb2.EnrollVoiceRequest(config=config)
                return
            yield asr_pb2.EnrollVoiceRequest(data=request.data)

    try:
        response: asr_pb2.EnrollVoiceResponse = await answer(
            services.asr.EnrollVoice(upload(), timeout=_ENROLL_SECONDS)
        )
    except RemoteError as error:
        if misplaced:
            raise StreamOutOfOrder("`config` is allowed in the first message only.") from error
        raise
    return response.voice


class VoiceJanitor:
    """Forgets the voices of people who were removed, also when the speech service was away at that moment.

    Args:
        store: The tables with the people.
        services: The speech service.
    """

    def __init__(self, store: Store, services: Services) -> None:
        self._store = store
        self._services = services
        # A process that died may have left a voice behind.
        self._due = True

    async def forget(self, workspace_id: str, person_id: str) -> None:
        """Forget a removed person's voice, where there is one; what fails now is done by a later `sweep`."""
        try:
            await self._delete(workspace_id, person_id, new_id("vce"))
        except RemoteError as error:
            self._due = True
            get_logger(__name__).warning("voice is forgotten later", person_id=person_id, reason=error.reason)

    async def sweep(self) -> None:
        """Forget all voices whose people are gone, where one may have been left behind."""
        if not self._due:
            return
        async with self._store.read() as session:
            workspaces = list(await session.scalars(select(WorkspaceRow.workspace_id)))
        try:
            for workspace_id in workspaces:
                for person_id in await self._left_behind(workspace_id):
                    await self._delete(workspace_id, person_id, new_id("vce"))
        except RemoteError as error:
            get_logger(__name__).debug("voices are checked later", reason=error.reason)
            return
        self._due = False

    async def _delete(self, workspace_id: str, person_id: str, key: str) -> None:
        request = asr_pb2.DeleteVoiceRequest(workspace_id=workspace_id, person_id=person_id, idempotency_key=key)
        try:
            await answer(self._services.asr.DeleteVoice(request, timeout=_DELETE_SECONDS))
        except RemoteError as error:
            if error.code is not grpc.StatusCode.NOT_FOUND:
                raise

    async def _left_behind(self, workspace_id: str) -> list[str]:
        enrolled: list[str] = []
        token = ""
        while True:
            request = asr_pb2.ListVoicesRequest(workspace_id=workspace_id, page_size=_PAGE, page_token=token)
            page: asr_pb2.ListVoicesResponse = await answer(
                self._services.asr.ListVoices(request, timeout=_DELETE_SECONDS)
            )
            enrolled += [voice.person_id for voice in page.voices]
            token = page.next_page_token
            if not token:
                break
        # Read after the list: a person who came meanwhile must not lose a voice.
        async with self._store.read() as session:
            people = set(
                await session.scalars(select(PersonRow.person_id).where(PersonRow.workspace_id == workspace_id))
            )
        return [person_id for person_id in enrolled if person_id not in people]
