"""Live streams with one speaker a channel, through a real server with real models: a Russian and an English talk side by side."""

import json
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from planerka.asr.v1 import asr_pb2

from asr_service.__main__ import AsrHosted
from asr_service.settings import AsrSettings
from evaluation.speech import SpeakerSpan, diarization_errors, read_rttm, read_stm, word_errors
from mesh.errors import RemoteError
from mesh.server import host
from mesh.settings import MeshSettings
from mesh.times import to_seconds
from tests.live import RATE, Faults, Heard, LiveClient, stream_config
from tests.sounds import Samples, to_pcm

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]

SECONDS = 25.4
"""Between two turns of both talks."""
CROSSTALK = 0.12
"""Share of the other talk that each microphone hears (-18 dB), 5 ms later."""
CONFIG = stream_config(channels=2)


@pytest.fixture(scope="module")
async def address(models: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A service of its own."""
    mesh = MeshSettings(log_level="WARNING", drain_seconds=2, drain_delay_seconds=0)
    work = tmp_path_factory.mktemp("asr")
    hosted = AsrHosted(AsrSettings(work_folder=work, state=work.parent / "asr-state"), models)
    async with host(hosted, "127.0.0.1:0", mesh) as running:
        yield f"127.0.0.1:{running.port}"


@pytest.fixture(scope="module")
def talks(samples: Path) -> Samples:
    """The stand-up and the clip of the AMI corpus [n, 2], each also faintly in the other's channel."""
    standup, _ = soundfile.read(samples / "standup_ru" / "meeting.flac", dtype="float32", frames=int(SECONDS * RATE))
    clip, _ = soundfile.read(samples / "ami_clip" / "clip.flac", dtype="float32", frames=int(SECONDS * RATE))
    # The distant microphones of the AMI corpus are quiet, so the gain is turned up as people would.
    own = np.stack([standup, clip * (np.std(standup) / np.std(clip))], axis=1)
    other = np.roll(own[:, ::-1], RATE // 200, axis=0)
    return np.asarray(0.7 * (own + CROSSTALK * other), dtype=np.float32)


@pytest.fixture(scope="module")
async def undisturbed(address: str, talks: Samples) -> Heard:
    """What is heard when nothing breaks."""
    return await LiveClient(address, to_pcm(talks), CONFIG).run()


async def test_each_channel_has_its_words(undisturbed: Heard, samples: Path) -> None:
    assert undisturbed.problems == []
    truth = json.loads((samples / "standup_ru" / "truth.json").read_text())["turns"]
    russian = " ".join(turn["text"] for turn in truth if turn["end"] < SECONDS)
    english = " ".join(line.text for line in read_stm(samples / "ami_clip" / "clip.stm") if line.end < SECONDS)
    words = undisturbed.final_words()
    said = [" ".join(word.text for word in words if word.speaker == speaker) for speaker in ("S1", "S2")]
    assert {word.speaker for word in words} == {"S1", "S2"}
    assert word_errors(russian, said[0]).rate <= 0.15
    # A distant microphone, and a Russian in it all the time; 0.3 without him.
    assert word_errors(english, said[1]).rate <= 0.6
    assert undisturbed.finished is not None
    assert undisturbed.finished.speakers == 2
    assert to_seconds(undisturbed.finished.duration) == SECONDS


async def test_who_speaks_when(undisturbed: Heard, samples: Path) -> None:
    *parts, whole = [
        [SpeakerSpan(to_seconds(one.range.start), to_seconds(one.range.end), one.speaker) for one in timeline.segments]
        for timeline in undisturbed.timelines
    ]
    truth = [
        *(SpeakerSpan(one.start, one.end, "S1") for one in read_rttm(samples / "standup_ru" / "meeting.rttm")),
        *(SpeakerSpan(one.start, one.end, "S2") for one in read_rttm(samples / "ami_clip" / "clip.rttm")),
    ]
    told = [span for part in parts for span in part]
    scored = (0.0, SECONDS)
    assert diarization_errors(truth, whole, scored).der <= 0.06
    # What was told stretch by stretch says the same.
    assert diarization_errors(whole, told, scored).der <= 0.01
    ranges = [timeline.range for timeline in undisturbed.timelines[:-1]]
    assert all(to_seconds(one.end) <= to_seconds(other.start) for one, other in pairwise(ranges))


async def test_breaks_change_nothing(address: str, talks: Samples, undisturbed: Heard) -> None:
    faults = Faults(seed=5, disconnects=6, break_at_end=True, resend=0.2, reorder=20)
    heard = await LiveClient(address, to_pcm(talks), CONFIG, faults=faults).run()
    assert heard.problems == []
    assert heard.final_words() == undisturbed.final_words()
    assert heard.finished == undisturbed.finished
    assert heard.connections > 3


async def test_flac_tells_its_channels_itself(address: str, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", np.zeros((RATE, 8), dtype=np.float32), RATE)
    config = stream_config(channels=2)
    config.encoding = asr_pb2.AUDIO_ENCODING_FLAC
    heard = await LiveClient(address, (tmp_path / "a.flac").read_bytes(), config).run()
    assert heard.finished is not None
    assert (heard.finished.turns, to_seconds(heard.finished.duration)) == (0, 1.0)


async def test_more_channels_than_speakers_can_have(address: str) -> None:
    with pytest.raises(RemoteError) as caught:
        await LiveClient(address, bytes(RATE), stream_config(channels=9)).run()
    assert caught.value.reason == "TOO_MANY_CHANNELS"
