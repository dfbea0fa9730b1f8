"""One live recording in which each channel carries one speaker: the live counterpart of `channels`.

Every channel is a live recording of its own, without its copies of the others and without diarization. All channels are
listened to in step, block by block, so that events and questions to the speech model come in the same order however the audio
came. Turns of several channels may be open at once; the number of a turn tells its channel, so that it depends on the audio alone.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from asr_service.audio import SAMPLE_RATE
from asr_service.channel_recording import ChannelRecording
from asr_service.channels import TIMELINE_PADDING
from asr_service.complaints import OtherLanguage, PoorAudio, of_channel
from asr_service.crosstalk import CONTEXT
from asr_service.diarization import Span
from asr_service.engine import Engine
from asr_service.live import LiveRecognition, LiveWork
from asr_service.live_events import Ended, LiveEvent, LiveTurn, SpeechBegan, SpeechPaused, Timeline
from asr_service.own_channels import OwnChannels
from asr_service.recognizer import Task
from asr_service.resampling import MOST_CHANNELS
from asr_service.transcriber import Decoding, Phrase
from asr_service.turns import SpokenWord, Turn
from asr_service.vad import FRAME, Endpointer, Region

__all__ = ["LiveChannels"]

_CAUGHT_UP = SAMPLE_RATE + CONTEXT * FRAME
"""Samples that may wait when passes over running speech begin; with more, final words come first."""


class LiveChannels:
    """The recogniser of one live recording with a speaker a channel, which another thread appends to."""

    def __init__(
        self,
        engine: Engine,
        recording: ChannelRecording,
        task: Task,
        interim_seconds: float | None,
        *,
        drafts: bool = False,
    ) -> None:
        """`interim_seconds` and `drafts` are those of `LiveRecognition`.

        Raises:
            UnknownLanguage: The model does not know the language of the task.
        """
        self._engine = engine
        self._recording = recording
        self._task = task
        self._interim = interim_seconds
        self._drafts = drafts
        self._own = OwnChannels(recording)
        # How many channels there are may show only with the first sound, but there is at least one.
        self._channels = [self._open(0)]
        self._flushes: list[int] = []
        self._speaking: set[int] = set()
        self._paused = 0.0
        self._told = 0.0
        self._turns: Counter[int] = Counter()
        self._languages: Counter[str] = Counter()

    @property
    def listened_seconds(self) -> float:
        """Audio that was looked at in all channels, and transcribed as far as its stretches have ended."""
        return min(channel.recognition.listened_seconds for channel in self._channels)

    @property
    def final_seconds(self) -> float:
        """Audio whose words are final in all channels."""
        return min(channel.recognition.final_seconds for channel in self._channels)

    def flush_at(self, sample: int) -> None:
        """Makes everything up to `sample` final once it is heard, wherever a word may stand there."""
        self._flushes.append(sample)

    def advance(self) -> LiveWork:
        """Works through what was recorded since."""
        yield from self._listen()
        if self._recording.samples - self._own.samples <= _CAUGHT_UP:
            for channel in self._channels:
                yield from self._translated(channel, channel.recognition.advance())

    def finish(self) -> LiveWork:
        """Ends the recording: the last stretches, then who spoke when in all of it, then `Ended`."""
        yield from self._listen()
        self._own.judge_all(self._recording.samples)
        yield from self._hear()
        for channel in self._channels:
            yield from self._translated(channel, channel.recognition.finish())
            channel.listen(last=True)
        yield from self._tell_timeline(self._recording.duration)
        if self._task.diarize:
            yield Timeline(self._spans(0.0, self._recording.duration))
        speakers = len(self._turns) if self._task.diarize else 0
        language = self._languages.most_common(1)[0][0] if self._languages else ""
        yield Ended(self._recording.duration, self._turns.total(), speakers, language)

    def _open(self, number: int) -> "_Channel":
        alone = replace(self._task, diarize=False)
        audio = self._own.channel(number)
        recognition = LiveRecognition(self._engine, audio, alone, self._interim, drafts=self._drafts)
        return _Channel(number, recognition, Endpointer(replace(self._engine.vad, padding=TIMELINE_PADDING)))

    def _listen(self) -> LiveWork:
        """Hears whatever can be judged, and what was flushed."""
        while True:
            # Read first: a flush at an earlier place is in the list by then.
            samples = self._recording.samples
            flush = self._flushes[0] if self._flushes and self._flushes[0] <= samples else None
            while len(self._channels) < self._recording.channels:
                self._channels.append(self._open(len(self._channels)))
            if self._own.judge_block(samples if flush is None else flush):
                yield from self._hear()
            elif flush is not None:
                self._flushes.pop(0)
                self._own.judge_all(flush)
                for channel in self._channels:
                    channel.recognition.flush_at(flush)
                yield from self._hear()
                self._speaking.clear()
            else:
                return

    def _hear(self) -> LiveWork:
        """Hears what was judged, in all channels."""
        for channel in self._channels:
            yield from self._translated(channel, channel.recognition.listen())
            channel.listen()
        yield from self._tell_timeline(self.final_seconds)

    def _translated(self, channel: "_Channel", work: LiveWork) -> LiveWork:
        """The work of one channel, its events as those of the whole recording."""
        answer: list[Phrase] | None = None
        with contextlib.closing(work):
            while True:
                try:
                    event = next(work) if answer is None else work.send(answer)
                except StopIteration:
                    return
                answer = None
                if event is None or isinstance(event, Decoding):
                    answer = yield event
                else:
                    yield from self._told_of(channel.number, event)

    def _told_of(self, number: int, event: LiveEvent) -> Iterator[LiveEvent]:
        match event:
            case SpeechBegan(at):
                if not self._speaking:
                    yield SpeechBegan(max(at, self._paused))
                self._speaking.add(number)
            case SpeechPaused(at):
                self._speaking.discard(number)
                self._paused = max(at, self._paused)
                if not self._speaking:
                    yield SpeechPaused(self._paused)
            case LiveTurn(turn=turn):
                if event.final and turn is not None:
                    self._turns[number] += 1
                    self._languages.update(word.word.language for word in turn.words)
                place = (event.number - 1) * MOST_CHANNELS + number + 1
                yield replace(event, number=place, turn=self._spoken(number, turn))
            case PoorAudio() | OtherLanguage():
                yield of_channel(number, event)

    def _spoken(self, number: int, turn: Turn | None) -> Turn | None:
        if turn is None or not self._task.diarize:
            return turn
        return Turn(number, tuple(SpokenWord(word.word, ((number, 1.0),)) for word in turn.words))

    def _tell_timeline(self, final: float) -> Iterator[LiveEvent]:
        """Tells who speaks when in what became final, where somebody does."""
        if not self._task.diarize or final <= self._told:
            return
        spans = self._spans(self._told, final)
        if spans:
            yield Timeline(spans, self._told, final)
            self._told = final

    def _spans(self, start: float, end: float) -> tuple[Span, ...]:
        spans = [span for channel in self._channels for span in channel.spans(start, end)]
        return tuple(sorted(spans, key=lambda span: (span.start, span.end)))


class _Channel:
    """One channel with its clock, which tells speech without the silence that the transcriber gets around it."""

    def __init__(self, number: int, recognition: LiveRecognition, clock: Endpointer) -> None:
        self.number = number
        self.recognition = recognition
        self._clock = clock
        self._speech: list[Region] = []

    def listen(self, *, last: bool = False) -> None:
        """Takes the voice activity that is new."""
        self._speech += self._clock.push(self.recognition.voice[self._clock.frames :].astype(np.float32))
        if last:
            self._speech += self._clock.finish()

    def spans(self, start: float, end: float) -> Iterator[Span]:
        """Speech between two times in seconds, the latest first."""
        running = self._clock.running_since
        if running is not None and running / SAMPLE_RATE < end:
            yield Span(max(running / SAMPLE_RATE, start), end, self.number)
        for region in reversed(self._speech):
            if region.end / SAMPLE_RATE <= start:
                return
            begin, until = max(region.start / SAMPLE_RATE, start), min(region.end / SAMPLE_RATE, end)
            if begin < until:
                yield Span(begin, until, self.number)
