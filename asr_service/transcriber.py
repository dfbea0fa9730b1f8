"""Speech to text of stretches up to half a minute: words with times and confidence.

The engine behind it is a `SpeechModel`; this module guards its output and decides about the language.
"""

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from asr_service.audio import SAMPLE_RATE, Samples
from asr_service.errors import UnknownLanguage
from asr_service.guard import echoes, is_ghost, is_loop, spoken_once, without_loop
from asr_service.vad import FRAME, Region

__all__ = [
    "CHUNK_SECONDS",
    "Decoding",
    "DecodingTask",
    "Phrase",
    "SpeechModel",
    "Transcriber",
    "Voiced",
    "Word",
    "answered",
    "chunk_regions",
]

T = TypeVar("T")
Voiced: TypeAlias = Callable[[float, float], float]
"""Seconds of speech between two moments of the recording."""

CHUNK_SECONDS = 28.0
"""Longest stretch given to the model: Whisper sees 30 s, the rest is room for its timestamps."""
_LONGEST_GAP = 2.0
"""Longer silence between two regions starts another chunk; over longer silence Whisper invents or skips."""
_SURE_LANGUAGE = 0.7
"""Below this the language of a chunk is taken from the recording so far: short chunks are often misjudged."""
_PROMPT_WORDS = 40
_PROMPT_SECONDS = 10.0
"""What was said earlier than this before a chunk is no prompt for it."""
_DRAFT_BEAM = 3
"""Hypotheses of a draft, which must not keep the words of others waiting."""
_SKIPPED = 1.0
"""Seconds of speech without words that were left out rather than misheard."""
_MARGIN = 0.2
_LONGEST_WORD = 1.0
_IMPROBABLE = -0.8
"""Mean log probability of the tokens below which the chunk is decoded again without its prompt."""
_RECITAL = 12
"""Characters; shorter repetitions of what was said last are common in talk."""


@dataclass(frozen=True)
class Word:
    """A recognised word with its punctuation; times in seconds from the start of the recording."""

    text: str
    start: float
    end: float
    confidence: float
    """Probability from 0 to 1."""
    language: str = ""
    """ISO 639-1."""


@dataclass(frozen=True)
class DecodingTask:
    """What a model is asked for a chunk."""

    language: str | None
    """ISO 639-1, or None to detect."""
    hot_words: tuple[str, ...] = ()
    prompt: str = ""
    """What was said just before."""
    prefix: str = ""
    """Words that are known to stand at the beginning of the audio; the answer has them too."""
    careful: bool = False
    """Second try after a loop: repetitions are made expensive."""
    fast: bool = False
    """Greedy."""
    beam: int = 0
    """Hypotheses kept at most; 0 for as many as the model was told to keep."""
    lasting: bool = True
    """Whether the words will be final."""


@dataclass(frozen=True)
class Phrase:
    """A stretch of text as the model cuts it; times of words in seconds from the start of the chunk."""

    words: tuple[Word, ...]
    language: str
    language_probability: float
    no_speech: float
    """Probability from 0 to 1 that nobody speaks."""
    log_probability: float
    """Mean log probability of the tokens."""

    @property
    def text(self) -> str:
        """The words, joined by spaces."""
        return " ".join(word.text for word in self.words)


class SpeechModel(Protocol):
    """An engine of speech to text; equal audio and tasks give equal words."""

    @property
    def languages(self) -> frozenset[str]:
        """Languages as ISO 639-1 codes."""

    @property
    def device(self) -> str:
        """Hardware, such as `cpu`."""

    def decode(self, audio: Samples, task: DecodingTask) -> list[Phrase]:
        """The phrases of up to 30 seconds of 16 kHz audio; empty where nobody speaks."""

    def decode_many(self, windows: Sequence[tuple[Samples, DecodingTask]]) -> list[list[Phrase]]:
        """The same for several windows at once, which may be cheaper."""


