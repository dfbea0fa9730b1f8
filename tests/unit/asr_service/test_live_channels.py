"""Live channels with a speaker each: who speaks when is told in step, and the same however the audio came."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from asr_service.audio import SAMPLE_RATE, Samples, to_int16
from asr_service.channel_recording import ChannelRecording
from asr_service.complaints import OtherLanguage, PoorAudio
from asr_service.crosstalk import find_copies
from asr_service.errors import UnknownLanguage
from asr_service.live_channels import LiveChannels
from asr_service.live_events import Ended, LiveEvent, LiveTurn, SpeechBegan, SpeechPaused, Timeline
from asr_service.own_channels import OwnChannels
from asr_service.recognizer import Task
from asr_service.transcriber import Decoding, DecodingTask, Phrase, Word
from asr_service.vad import FRAME, VadSettings
from tests.unit.asr_service.test_channels import quiet, voice

TASK = Task()


class LoudnessStream:
    """Takes whatever is audible for speech."""

    def __init__(self) -> None:
        self.rest = np.zeros(0, dtype=np.float32)

    def push(self, samples: Samples) -> NDArray[np.float32]:
        samples = np.concatenate([self.rest, samples])
        whole = len(samples) // FRAME * FRAME
        self.rest = samples[whole:]
        return (np.sqrt((samples[:whole].reshape(-1, FRAME) ** 2).mean(axis=1)) > 2e-3).astype(np.float32)


class PrintingModel:
    """Writes each window down as the checksum of its samples, and is the surer the longer it is."""

    languages = frozenset({"en", "ru"})
    device = "cpu"

    def decode(self, audio: Samples, task: DecodingTask) -> list[Phrase]:
        seconds = len(audio) / SAMPLE_RATE
        word = Word(f"{zlib.crc32(audio.tobytes()):08x}", 0.0, seconds, min(seconds / 30, 1.0) ** 4, "en")
        return [Phrase((word,), "en", 1.0, 0.0, -0.1)]

    def decode_many(self, windows: Sequence[tuple[Samples, DecodingTask]]) -> list[list[Phrase]]:
        return [self.decode(audio, task) for audio, task in windows]


ENGINE: Any = SimpleNamespace(
    speech=PrintingModel(),
    detector=SimpleNamespace(stream=LoudnessStream),
    vad=VadSettings(),
    voice_confidence=0.9,
)


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[ChannelRecording]:
    recording = ChannelRecording(tmp_path / "audio.pcm")
    yield recording
    recording.discard()


def driven(work: Iterator[LiveEvent | Decoding | None]) -> list[LiveEvent]:
    """The events of some work, its questions answered."""
    events: list[LiveEvent] = []
    answer: list[Phrase] | None = None
    while True:
        try:
            event = next(work) if answer is None else work.send(answer)  # type: ignore[attr-defined]
        except StopIteration:
            return events
        answer = ENGINE.speech.decode(event.audio, event.task) if isinstance(event, Decoding) else None
        if event is not None and answer is None:
            events.append(event)


def heard(
    recording: ChannelRecording,
    sound: Samples,
    *,
    chunk: int = 1_600,
    flush: int | None = None,
    at_once: bool = False,
    interim: float | None = None,
    task: Task = TASK,
) -> list[LiveEvent]:
    """The events of a recording that came in chunks, with a flush at one sample; `at_once` as when it is read again."""
    channels = LiveChannels(ENGINE, recording, task, interim)
    pcm = to_int16(sound)
    places = sorted({*range(0, pcm.shape[1], chunk), pcm.shape[1], *([flush] if flush else [])})
    events: list[LiveEvent] = []
    for start, end in pairwise(places):
        recording.append(pcm[:, start:end])
        if end == flush:
            channels.flush_at(end)
        events += [] if at_once else driven(channels.advance())
    return [*events, *driven(channels.finish())]


def lasting(events: Sequence[LiveEvent]) -> list[LiveEvent]:
    """What depends on the audio alone; passes over running speech count in revisions."""
    kept = [event for event in events if not isinstance(event, LiveTurn) or event.final]
    return [replace(event, revision=1) if isinstance(event, LiveTurn) else event for event in kept]


@cache
def talk() -> Samples:
    """A says something for 3 s, B answers while A goes on, and each is faintly heard in the other's channel."""
    sound = quiet(3, 14.0)
    for channel, first, seconds in ((0, 1.0, 4.0), (2, 4.0, 3.0), (0, 9.0, 3.0)):
        part = slice(int(first * SAMPLE_RATE), int((first + seconds) * SAMPLE_RATE))
        sound[channel, part] += voice(channel + int(first), seconds)
        sound[2 - channel, part] += 0.1 * voice(channel + int(first), seconds)
    return sound


