"""Warnings of files and live streams, from a real server with real models."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import soundfile
from planerka.asr.v1 import asr_pb2, asr_pb2_grpc

from asr_service.__main__ import AsrHosted
from asr_service.settings import AsrSettings
from mesh.channel import open_channel
from mesh.server import host
from mesh.settings import MeshSettings
from tests.live import RATE, LiveClient, stream_config
from tests.sounds import to_pcm

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

OTHER_LANGUAGE = asr_pb2.Warning.REASON_OTHER_LANGUAGE
TOO_MANY_SPEAKERS = asr_pb2.Warning.REASON_TOO_MANY_SPEAKERS
POOR_AUDIO = asr_pb2.Warning.REASON_POOR_AUDIO
SECONDS = 39


@pytest.fixture(scope="module")
async def address(models: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A service of its own."""
    mesh = MeshSettings(log_level="WARNING", drain_seconds=2, drain_delay_seconds=0)
    work = tmp_path_factory.mktemp("asr")
    hosted = AsrHosted(AsrSettings(work_folder=work, state=work.parent / "asr-state", beam_size=1), models)
    async with host(hosted, "127.0.0.1:0", mesh) as running:
        yield f"127.0.0.1:{running.port}"


async def of_file(
    address: str, path: Path, config: asr_pb2.RecognitionConfig, gain: float = 1.0
) -> list[asr_pb2.Warning]:
    """The warnings about the first seconds of a file."""
    audio, _ = soundfile.read(path, dtype="float32", frames=SECONDS * RATE)
    soundfile.write(cut := path.parent / "cut.wav", (gain * audio).clip(-1, 1), RATE)
    async with open_channel(address, MeshSettings(), ["planerka.asr.v1.AsrService"]) as channel:

        async def upload() -> AsyncIterator[asr_pb2.RecognizeFileRequest]:
            yield asr_pb2.RecognizeFileRequest(config=asr_pb2.FileConfig(recognition=config))
            data = cut.read_bytes()
            for place in range(0, len(data), 1 << 19):
                yield asr_pb2.RecognizeFileRequest(data=data[place : place + (1 << 19)])

        call = asr_pb2_grpc.AsrServiceStub(channel).RecognizeFile(upload(), timeout=200)
        return [response.warning async for response in call if response.HasField("warning")]


async def of_stream(address: str, path: Path, config: asr_pb2.RecognitionConfig) -> list[asr_pb2.Warning]:
    """The warnings about the same live."""
    audio, _ = soundfile.read(path, dtype="float32", frames=SECONDS * RATE)
    stream = stream_config(interim=False)
    stream.recognition.CopyFrom(config)
    return (await LiveClient(address, to_pcm(audio), stream).run()).warnings


@pytest.fixture(scope="module")
def clips(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Copies, beside which a test may write."""
    folder = tmp_path_factory.mktemp("clips")
    found = {"ru": samples / "standup_ru" / "meeting.flac", "en": samples / "ami_clip" / "clip.flac"}
    return {name: Path(shutil.copy(path, folder / f"{name}.flac")) for name, path in found.items()}


CASES = [
    ("ru", asr_pb2.RecognitionConfig(language="ru", diarize=True, max_speakers=3), []),
    ("ru", asr_pb2.RecognitionConfig(language="en", diarize=True), [OTHER_LANGUAGE]),
    ("en", asr_pb2.RecognitionConfig(language="en", diarize=True, max_speakers=2), []),
    ("en", asr_pb2.RecognitionConfig(language="ru"), [OTHER_LANGUAGE]),
    ("ru", asr_pb2.RecognitionConfig(diarize=True, max_speakers=1), [TOO_MANY_SPEAKERS]),
    # The third of them says less than five seconds here.
    ("ru", asr_pb2.RecognitionConfig(language="ru", diarize=True, max_speakers=2), []),
]


@pytest.mark.parametrize(("clip", "config", "reasons"), CASES)
async def test_warnings_of_files(
    address: str, clips: dict[str, Path], clip: str, config: asr_pb2.RecognitionConfig, reasons: list[int]
) -> None:
    warnings = await of_file(address, clips[clip], config)
    assert [warning.reason for warning in warnings] == reasons
    assert all(len(warning.message) > 40 for warning in warnings)


async def test_a_clipped_file(address: str, clips: dict[str, Path]) -> None:
    (warning,) = await of_file(address, clips["ru"], asr_pb2.RecognitionConfig(), gain=30)
    assert warning.reason == POOR_AUDIO
    assert "clipped" in warning.message


@pytest.mark.parametrize(("clip", "config", "reasons"), CASES)
async def test_warnings_of_live_streams(
    address: str, clips: dict[str, Path], clip: str, config: asr_pb2.RecognitionConfig, reasons: list[int]
) -> None:
    assert [warning.reason for warning in await of_stream(address, clips[clip], config)] == reasons
