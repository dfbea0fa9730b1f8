"""The service as its clients see it: a real server, real models, real audio."""

import asyncio
import io
import json
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import av
import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from planerka.asr.v1 import asr_pb2, asr_pb2_grpc
from planerka.common.v1 import transcript_pb2

from asr_service.__main__ import AsrHosted
from asr_service.audio import Recording, decode_file, to_int16
from asr_service.settings import AsrSettings
from evaluation.speech import (
    SpeakerSpan,
    SpeakerText,
    cp_word_errors,
    diarization_errors,
    read_rttm,
    read_stm,
    word_errors,
)
from mesh.channel import open_channel
from mesh.errors import RemoteError, remote_error
from mesh.server import host
from mesh.settings import MeshSettings

pytestmark = [pytest.mark.models, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

SERVICE = "planerka.asr.v1.AsrService"
RUSSIAN = asr_pb2.RecognitionConfig(language="ru", diarize=True)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("asr")


@pytest.fixture(scope="module")
async def channel(models: Path, work: Path) -> AsyncIterator[grpc.aio.Channel]:
    mesh = MeshSettings(log_level="WARNING", drain_seconds=2, drain_delay_seconds=0)
    hosted = AsrHosted(
        AsrSettings(work_folder=work, state=work.parent / "asr-state", max_hours=0.5, finished_minutes=0.01), models
    )
    async with (
        host(hosted, "127.0.0.1:0", mesh) as running,
        open_channel(f"127.0.0.1:{running.port}", mesh, [SERVICE]) as channel,
    ):
        yield channel


@pytest.fixture(scope="module")
def stub(channel: grpc.aio.Channel) -> asr_pb2_grpc.AsrServiceStub:
    return asr_pb2_grpc.AsrServiceStub(channel)


async def upload(data: bytes, config: asr_pb2.RecognitionConfig) -> AsyncIterator[asr_pb2.RecognizeFileRequest]:
    yield asr_pb2.RecognizeFileRequest(config=asr_pb2.FileConfig(recognition=config, file_name="a.wav"))
    for place in range(0, len(data), 65_536):
        yield asr_pb2.RecognizeFileRequest(data=data[place : place + 65_536])


class Answer:
    """What came back for a file."""

    def __init__(self, responses: list[asr_pb2.RecognizeFileResponse]) -> None:
        self.kinds = [response.WhichOneof("response") for response in responses]
        self.turns = [response.turn for response in responses if response.HasField("turn")]
        self.progress = [response.progress for response in responses if response.HasField("progress")]
        self.finished = responses[-1].finished
        self.text = " ".join(turn.text for turn in self.turns)
        self.spans = [
            SpeakerSpan(
                segment.range.start.ToTimedelta().total_seconds(),
                segment.range.end.ToTimedelta().total_seconds(),
                segment.speaker,
            )
            for response in responses
            for segment in response.timeline.segments
        ]
        self.spoken = [
            SpeakerText(
                turn.start.ToTimedelta().total_seconds(),
                turn.end.ToTimedelta().total_seconds(),
                turn.speaker,
                turn.text,
            )
            for turn in self.turns
        ]


async def recognize(
    stub: asr_pb2_grpc.AsrServiceStub, data: bytes, config: asr_pb2.RecognitionConfig = RUSSIAN
) -> Answer:
    try:
        return Answer([response async for response in stub.RecognizeFile(upload(data, config), timeout=240)])
    except grpc.aio.AioRpcError as error:
        raise remote_error(error) from error


def wav(path: Path, samples: np.ndarray, rate: int) -> bytes:
    """`samples` [frames, channels] from -1 to 1."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(to_int16(samples).astype("<i2").tobytes())
    return path.read_bytes()


def audio(path: Path, folder: Path) -> np.ndarray:
    with Recording(folder / "read.pcm") as recording:
        list(decode_file(path, recording))
        return recording.read(0, recording.samples)


async def test_a_russian_meeting(stub: asr_pb2_grpc.AsrServiceStub, samples: Path) -> None:
    meeting = samples / "standup_ru"
    truth = json.loads((meeting / "truth.json").read_text())["turns"]
    answer = await recognize(stub, (meeting / "meeting.flac").read_bytes())

    assert word_errors(" ".join(turn["text"] for turn in truth), answer.text).rate <= 0.12
    assert diarization_errors(read_rttm(meeting / "meeting.rttm"), answer.spans).der <= 0.10
    spoken = [SpeakerText(turn["start"], turn["end"], turn["speaker"], turn["text"]) for turn in truth]
    assert cp_word_errors(spoken, answer.spoken).rate <= 0.14
    assert (answer.finished.speakers, answer.finished.language) == (3, "ru")
    assert answer.finished.turns == len(answer.turns)
    assert answer.finished.duration.seconds == 121
    assert answer.kinds[-2:] == ["timeline", "finished"]

    assert [turn.turn_id for turn in answer.turns] == sorted({turn.turn_id for turn in answer.turns})
    for turn in answer.turns:
        assert turn.state == transcript_pb2.TURN_STATE_FINAL
        assert turn.text == " ".join(word.text for word in turn.words)
        assert all(word.start.ToNanoseconds() <= word.end.ToNanoseconds() for word in turn.words)
        assert all(0 < word.confidence <= 1 and word.speakers for word in turn.words)
    finals = [progress.final.ToNanoseconds() for progress in answer.progress]
    assert finals == sorted(finals)


async def test_a_real_room(stub: asr_pb2_grpc.AsrServiceStub, samples: Path) -> None:
    clip = samples / "ami_clip"
    config = asr_pb2.RecognitionConfig(diarize=True)
    answer = await recognize(stub, (clip / "clip.flac").read_bytes(), config)
    assert diarization_errors(read_rttm(clip / "clip.rttm"), answer.spans, (0, 30)).der <= 0.35
    assert cp_word_errors(read_stm(clip / "clip.stm"), answer.spoken).rate <= 0.5
    assert answer.finished.language == "en"


async def test_speakers_without_words(stub: asr_pb2_grpc.AsrServiceStub, samples: Path) -> None:
    clip = samples / "ami_clip"
    config = asr_pb2.RecognitionConfig(diarize=True, speakers_only=True)
    answer = await recognize(stub, (clip / "clip.flac").read_bytes(), config)
    assert diarization_errors(read_rttm(clip / "clip.rttm"), answer.spans, (0, 30)).der <= 0.30
    assert (answer.turns, answer.finished.turns, answer.finished.speakers) == ([], 0, 2)
    assert {progress.transcribed.ToNanoseconds() for progress in answer.progress} == {0}


async def test_telephone_stereo_is_converted(stub: asr_pb2_grpc.AsrServiceStub, samples: Path, tmp_path: Path) -> None:
    speech = audio(samples / "standup_ru" / "meeting.flac", tmp_path)[: 9 * 16_000 : 2]
    answer = await recognize(stub, wav(tmp_path / "a.wav", np.stack([speech, speech], axis=1), 8_000))
    assert "задачам" in answer.text
    assert answer.finished.speakers == 1


async def test_one_speaker_a_channel(stub: asr_pb2_grpc.AsrServiceStub, samples: Path, tmp_path: Path) -> None:
    meeting = samples / "standup_ru"
    speech = audio(meeting / "meeting.flac", tmp_path)[: 25 * 16_000]
    truth = [turn for turn in json.loads((meeting / "truth.json").read_text())["turns"] if turn["end"] < 25]
    channels = 1e-4 * np.random.default_rng(3).normal(size=(len(speech), 4)).astype(np.float32)
    channels[:, 1] = 0
    place = {speaker: (0, 2, 3)[number] for number, speaker in enumerate(sorted({turn["speaker"] for turn in truth}))}
    for turn in truth:
        part = slice(int(turn["start"] * 16_000), int(turn["end"] * 16_000))
        for channel in (0, 2, 3):
            channels[part, channel] += (1.0 if channel == place[turn["speaker"]] else 0.15) * speech[part]
    config = asr_pb2.RecognitionConfig(
        language="ru", diarize=True, channel_mode=asr_pb2.CHANNEL_MODE_SPEAKER_PER_CHANNEL
    )
    answer = await recognize(stub, wav(tmp_path / "a.wav", channels, 16_000), config)

    for speaker, channel in place.items():
        said = " ".join(turn["text"] for turn in truth if turn["speaker"] == speaker)
        written = " ".join(turn.text for turn in answer.turns if turn.speaker == f"S{channel + 1}")
        assert word_errors(said, written).rate <= 0.2
    assert {turn.speaker for turn in answer.turns} == {f"S{channel + 1}" for channel in place.values()}
    assert answer.finished.speakers == len(place)
    spans = [SpeakerSpan(turn["start"], turn["end"], f"S{place[turn['speaker']] + 1}") for turn in truth]
    assert diarization_errors(spans, answer.spans, (0, truth[-1]["end"])).der <= 0.15
    starts = [turn.start.ToNanoseconds() for turn in answer.turns]
    assert starts == sorted(starts)


async def test_more_channels_than_speakers_can_have(stub: asr_pb2_grpc.AsrServiceStub, tmp_path: Path) -> None:
    config = asr_pb2.RecognitionConfig(channel_mode=asr_pb2.CHANNEL_MODE_SPEAKER_PER_CHANNEL)
    with pytest.raises(RemoteError) as caught:
        await recognize(stub, wav(tmp_path / "a.wav", np.zeros((16_000, 9)), 16_000), config)
    assert caught.value.reason == "TOO_MANY_CHANNELS"


@pytest.mark.parametrize("sound", ["silence", "noise", "hum"])
async def test_no_speech_is_an_empty_transcript(stub: asr_pb2_grpc.AsrServiceStub, tmp_path: Path, sound: str) -> None:
    time = np.arange(20 * 16_000) / 16_000
    signal = {
        "silence": np.zeros_like(time),
        "noise": 0.02 * np.random.default_rng(1).normal(size=len(time)),
        "hum": 0.05 * np.sin(2 * np.pi * 50 * time),
    }[sound]
    answer = await recognize(stub, wav(tmp_path / "a.wav", signal[:, None], 16_000))
    assert (answer.text, answer.finished.turns, answer.finished.language) == ("", 0, "")


@pytest.mark.parametrize(
    ("data", "config", "reason"),
    [
        (b"", RUSSIAN, "EMPTY_AUDIO"),
        (b"Agenda: release, tests, plans\n" * 99, RUSSIAN, "UNDECODABLE_AUDIO"),
        (b"RIFF", asr_pb2.RecognitionConfig(language="xx"), "UNKNOWN_LANGUAGE"),
        (b"RIFF", asr_pb2.RecognitionConfig(min_speakers=5, max_speakers=2), "SPEAKER_LIMITS_INVALID"),
        (b"RIFF", asr_pb2.RecognitionConfig(speakers_only=True), "SPEAKERS_NOT_WANTED"),
    ],
)
async def test_bad_input_gets_a_typed_error_and_leaves_nothing(
    stub: asr_pb2_grpc.AsrServiceStub, work: Path, data: bytes, config: asr_pb2.RecognitionConfig, reason: str
) -> None:
    with pytest.raises(RemoteError) as caught:
        await recognize(stub, data, config)
    assert caught.value.reason == reason
    await asyncio.sleep(0.1)
    assert [path for path in work.rglob("*") if path.is_file()] == []


async def test_an_upload_without_config(stub: asr_pb2_grpc.AsrServiceStub) -> None:
    call = stub.RecognizeFile(iter([asr_pb2.RecognizeFileRequest(data=b"x")]), timeout=10)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        _ = [response async for response in call]
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_a_cancelled_file_frees_the_service(
    stub: asr_pb2_grpc.AsrServiceStub, samples: Path, work: Path, tmp_path: Path
) -> None:
    call = stub.RecognizeFile(upload((samples / "standup_ru" / "meeting.flac").read_bytes(), RUSSIAN), timeout=240)
    async for _ in call:
        break
    call.cancel()
    silence = wav(tmp_path / "a.wav", np.zeros((16_000, 1)), 16_000)
    assert (await asyncio.wait_for(recognize(stub, silence), 30)).text == ""
    assert [path for path in work.rglob("*") if path.is_file()] == []


class LiveClient:
    """Sends a recording in chunks of 100 ms, and may break off and come back."""

    def __init__(self, stub: asr_pb2_grpc.AsrServiceStub, samples: np.ndarray) -> None:
        self.stub = stub
        self.data = to_int16(samples).astype("<i2").tobytes()
        self.events: dict[int, asr_pb2.StreamingRecognizeResponse] = {}
        self.acked = 0
        self.token = ""

    async def connect(self, first: asr_pb2.StreamingRecognizeRequest, last_chunk: int | None = None) -> None:
        """Sends to the end, or breaks the connection after `last_chunk` was acknowledged."""
        following: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def requests() -> AsyncIterator[asr_pb2.StreamingRecognizeRequest]:
            yield first
            sequence = await following
            while (place := (sequence - 1) * 3_200) < len(self.data):
                yield asr_pb2.StreamingRecognizeRequest(
                    audio=asr_pb2.AudioChunk(sequence=sequence, data=self.data[place : place + 3_200])
                )
                sequence += 1
                if last_chunk is not None and sequence > last_chunk:
                    await asyncio.Event().wait()

        call = self.stub.StreamingRecognize(requests(), timeout=240)
        async for response in call:
            if response.HasField("opened"):
                self.token = response.opened.resume_token
                following.set_result(response.opened.next_sequence)
            elif response.HasField("ack"):
                self.acked = response.ack.sequence
            elif response.event_id:
                assert response.event_id not in self.events
                self.events[response.event_id] = response
            if last_chunk is not None and self.acked >= last_chunk:
                call.cancel()
                return

    @property
    def final_turns(self) -> list[transcript_pb2.Turn]:
        finals = (event.turn for event in self.events.values() if event.turn.state == transcript_pb2.TURN_STATE_FINAL)
        return sorted((turn for turn in finals if turn.words), key=lambda turn: turn.turn_id)


async def test_a_live_stream_that_breaks_and_goes_on(
    stub: asr_pb2_grpc.AsrServiceStub, samples: Path, tmp_path: Path, work: Path
) -> None:
    truth = json.loads((samples / "standup_ru" / "truth.json").read_text())["turns"]
    speech = audio(samples / "standup_ru" / "meeting.flac", tmp_path)[: int(39.3 * 16_000)]
    client = LiveClient(stub, speech)
    config = asr_pb2.StreamConfig(
        recognition=RUSSIAN,
        encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE,
        sample_rate=16_000,
        channels=1,
        interim_results=True,
    )
    await client.connect(asr_pb2.StreamingRecognizeRequest(config=config), last_chunk=150)
    resume = asr_pb2.StreamResume(resume_token=client.token, last_event_id=max(client.events, default=0))
    await client.connect(asr_pb2.StreamingRecognizeRequest(resume=resume))

    turns = client.final_turns
    said = [turn["text"] for turn in truth if turn["end"] < 39.3]
    assert word_errors(" ".join(said), " ".join(turn.text for turn in turns)).rate <= 0.2
    last = client.events[max(client.events)]
    assert (last.finished.speakers, last.finished.turns) == (3, len(turns))
    assert sorted(client.events) == list(range(min(client.events), max(client.events) + 1))
    starts = [word.start.ToNanoseconds() for turn in turns for word in turn.words]
    assert starts == sorted(starts)
    async with asyncio.timeout(10):
        # The stream is forgotten soon after its last message was read.
        while any(path.is_file() for path in work.rglob("*")):
            await asyncio.sleep(0.05)


def compressed(container: str, codec: str, samples: np.ndarray) -> bytes:
    """`samples` of 16 kHz from -1 to 1 in a container that can be streamed."""
    target = io.BytesIO()
    with av.open(target, "w", format=container) as file:
        stream = file.add_stream(codec, rate=48_000 if codec == "libopus" else 16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(to_int16(samples)[None, :], format="s16", layout="mono")
        frame.sample_rate = 16_000
        resampler = av.AudioResampler(stream.format, "mono", stream.rate, frame_size=stream.frame_size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return target.getvalue()


@pytest.mark.parametrize(
    ("encoding", "container", "codec"),
    [
        (asr_pb2.AUDIO_ENCODING_FLAC, "flac", "flac"),
        (asr_pb2.AUDIO_ENCODING_OGG_OPUS, "ogg", "libopus"),
        (asr_pb2.AUDIO_ENCODING_WEBM_OPUS, "webm", "libopus"),
    ],
)
async def test_a_compressed_live_stream(
    stub: asr_pb2_grpc.AsrServiceStub,
    samples: Path,
    tmp_path: Path,
    encoding: asr_pb2.AudioEncoding,
    container: str,
    codec: str,
) -> None:
    speech = audio(samples / "standup_ru" / "meeting.flac", tmp_path)[: 7 * 16_000]
    client = LiveClient(stub, speech)
    client.data = compressed(container, codec, speech)
    config = asr_pb2.StreamConfig(recognition=RUSSIAN, encoding=encoding, sample_rate=48_000, channels=1)
    await client.connect(asr_pb2.StreamingRecognizeRequest(config=config))
    last = client.events[max(client.events)]
    assert last.finished.duration.ToTimedelta().total_seconds() == pytest.approx(7.0, abs=0.01)
    assert "задачам" in " ".join(turn.text for turn in client.final_turns)


async def test_a_live_stream_that_is_not_what_it_says(stub: asr_pb2_grpc.AsrServiceStub) -> None:
    client = LiveClient(stub, np.zeros(16_000, dtype=np.float32))
    config = asr_pb2.StreamConfig(
        recognition=RUSSIAN, encoding=asr_pb2.AUDIO_ENCODING_OGG_OPUS, sample_rate=48_000, channels=1
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.connect(asr_pb2.StreamingRecognizeRequest(config=config), last_chunk=1)
    assert remote_error(caught.value).reason == "UNDECODABLE_AUDIO"


async def test_capabilities_and_health(stub: asr_pb2_grpc.AsrServiceStub, channel: grpc.aio.Channel) -> None:
    capabilities = await stub.GetCapabilities(asr_pb2.GetCapabilitiesRequest(), timeout=5)
    assert {"ru", "en"} <= set(capabilities.languages)
    assert {model.task for model in capabilities.models} >= {"transcription", "segmentation", "speaker-embedding"}
    assert all(model.device in {"cpu", "cuda"} for model in capabilities.models)
    assert [set(model.languages) >= {"ru", "en"} for model in capabilities.models if model.task == "transcription"] == [
        True
    ]
    assert capabilities.open_streams == 0
    assert asr_pb2.AUDIO_ENCODING_OGG_OPUS in capabilities.encodings
    health = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=5)
    assert health.status == health_pb2.HealthCheckResponse.SERVING


async def test_missing_models_are_named(tmp_path: Path) -> None:
    mesh = MeshSettings(log_level="ERROR", drain_seconds=0, drain_delay_seconds=0)
    hosted = AsrHosted(AsrSettings(work_folder=tmp_path / "work", state=tmp_path / "state"), tmp_path)
    with pytest.raises(Exception, match="whisper-base"):
        async with host(hosted, "127.0.0.1:0", mesh):
            pytest.fail("it must not start")
