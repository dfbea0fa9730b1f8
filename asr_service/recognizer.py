"""A whole recording from file to turns, in steps of a second or two."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path

from asr_service.audio import SAMPLE_RATE, AudioSource, Recording, decode_file
from asr_service.clustering import SpeakerLimits
from asr_service.complaints import Complaint, too_many_speakers
from asr_service.diarization import Diarization, diarize
from asr_service.end_to_end import diarize_end_to_end
from asr_service.engine import Engine
from asr_service.identification import EnrolledVoice, VoiceMatch, identify, seconds_of
from asr_service.listener import Listener
from asr_service.second_hearing import heard_again
from asr_service.segmentation import LocalActivity, segment_windows
from asr_service.transcriber import Transcriber, Word, answered, chunk_regions
from asr_service.turns import Turn, assemble_turns, attribute_words
from asr_service.vad import Region, VoiceActivity, detect_regions, voiced_seconds

__all__ = ["Stage", "StageProgress", "Task", "Transcript", "recognize_file", "speakers_of"]

_MARGIN = 0.4
"""Seconds around a speaker's stretch that the transcriber gets: Whisper loses words at the edge of its audio."""


class Stage(Enum):
    """What is being done."""

    DECODING = "decoding"
    LISTENING = "listening"
    DIARIZING = "diarizing"
    TRANSCRIBING = "transcribing"


@dataclass(frozen=True)
class Task:
    """How to recognise."""

    language: str = ""
    """ISO 639-1, or empty to detect it."""
    hot_words: tuple[str, ...] = ()
    diarize: bool = True
    limits: SpeakerLimits = field(default_factory=SpeakerLimits)
    by_channel: bool = False
    """Whether each channel is one speaker; the limits do not matter then."""
    speakers_only: bool = False
    """No words; only who speaks when."""
    enrolled: tuple[EnrolledVoice, ...] = ()
    """Voices of the workspace that may be recognised."""


@dataclass(frozen=True)
class StageProgress:
    """How far a stage has come, in seconds of the recording; `total` is 0 while the length is not known."""

    stage: Stage
    seconds: float
    total: float


@dataclass(frozen=True)
class Transcript:
    """What was said in a recording."""

    turns: tuple[Turn, ...]
    diarization: Diarization
    duration: float
    language: str
    """ISO 639-1 of most of the speech; empty when nobody spoke."""
    matches: tuple[VoiceMatch, ...] = ()
    """Speakers that are enrolled people."""
    complaints: tuple[Complaint, ...] = ()
    """What is wrong with the recording."""


def recognize_file(engine: Engine, source: Path, target: Recording, task: Task) -> Iterator[StageProgress | Transcript]:
    """Yields progress after each step, and last the `Transcript`; `target` gets the decoded audio.

    Raises:
        AudioUnusable: There is nothing to recognise in the file; see `decode_file`.
        UnknownLanguage: The model does not know the language of the task.
    """
    transcriber = Transcriber(engine.speech.languages, task.language, task.hot_words)
    for seconds in decode_file(source, target, engine.max_seconds):
        yield StageProgress(Stage.DECODING, seconds, 0.0)
    total = target.duration
    voice: VoiceActivity | None = None
    for heard in detect_regions(engine.detector, target, engine.vad):
        if isinstance(heard, VoiceActivity):
            voice = heard
        else:
            yield StageProgress(Stage.LISTENING, heard, total)
    assert voice is not None

    diarization = Diarization()
    if task.diarize:
        for step in speakers_of(engine, target, voice, task.limits):
            if isinstance(step, Diarization):
                diarization = step
            else:
                yield StageProgress(Stage.DIARIZING, step, total)

    crowd = (too_many_speakers(task.limits),) if diarization.crowded else ()
    if task.speakers_only:
        yield Transcript((), diarization, total, "", complaints=crowd)
        return
    words: list[Word] = []
    listener = Listener(task.language)
    for chunk in chunk_regions(_speech(voice, diarization, target.samples), voice.probabilities):
        audio = target.read(chunk.start, chunk.end)
        said = transcriber.transcribe(audio, chunk.start / SAMPLE_RATE, partial(voiced_seconds, voice.probabilities))
        first = answered(engine.speech, said)
        words += answered(engine.speech, heard_again(transcriber, first, audio, chunk.start / SAMPLE_RATE))
        seconds = voiced_seconds(voice.probabilities, chunk.start / SAMPLE_RATE, chunk.end / SAMPLE_RATE)
        answered(engine.speech, listener.hear(audio, seconds))
        yield StageProgress(Stage.TRANSCRIBING, chunk.end / SAMPLE_RATE, total)
    turns = assemble_turns(attribute_words(words, diarization))
    matches = identify(diarization.voices, seconds_of(diarization), task.enrolled, engine.voice_confidence)
    yield Transcript(tuple(turns), diarization, total, transcriber.language, matches, (*listener.finish(), *crowd))


def _speech(voice: VoiceActivity, diarization: Diarization, samples: int) -> list[Region]:
    """Where somebody speaks for one of the two models: segmentation hears distant speakers, Silero knows words."""
    margin = int(_MARGIN * SAMPLE_RATE)
    spans = [
        Region(int(span.start * SAMPLE_RATE) - margin, int(span.end * SAMPLE_RATE) + margin)
        for span in diarization.spans
    ]
    speech: list[Region] = []
    for region in sorted([*voice.regions, *spans], key=lambda region: region.start):
        start, end = max(region.start, 0), min(region.end, samples)
        if speech and start <= speech[-1].end:
            speech[-1] = Region(speech[-1].start, max(end, speech[-1].end))
        elif end > start:
            speech.append(Region(start, end))
    return speech


def speakers_of(
    engine: Engine, recording: AudioSource, voice: VoiceActivity, limits: SpeakerLimits
) -> Iterator[float | Diarization]:
    """Yields seconds of the recording (each twice: segmentation, then embedding), and last the `Diarization`."""
    if engine.end_to_end is not None:
        yield from diarize_end_to_end(engine.end_to_end, engine.encoder, recording, limits)
        return
    activity: LocalActivity | None = None
    for step in segment_windows(engine.segmenter, recording, voice.probabilities, engine.segmentation_step):
        if isinstance(step, LocalActivity):
            activity = step
        else:
            yield step
    assert activity is not None
    yield from diarize(engine.encoder, recording, activity, limits)
