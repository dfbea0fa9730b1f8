"""The other services of the mesh, as this one calls them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any, TypeVar

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from planerka.asr.v1 import asr_pb2_grpc
from planerka.board.v1 import board_pb2_grpc
from planerka.llm.v1 import llm_pb2_grpc
from planerka.match.v1 import match_pb2_grpc
from planerka.notify.v1 import notify_pb2_grpc
from planerka.orchestrator.v1.orchestrator_pb2 import ServiceStatus

from mesh.channel import open_channel
from mesh.errors import RemoteError, remote_error
from mesh.settings import MeshSettings

__all__ = ["SERVICES", "Services", "answer", "answers"]

T = TypeVar("T")
SERVICES = {
    "asr": "planerka.asr.v1.AsrService",
    "llm": "planerka.llm.v1.LlmService",
    "match": "planerka.match.v1.MatchService",
    "board": "planerka.board.v1.BoardService",
    "notify": "planerka.notify.v1.NotifyService",
}


async def answer(call: Awaitable[T]) -> T:
    """Wait for the answer of a call.

    Raises:
        RemoteError: The other side refused, or could not be reached.
    """
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise remote_error(error) from error


async def answers(call: Any) -> AsyncIterator[Any]:
    """Yield the answers of a streaming call; ending early cancels it.

    Raises:
        RemoteError: The other side refused, or could not be reached.
    """
    try:
        async for message in call:
            yield message
    except grpc.aio.AioRpcError as error:
        raise remote_error(error) from error
    finally:
        call.cancel()


class Services:
    """Channels and stubs; opening is lazy, so services may start in any order.

    Attributes:
        asr: Speech to turns.
        llm: Summaries and knowledge.
        match: Talk to cards.
        board: Boards.
        notify: Messages.
    """

    def __init__(self, mesh: MeshSettings) -> None:
        self._mesh = mesh
        self._channels = {name: open_channel(mesh.address_of(name), mesh, [full]) for name, full in SERVICES.items()}
        self.asr: Any = asr_pb2_grpc.AsrServiceStub(self._channels["asr"])
        self.llm: Any = llm_pb2_grpc.LlmServiceStub(self._channels["llm"])
        self.match: Any = match_pb2_grpc.MatchServiceStub(self._channels["match"])
        self.board: Any = board_pb2_grpc.BoardServiceStub(self._channels["board"])
        self.notify: Any = notify_pb2_grpc.NotifyServiceStub(self._channels["notify"])

    async def statuses(self, seconds: float = 2.0) -> list[ServiceStatus]:
        """Ask every service how it is, at most `seconds` long."""
        return list(await asyncio.gather(*(self._status(name, seconds) for name in SERVICES)))

    async def close(self) -> None:
        """Close all channels."""
        for channel in self._channels.values():
            await channel.close()

    async def _status(self, name: str, seconds: float) -> ServiceStatus:
        status = ServiceStatus(name=name, address=self._mesh.address_of(name))
        stub: Any = health_pb2_grpc.HealthStub(self._channels[name])
        request = health_pb2.HealthCheckRequest(service=SERVICES[name])
        try:
            response = await answer(stub.Check(request, timeout=seconds))
        except RemoteError as error:
            status.reason = error.message
            return status
        status.ready = response.status == health_pb2.HealthCheckResponse.SERVING
        if not status.ready:
            status.reason = "It is alive but not ready; its log tells why."
        return status
