"""Enrolled voices of people: learned and forgotten by the speech service, on behalf of those who may."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
from planerka.asr.v1 import asr_pb2
from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1.workspace_pb2 import Role
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from mesh.errors import RemoteError
from mesh.ids import new_id
from mesh.logs import get_logger
from orchestrator.clients import Services, answer
from orchestrator.errors import RoleMissing, StreamOutOfOrder
from orchestrator.rights import Caller
from orchestrator.store import Store
from orchestrator.tables import CursorRow

__all__ = ["VoiceJanitor", "forward_sample", "require_own"]

_ENROLL_SECONDS = 300.0
_DELETE_SECONDS = 5.0
_TO_FORGET = "forget voice "


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
    """Forgets the voices of people who were removed, also when the speech service is away at that moment.

    Args:
        store: The tables, in which it is written down until it is done.
        services: The speech service.
    """

    def __init__(self, store: Store, services: Services) -> None:
        self._store = store
        self._services = services

    async def note(self, session: AsyncSession, workspace_id: str, person_id: str) -> None:
        """Write down, in the transaction of `session`, that a person's voice is to be forgotten."""
        await session.merge(CursorRow(name=f"{_TO_FORGET}{workspace_id} {person_id}", value=""))

    async def sweep(self) -> None:
        """Forget all voices that are to be forgotten; what fails now is left for the next time."""
        async with self._store.read() as session:
            rows = select(CursorRow.name).where(CursorRow.name.startswith(_TO_FORGET, autoescape=True))
            names = list(await session.scalars(rows))
        for name in names:
            workspace_id, _, person_id = name.removeprefix(_TO_FORGET).partition(" ")
            request = asr_pb2.DeleteVoiceRequest(
                workspace_id=workspace_id, person_id=person_id, idempotency_key=new_id("vce")
            )
            try:
                await answer(self._services.asr.DeleteVoice(request, timeout=_DELETE_SECONDS))
            except RemoteError as error:
                if error.code is not grpc.StatusCode.NOT_FOUND:
                    get_logger(__name__).info("voice is forgotten later", person_id=person_id, reason=error.reason)
                    return
            async with self._store.write() as session:
                await session.execute(delete(CursorRow).where(CursorRow.name == name))