@dataclass(frozen=True, eq=False)
class Decoding:
    """A question to the model: what is said in `audio`?

    Whoever transcribes yields it and is sent the phrases, so that questions of many recordings can share one call.
    """

    audio: Samples
    task: DecodingTask


def answered(model: SpeechModel, work: Generator[Decoding, list[Phrase], T]) -> T:
    """The result of `work`, whose questions are put to the model one after another."""
    try:
        question = next(work)
        while True:
            question = work.send(model.decode(question.audio, question.task))
    except StopIteration as end:
        result: T = end.value
        return result


class Transcriber:
    """Transcribes the chunks of one recording in order; remembers the languages and the last words heard so far."""

    def __init__(self, languages: frozenset[str], language: str, hot_words: Sequence[str] = ()) -> None:
        """`languages` are those of the model; `language` is one of them, or empty to detect it for each chunk.

        Raises:
            UnknownLanguage: `language` is another one.
        """
        if language and language not in languages:
            raise UnknownLanguage(language, languages)
        self._language = language or None
        self.hot_words = tuple(hot_words)
        """Names and terms that the model is told to expect."""
        self._heard: Counter[str] = Counter()
        self._said: list[Word] = []

    @property
    def language(self) -> str:
        """Language of most words so far; empty when nothing was said."""
        return self._heard.most_common(1)[0][0] if self._heard else ""

    def transcribe(self, audio: Samples, start: float, voiced: Voiced) -> Generator[Decoding, list[Phrase], list[Word]]:
        """The final words of a chunk that starts `start` seconds into the recording."""
        words = yield from self._decoded(audio, start, [])
        words = yield from self._completed(words, audio, start, voiced)
        self._heard.update(word.language for word in words)
        self._said = [*self._said, *words][-_PROMPT_WORDS:]
        return words

    def listen(
        self, audio: Samples, start: float, before: Sequence[Word] = (), known: Sequence[str] = ()
    ) -> Generator[Decoding, list[Phrase], list[Word]]:
        """The words behind the `known` ones of a chunk that goes on, quickly and for now.

        `known` words stand at its beginning; `before` was said in the same stretch before it. Teaches this transcriber nothing.
        """
        prompt = self._prompt(start, before)
        task = DecodingTask(self._language, self.hot_words, prompt, " ".join(known), fast=True, lasting=False)
        phrases = yield from self._in_its_language(audio, task)
        fresh = [_said_once(replace(phrase, words=phrase.words[len(known) :])) for phrase in phrases]
        return _placed(fresh, start, start + len(audio) / SAMPLE_RATE)

    def draft(
        self, audio: Samples, start: float, before: Sequence[Word], voiced: Voiced, *, lasting: bool = True
    ) -> Generator[Decoding, list[Phrase], list[Word]]:
        """The words of a part of a chunk that goes on, carefully; `before` was said in the same stretch before it.

        Teaches this transcriber nothing. `lasting` tells whether final words may rest on these.
        """
        prompt = self._prompt(start, before)
        task = DecodingTask(self._language, self.hot_words, prompt, beam=_DRAFT_BEAM, lasting=lasting)
        phrases = yield from self._in_its_language(audio, task)
        words = _placed([_said_once(phrase) for phrase in phrases], start, start + len(audio) / SAMPLE_RATE)
        return (yield from self._completed(words, audio, start, voiced, before)) if lasting else words

    def once_more(
        self, audio: Samples, start: float, before: Sequence[Word], language: str, hints: Sequence[str]
    ) -> Generator[Decoding, list[Phrase], list[Word]]:
        """The words of a part of a chunk in a known language, where `hints` may be said; `before` was said in the chunk before it.

        Teaches this transcriber nothing.
        """
        prompt = _joined(before, start)
        task = DecodingTask(language, (*self.hot_words, *hints), prompt)
        phrases = yield Decoding(audio, task)
        phrases = yield from self._guarded(audio, task, phrases)
        return _placed(phrases, start, start + len(audio) / SAMPLE_RATE)

    def _completed(
        self, words: list[Word], audio: Samples, start: float, voiced: Voiced, earlier: Sequence[Word] = ()
    ) -> Generator[Decoding, list[Phrase], list[Word]]:
        """Asks again where people speak without words: Whisper leaves out the beginning, the end or a sentence now and then."""
        end = start + len(audio) / SAMPLE_RATE
        for since, until in _skipped(words, start, end, voiced):
            before = [word for word in words if word.end <= since + _MARGIN]
            first, last = max(since - _MARGIN, start), min(until + _MARGIN, end)
            rest = audio[int((first - start) * SAMPLE_RATE) : int((last - start) * SAMPLE_RATE)]
            found = yield from self._decoded(rest, first, [*earlier, *before])
            found = [word for word in found if since <= (word.start + word.end) / 2 <= until]
            words = [*before, *found, *words[len(before) :]]
        return words

    def _decoded(
        self, audio: Samples, start: float, before: Sequence[Word]
    ) -> Generator[Decoding, list[Phrase], list[Word]]:
        """The words of a chunk after `before`, with second tries."""
        task = DecodingTask(self._language, self.hot_words, self._prompt(start, before))
        phrases = yield from self._in_its_language(audio, task)
        phrases = yield from self._guarded(audio, task, phrases)
        return _placed(phrases, start, start + len(audio) / SAMPLE_RATE)

    def _prompt(self, start: float, words: Sequence[Word] = ()) -> str:
        """The last words, `words` among them, unless they were said so long ago that another matter is likely."""
        return _joined([*self._said, *words], start)

    def _in_its_language(self, audio: Samples, task: DecodingTask) -> Generator[Decoding, list[Phrase], list[Phrase]]:
        phrases = yield Decoding(audio, task)
        if self._language is None and phrases and self._heard:
            guess = phrases[0]
            if guess.language_probability < _SURE_LANGUAGE and guess.language != self.language:
                phrases = yield Decoding(audio, replace(task, language=self.language))
        return phrases

    def _guarded(
        self, audio: Samples, task: DecodingTask, phrases: list[Phrase]
    ) -> Generator[Decoding, list[Phrase], list[Phrase]]:
        """Tries again where the text repeats itself, recites what the model was told, or is improbable."""
        text = " ".join(phrase.text for phrase in phrases)
        task = replace(task, language=phrases[0].language) if phrases else task
        if task.hot_words and echoes(text, task.hot_words):
            task = replace(task, hot_words=())
            phrases = yield Decoding(audio, task)
            text = " ".join(phrase.text for phrase in phrases)
        if task.prompt and (is_loop(text) or _improbable(phrases) or _recites(text, task.prompt)):
            # A prompt drags its errors and loops along.
            alone = yield Decoding(audio, replace(task, prompt=""))
            if is_loop(text) or _recites(text, task.prompt) or _probability(alone) > _probability(phrases):
                task, phrases = replace(task, prompt=""), alone
                text = " ".join(phrase.text for phrase in phrases)
        if is_loop(text):
            phrases = yield Decoding(audio, replace(task, careful=True))
        return [_said_once(phrase) for phrase in phrases]


