"""A small service of two contracts, whose behaviour each test writes itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from planerka.asr.v1 import asr_pb2 as asr
from planerka.asr.v1 import asr_pb2_grpc
from planerka.board.v1 import board_pb2 as pb
from planerka.board.v1 import board_pb2_grpc

from mesh.channel import open_channel
from mesh.server import host
from mesh.settings import MeshSettings

BOARD = "planerka.board.v1.BoardService"
ASR = "planerka.asr.v1.AsrService"

Handler = Callable[[pb.GetCardRequest], Awaitable[pb.GetCardResponse]]


class Board(board_pb2_grpc.BoardServiceServicer):
    """Unary and server streaming; everything but two methods is left to the generated base."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.handler: Handler | None = None

    async def GetCard(self, request, context):
        self.calls.append(request.card_id)
        if self.handler is not None:
            return await self.handler(request)
        answer = pb.GetCardResponse()
        answer.card.card_id = request.card_id
        return answer

    async def CreateCard(self, request, context):
        self.calls.append(request.title)
        return pb.CreateCardResponse()


class Asr(asr_pb2_grpc.AsrServiceServicer):
    """Both directions streaming."""

    def __init__(self) -> None:
        self.received = 0

    async def StreamingRecognize(self, request_iterator, context):
        async for _ in request_iterator:
            self.received += 1
            yield asr.StreamingRecognizeResponse()


class Small:
    """What the mesh hosts."""

    def __init__(self) -> None:
        self.board, self.asr = Board(), Asr()
        self.may_open = asyncio.Event()
        self.may_open.set()
        self.trouble: Exception | None = None
        self.opening_trouble: Exception | None = None
        self.events: list[str] = []

    names = (BOARD, ASR)

    def register(self, server: grpc.aio.Server) -> None:
        board_pb2_grpc.add_BoardServiceServicer_to_server(self.board, server)
        asr_pb2_grpc.add_AsrServiceServicer_to_server(self.asr, server)

    async def open(self) -> None:
        await self.may_open.wait()
        if self.opening_trouble is not None:
            raise self.opening_trouble
        self.events.append("open")

    async def check(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    async def drain(self) -> None:
        self.events.append("drain")

    async def close(self) -> None:
        self.events.append("close")


class Client:
    """Stubs over one channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.board = board_pb2_grpc.BoardServiceStub(channel)
        self.asr = asr_pb2_grpc.AsrServiceStub(channel)
        self.health = health_pb2_grpc.HealthStub(channel)
        self.channel = channel

    async def state(self, name: str = BOARD) -> str:
        answer = await self.health.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)

    async def becomes(self, state: str, name: str = BOARD) -> None:
        async with asyncio.timeout(5):
            while await self.state(name) != state:
                await asyncio.sleep(0.01)

    async def card(self, card_id: str = "crd_1", **options: Any) -> pb.GetCardResponse:
        return await self.board.GetCard(pb.GetCardRequest(card_id=card_id), **options)


@pytest.fixture
def small() -> Small:
    return Small()


@pytest.fixture
def connect():
    """Open a client, by default with the retry policy of both services."""

    @asynccontextmanager
    async def connect(address, settings: MeshSettings, services=(BOARD, ASR), token: str | None = None):
        target = address if isinstance(address, str) else f"127.0.0.1:{address}"
        async with open_channel(target, settings, services, token=token) as channel:
            yield Client(channel)

    return connect


@pytest.fixture
async def client(small: Small, connect, mesh_settings: MeshSettings):
    async with host(small, "127.0.0.1:0", mesh_settings) as running, connect(running.port, mesh_settings) as client:
        yield client
