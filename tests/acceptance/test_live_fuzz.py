"""Thousands of random message orders: the service never fails from within, never hangs, and takes what the rules allow.

The models are real, but nothing in the audio is speech, so that no order takes longer than its messages.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from planerka.asr.v1 import asr_pb2, asr_pb2_grpc

from asr_service.__main__ import AsrHosted
from asr_service.settings import AsrSettings
from mesh.errors import remote_error
from mesh.server import host
from mesh.settings import MeshSettings
from tests.live import LOCAL_ERROR, Request, stream_config

pytestmark = [pytest.mark.acceptance, pytest.mark.models, pytest.mark.timeout(300)]

ORDERS = int(os.environ.get("PLANERKA_FUZZ_ORDERS", "5000"))
SEED = int(os.environ.get("PLANERKA_FUZZ_SEED", "1"))
AT_ONCE = 100
DEADLINE = 60.0
EARLY = 256
SAMPLES = 160
"""In a chunk, 10 ms."""

TYPED = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNIMPLEMENTED,
}


@dataclass
class Order:
    """A random order of messages, and what the contract says of it."""

    messages: list[Request] = field(default_factory=list)
    held: set[int] = field(default_factory=set)
    following: int = 1
    broken: bool = False
    """Whether some message must be refused."""
    cancels: bool = False

    @property
    def finishes(self) -> bool:
        """Whether the stream must reach its end."""
        return not (self.broken or self.held or self.cancels)

    def chunk(self, sequence: int, data: bytes) -> None:
        """Adds a chunk, and follows the rule of those that come early."""
        self.messages.append(Request(audio=asr_pb2.AudioChunk(sequence=sequence, data=data)))
        if sequence == 0 or len(data) % 2 or not data or sequence > self.following + EARLY:
            self.broken = True
        if self.broken or sequence < self.following:
            return
        self.held.add(sequence)
        while self.following in self.held:
            self.held.discard(self.following)
            self.following += 1


def draw(generator: random.Random) -> Order:
    """An order; about half of them keep the rules."""
    order = Order(cancels=generator.random() < 0.1)
    rude = generator.random() < 0.5
    if rude and generator.random() < 0.2:
        order.broken = True
        if generator.random() < 0.5:
            order.messages.append(Request(resume=asr_pb2.StreamResume(resume_token="x" * generator.randint(1, 9))))
    else:
        order.messages.append(Request(config=stream_config("en", interim=generator.random() < 0.5)))
    data = bytes(2 * SAMPLES)
    if generator.random() < 0.01:
        # Backwards, so that the first chunk comes as early as it may, or one number earlier than that.
        for sequence in range(EARLY + generator.randint(1, 2), 0, -1):
            order.chunk(sequence, data)
        return order
    wanted = list(range(1, generator.randint(0, 24) + 1))
    while wanted and not (rude and generator.random() < 0.05):
        dice = generator.random()
        place = 0 if dice < 0.6 else generator.randrange(len(wanted))
        if dice < 0.1:
            order.messages.append(Request(flush=asr_pb2.Flush()))
        elif dice < 0.2:
            order.chunk(generator.randint(1, max(1, order.following - 1)), data)
        elif not rude or dice < 0.9:
            order.chunk(wanted.pop(place), data)
        else:
            add_rude(order, generator, data)
    return order


def add_rude(order: Order, generator: random.Random, data: bytes) -> None:
    """Adds a message that breaks, or stretches, the rules."""
    match generator.randrange(6):
        case 0:
            order.chunk(0, data)
        case 1:
            order.chunk(order.following, data[:-1])
        case 2:
            order.chunk(order.following, b"")
        case 3:
            order.chunk(order.following + generator.choice((EARLY, EARLY + 1, 10**6, 2**63)), data)
        case 4:
            order.messages.append(Request(config=stream_config("en")))
            order.broken = True
        case _:
            order.messages.append(Request())
            order.broken = True


async def play(stub: asr_pb2_grpc.AsrServiceStub, order: Order) -> str:
    """How the order ends: `finished`, `cancelled`, or the code and reason of an error."""

    async def requests() -> AsyncIterator[Request]:
        for message in order.messages:
            yield message

    call = stub.StreamingRecognize(requests(), timeout=DEADLINE)
    try:
        if order.cancels:
            await call.read()
            call.cancel()
            return "cancelled"
        last = None
        async for response in call:
            last = response
    except grpc.aio.AioRpcError as error:
        told = remote_error(error)
        # The service has ended the call before everything was sent; its answer is lost.
        if told.message.startswith(LOCAL_ERROR) and not order.finishes:
            return "ended while it was sent"
        assert told.code in TYPED, f"{told.code} {told.message}"
        assert told.reason != told.code.name or told.reason == "INVALID_ARGUMENT", told.message
        assert not order.finishes, f"refused, but it keeps the rules: {told}"
        return told.reason
    except asyncio.CancelledError:
        return "cancelled"
    assert last is not None
    assert last.HasField("finished"), "the stream ended without its finish"
    assert order.finishes, "taken, but it breaks the rules"
    assert last.finished.duration.ToNanoseconds() == (order.following - 1) * SAMPLES * 10**9 // 16_000
    return "finished"


async def test_live_fuzz(models: Path, tmp_path: Path) -> None:
    settings = AsrSettings(
        work_folder=tmp_path / "work",
        state=tmp_path / "state",
        max_streams=2 * AT_ONCE,
        max_load=100.0,
        resume_minutes=0.05,
    )
    mesh = MeshSettings(log_level="ERROR", drain_seconds=2, drain_delay_seconds=0)
    generator = random.Random(SEED)
    orders = [draw(generator) for _ in range(ORDERS)]
    ends: Counter[str] = Counter()
    free = asyncio.Semaphore(AT_ONCE)
    async with (
        host(AsrHosted(settings, models), "127.0.0.1:0", mesh) as running,
        grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel,
    ):
        stub = asr_pb2_grpc.AsrServiceStub(channel)

        async def one(number: int) -> None:
            async with free:
                try:
                    ends[await play(stub, orders[number])] += 1
                except AssertionError as error:
                    raise AssertionError(f"order {number} of seed {SEED}: {orders[number]}") from error

        await asyncio.gather(*map(one, range(ORDERS)))
        answer = await stub.GetCapabilities(asr_pb2.GetCapabilitiesRequest(), timeout=5)
    print(dict(ends))
    assert ends["finished"] > ORDERS // 5
    assert len(ends) > 5
    assert answer.open_streams == 0
