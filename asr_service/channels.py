"""A recording in which each channel carries one speaker, such as a telephone call with a side a channel.

The number of a speaker is the number of the channel, from S1; a channel in which nobody speaks keeps its number. Who speaks
when comes from the voice activity of the channels, turns may overlap, and what is only the faint copy of another
channel is not heard. A channel without sound costs nothing but its decoding.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr_service.audio import SAMPLE_RATE, AudioSource, Recording, Samples, decode_channels
from asr_service.complaints import of_channel
from asr_service.crosstalk import CONTEXT, find_copies
from asr_service.diarization import Diarization, Span
from asr_service.engine import Engine
from asr_service.listener import Listener
from asr_service.recognizer import Stage, StageProgress, Task, Transcript
from asr_service.second_hearing import heard_again
from asr_service.transcriber import Transcriber, Word, answered, chunk_regions
from asr_service.turns import SpokenWord, Turn, assemble_turns
from asr_service.vad import FRAME, Endpointer, Region, VadSettings, VoiceDetector, voiced_seconds, without_overlap

__all__ = ["TIMELINE_PADDING", "ChannelVoice", "OwnSound", "listen", "recognize_channels"]

_STEP_FRAMES = 60 * SAMPLE_RATE // FRAME
_SILENT = 1e-3
"""Peak (-60 dBFS) below which a channel is not listened to."""
TIMELINE_PADDING = 0.05
"""Seconds around speech in the timeline, which is no audio for a model that loses words at edges."""


@dataclass
class ChannelVoice:
    """What was heard in one channel."""

    regions: tuple[Region, ...] = ()
    """Speech, padded for the transcriber."""
    spans: tuple[Region, ...] = ()
    """Speech, for the timeline."""
    probabilities: NDArray[np.float16] = field(default_factory=lambda: np.zeros(0, dtype=np.float16))
    """Probability of the channel's own speech in each frame of 32 ms."""
    copies: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    """Frames of 32 ms in which the channel holds a copy of another one."""


class OwnSound:
    """A channel without its copies of other channels; `AudioSource`."""

    def __init__(self, channel: AudioSource, copies: NDArray[np.bool_]) -> None:
        """`copies` tells for each frame of 32 ms whether it is silenced."""
        self._channel = channel
        self._copies = copies

    @property
    def samples(self) -> int:
        """Number of samples."""
        return self._channel.samples

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self._channel.duration

    def read(self, start: int, end: int) -> Samples:
        """Samples `start` to `end` (exclusive), faded in and out over a frame around copies."""
        start = max(start, 0)
        audio = self._channel.read(start, end)
        first, last = start // FRAME, (start + len(audio)) // FRAME + 2
        if len(audio) == 0 or not self._copies[first:last].any():
            return audio
        places = (np.arange(start, start + len(audio)) - FRAME / 2) / FRAME
        frames = np.arange(max(first - 1, 0), min(last, len(self._copies)))
        gain = 1.0 - self._copies[frames].astype(np.float32)
        return np.asarray(audio * np.interp(places, frames, gain), dtype=np.float32)


