"""A whole mesh: doubles for the models, the real board and notification services, the real orchestrator."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import time
import uuid
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from planerka.board.v1 import board_pb2, board_pb2_grpc
from planerka.common.v1.card_pb2 import Card
from planerka.notify.v1 import notify_pb2_grpc
from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1 import orchestrator_pb2_grpc
from planerka.orchestrator.v1.meeting_pb2 import MeetingConfig, MeetingState
from planerka.orchestrator.v1.proposal_pb2 import ProposalState, Verdict

from board_service.service import BoardHosted
from board_service.settings import BoardSettings
from match_service.service import MatchHosted
from match_service.settings import MatchSettings
from mesh.channel import open_channel
from mesh.server import host
from mesh.settings import MeshSettings
from notify_service.service import NotifyHosted
from notify_service.settings import NotifySettings
from orchestrator.house import OrchestratorHosted
from orchestrator.settings import OrchestratorSettings

ORCHESTRATOR = "planerka.orchestrator.v1.OrchestratorService"
ENDED = (MeetingState.MEETING_STATE_CLOSED, MeetingState.MEETING_STATE_FAILED)


def _load_doubles():
    spec = importlib.util.spec_from_file_location("orchestrator_doubles", Path(__file__).parent / "doubles.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


doubles = _load_doubles()


class Client:
    """What a person does, through the public door."""

    def __init__(self, port, mesh, token=""):
        self.port = port
        self.channel = open_channel(f"127.0.0.1:{port}", mesh, [ORCHESTRATOR], token=token)
        self.stub = orchestrator_pb2_grpc.OrchestratorServiceStub(self.channel)

    async def board(
        self,
        columns=("Бэклог", "В работе", "Готово"),
        cards=(("A1", "Авторизация через Google"), ("A2", "Экспорт отчётов")),
    ):
        request = pb.CreateBoardRequest(
            name="Доска",
            columns=columns,
            members=["Ирина", "Александр"],
            cards=[pb.NewCard(key=key, title=title) for key, title in cards],
            idempotency_key=uuid.uuid4().hex,
        )
        return await self.stub.CreateBoard(request)

    async def upload(self, data, *, name="meeting.jsonl", key=None, **config):
        meeting = MeetingConfig(idempotency_key=key or uuid.uuid4().hex, **config)
        first = pb.ImportMeetingRequest(config=pb.ImportConfig(meeting=meeting, file_name=name))

        async def requests():
            yield first
            for start in range(0, len(data), 1 << 16):
                yield pb.ImportMeetingRequest(data=data[start : start + (1 << 16)])

        return (await self.stub.ImportMeeting(requests())).meeting

    async def talk(self, *said, **config):
        lines = [json.dumps({"speaker": who, "text": text}, ensure_ascii=False) for who, text in said]
        return await self.upload("\n".join(lines).encode(), **config)

    async def detail(self, meeting_id):
        return (await self.stub.GetMeeting(pb.GetMeetingRequest(meeting_id=meeting_id))).detail

    async def until(self, meeting_id, *states, seconds=20):
        end = time.monotonic() + seconds
        while True:
            meeting = (await self.detail(meeting_id)).meeting
            if meeting.state in states:
                return meeting
            if meeting.state in ENDED or time.monotonic() > end:
                raise AssertionError(f"still {meeting}")
            await asyncio.sleep(0.03)

    async def waiting(self, meeting_id, seconds=20):
        """Wait until all is asked, and return the proposals."""
        end = time.monotonic() + seconds
        await self.until(meeting_id, MeetingState.MEETING_STATE_WAITING, seconds=seconds)
        while time.monotonic() < end:
            found = await self.proposals(meeting_id)
            if found:
                return found
            await asyncio.sleep(0.03)
        raise AssertionError("no proposals")

    async def proposals(self, meeting_id=""):
        return list((await self.stub.ListProposals(pb.ListProposalsRequest(meeting_id=meeting_id))).proposals)

    async def decide(self, proposal_id, verdict=Verdict.VERDICT_APPROVE, key=None, **values):
        request = pb.DecideRequest(
            proposal_id=proposal_id, verdict=verdict, channel="test", idempotency_key=key or uuid.uuid4().hex, **values
        )
        return (await self.stub.Decide(request)).proposal

    async def proposal_in(self, proposal_id, *states, seconds=20):
        end = time.monotonic() + seconds
        while True:
            found = next(p for p in await self.proposals() if p.proposal_id == proposal_id)
            if found.state in states:
                return found
            if time.monotonic() > end:
                raise AssertionError(ProposalState.Name(found.state))
            await asyncio.sleep(0.03)

    async def events(self, meeting_id=""):
        return list((await self.stub.ListEvents(pb.ListEventsRequest(meeting_id=meeting_id, page_size=500))).events)[
            ::-1
        ]

    async def close(self):
        await self.channel.close()


class MeshUnderTest:
    """The running mesh of one test."""

    def __init__(self, home):
        self.home = home
        self.asr, self.llm, self.match = doubles.asr(), doubles.llm(), doubles.match()
        self.ports = {}
        self.stack = AsyncExitStack()
        self.hosts = {}

    @property
    def mesh(self):
        addresses = {f"{name}_address": f"127.0.0.1:{port}" for name, port in self.ports.items()}
        return MeshSettings(log_level="ERROR", drain_seconds=1, drain_delay_seconds=0, check_seconds=0.5, **addresses)

    @property
    def settings(self):
        return OrchestratorSettings(
            listen="127.0.0.1:0",
            state=self.home / "orchestrator",
            sweep_seconds=1,
            retry_seconds=0.5,
            resume_window_seconds=1.5,
        )

    def make(self, name):
        if name == "board":
            return BoardHosted(BoardSettings(state=self.home / "board"))
        if name == "notify":
            return NotifyHosted(NotifySettings(state=self.home / "notify"))
        return {"asr": self.asr, "llm": self.llm, "match": self.match}[name]

    async def start(self, name):
        """Start a service, on the port that it had before."""
        context = host(self.make(name), f"127.0.0.1:{self.ports.get(name, 0)}", self.mesh)
        running = await context.__aenter__()
        self.ports[name] = running.port
        self.hosts[name] = context

    async def stop(self, name):
        await self.hosts.pop(name).__aexit__(None, None, None)

    @asynccontextmanager
    async def orchestrator(self, **changes):
        """Run the orchestrator in this process."""
        settings = self.settings.model_copy(update=changes)
        hosted = OrchestratorHosted(settings, self.mesh)
        async with host(hosted, settings.listen, self.mesh, hosted.interceptors, check_service_token=False) as running:
            client = Client(running.port, self.mesh)
            try:
                # gRPC remembers for a while that nobody listened on a port; it may be one that an earlier test gave back.
                await asyncio.wait_for(client.channel.channel_ready(), 10)
                yield client
            finally:
                await client.close()

    def client(self, port, token=""):
        return Client(port, self.mesh, token)

    async def card(self, card_id) -> Card:
        async with open_channel(
            f"127.0.0.1:{self.ports['board']}", self.mesh, ["planerka.board.v1.BoardService"]
        ) as channel:
            stub = board_pb2_grpc.BoardServiceStub(channel)
            return (await stub.GetCard(board_pb2.GetCardRequest(card_id=card_id))).card

    @asynccontextmanager
    async def board_stub(self):
        async with open_channel(
            f"127.0.0.1:{self.ports['board']}", self.mesh, ["planerka.board.v1.BoardService"]
        ) as channel:
            yield board_pb2_grpc.BoardServiceStub(channel)

    @asynccontextmanager
    async def notify_stub(self):
        async with open_channel(
            f"127.0.0.1:{self.ports['notify']}", self.mesh, ["planerka.notify.v1.NotifyService"]
        ) as channel:
            yield notify_pb2_grpc.NotifyServiceStub(channel)


@pytest.fixture
async def mesh(tmp_path):
    """All services but the orchestrator."""
    running = MeshUnderTest(tmp_path)
    for name in ("asr", "llm", "match", "board", "notify"):
        await running.start(name)
    yield running
    for name in list(running.hosts):
        await running.stop(name)


@pytest.fixture
async def client(mesh):
    """The orchestrator over the mesh, and its owner's client."""
    async with mesh.orchestrator() as client:
        yield client


@pytest.fixture
async def matched(mesh):
    """The mesh with the real match service in place of its double."""
    await mesh.stop("match")
    mesh.match = MatchHosted(MatchSettings(state=mesh.home / "match"))
    await mesh.start("match")
    return mesh
