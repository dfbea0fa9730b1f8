"""Malformed streams get typed errors, rude clients cost little, and the service still serves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
import soundfile
from planerka.asr.v1 import asr_pb2, asr_pb2_grpc

from cli.launcher import Mesh
from mesh.errors import remote_error
from tests.live import LiveClient, Request, Wire, stream_config
from tests.sounds import silence, to_pcm

pytestmark = [pytest.mark.acceptance, pytest.mark.models, pytest.mark.timeout(300)]

SECOND = bytes(32_000)
INVALID = grpc.StatusCode.INVALID_ARGUMENT


def config(**changes: int) -> Request:
    """The first message of a stream, with changed fields."""
    changed = stream_config("en")
    for name, value in changes.items():
        setattr(changed, name, value)
    return Request(config=changed)


def audio(sequence: int, data: bytes = SECOND) -> Request:
    """A chunk."""
    return Request(audio=asr_pb2.AudioChunk(sequence=sequence, data=data))


MALFORMED: dict[str, tuple[list[Request], grpc.StatusCode, str]] = {
    "nothing at all": ([], INVALID, "MISPLACED_MESSAGE"),
    "audio first": ([audio(1)], INVALID, "MISPLACED_MESSAGE"),
    "flush first": ([Request(flush=asr_pb2.Flush())], INVALID, "MISPLACED_MESSAGE"),
    "an empty message": ([Request()], INVALID, "INVALID_ARGUMENT"),
    "config twice": ([config(), audio(1), config()], INVALID, "MISPLACED_MESSAGE"),
    "resume after config": (
        [config(), Request(resume=asr_pb2.StreamResume(resume_token="x"))],
        INVALID,
        "MISPLACED_MESSAGE",
    ),
    "made-up token": (
        [Request(resume=asr_pb2.StreamResume(resume_token="made-up"))],
        grpc.StatusCode.NOT_FOUND,
        "UNKNOWN_RESUME_TOKEN",
    ),
    "odd byte count": ([config(), audio(1, b"abc")], INVALID, "UNDECODABLE_AUDIO"),
    "half a frame of a stereo stream": ([config(channels=2), audio(1, b"ab")], INVALID, "UNDECODABLE_AUDIO"),
    "gap wider than 256": ([config(), audio(1), audio(260)], INVALID, "OUT_OF_ORDER"),
    "rate 0": ([config(sample_rate=0)], INVALID, "INVALID_ARGUMENT"),
    "rate of a million": ([config(sample_rate=1_000_000)], INVALID, "INVALID_ARGUMENT"),
    "no channels": ([config(channels=0)], INVALID, "INVALID_ARGUMENT"),
    "no encoding": ([config(encoding=0)], INVALID, "INVALID_ARGUMENT"),
    "unknown encoding": ([config(encoding=99)], INVALID, "INVALID_ARGUMENT"),
    "sequence 0": ([config(), audio(0)], INVALID, "INVALID_ARGUMENT"),
    "no bytes": ([config(), audio(1, b"")], INVALID, "INVALID_ARGUMENT"),
    "chunk of 2 MB": ([config(), audio(1, bytes(2 << 20))], INVALID, "INVALID_ARGUMENT"),
    "message of 9 MB": ([config(), audio(1, bytes(9 << 20))], grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE"),
    # Above four times the limit the transport itself refuses, which knows no reasons.
    "message of 64 MB": (
        [config(), audio(1, bytes(64 << 20))],
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "RESOURCE_EXHAUSTED",
    ),
}


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """The speech service as a process of its own."""
    with Mesh(tmp_path_factory.mktemp("home"), ["asr"], ports="free") as running:
        yield running


@pytest.fixture(scope="module")
def address(mesh: Mesh) -> str:
    """Where it is called."""
    return mesh.address("asr")


@pytest.fixture(scope="module")
def speech(samples: Path) -> bytes:
    """The first eight seconds of a talk."""
    samples_, rate = soundfile.read(samples / "standup_ru" / "meeting.flac", dtype="float32")
    return to_pcm(samples_[: 8 * rate])


@pytest.fixture(scope="module", autouse=True)
def serves(address: str, speech: bytes) -> Iterator[None]:
    """Before all tests and after them a good stream is understood; the first one also brings the models' own memory."""
    for moment in range(2):
        heard = asyncio.run(LiveClient(address, speech, stream_config("ru"), patience=60).run())
        assert "задачам" in heard.text
        if moment == 0:
            yield


