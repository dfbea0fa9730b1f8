"""Starting, being healthy, stopping."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from planerka.board.v1 import board_pb2 as pb

from mesh.errors import NotReady, PlanerkaError, remote_error
from mesh.server import host

BOARD = "planerka.board.v1.BoardService"
ASR = "planerka.asr.v1.AsrService"


async def test_health_follows_a_slow_opening(small, connect, mesh_settings, tmp_path):
    small.may_open.clear()
    address = f"unix:{tmp_path}/socket"
    async with contextlib.AsyncExitStack() as stack:
        opening = asyncio.create_task(stack.enter_async_context(host(small, address, mesh_settings)))
        client = await stack.enter_async_context(connect(address, mesh_settings, services=()))
        await client.becomes("NOT_SERVING")
        assert await client.state("") == "SERVING"
        assert await client.state(ASR) == "NOT_SERVING"
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await client.card()
        error = remote_error(raised.value)
        assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "NOT_READY")
        assert error.retry_after is not None
        assert small.board.calls == []
        small.may_open.set()
        await opening
        await client.becomes("SERVING")
        await client.becomes("SERVING", ASR)
        assert (await client.card()).card.card_id == "crd_1"


@pytest.mark.parametrize("trouble", [NotReady("the database is gone"), RuntimeError("a bug in the check")])
async def test_health_follows_the_check(small, client, trouble):
    await client.becomes("SERVING")
    small.trouble = trouble
    await client.becomes("NOT_SERVING")
    assert await client.state("") == "SERVING"
    small.trouble = None
    await client.becomes("SERVING")


async def test_an_opening_that_fails_stops_the_server_and_frees_its_port(small, mesh_settings):
    small.opening_trouble = PlanerkaError("The model is missing; pull it.", reason="MODEL_MISSING")
    with pytest.raises(PlanerkaError, match="pull it"):
        async with host(small, "127.0.0.1:0", mesh_settings):
            raise AssertionError("it must not open")
    assert small.events == ["drain", "close"]


async def test_a_taken_address_is_named(small, mesh_settings):
    async with host(small, "127.0.0.1:0", mesh_settings) as running:
        with pytest.raises(PlanerkaError, match=str(running.port)) as raised:
            async with host(small, f"127.0.0.1:{running.port}", mesh_settings):
                raise AssertionError("it must not open")
        assert raised.value.reason == "ADDRESS_IN_USE"


async def test_a_call_in_flight_ends_well_while_new_ones_are_refused(small, connect, mesh_settings):
    release, inside = asyncio.Event(), asyncio.Event()

    async def slow(request):
        inside.set()
        await release.wait()
        return pb.GetCardResponse()

    small.board.handler = slow
    patient = mesh_settings.model_copy(update={"drain_seconds": 20.0})
    async with contextlib.AsyncExitStack() as clients:
        serving = contextlib.AsyncExitStack()
        running = await serving.enter_async_context(host(small, "127.0.0.1:0", patient))
        client = await clients.enter_async_context(connect(running.port, patient, services=()))
        late = await clients.enter_async_context(connect(running.port, patient, services=()))
        assert await late.state() == "SERVING"
        call = asyncio.create_task(client.card("crd_slow"))
        await inside.wait()
        stopping = asyncio.create_task(serving.aclose())
        while "drain" not in small.events:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await late.card("crd_late", timeout=2)
        assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
        assert not call.done()
        assert "close" not in small.events
        release.set()
        assert await call == pb.GetCardResponse()
        await stopping
    assert small.events == ["open", "drain", "close"]
    assert small.board.calls == ["crd_slow"]


async def test_while_it_drains_health_says_so(small, connect, mesh_settings):
    slow = mesh_settings.model_copy(update={"drain_delay_seconds": 0.5})
    serving = contextlib.AsyncExitStack()
    running = await serving.enter_async_context(host(small, "127.0.0.1:0", slow))
    async with connect(running.port, slow) as client:
        await client.becomes("SERVING")
        stopping = asyncio.create_task(serving.aclose())
        await client.becomes("NOT_SERVING")
        assert (await client.card()).card.card_id == "crd_1"
        await stopping


async def test_a_call_that_outlasts_the_drain_is_cancelled(small, connect, mesh_settings):
    inside = asyncio.Event()

    async def endless(request):
        inside.set()
        await asyncio.Event().wait()

    small.board.handler = endless
    short = mesh_settings.model_copy(update={"drain_seconds": 0.2})
    serving = contextlib.AsyncExitStack()
    running = await serving.enter_async_context(host(small, "127.0.0.1:0", short))
    async with connect(running.port, short, services=()) as client:
        call = asyncio.ensure_future(client.card())
        await inside.wait()
        started = time.monotonic()
        await serving.aclose()
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
        assert raised.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
        assert time.monotonic() - started < 5


async def test_reflection_lists_the_services(client):
    stub = reflection_pb2_grpc.ServerReflectionStub(client.channel)

    async def questions():
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    async for answer in stub.ServerReflectionInfo(questions()):
        names = {service.name for service in answer.list_services_response.service}
    assert {BOARD, ASR, "grpc.health.v1.Health"} <= names


async def test_reflection_can_be_turned_off(small, connect, mesh_settings):
    quiet = mesh_settings.model_copy(update={"reflection": False})
    async with host(small, "127.0.0.1:0", quiet) as running, connect(running.port, quiet) as client:
        stub = reflection_pb2_grpc.ServerReflectionStub(client.channel)

        async def questions():
            yield reflection_pb2.ServerReflectionRequest(list_services="")

        with pytest.raises(grpc.aio.AioRpcError) as raised:
            async for _ in stub.ServerReflectionInfo(questions()):
                pass
        assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED


SLOW_SERVICE = """
import asyncio, sys
from mesh.server import run
from mesh.settings import MeshSettings

class Slow:
    names = ("planerka.board.v1.BoardService",)
    def register(self, server): pass
    async def open(self):
        print("opening", flush=True)
        await asyncio.sleep(float(sys.argv[1]))
        print("opened", flush=True)
    async def check(self): pass
    async def close(self): print("closed", flush=True)

sys.exit(run("slow", Slow(), "127.0.0.1:0", [MeshSettings.load()]))
"""


@pytest.mark.parametrize(
    ("seconds", "wait_for", "expected"),
    [("60", "opening", ["opening", "closed"]), ("0", "opened", ["opening", "opened", "closed"])],
)
def test_sigterm_ends_the_process_well_at_any_time(tmp_path, repository, seconds, wait_for, expected):
    environment = {**os.environ, "PLANERKA_HOME": str(tmp_path), "PYTHONPATH": f"{repository}:{repository / 'gen'}"}
    started = subprocess.Popen(
        [sys.executable, "-c", SLOW_SERVICE, seconds], env=environment, stdout=subprocess.PIPE, text=True
    )
    lines = []
    for line in started.stdout:
        lines.append(line.strip())
        if lines[-1] == wait_for:
            break
    time.sleep(0.2)
    started.send_signal(signal.SIGTERM)
    rest, _ = started.communicate(timeout=20)
    assert started.returncode == 0
    assert lines + rest.split() == expected
