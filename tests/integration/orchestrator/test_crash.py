"""`kill -9` anywhere: nothing is lost, nothing happens twice."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

import grpc
import pytest
from planerka.common.v1.time_pb2 import CalendarDate
from planerka.orchestrator.v1.meeting_pb2 import MeetingState, Stage
from planerka.orchestrator.v1.proposal_pb2 import EventKind, ProposalState

from mesh.errors import Internal, NotReady

CLOSED = MeetingState.MEETING_STATE_CLOSED
APPLIED = ProposalState.PROPOSAL_STATE_APPLIED
DUE = CalendarDate(year=2026, month=3, day=6)
TALK = (("Ирина", "Срок по авторизации пятница."), ("Александр", "Экспорт готов наполовину."))


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Process:
    """The orchestrator as a process of its own."""

    def __init__(self, mesh, command=("-m", "orchestrator"), **environment):
        self.mesh, self.command, self.environment = mesh, command, environment
        self.port = free_port()
        self.process = None

    async def __aenter__(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PLANERKA_")}
        environment |= {
            f"PLANERKA_MESH__{name.upper()}_ADDRESS": f"127.0.0.1:{port}" for name, port in self.mesh.ports.items()
        }
        environment |= {
            "PLANERKA_HOME": str(self.mesh.home),
            "PLANERKA_MESH__LOG_LEVEL": "WARNING",
            "PLANERKA_MESH__DRAIN_SECONDS": "1",
            "PLANERKA_ORCHESTRATOR__LISTEN": f"127.0.0.1:{self.port}",
            "PLANERKA_ORCHESTRATOR__SWEEP_SECONDS": "0.5",
            "PLANERKA_ORCHESTRATOR__RETRY_SECONDS": "0.5",
            **self.environment,
        }
        self.process = await asyncio.create_subprocess_exec(sys.executable, *self.command, env=environment)
        self.client = self.mesh.client(self.port)
        for _ in range(200):
            try:
                await self.client.events()
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.1)
            else:
                return self
        raise AssertionError("the orchestrator does not come up")

    async def kill(self):
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()
        await self.client.close()

    async def __aexit__(self, *_):
        await self.kill()


async def test_killed_while_it_waits_and_approved_afterwards(mesh):
    async with Process(mesh) as first:
        await first.client.board()
        meeting = await first.client.talk(*TALK)
        proposals = await first.client.waiting(meeting.meeting_id)
        await first.client.until(meeting.meeting_id, MeetingState.MEETING_STATE_WAITING)
    async with Process(mesh) as second:
        for proposal in proposals:
            await second.client.decide(proposal.proposal_id)
        await second.client.until(meeting.meeting_id, CLOSED)
        card = await mesh.card(proposals[0].card.card.card_id)
        assert card.due == DUE
        commented = await mesh.card(proposals[1].card.card.card_id)
        assert len(commented.comments) == 1
        kinds = [event.kind for event in await second.client.events(meeting.meeting_id)]
        assert kinds.count(EventKind.EVENT_KIND_APPLIED) == 2
        assert kinds.count(EventKind.EVENT_KIND_PROPOSAL_CREATED) == 2


# Sends SIGKILL to itself before or after the n-th call of a function of the program; the program itself knows nothing of it.
CRASHER = """
import os, runpy, signal, sys
from importlib import import_module
module, name, when = sys.argv[1:4]
owner = import_module(module)
*path, name = name.split(".")
for part in path:
    owner = getattr(owner, part)
original = getattr(owner, name)