def _joined(said: Sequence[Word], start: float) -> str:
    """The last words as a prompt for what is said from `start` on; none where they are old."""
    if not said or start - said[-1].end > _PROMPT_SECONDS:
        return ""
    return " ".join(word.text for word in said[-_PROMPT_WORDS:])


def _probability(phrases: Sequence[Phrase]) -> float:
    """Mean log probability of the tokens; that of no text is less than of any."""
    return min((phrase.log_probability for phrase in phrases), default=-np.inf)


def _improbable(phrases: Sequence[Phrase]) -> bool:
    return bool(phrases) and _probability(phrases) < _IMPROBABLE


def _recites(text: str, prompt: str) -> bool:
    """Whether a longer text is just the end of what was said before."""
    return len(text) > _RECITAL and prompt.endswith(text)


def _skipped(words: Sequence[Word], start: float, end: float, voiced: Voiced) -> list[tuple[float, float]]:
    """Where between two moments people speak for long and no word stands."""
    if not words:
        return []
    # Alignment stretches a word over what was left out before it.
    begun = [max(word.start, word.end - _LONGEST_WORD) for word in words]
    gaps = zip([start, *(word.end for word in words)], [*begun, end], strict=True)
    return [(since, until) for since, until in gaps if until - since > _SKIPPED and voiced(since, until) > _SKIPPED]


