"""One live recording: turns while people speak, and corrected speakers at the end.

A stretch of speech ends with a pause, or is cut after 24 seconds where speech is least probable; it is then transcribed
as a whole and FINAL. Speakers are the nearest voices heard so far until the recording ends, when all of it is clustered
anew and changed speakers are told as a revision. All methods run on the inference thread.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from asr_service.audio import SAMPLE_RATE, Excerpt, Recording
from asr_service.diarization import Diarization
from asr_service.engine import Engine
from asr_service.recognizer import Task, speakers_of
from asr_service.segmentation import WINDOW
from asr_service.transcriber import Transcriber, Word
from asr_service.turns import SpokenWord, Turn, assemble_turns, attribute_words
from asr_service.vad import FRAME, Endpointer, Region, VoiceActivity
from asr_service.voices import LiveVoices, keep_numbers

__all__ = [
    "Ended",
    "LiveEvent",
    "LiveRecognition",
    "LiveTurn",
    "Revised",
    "SpeakerChange",
    "SpeechBegan",
    "SpeechPaused",
]

_LIVE_SILENCE = 0.6
"""Seconds of silence that end a stretch; a bit more than in files, for each stretch is transcribed alone."""
_LONGEST_STRETCH = 24.0
_SHORTEST_INTERIM = 1.0
_STEP = 10 * SAMPLE_RATE
"""Samples listened to before results are given out."""


@dataclass(frozen=True)
class SpeechBegan:
    """Speech begins at `at` seconds."""

    at: float


@dataclass(frozen=True)
class SpeechPaused:
    """Speech ends at `at` seconds."""

    at: float


@dataclass(frozen=True)
class LiveTurn:
    """A turn, or a new version of one; without words it takes back a provisional turn."""

    number: int
    """From 1, in order of time."""
    revision: int
    final: bool
    turn: Turn | None


@dataclass(frozen=True)
class SpeakerChange:
    """Words `first` to `first + count` of a final turn get another speaker."""

    number: int
    first: int
    count: int
    before: int | None
    after: int
    confidence: float


@dataclass(frozen=True)
class Revised:
    """Corrected speakers."""

    changes: tuple[SpeakerChange, ...]


@dataclass(frozen=True)
class Ended:
    """The recording is finished."""

    duration: float
    turns: int
    speakers: int
    language: str


LiveEvent = SpeechBegan | SpeechPaused | LiveTurn | Revised | Ended


class LiveRecognition:
    """The recogniser of one live recording, which another thread appends to."""

    def __init__(self, engine: Engine, recording: Recording, task: Task, interim_seconds: float | None) -> None:
        """`interim_seconds` is the least time between provisional versions, None for none.

        Raises:
            UnknownLanguage: The model does not know the language of the task.
        """
        self._engine = engine
        self._recording = recording
        self._task = task
        self._interim = interim_seconds
        self._transcriber = Transcriber(engine.speech, task.language, task.hot_words)
        self._stream = engine.detector.stream()
        self._endpointer = Endpointer(replace(engine.vad, min_silence=_LIVE_SILENCE))
        self._voices = LiveVoices(task.limits.most)
        self._probabilities: list[NDArray[np.float16]] = []
        self._heard = 0
        self._closed = 0
        self._closing: int | None = None
        self._next_interim = 0.0
        self._open_revision = 0
        self._turns: list[Turn] = []

    @property
    def listened_seconds(self) -> float:
        """Audio that was looked at, and transcribed as far as its stretches have ended."""
        return self._heard / SAMPLE_RATE

    @property
    def final_seconds(self) -> float:
        """Audio whose words are final."""
        begun = [since for since in (self._endpointer.running_since, self._closing) if since is not None]
        return min([self._heard, self._position, *begun]) / SAMPLE_RATE

    def advance(self) -> Iterator[LiveEvent | None]:
        """Works through what was recorded since; yields events, and None where others may take their turn."""
        while self._heard < self._recording.samples:
            start, self._heard = self._heard, min(self._heard + _STEP, self._recording.samples)
            yield from self._listen(start, self._heard)
            yield None
        since = self._endpointer.running_since
        if self._interim is None or since is None or self.listened_seconds < self._next_interim:
            return
        if self._heard - since >= _SHORTEST_INTERIM * SAMPLE_RATE:
            self._next_interim = self.listened_seconds + self._interim
            yield from self._provisional(Region(max(since, self._closed), self._heard))

    def flush(self) -> Iterator[LiveEvent | None]:
        """Makes everything said so far final."""
        yield from self.advance()
        for region in self._endpointer.finish():
            yield from self._close(region)

    def finish(self) -> Iterator[LiveEvent | None]:
        """Ends the recording: the last stretch, then all speakers anew, then `Ended`."""
        self._interim = None
        yield from self.flush()
        words = [word for turn in self._turns for word in turn.words]
        if self._task.diarize and words:
            probabilities = np.concatenate(self._probabilities)
            diarization = Diarization()
            for step in speakers_of(self._engine, self._recording, VoiceActivity((), probabilities), self._task.limits):
                if isinstance(step, Diarization):
                    diarization = step
                else:
                    yield None
            changes = self._revise(attribute_words([word.word for word in words], diarization))
            if changes:
                yield Revised(tuple(changes))
        speakers = {word.speaker for turn in self._turns for word in turn.words} - {None}
        yield Ended(self._recording.duration, len(self._turns), len(speakers), self._transcriber.language)

    def _listen(self, start: int, end: int) -> Iterator[LiveEvent | None]:
        probabilities = self._stream.push(self._recording.read(start, end))
        self._probabilities.append(probabilities.astype(np.float16))
        for probability in probabilities:
            before = self._endpointer.running_since
            regions = self._endpointer.push((probability,))
            since = self._endpointer.running_since
            if before is None and since is not None:
                yield SpeechBegan(max(since, self._closed) / SAMPLE_RATE)
            for region in regions:
                yield from self._close(region)
                yield SpeechPaused(min(region.end, self._heard) / SAMPLE_RATE)
            if since is not None and self._position - since > _LONGEST_STRETCH * SAMPLE_RATE:
                yield from self._cut(since)

    @property
    def _position(self) -> int:
        return self._endpointer.frames * FRAME

    def _cut(self, since: int) -> Iterator[LiveEvent | None]:
        """Ends a long stretch in its second half, where speech is least probable."""
        recent = np.concatenate(self._probabilities[-8:]).astype(np.float32)
        first = sum(map(len, self._probabilities)) - len(recent)
        low = (since + int(_LONGEST_STRETCH * SAMPLE_RATE / 2)) // FRAME - first
        high = self._position // FRAME - first
        smooth = np.convolve(recent, np.full(5, 0.2, dtype=np.float32), "same")
        frame = first + max(low, 0) + int(np.argmin(smooth[max(low, 0) : high]))
        region = self._endpointer.cut(frame * FRAME)
        if region is not None:
            yield from self._close(region)

    def _close(self, region: Region) -> Iterator[LiveEvent | None]:
        start, end = max(region.start, self._closed), min(region.end, self._recording.samples)
        self._closed = max(end, self._closed)
        self._closing = start
        words: list[Word] = []
        if end > start:
            words = self._transcriber.transcribe(self._recording.read(start, end), start / SAMPLE_RATE)
        yield None
        turns = assemble_turns(self._attributed(words, start, end))
        if not turns and self._open_revision:
            yield LiveTurn(len(self._turns) + 1, self._open_revision + 1, final=True, turn=None)
        for turn in turns:
            self._turns.append(turn)
            yield LiveTurn(len(self._turns), self._open_revision + 1, final=True, turn=turn)
            self._open_revision = 0
        self._open_revision = 0
        self._closing = None

    def _attributed(self, words: list[Word], start: int, end: int) -> list[SpokenWord]:
        """Gives the words of a stretch (samples) their speakers under the numbers of this recording."""
        if not words or not self._task.diarize:
            return [SpokenWord(word, ()) for word in words]
        # A full window of the past makes the segmentation as good as in a file.
        begin = max(min(start, end - WINDOW), 0)
        excerpt = Excerpt(self._recording, begin, end)
        everything = VoiceActivity((), np.ones(excerpt.samples // FRAME + 1, dtype=np.float16))
        local = Diarization()
        for step in speakers_of(self._engine, excerpt, everything, replace(self._task.limits, smallest=0)):
            if isinstance(step, Diarization):
                local = step
        offset, since = begin / SAMPLE_RATE, (start - begin) / SAMPLE_RATE
        seconds = [
            sum(max(0.0, span.end - max(span.start, since)) for span in local.spans if span.speaker == speaker)
            for speaker in range(local.speakers)
        ]
        numbers = self._voices.assign(local.voices, seconds)
        shifted = [replace(word, start=word.start - offset, end=word.end - offset) for word in words]
        return [
            SpokenWord(word, tuple((numbers[speaker], share) for speaker, share in spoken.speakers))
            for word, spoken in zip(words, attribute_words(shifted, local), strict=True)
        ]

    def _provisional(self, region: Region) -> Iterator[LiveEvent]:
        audio = self._recording.read(region.start, region.end)
        words = self._transcriber.transcribe(audio, region.start / SAMPLE_RATE, provisional=True)
        if words:
            self._open_revision += 1
            turn = Turn(None, tuple(SpokenWord(word, ()) for word in words))
            yield LiveTurn(len(self._turns) + 1, self._open_revision, final=False, turn=turn)

    def _revise(self, spoken: list[SpokenWord]) -> list[SpeakerChange]:
        before = [word.speaker for turn in self._turns for word in turn.words]
        numbers = keep_numbers(before, [word.speaker for word in spoken])
        changes: list[SpeakerChange] = []
        place = 0
        for index, turn in enumerate(self._turns):
            after = [
                SpokenWord(word.word, tuple((numbers.get(speaker, speaker), share) for speaker, share in word.speakers))
                for word in spoken[place : place + len(turn.words)]
            ]
            place += len(turn.words)
            changes += _changes(index + 1, turn.words, after)
            self._turns[index] = Turn(after[0].speaker, tuple(after))
        return changes


def _changes(number: int, before: tuple[SpokenWord, ...], after: list[SpokenWord]) -> list[SpeakerChange]:
    changes: list[SpeakerChange] = []
    for place, (was, now) in enumerate(zip(before, after, strict=True)):
        if now.speaker is None or now.speaker == was.speaker:
            continue
        confidence = now.speakers[0][1]
        last = changes[-1] if changes else None
        if last and last.first + last.count == place and (last.before, last.after) == (was.speaker, now.speaker):
            mean = (last.confidence * last.count + confidence) / (last.count + 1)
            changes[-1] = replace(last, count=last.count + 1, confidence=mean)
        else:
            changes.append(SpeakerChange(number, place, 1, was.speaker, now.speaker, confidence))
    return changes