async def crashing(*args, **kwargs):
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = await original(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(owner, name, crashing)
sys.argv = ["orchestrator"]
runpy.run_module("orchestrator", run_name="__main__")
"""
POINTS = [
    ("orchestrator.steps.summary", "_summarize", "after"),
    ("orchestrator.steps.knowledge", "_upsert", "after"),
    ("orchestrator.steps.difference", "_write", "after"),
    ("orchestrator.steps.job", "_finish", "after"),
    ("orchestrator.steps.asking", "_ask", "after"),
    ("orchestrator.steps.application", "change_card", "before"),
    ("orchestrator.steps.application", "change_card", "after"),
    ("orchestrator.applications", "_mark", "before"),
    ("orchestrator.steps.application", "_applied", "after"),
    ("orchestrator.steps.notice", "_tell", "after"),
    ("orchestrator.engine", "Engine.wake", "before"),
    ("orchestrator.engine", "Engine.start", "before"),
]


@pytest.mark.parametrize(("module", "name", "when"), POINTS, ids=lambda value: value.rpartition(".")[2])
async def test_every_crash_point_ends_like_an_undisturbed_run(mesh, module, name, when):
    talk = TALK[1:]
    meeting_id = ""
    async with Process(mesh, ("-c", CRASHER, module, name, when)) as first:
        client = first.client
        try:
            await client.board()
            meeting = await client.talk(*talk, key="the talk")
            meeting_id = meeting.meeting_id
            (proposal,) = await client.waiting(meeting_id)
            await client.decide(proposal.proposal_id, key="the decision")
        except grpc.aio.AioRpcError:
            pass
        await asyncio.wait_for(first.process.wait(), 20)
        assert first.process.returncode == -signal.SIGKILL
    async with Process(mesh) as second:
        client = second.client
        meeting = await client.talk(*talk, key="the talk")
        assert meeting_id in {"", meeting.meeting_id}
        if not await client.proposals(meeting.meeting_id):
            await client.waiting(meeting.meeting_id)
        (proposal,) = await client.proposals(meeting.meeting_id)
        await client.decide(proposal.proposal_id, key="the decision")
        await client.until(meeting.meeting_id, CLOSED)
        (proposal,) = await client.proposals(meeting.meeting_id)
        assert proposal.state == APPLIED
        assert len((await mesh.card(proposal.card.card.card_id)).comments) == 1
        kinds = [event.kind for event in await client.events(meeting.meeting_id)]
        for once in (EventKind.EVENT_KIND_PROPOSAL_CREATED, EventKind.EVENT_KIND_DECIDED, EventKind.EVENT_KIND_APPLIED):
            assert kinds.count(once) == 1
        finished = [
            e.stage for e in await client.events(meeting.meeting_id) if e.kind == EventKind.EVENT_KIND_STAGE_FINISHED
        ]
        assert finished == sorted(set(finished))
        assert finished[-1] == Stage.STAGE_CLOSE


@pytest.mark.parametrize("name", ["llm", "match", "board", "notify"])
async def test_a_service_that_dies_is_waited_for(mesh, name):
    async with mesh.orchestrator() as client:
        await client.board()
        await mesh.stop(name)
        meeting = await client.talk(*TALK)
        await asyncio.sleep(1.5)
        assert (await client.detail(meeting.meeting_id)).meeting.state == MeetingState.MEETING_STATE_PROCESSING
        await mesh.start(name)
        proposals = await client.waiting(meeting.meeting_id)
        await mesh.stop(name)
        await client.decide(proposals[0].proposal_id)
        await asyncio.sleep(0.5)
        await mesh.start(name)
        await client.proposal_in(proposals[0].proposal_id, APPLIED)
        assert (await mesh.card(proposals[0].card.card.card_id)).due == DUE


async def test_patience_ends_with_advice(mesh):
    await mesh.stop("llm")
    async with mesh.orchestrator(patience_seconds=1) as client:
        await client.board()
        meeting = await client.talk(*TALK)
        failed = await client.until(meeting.meeting_id, MeetingState.MEETING_STATE_FAILED)
        assert failed.stage == Stage.STAGE_SUMMARIZE
        assert "llm" in failed.failure
        assert "planerka back" in failed.failure


async def test_a_model_out_of_shape_is_replaced_by_quotations(mesh, client):
    mesh.llm.servicer.fail_with = Internal("the model babbles", reason="MODEL_OUTPUT_INVALID")
    meeting = await client.talk(*TALK)
    await client.until(meeting.meeting_id, CLOSED)
    detail = await client.detail(meeting.meeting_id)
    assert detail.summary.finished.fallback_reason == "the model babbles"


async def test_a_typed_refusal_ends_the_meeting_with_advice(mesh, client):
    mesh.llm.servicer.fail_with = NotReady("busy")
    meeting = await client.talk(*TALK)
    await asyncio.sleep(1)
    assert (await client.detail(meeting.meeting_id)).meeting.state == MeetingState.MEETING_STATE_PROCESSING
    mesh.llm.servicer.fail_with = grpc_refusal()
    failed = await client.until(meeting.meeting_id, MeetingState.MEETING_STATE_FAILED)
    assert "too long" in failed.failure


def grpc_refusal():
    from mesh.errors import InvalidArgument

    return InvalidArgument("too long", reason="TOO_LONG")
