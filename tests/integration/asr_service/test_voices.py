"""Voices that are enrolled, recognised elsewhere in another channel, and forgotten: a real server, real models."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import numpy as np
import pytest
import soundfile
from planerka.asr.v1 import asr_pb2, asr_pb2_grpc
from scipy import signal

from asr_service.__main__ import AsrHosted
from asr_service.settings import AsrSettings
from evaluation.speech import SpeakerSpan, read_rttm
from mesh.channel import open_channel
from mesh.errors import RemoteError, remote_error
from mesh.server import host
from mesh.settings import MeshSettings

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

SERVICE = "planerka.asr.v1.AsrService"
RATE = 16_000
MIDDLE = 61.0
"""Seconds at which the recording is cut: what is before is for enrolment, what is after is another meeting."""


@pytest.fixture(scope="module")
async def stub(models: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[asr_pb2_grpc.AsrServiceStub]:
    mesh = MeshSettings(log_level="WARNING", drain_seconds=2, drain_delay_seconds=0)
    home = tmp_path_factory.mktemp("asr")
    hosted = AsrHosted(AsrSettings(work_folder=home / "work", state=home / "state"), models)
    async with (
        host(hosted, "127.0.0.1:0", mesh) as running,
        open_channel(f"127.0.0.1:{running.port}", mesh, [SERVICE]) as channel,
    ):
        yield asr_pb2_grpc.AsrServiceStub(channel)
    assert [path for path in (home / "work").rglob("*") if path.is_file()] == []


@pytest.fixture(scope="module")
def meeting(samples: Path) -> np.ndarray:
    audio, rate = soundfile.read(samples / "standup_ru" / "meeting.flac", dtype="float32")
    assert rate == RATE
    return np.asarray(audio)


@pytest.fixture(scope="module")
def truth(samples: Path) -> list[SpeakerSpan]:
    return read_rttm(samples / "standup_ru" / "meeting.rttm")


def alone(meeting: np.ndarray, truth: list[SpeakerSpan], person: str, seconds: float) -> np.ndarray:
    """The first seconds of this person alone."""
    speaks, others = np.zeros(len(meeting), dtype=bool), np.zeros(len(meeting), dtype=bool)
    for span in truth:
        (speaks if span.speaker == person else others)[int(span.start * RATE) : int(span.end * RATE)] = True
    places = np.flatnonzero(speaks & ~others)
    places = places[places < MIDDLE * RATE][: int(seconds * RATE)]
    assert len(places) == int(seconds * RATE)
    return meeting[places]


def flac(audio: np.ndarray, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, audio, rate, format="FLAC")
    return file.getvalue()


async def enroll(
    stub: asr_pb2_grpc.AsrServiceStub, data: bytes, person: str, workspace: str, key: str
) -> asr_pb2.EnrollVoiceResponse:
    async def requests() -> AsyncIterator[asr_pb2.EnrollVoiceRequest]:
        config = asr_pb2.VoiceConfig(workspace_id=workspace, person_id=person, idempotency_key=key)
        yield asr_pb2.EnrollVoiceRequest(config=config)
        for place in range(0, len(data), 65_536):
            yield asr_pb2.EnrollVoiceRequest(data=data[place : place + 65_536])

    try:
        return await stub.EnrollVoice(requests(), timeout=120)
    except grpc.aio.AioRpcError as error:
        raise remote_error(error) from error


async def recognize(
    stub: asr_pb2_grpc.AsrServiceStub, data: bytes, workspace: str
) -> tuple[dict[str, asr_pb2.RecognisedVoices.Match], list[asr_pb2.SpeakerTimeline.Segment]]:
    async def requests() -> AsyncIterator[asr_pb2.RecognizeFileRequest]:
        # How many people speak is not told: two of these synthetic voices are much alike at 8 kHz.
        recognition = asr_pb2.RecognitionConfig(language="ru", diarize=True, workspace_id=workspace)
        yield asr_pb2.RecognizeFileRequest(config=asr_pb2.FileConfig(recognition=recognition))
        for place in range(0, len(data), 65_536):
            yield asr_pb2.RecognizeFileRequest(data=data[place : place + 65_536])

    matches: dict[str, asr_pb2.RecognisedVoices.Match] = {}
    segments: list[asr_pb2.SpeakerTimeline.Segment] = []
    async for response in stub.RecognizeFile(requests(), timeout=240):
        matches |= {match.speaker: match for match in response.voices.matches}
        segments += response.timeline.segments
    return matches, segments


def grid(spans: list[tuple[float, float]]) -> np.ndarray:
    """Where one of these speaks, in hundredths of a second."""
    active = np.zeros(6_200, dtype=bool)
    for start, end in spans:
        active[int(start * 100) : int(end * 100)] = True
    return active


async def test_enrolled_people_are_named_in_another_channel_and_a_stranger_is_not(
    stub: asr_pb2_grpc.AsrServiceStub, meeting: np.ndarray, truth: list[SpeakerSpan]
) -> None:
    for person in ("Ирина", "Александр"):
        answer = await enroll(stub, flac(alone(meeting, truth, person, 10.0)), person, "wsp_1", f"enroll {person}")
        assert 8 <= answer.voice.speech.seconds <= 10
    # Another meeting: later, by another device at 8 kHz, 12 dB lower and with noise.
    rest = signal.resample_poly(meeting[int(MIDDLE * RATE) :], 1, 2) * 0.25
    noise = np.random.default_rng(1).normal(size=len(rest)) * np.sqrt((rest**2).mean()) * 10 ** (-25 / 20)
    matches, segments = await recognize(stub, flac(rest + noise, RATE // 2), "wsp_1")

    named: dict[str, list[tuple[float, float]]] = {}
    for segment in segments:
        match = matches.get(segment.speaker)
        span = (segment.range.start.ToTimedelta().total_seconds(), segment.range.end.ToTimedelta().total_seconds())
        named.setdefault(match.person_id if match else "", []).append(span)
    heard = grid([span for spans in named.values() for span in spans])
    assert heard.sum() > 0.9 * grid([(s.start - MIDDLE, s.end - MIDDLE) for s in truth if s.start > MIDDLE]).sum()
    for person in ("Ирина", "Александр"):
        speaks = grid([(s.start - MIDDLE, s.end - MIDDLE) for s in truth if s.speaker == person and s.start > MIDDLE])
        assert (grid(named[person]) & speaks).sum() >= 0.95 * (heard & speaks).sum(), person
    stranger = grid([(s.start - MIDDLE, s.end - MIDDLE) for s in truth if s.speaker == "Анна" and s.start > MIDDLE])
    others = grid([(s.start - MIDDLE, s.end - MIDDLE) for s in truth if s.speaker != "Анна" and s.start > MIDDLE])
    wrong = (grid(named["Ирина"]) | grid(named["Александр"])) & stranger & ~others
    assert wrong.sum() <= 0.03 * stranger.sum()
    assert all(match.confidence >= 0.9 for match in matches.values())
    assert set(named) == {"Ирина", "Александр", ""}


async def test_a_voice_is_listed_repeated_and_forgotten(
    stub: asr_pb2_grpc.AsrServiceStub, meeting: np.ndarray, truth: list[SpeakerSpan]
) -> None:
    data = flac(alone(meeting, truth, "Анна", 8.0))
    first = await enroll(stub, data, "ppl_a", "wsp_2", "one")
    assert await enroll(stub, data, "ppl_a", "wsp_2", "one") == first
    with pytest.raises(RemoteError) as caught:
        await enroll(stub, flac(alone(meeting, truth, "Ирина", 8.0)), "ppl_a", "wsp_2", "one")
    assert caught.value.reason == "IDEMPOTENCY_KEY_REUSED"
    listed = await stub.ListVoices(asr_pb2.ListVoicesRequest(workspace_id="wsp_2"), timeout=10)
    assert list(listed.voices) == [first.voice]
    assert first.voice.model == "campplus-zh-en-192"
    forget = asr_pb2.DeleteVoiceRequest(workspace_id="wsp_2", person_id="ppl_a", idempotency_key="two")
    await stub.DeleteVoice(forget, timeout=10)
    await stub.DeleteVoice(forget, timeout=10)
    assert not (await stub.ListVoices(asr_pb2.ListVoicesRequest(workspace_id="wsp_2"), timeout=10)).voices
    forget.idempotency_key = "three"
    with pytest.raises(grpc.aio.AioRpcError) as gone:
        await stub.DeleteVoice(forget, timeout=10)
    assert remote_error(gone.value).reason == "VOICE_NOT_FOUND"
    assert (await stub.GetCapabilities(asr_pb2.GetCapabilitiesRequest(), timeout=10)).voices


async def test_samples_that_teach_no_voice(
    stub: asr_pb2_grpc.AsrServiceStub, meeting: np.ndarray, truth: list[SpeakerSpan]
) -> None:
    pair = np.concatenate([alone(meeting, truth, "Анна", 6.0), alone(meeting, truth, "Александр", 6.0)])
    noise = 0.02 * np.random.default_rng(1).normal(size=20 * RATE)
    for data, reason in (
        (flac(pair), "SEVERAL_VOICES"),
        (flac(alone(meeting, truth, "Анна", 2.0)), "TOO_LITTLE_SPEECH"),
        (flac(noise), "TOO_LITTLE_SPEECH"),
        (b"", "EMPTY_AUDIO"),
        (b"no audio at all" * 99, "UNDECODABLE_AUDIO"),
    ):
        with pytest.raises(RemoteError) as caught:
            await enroll(stub, data, "ppl_x", "wsp_3", reason)
        assert caught.value.reason == reason
    assert not (await stub.ListVoices(asr_pb2.ListVoicesRequest(workspace_id="wsp_3"), timeout=10)).voices