@pytest.fixture(autouse=True)
def no_stream_is_left(address: str) -> Iterator[None]:
    """After every test its streams are gone, but for one whose wire went dead."""
    yield
    with grpc.insecure_channel(address) as channel:
        answer = asr_pb2_grpc.AsrServiceStub(channel).GetCapabilities(asr_pb2.GetCapabilitiesRequest(), timeout=5)
    assert answer.open_streams <= 1, "a connection that nobody holds is still counted"


def outcome(address: str, requests: Iterable[Request]) -> tuple[grpc.StatusCode, str]:
    """How a stream ends that sends this and half-closes: code and reason."""
    with grpc.insecure_channel(address, options=[("grpc.max_send_message_length", -1)]) as channel:
        try:
            for _ in asr_pb2_grpc.AsrServiceStub(channel).StreamingRecognize(iter(requests), timeout=30):
                pass
        except grpc.RpcError as error:
            told = remote_error(error)
            return told.code, told.reason
    return grpc.StatusCode.OK, ""


def resident_mb(mesh: Mesh) -> float:
    """Memory of the service."""
    process = mesh.process("asr")
    assert process is not None
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def test_live_malformed(address: str) -> None:
    found = {name: outcome(address, requests) for name, (requests, _, _) in MALFORMED.items()}
    assert found == {name: (code, reason) for name, (_, code, reason) in MALFORMED.items()}


def test_a_gap_that_is_still_open_at_the_end(address: str) -> None:
    code, reason = outcome(address, [config(), audio(1), audio(3)])
    assert code == INVALID
    assert reason != code.name, "the error has no reason of its own"


def test_silence_that_hardly_ends(mesh: Mesh, address: str) -> None:
    before = resident_mb(mesh)
    heard = asyncio.run(LiveClient(address, to_pcm(silence(900.0)), stream_config("en")).run())
    assert heard.finished is not None
    assert (heard.finished.turns, heard.finished.duration.seconds) == (0, 900)
    assert resident_mb(mesh) - before < 100


async def test_a_client_that_never_reads(mesh: Mesh, address: str, speech: bytes) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        call = asr_pb2_grpc.AsrServiceStub(channel).StreamingRecognize(timeout=120)
        await call.write(config())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(12):
                for sequence in range(1, 7_200):
                    start = sequence % 8 * len(SECOND)
                    await call.write(audio(sequence, speech[start : start + len(SECOND)]))
                pytest.fail("the service took two hours of audio in a few seconds")
        call.cancel()
    # The default models need up to 1,150 MB while they work.
    assert resident_mb(mesh) < 1_400


async def test_half_open_connections(address: str) -> None:
    """A wire that went dead keeps nobody from going on, and its stream is taken over with the token."""
    wire = Wire(address)
    async with wire as dead, grpc.aio.insecure_channel(dead) as channel:
        call = asr_pb2_grpc.AsrServiceStub(channel).StreamingRecognize(timeout=60)
        for request in (config(), audio(1), audio(2)):
            await call.write(request)
        token, acked = "", 0
        while acked < 2:
            response = await call.read()
            token = token or response.opened.resume_token
            acked = max(acked, response.ack.sequence)
        wire.freeze()

        async def rest() -> AsyncIterator[Request]:
            yield Request(resume=asr_pb2.StreamResume(resume_token=token))
            yield audio(3)

        async with grpc.aio.insecure_channel(address) as second:
            responses = [
                response
                async for response in asr_pb2_grpc.AsrServiceStub(second).StreamingRecognize(rest(), timeout=60)
            ]
        assert responses[0].opened.next_sequence == 3
        assert responses[-1].finished.duration.seconds == 3
        call.cancel()


@pytest.mark.parametrize("wave", [np.zeros, np.ones], ids=["silence", "constant"])
def test_a_stream_of_one_sample(address: str, wave: Callable[[int], np.ndarray]) -> None:
    heard = asyncio.run(LiveClient(address, to_pcm(wave(1).astype(np.float32)), stream_config()).run())
    assert heard.finished is not None
    assert heard.text == ""