def of_kind(events: Sequence[LiveEvent], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_channels_lie_side_by_side(recording: ChannelRecording) -> None:
    sound = to_int16(np.stack([voice(1, 1.0), voice(2, 1.0)]))
    assert (recording.channels, recording.samples, recording.read(0, 10).shape) == (0, 0, (0, 0))
    recording.append(np.zeros((0, 0), dtype=np.int16))
    recording.append(sound[:, :333])
    recording.append(sound[:, 333:])
    assert (recording.channels, recording.samples, recording.duration) == (2, SAMPLE_RATE, 1.0)
    assert np.array_equal(to_int16(recording.read(100, 500)), sound[:, 100:500])
    assert np.array_equal(to_int16(recording.channel(1).read(15_900, 99_999)), sound[1, 15_900:])


def test_copies_are_found_as_in_a_file(recording: ChannelRecording) -> None:
    sound = talk()
    recording.append(to_int16(sound))
    own = OwnChannels(recording)
    while own.judge_block(recording.samples):
        pass
    # Half a second is not enough to judge the last frames yet.
    assert recording.samples - own.samples in range(16 * FRAME, 21 * FRAME)
    own.judge_all(recording.samples)
    assert own.samples == recording.samples
    whole = find_copies(recording.read(0, recording.samples))
    live = np.stack([own.copies(channel) for channel in range(3)])
    assert live.shape == whole.shape
    assert (live == whole).mean() > 0.999
    assert live[0].any()
    assert live[2].any()


@pytest.mark.parametrize("flush", [None, 2 * SAMPLE_RATE + 77, 10 * SAMPLE_RATE])
def test_the_result_depends_on_the_audio_alone(tmp_path: Path, flush: int | None) -> None:
    def run(name: str, **how: Any) -> list[LiveEvent]:
        recording = ChannelRecording(tmp_path / name)
        events = heard(recording, talk(), flush=flush, **how)
        recording.discard()
        return lasting(events)

    paced = run("paced")
    assert paced == run("small", chunk=101)
    assert paced == run("large", chunk=30_011, interim=0.4)
    assert paced == run("again", at_once=True)
    assert len(of_kind(paced, LiveTurn)) == 3 + (flush is not None)


def test_who_speaks_is_the_channel(recording: ChannelRecording) -> None:
    events = heard(recording, talk(), interim=0.4)
    finals = [event for event in of_kind(events, LiveTurn) if event.final]
    said = sorted((turn.turn.speaker, round(turn.turn.start), round(turn.turn.end)) for turn in finals)
    assert said == [(0, 0, 6), (0, 8, 13), (2, 3, 8)]
    assert len({turn.number for turn in finals}) == 3
    opened = [event for event in of_kind(events, LiveTurn) if not event.final]
    assert {turn.turn.speaker for turn in opened} == {0, 2}
    assert {turn.number for turn in opened} <= {turn.number for turn in finals}
    assert of_kind(events, Ended) == [Ended(14.0, 3, 2, "en")]


def test_speech_begins_with_the_first_and_ends_with_the_last(recording: ChannelRecording) -> None:
    told = [(type(event), round(event.at, 1)) for event in heard(recording, talk()) if hasattr(event, "at")]
    kinds = [kind for kind, _ in told]
    assert kinds == [SpeechBegan, SpeechPaused, SpeechBegan, SpeechPaused]
    assert [at for _, at in told] == sorted(at for _, at in told)


def seconds_of(timelines: Sequence[Timeline], speaker: int) -> float:
    return sum(span.end - span.start for part in timelines for span in part.spans if span.speaker == speaker)


def test_timelines_tell_each_stretch_once(recording: ChannelRecording) -> None:
    *parts, whole = of_kind(heard(recording, talk()), Timeline)
    assert (whole.start, whole.end) == (0.0, None)
    # Half a second around a change of who speaks belongs to both.
    close = partial(pytest.approx, abs=0.4)
    spans = [(span.speaker, span.start, span.end) for span in whole.spans]
    assert spans == [(0, close(1.0), close(5.0)), (2, close(4.0), close(7.0)), (0, close(9.0), close(12.0))]
    reached = 0.0
    for part in parts:
        assert part.start >= reached
        assert all(part.start <= span.start < span.end <= part.end for span in part.spans)
        reached = part.end
    for speaker in (0, 2):
        assert seconds_of(parts, speaker) == pytest.approx(seconds_of([whole], speaker))


def test_without_diarization_nobody_is_named(recording: ChannelRecording) -> None:
    events = heard(recording, talk(), task=Task(diarize=False))
    assert of_kind(events, Timeline) == []
    assert {turn.turn.speaker for turn in of_kind(events, LiveTurn)} == {None}
    assert of_kind(events, Ended)[0].speakers == 0


def test_poor_audio_names_its_channel(recording: ChannelRecording) -> None:
    sound = talk().copy()
    sound[2] = np.clip(40 * sound[2], -1, 1)
    problems = [event.problem for event in of_kind(heard(recording, sound), PoorAudio)]
    assert [problem.startswith("Channel 3: ") for problem in problems] == [True]


def test_another_language_names_its_channel(recording: ChannelRecording) -> None:
    problems = [event.problem for event in of_kind(heard(recording, talk(), task=Task(language="ru")), OtherLanguage)]
    assert [problem[:11] for problem in problems] == ["Channel 1: ", "Channel 3: "]


def test_a_recording_without_sound_ends(recording: ChannelRecording) -> None:
    channels = LiveChannels(ENGINE, recording, Task(), 0.4)
    assert driven(channels.advance()) == []
    assert of_kind(driven(channels.finish()), Ended) == [Ended(0.0, 0, 0, "")]
    with pytest.raises(UnknownLanguage):
        LiveChannels(ENGINE, recording, Task(language="xx"), None)