def _placed(phrases: Sequence[Phrase], start: float, end: float) -> list[Word]:
    """The words at their place in the recording, without ghosts."""
    words = [
        replace(word, start=start + word.start, end=start + word.end, language=phrase.language)
        for phrase in phrases
        for sentence in _sentences(phrase.words)
        if not is_ghost(" ".join(word.text for word in sentence), phrase.no_speech)
        for word in sentence
    ]
    return _in_order(words, start, end)


def _sentences(words: Sequence[Word]) -> list[list[Word]]:
    sentences: list[list[Word]] = [[]]
    for word in words:
        sentences[-1].append(word)
        if word.text.endswith((".", "?", "!", "…")):
            sentences.append([])
    return [sentence for sentence in sentences if sentence]


def _said_once(phrase: Phrase) -> Phrase:
    """The phrase with every repetition of a loop but the first left out, and what is repeated in no time."""
    kept = spoken_once([(word.text, word.start, word.end) for word in phrase.words])
    phrase = replace(phrase, words=tuple(phrase.words[index] for index in kept))
    if not is_loop(phrase.text):
        return phrase
    kept = without_loop([word.text for word in phrase.words])
    return replace(phrase, words=tuple(phrase.words[index] for index in kept))


def _in_order(words: list[Word], start: float, end: float) -> list[Word]:
    """Times inside the chunk and never running backwards; alignment now and then makes them."""
    ordered = []
    reached = start
    for word in words:
        first = min(max(word.start, reached), end)
        last = min(max(word.end, first), end)
        ordered.append(replace(word, start=first, end=last))
        reached = first
    return ordered


def chunk_regions(regions: Sequence[Region], probabilities: NDArray[np.float16]) -> list[Region]:
    """Regions of speech joined and cut into chunks for the model.

    Neighbours are joined while they fit, for the model does better with context. A region that is too long is cut where
    speech is least probable, in the later part of what fits, so that no word is cut.
    """
    longest = int(CHUNK_SECONDS * SAMPLE_RATE)
    smooth = np.convolve(probabilities.astype(np.float32), np.full(5, 0.2, dtype=np.float32), "same")
    chunks: list[Region] = []
    for region in regions:
        for part in _cut(region, smooth, longest):
            last = chunks[-1] if chunks else None
            if last and part.end - last.start <= longest and part.start - last.end <= _LONGEST_GAP * SAMPLE_RATE:
                chunks[-1] = Region(last.start, part.end)
            else:
                chunks.append(part)
    return chunks


def _cut(region: Region, smooth: NDArray[np.float32], longest: int) -> list[Region]:
    parts = []
    start = region.start
    while region.end - start > longest:
        # With less than two chunks left the cut may also lie earlier, so that the last part is not a scrap.
        share = 0.5 if region.end - start > 1.5 * longest else 0.25
        low, high = (start + int(share * longest)) // FRAME, (start + longest) // FRAME
        high = min(high, (region.end - int(share * longest / 2)) // FRAME)
        frame = low + int(np.argmin(smooth[low:high])) if high > low and len(smooth) > low else high
        cut = frame * FRAME + FRAME // 2
        parts.append(Region(start, cut))
        start = cut
    return [*parts, Region(start, region.end)]