def listen(
    detector: VoiceDetector, channels: list[AudioSource], settings: VadSettings
) -> Iterator[float | list[ChannelVoice]]:
    """Yields the seconds done about once a minute of audio, and last what was heard in each channel."""
    samples = max((channel.samples for channel in channels), default=0)
    streams = [detector.stream() for _ in channels]
    ears = [Endpointer(settings) for _ in channels]
    clocks = [Endpointer(replace(settings, padding=TIMELINE_PADDING)) for _ in channels]
    regions: list[list[Region]] = [[] for _ in channels]
    spans: list[list[Region]] = [[] for _ in channels]
    probabilities: list[list[NDArray[np.float16]]] = [[] for _ in channels]
    copies: list[list[NDArray[np.bool_]]] = [[] for _ in channels]
    for first in range(0, samples // FRAME, _STEP_FRAMES):
        frames = min(_STEP_FRAMES, samples // FRAME - first)
        before = min(CONTEXT, first)
        begin, end = (first - before) * FRAME, (first + frames + CONTEXT) * FRAME
        sound = np.stack([channel.read(begin, end) for channel in channels])
        copied = find_copies(sound)[:, before : before + frames]
        for number, stream in enumerate(streams):
            audio = sound[number, before * FRAME : (before + frames) * FRAME]
            heard = np.zeros(frames, dtype=np.float32)
            if np.abs(audio).max() >= _SILENT:
                heard = stream.push(audio) * ~copied[number]
            probabilities[number].append(heard.astype(np.float16))
            copies[number].append(copied[number])
            regions[number] += ears[number].push(heard)
            spans[number] += clocks[number].push(heard)
        yield (first + frames) * FRAME / SAMPLE_RATE
    yield [
        ChannelVoice(
            tuple(without_overlap([*regions[number], *ears[number].finish()], samples)),
            tuple(without_overlap([*spans[number], *clocks[number].finish()], samples)),
            np.concatenate([np.zeros(0, dtype=np.float16), *probabilities[number]]),
            np.concatenate([np.zeros(0, dtype=np.bool_), *copies[number]]),
        )
        for number in range(len(channels))
    ]


def recognize_channels(
    engine: Engine, source: Path, target: Recording, task: Task
) -> Iterator[StageProgress | Transcript]:
    """Yields progress after each step, and last the `Transcript`; decoded channels lie beside `target` meanwhile.

    Raises:
        AudioUnusable: There is nothing to recognise in the file, or it has too many channels; see `decode_channels`.
        UnknownLanguage: The model does not know the language of the task.
    """
    with contextlib.ExitStack() as stack:
        channels: list[Recording] = []

        def open_channel(number: int) -> Recording:
            return stack.enter_context(Recording(target.path.with_suffix(f".channel{number + 1}.pcm")))

        for seconds in decode_channels(source, channels, open_channel, engine.max_seconds):
            yield StageProgress(Stage.DECODING, seconds, 0.0)
        total = channels[0].duration
        voices: list[ChannelVoice] = []
        for step in listen(engine.detector, list(channels), engine.vad):
            if isinstance(step, list):
                voices = step
            else:
                yield StageProgress(Stage.LISTENING, step, total)
        yield from _transcribe(engine, channels, voices, task)


def _transcribe(
    engine: Engine, channels: list[Recording], voices: list[ChannelVoice], task: Task
) -> Iterator[StageProgress | Transcript]:
    total = channels[0].duration
    # A speaker keeps the language, so each channel has a memory of its own.
    transcribers = [Transcriber(engine.speech.languages, task.language, task.hot_words) for _ in channels]
    sounds = [OwnSound(channel, voice.copies) for channel, voice in zip(channels, voices, strict=True)]
    words: list[list[Word]] = [[] for _ in channels]
    listeners = [Listener(task.language) for _ in channels]
    work = [
        (chunk, number)
        for number, voice in enumerate(voices)
        for chunk in chunk_regions(voice.regions, voice.probabilities)
    ]
    for chunk, number in sorted(work, key=lambda piece: (piece[0].start, piece[1])):
        audio = sounds[number].read(chunk.start, chunk.end)
        voiced = partial(voiced_seconds, voices[number].probabilities)
        start = chunk.start / SAMPLE_RATE
        heard = answered(engine.speech, transcribers[number].transcribe(audio, start, voiced))
        words[number] += answered(engine.speech, heard_again(transcribers[number], heard, audio, start))
        seconds = voiced(chunk.start / SAMPLE_RATE, chunk.end / SAMPLE_RATE)
        answered(engine.speech, listeners[number].hear(audio, seconds))
        yield StageProgress(Stage.TRANSCRIBING, chunk.start / SAMPLE_RATE, total)
    turns = [turn for number, said in enumerate(words) for turn in _turns(said, number if task.diarize else None)]
    languages = Counter(word.language for said in words for word in said)
    yield Transcript(
        tuple(sorted(turns, key=lambda turn: (turn.start, turn.speaker or 0))),
        Diarization(_spans(voices) if task.diarize else ()),
        total,
        languages.most_common(1)[0][0] if languages else "",
        complaints=tuple(
            of_channel(number, complaint) for number, one in enumerate(listeners) for complaint in one.finish()
        ),
    )


def _turns(words: list[Word], speaker: int | None) -> list[Turn]:
    speakers = () if speaker is None else ((speaker, 1.0),)
    return assemble_turns([SpokenWord(word, speakers) for word in words])


def _spans(voices: list[ChannelVoice]) -> tuple[Span, ...]:
    spans = [
        Span(region.start / SAMPLE_RATE, region.end / SAMPLE_RATE, number)
        for number, voice in enumerate(voices)
        for region in voice.spans
    ]
    return tuple(sorted(spans, key=lambda span: (span.start, span.end)))
