"""Where nobody speaks, nothing is written down: neither in a live stream nor in a file."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator

import grpc
import pytest
import soundfile
from planerka.asr.v1 import asr_pb2, asr_pb2_grpc

from cli.launcher import Mesh
from tests.live import LiveClient, stream_config
from tests.sounds import RATE, SPEECHLESS, to_pcm

pytestmark = [pytest.mark.acceptance, pytest.mark.models, pytest.mark.timeout(300)]

SECONDS = 90.0


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The speech service as a process of its own."""
    with Mesh(tmp_path_factory.mktemp("home"), ["asr"], ports="free") as running:
        yield running.address("asr")


@pytest.mark.parametrize("sound", SPEECHLESS)
def test_live(address: str, sound: str) -> None:
    pcm = to_pcm(SPEECHLESS[sound](SECONDS))
    heard = asyncio.run(LiveClient(address, pcm, stream_config()).run())
    assert heard.text == ""
    assert heard.finished is not None
    assert (heard.finished.turns, heard.finished.speakers) == (0, 0)
    assert heard.finished.duration.ToNanoseconds() == SECONDS * 10**9


@pytest.mark.parametrize("sound", SPEECHLESS)
def test_file(address: str, sound: str) -> None:
    file = io.BytesIO()
    soundfile.write(file, SPEECHLESS[sound](SECONDS), RATE, format="FLAC", subtype="PCM_16")
    content = file.getvalue()

    def requests() -> Iterator[asr_pb2.RecognizeFileRequest]:
        recognition = asr_pb2.RecognitionConfig(diarize=True)
        yield asr_pb2.RecognizeFileRequest(config=asr_pb2.FileConfig(recognition=recognition))
        for start in range(0, len(content), 1 << 19):
            yield asr_pb2.RecognizeFileRequest(data=content[start : start + (1 << 19)])

    with grpc.insecure_channel(address) as channel:
        answers = list(asr_pb2_grpc.AsrServiceStub(channel).RecognizeFile(requests(), timeout=240))
    assert [answer.turn.text for answer in answers if answer.HasField("turn")] == []
    assert answers[-1].finished.turns == 0
