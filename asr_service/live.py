"""One live recording: words while people speak, speakers as they are known, and all speakers anew at the end.

A stretch of speech ends with a pause, or is cut where speech is least probable when it gets long. While it goes on, passes over
it give provisional and stable words; when it has ended it is transcribed as a whole and FINAL. Final words and speakers depend
on the audio alone: all of their work happens at fixed places of the recording, however the audio came and however busy the
service was. So do careful passes over running speech, whose words the final ones rest on, in a recording that has been promised
the time for them; all other passes happen when there is time.

All methods are generators that run on the inference thread. They yield events, questions to the speech model (and are sent its
phrases), and None where other recordings may take their turn.
"""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from asr_service.agreement import Agreement
from asr_service.audio import SAMPLE_RATE, AudioSource, Samples
from asr_service.complaints import PoorAudio, too_many_speakers
from asr_service.diarization import Diarization, Span
from asr_service.draft import Draft, reconciled
from asr_service.engine import Engine
from asr_service.identification import EnrolledVoice, VoiceMatch, identify
from asr_service.language_check import LanguageCheck
from asr_service.live_events import (
    Ended,
    LiveEvent,
    LiveTurn,
    Recognised,
    Revised,
    SpeakerChange,
    SpeechBegan,
    SpeechPaused,
    Timeline,
)
from asr_service.live_speakers import LiveSpeakers
from asr_service.recognizer import Task
from asr_service.revision import most_heard, speaker_changes
from asr_service.second_hearing import heard_again
from asr_service.sound_check import poor_audio
from asr_service.transcriber import Decoding, Phrase, Transcriber, Word
from asr_service.turns import SpokenWord, Turn, assemble_turns, attribute_words
from asr_service.vad import FRAME, Endpointer, GrowingProbabilities, Region, voiced_seconds

__all__ = ["LiveRecognition", "LiveWork"]

_BLOCK = 4 * FRAME
"""Samples that are listened to at a time (128 ms); fixed, for the last bits of a result may depend on it."""
_SILENCE = 0.6
"""Seconds of silence that end a stretch; a bit more than in files, for each stretch is transcribed alone."""
_PADDING = 0.6
"""Seconds around a stretch that are transcribed with it; distant voices lose words with less (measured: 5 points of WER)."""
_LONGEST_STRETCH = 24.0
"""Seconds; shorter ones are cut in the middle of sentences more often, and the words beside a cut are misheard (measured)."""
_SHORTEST_PASS = 0.5
"""Seconds of speech before the first pass over a stretch."""
_SPEAKER_STEP = 4 * _BLOCK
"""Samples between two looks at who speaks."""
_JUDGED = 3 * SAMPLE_RATE
"""Samples of speech from which audio can be judged."""
_GUESS_STEP = 2 * SAMPLE_RATE
_REVISED_TURNS = 200
"""Turns whose speakers are looked at again while the recording goes on; all are at its end."""
_CAUGHT_UP = 1.0
"""Seconds of audio that may wait when a pass begins; with more, final words come first."""


LiveWork: TypeAlias = Generator[LiveEvent | Decoding | None, list[Phrase], None]


