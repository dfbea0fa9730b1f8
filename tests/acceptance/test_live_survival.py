"""A live stream survives whatever breaks: nothing is lost, nothing comes twice, and the end is the same as without it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cli.launcher import Mesh
from tests.live import RATE, Faults, Heard, LiveClient, stream_config
from tests.sounds import to_pcm

pytestmark = [pytest.mark.acceptance, pytest.mark.models, pytest.mark.timeout(600)]

RUSSIAN = stream_config("ru")


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """The speech service as a process of its own."""
    with Mesh(tmp_path_factory.mktemp("home"), ["asr"], ports="free") as running:
        yield running


@pytest.fixture(scope="module")
def talk(samples: Path) -> bytes:
    """A talk of three people, 122 seconds."""
    audio, _ = soundfile.read(samples / "standup_ru" / "meeting.flac", dtype="float32")
    return to_pcm(audio)


@pytest.fixture(scope="module")
def undisturbed(mesh: Mesh, talk: bytes) -> Heard:
    """What is heard when nothing breaks."""
    heard = asyncio.run(LiveClient(mesh.address("asr"), talk, RUSSIAN).run())
    assert heard.problems == []
    assert len({word.speaker for word in heard.final_words()}) == 3
    return heard


def assert_same(heard: Heard, undisturbed: Heard) -> None:
    """Words, times and speakers are those of the undisturbed run, and no rule of the contract was broken."""
    assert heard.problems == []
    assert heard.final_words() == undisturbed.final_words()
    assert heard.finished == undisturbed.finished


def test_live_disconnects(mesh: Mesh, talk: bytes, undisturbed: Heard) -> None:
    faults = Faults(seed=3, disconnects=25, break_at_end=True, resend=0.2, reorder=40)
    client = LiveClient(mesh.address("asr"), talk, RUSSIAN, faults=faults)
    assert_same(asyncio.run(client.run()), undisturbed)
    assert client.heard.connections > 10


async def killed(mesh: Mesh, client: LiveClient, sequences: Sequence[int]) -> Heard:
    """What a client hears while the service is killed after each of these chunks was acknowledged."""
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(client.run())
        for sequence in sequences:
            async with asyncio.timeout(240):
                while client.heard.acked < sequence:
                    await asyncio.sleep(0.05)
            assert not running.done(), "the stream ended before the service was killed"
            await asyncio.to_thread(mesh.kill, "asr")
            await asyncio.to_thread(mesh.start, "asr")
    assert client.heard.connections == 1 + len(sequences)
    return client.heard


async def test_live_kill(mesh: Mesh, talk: bytes, undisturbed: Heard) -> None:
    client = LiveClient(mesh.address("asr"), talk, RUSSIAN, pace=4.0, faults=Faults(seed=4, resend=0.1))
    assert_same(await killed(mesh, client, (300, 850)), undisturbed)


async def test_live_kill_with_a_speaker_a_channel(mesh: Mesh, talk: bytes) -> None:
    whole = np.frombuffer(talk, dtype="<i2")
    first, second = whole[: 30 * RATE], whole[60 * RATE : 90 * RATE]
    channels = np.stack([first, second // 2 + np.roll(first, 80) // 10], axis=1).tobytes()
    config = stream_config("ru", channels=2)
    undisturbed = await LiveClient(mesh.address("asr"), channels, config).run()
    assert {word.speaker for word in undisturbed.final_words()} == {"S1", "S2"}
    client = LiveClient(mesh.address("asr"), channels, config, pace=4.0, faults=Faults(seed=6, resend=0.1))
    assert_same(await killed(mesh, client, (110, 220)), undisturbed)