class LiveRecognition:
    """The recogniser of one live recording, which another thread appends to."""

    def __init__(
        self,
        engine: Engine,
        recording: AudioSource,
        task: Task,
        interim_seconds: float | None,
        enrolled: Callable[[], Sequence[EnrolledVoice]] = tuple,
        *,
        drafts: bool = False,
    ) -> None:
        """`interim_seconds` is the least audio between two passes over running speech, None for no passes.

        `enrolled` tells at any moment whose voices may be recognised. With `drafts` words become stable sooner and change less,
        for about a tenth of a second of work more for each second of speech.

        Raises:
            UnknownLanguage: The model does not know the language of the task.
        """
        self._recording = recording
        self._task = task
        self._interim = interim_seconds
        self._drafts = drafts
        self._transcriber = Transcriber(engine.speech.languages, task.language, task.hot_words)
        self._stream = engine.detector.stream()
        self._endpointer = Endpointer(replace(engine.vad, min_silence=_SILENCE, padding=_PADDING))
        self._voice = GrowingProbabilities()
        self._speakers = (
            LiveSpeakers(engine.segmenter, engine.encoder, recording, task.limits, engine.segmentation_step)
            if task.diarize
            else None
        )
        self._enrolled = enrolled
        self._voice_confidence = engine.voice_confidence
        self._matches: tuple[VoiceMatch, ...] = ()
        self._seconds: defaultdict[int, float] = defaultdict(float)
        self._complained = False
        self._language_check = LanguageCheck(task.language)
        self._crowded = False
        self._guess = Diarization()
        self._guessed = 0
        self._generation = 0
        self._heard = 0
        self._closed = 0
        self._closing: int | None = None
        self._flushes: list[int] = []
        self._draft: Draft | None = None
        self._settled = False
        self._agreement: Agreement | None = None
        self._passed = 0
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
        return min([self._heard, *begun]) / SAMPLE_RATE

    def flush_at(self, sample: int) -> None:
        """Makes everything up to `sample` final once it is heard, wherever a word may stand there."""
        self._flushes.append(sample)

    @property
    def voice(self) -> NDArray[np.float16]:
        """Probability of speech in each frame of 32 ms that was listened to."""
        return self._voice.values

    def advance(self) -> LiveWork:
        """Works through what was recorded since."""
        yield from self.listen()
        yield from self._pass()

    def listen(self) -> LiveWork:
        """Works through what was recorded since, but for passes over running speech: what depends on the audio alone."""
        while self._heard + _BLOCK <= self._recording.samples:
            yield from self._hear(self._heard + _BLOCK)
        # A flush inside the block that is not complete yet has to act now; the speaker may be silent from here on.
        while self._flushes and self._flushes[0] <= self._recording.samples:
            yield from self._flush(self._flushes.pop(0))

    def finish(self) -> LiveWork:
        """Ends the recording: the last stretch, then all speakers anew, then `Ended`."""
        self._interim = None
        yield from self.advance()
        yield from self._hear(self._recording.samples)
        for region in self._endpointer.finish():
            yield from self._close(region)
        other = self._language_check.finish()
        if other is not None:
            yield other
        if self._speakers is not None:
            diarization = Diarization()
            for step in self._speakers.finish(self._voice.values):
                if isinstance(step, Diarization):
                    diarization = step
                else:
                    yield None
            words = [word.word for turn in self._turns for word in turn.words]
            spoken = attribute_words(words, diarization)
            changes = self._revise(0, spoken)
            if changes:
                yield Revised(tuple(changes))
            yield from self._complain_of_crowd(crowded=diarization.crowded)
            self._seconds.clear()
            self._count(diarization.spans)
            yield from self._recognise(diarization)
            yield Timeline(diarization.spans)
        speakers = {word.speaker for turn in self._turns for word in turn.words} - {None}
        yield Ended(self._recording.duration, len(self._turns), len(speakers), self._transcriber.language)

    def _hear(self, end: int) -> LiveWork:
        # Before the block that holds it, as when the block came later.
        while self._flushes and self._flushes[0] < end:
            yield from self._flush(self._flushes.pop(0))
        start, self._heard = self._heard, end
        probabilities = self._stream.push(self._recording.read(start, end))
        self._voice.append(probabilities.astype(np.float16))
        for probability in probabilities:
            before = self._endpointer.running_since
            regions = self._endpointer.push((probability,))
            since = self._endpointer.running_since
            if before is None and since is not None:
                yield SpeechBegan(max(since, self._closed) / SAMPLE_RATE)
            for region in regions:
                yield from self._close(region)
                yield SpeechPaused(min(region.end, self._heard) / SAMPLE_RATE)
            if since is not None and self._endpointer.frames * FRAME - since > _LONGEST_STRETCH * SAMPLE_RATE:
                yield from self._cut(since)
        if self._drafts:
            yield from self._write_draft()
        if self._speakers is not None and end // _SPEAKER_STEP > start // _SPEAKER_STEP:
            yield from self._speakers.advance(self._voice.values)
        yield None

    def _cut(self, since: int) -> LiveWork:
        """Ends a long stretch in its second half, where speech is least probable."""
        position = self._endpointer.frames
        low = (since + int(_LONGEST_STRETCH * SAMPLE_RATE / 2)) // FRAME
        smooth = np.convolve(
            self._voice.values[low:position].astype(np.float32), np.full(5, 0.2, dtype=np.float32), "same"
        )
        region = self._endpointer.cut((low + int(np.argmin(smooth))) * FRAME)
        if region is not None:
            yield from self._close(region)

    def _flush(self, sample: int) -> LiveWork:
        for region in self._endpointer.finish():
            yield from self._close(Region(region.start, max(min(region.end, sample), region.start)))

    def _close(self, region: Region) -> LiveWork:
        start, end = max(region.start, self._closed), min(region.end, self._recording.samples, self._heard + _BLOCK)
        self._closed = max(end, self._closed)
        self._closing = start
        words: list[Word] = []
        if end > start:
            audio, voiced = self._recording.read(start, end), partial(voiced_seconds, self._voice.values)
            words = yield from self._transcriber.transcribe(audio, start / SAMPLE_RATE, voiced)
            if self._drafts and self._draft is not None:
                words = reconciled(words, self._draft.words_before(end))
            words = yield from heard_again(self._transcriber, words, audio, start / SAMPLE_RATE)
            yield from self._complain(audio)
        spans: tuple[Span, ...] = ()
        spoken = [SpokenWord(word, ()) for word in words]
        if self._speakers is not None and end > start:
            yield from self._speakers.advance(self._voice.values)
            diarization = self._speakers.label(start / SAMPLE_RATE, end / SAMPLE_RATE)
            spans = _inside(diarization.spans, start / SAMPLE_RATE, end / SAMPLE_RATE)
            spoken = attribute_words(words, diarization)
            self._count(spans)
            yield from self._recognise(diarization)
        turns = assemble_turns(spoken)
        if not turns and self._open_revision:
            # Taken back; the next words get its number, which may depend on the audio only.
            self._open_revision += 1
            yield LiveTurn(len(self._turns) + 1, self._open_revision, final=False, turn=None)
        for turn in turns:
            self._turns.append(turn)
            yield LiveTurn(
                len(self._turns), self._open_revision + 1, final=True, turn=turn, stable_words=len(turn.words)
            )
            self._open_revision = 0
        goes_on = self._draft is not None and self._endpointer.running_since is not None
        self._draft = self._draft.behind(end) if self._draft is not None and goes_on else None
        self._agreement = None
        self._settled = False
        self._closing = None
        if self._speakers is not None:
            yield Timeline(spans, start / SAMPLE_RATE, end / SAMPLE_RATE)
            yield from self._look_back(self._speakers)
            yield from self._complain_of_crowd(crowded=self._speakers.crowded)
        if end > start:
            other = yield from self._language_check.hear(audio, voiced(start / SAMPLE_RATE, end / SAMPLE_RATE))
            if other is not None:
                yield other

    def _count(self, spans: Sequence[Span]) -> None:
        for span in spans:
            self._seconds[span.speaker] += span.end - span.start

    def _recognise(self, diarization: Diarization) -> Iterator[LiveEvent]:
        """Tells which of the voices are enrolled people, when that changes."""
        seconds = [self._seconds[number] for number in range(len(diarization.voices))]
        matches = identify(diarization.voices, seconds, self._enrolled(), self._voice_confidence)
        if [(match.speaker, match.person_id) for match in matches] != [
            (match.speaker, match.person_id) for match in self._matches
        ]:
            self._matches = matches
            yield Recognised(matches)

    def _complain(self, audio: Samples) -> Iterator[LiveEvent]:
        """Tells once that nobody can understand such audio."""
        if self._complained or len(audio) < _JUDGED:
            return
        problem = poor_audio(audio)
        if problem is not None:
            self._complained = True
            yield PoorAudio(problem)

    def _complain_of_crowd(self, *, crowded: bool) -> Iterator[LiveEvent]:
        """Tells once that more people speak than may be told apart."""
        if crowded and not self._crowded:
            self._crowded = True
            yield too_many_speakers(self._task.limits)

    def _look_back(self, speakers: LiveSpeakers) -> Iterator[LiveEvent]:
        """Tells where the speakers of the last turns turn out to be others."""
        if speakers.generation == self._generation:
            return
        self._generation = speakers.generation
        first = max(len(self._turns) - _REVISED_TURNS, 0)
        spoken: list[SpokenWord] = []
        for turn in self._turns[first:]:
            spoken += attribute_words([word.word for word in turn.words], speakers.label(turn.start, turn.end))
        changes = self._revise(first, spoken)
        if changes:
            yield Revised(tuple(changes))

    def _write_draft(self) -> LiveWork:
        """Listens carefully to what is new of the running stretch, when enough of it is."""
        since = self._endpointer.running_since
        if since is None:
            return
        if self._draft is None:
            self._draft = Draft(max(since, self._closed))
        draft, silence = self._draft, self._endpointer.silence
        if not draft.due(self._heard, silence, seldom=not self._drafts):
            return
        begin, kept = draft.window(self._heard)
        audio, voiced = self._recording.read(begin, self._heard), partial(voiced_seconds, self._voice.values)
        before, start = draft.words[:kept], begin / SAMPLE_RATE
        words = yield from self._transcriber.draft(audio, start, before, voiced, lasting=self._drafts)
        draft.settle(words, kept, self._heard, silence)
        if self._agreement is None:
            self._agreement = Agreement(draft.place)
        self._agreement.settle(draft.words, draft.place)
        self._passed = self._heard
        self._settled = True

    def _pass(self) -> LiveWork:
        """Listens to the running stretch, when enough of it is new and nothing more urgent waits."""
        since = self._endpointer.running_since
        if self._interim is None or since is None:
            return
        if self._agreement is None:
            start = max(since, self._closed)
            self._agreement = Agreement(start)
            if self._draft is not None:
                self._agreement.settle(self._draft.words, self._draft.place)
            self._passed = start + int(max(_SHORTEST_PASS - self._interim, 0.0) * SAMPLE_RATE)
        agreement = self._agreement
        caught_up = self._recording.samples - self._heard <= _CAUGHT_UP * SAMPLE_RATE
        if caught_up and not self._drafts:
            yield from self._write_draft()
        if self._settled:
            # Not sooner: what was told already when the recording is listened to again may be final by now.
            self._settled = False
            yield from self._tell(agreement)
        if not caught_up or self._heard - self._passed < self._interim * SAMPLE_RATE:
            return
        self._passed = self._heard
        audio = self._recording.read(agreement.start, self._heard)
        words = yield from self._transcriber.listen(
            audio, agreement.start / SAMPLE_RATE, agreement.settled, agreement.known
        )
        agreement.take(words, self._heard)
        yield from self._tell(agreement)

    def _tell(self, agreement: Agreement) -> Iterator[LiveEvent]:
        """The running stretch as it is known now, with speakers."""
        words = agreement.words
        if not words:
            return
        spoken = [SpokenWord(word, ()) for word in words]
        if self._speakers is not None:
            if not self._open_revision or self._heard - self._guessed >= _GUESS_STEP:
                # Who speaks changes seldom, and the answer costs about as much as a pass.
                self._guessed = self._heard
                self._guess = self._speakers.guess(words[0].start, self._heard / SAMPLE_RATE)
            spoken = attribute_words(words, self._guess)
        self._open_revision += 1
        turn = Turn(most_heard(spoken), tuple(spoken))
        stable = agreement.stable_words
        yield LiveTurn(len(self._turns) + 1, self._open_revision, final=False, turn=turn, stable_words=stable)

    def _revise(self, first: int, spoken: Sequence[SpokenWord]) -> list[SpeakerChange]:
        """Gives the words of the turns from index `first` on the speakers of `spoken`; tells what changed."""
        changes: list[SpeakerChange] = []
        place = 0
        for index, turn in enumerate(self._turns[first:], start=first):
            after = list(spoken[place : place + len(turn.words)])
            place += len(turn.words)
            found = speaker_changes(index + 1, turn.words, after)
            if found:
                changes += found
                self._turns[index] = Turn(most_heard(after), tuple(after))
        return changes


def _inside(spans: Sequence[Span], start: float, end: float) -> tuple[Span, ...]:
    cut = [replace(span, start=max(span.start, start), end=min(span.end, end)) for span in spans]
    return tuple(span for span in cut if span.end > span.start)
