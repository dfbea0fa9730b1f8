"""From words and speakers to turns: who said what.

A word belongs to the speaker who speaks during most of it, not to the one who speaks at its beginning.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asr_service.diarization import Diarization, Span
from asr_service.transcriber import Word

__all__ = ["SpokenWord", "Turn", "assemble_turns", "attribute_words", "speaker_name"]

_LONGEST_PAUSE = 2.0
"""Seconds of silence that end a turn although the speaker stays."""
_LONG_TURN = 40.0
"""Seconds after which a turn ends with the next sentence: evidence quotes turns, so they must not be pages."""
_REACH = 0.6
"""Seconds around a word in which a speaker is looked for when nobody is heard during it."""
_SURE = 0.75
"""Share from which a speaker change inside a sentence is believed although it is only a word or two long."""
_ALSO = 0.3
"""Share of a word from which a second speaker is named for it."""
_SENTENCE_END = (".", "?", "!", "…")


@dataclass(frozen=True)
class SpokenWord:
    """A word with its speakers."""

    word: Word
    speakers: tuple[tuple[int, float], ...]
    """Speaker numbers with probabilities, most probable first; empty where diarization is off or heard nobody."""

    @property
    def speaker(self) -> int | None:
        """The most probable speaker."""
        return self.speakers[0][0] if self.speakers else None


@dataclass(frozen=True)
class Turn:
    """One speaker's stretch of speech, in seconds."""

    speaker: int | None
    words: tuple[SpokenWord, ...]

    @property
    def start(self) -> float:
        """Beginning of the first word."""
        return self.words[0].word.start

    @property
    def end(self) -> float:
        """Latest end of a word."""
        return max(word.word.end for word in self.words)

    @property
    def text(self) -> str:
        """The words, joined by spaces."""
        return " ".join(word.word.text for word in self.words)

    @property
    def confidence(self) -> float:
        """Mean probability of the speaker over the words; 0 without a speaker."""
        if self.speaker is None:
            return 0.0
        return float(np.mean([dict(word.speakers).get(self.speaker, 0.0) for word in self.words]))

    @property
    def language(self) -> str:
        """Language of most words, ISO 639-1."""
        languages = [word.word.language for word in self.words]
        return max(sorted(set(languages)), key=languages.count)


def speaker_name(speaker: int | None) -> str:
    """The name in the contract: `S1` for speaker 0; empty for nobody."""
    return "" if speaker is None else f"S{speaker + 1}"


def attribute_words(words: Sequence[Word], diarization: Diarization) -> list[SpokenWord]:
    """Gives each word its speakers, in order of the words."""
    spans = sorted(diarization.spans, key=lambda span: span.start)
    starts = np.array([span.start for span in spans])
    longest = max((span.end - span.start for span in spans), default=0.0)
    spoken = []
    for word in words:
        low = int(np.searchsorted(starts, word.start - longest - _REACH))
        high = int(np.searchsorted(starts, word.end + _REACH, side="right"))
        spoken.append(SpokenWord(word, _speakers(word, spans[low:high], diarization)))
    return _without_strays(_filled(spoken))


def _speakers(word: Word, near: Sequence[Span], diarization: Diarization) -> tuple[tuple[int, float], ...]:
    heard: dict[int, float] = {}
    for span in near:
        overlap = min(word.end, span.end) - max(word.start, span.start)
        if overlap > 0:
            heard[span.speaker] = heard.get(span.speaker, 0.0) + overlap
    if not heard:
        gaps = [(max(span.start - word.end, word.start - span.end), span.speaker) for span in near]
        gap, speaker = min(gaps, default=(_REACH, -1))
        return () if gap >= _REACH else ((speaker, 0.5),)
    share = diarization.share(word.start, word.end)
    # Where two voices sound during the whole word, the model's shares decide which is the louder one.
    length = max(word.end - word.start, 1e-3)
    ranked = sorted(heard, key=lambda speaker: (round(heard[speaker] / length, 1), share[speaker]), reverse=True)
    total = sum(float(share[speaker]) for speaker in heard) or 1.0
    probability = {speaker: min(max(float(share[speaker]) / total, 0.0), 1.0) for speaker in ranked}
    first = ranked[0]
    others = [speaker for speaker in ranked[1:] if heard[speaker] / length >= _ALSO]
    return ((first, probability[first]), *((speaker, probability[speaker]) for speaker in others))


def _filled(spoken: list[SpokenWord]) -> list[SpokenWord]:
    """Words at which nobody was heard follow their neighbours, the nearer one in time."""
    known = [index for index, word in enumerate(spoken) if word.speakers]
    if not known:
        return spoken
    filled = list(spoken)
    for index, word in enumerate(spoken):
        if not word.speakers:
            nearest = min(
                known,
                key=lambda other: max(
                    spoken[other].word.start - word.word.end, word.word.start - spoken[other].word.end
                ),
            )
            filled[index] = SpokenWord(word.word, ((spoken[nearest].speakers[0][0], 0.3),))
    return filled


def _without_strays(spoken: list[SpokenWord]) -> list[SpokenWord]:
    """Gives doubtful single words at the edges of a sentence to the speaker of the rest of it.

    Word times are exact to 0.1 or 0.2 seconds, so the words beside a change of speakers often fall on the wrong side;
    people mostly finish a sentence before another begins.
    """
    tidy = list(spoken)
    first = 0
    for index, word in enumerate(spoken):
        if not word.word.text.endswith(_SENTENCE_END) and index + 1 < len(spoken):
            continue
        sentence = range(first, index + 1)
        first = index + 1
        speakers = [spoken[place].speaker for place in sentence]
        main = max(set(speakers), key=speakers.count)
        if main is None or speakers.count(main) < 3:
            continue
        for edge in (sentence, reversed(sentence)):
            strays = []
            for place in edge:
                if spoken[place].speaker == main:
                    break
                strays.append(place)
            if len(strays) > 2:
                continue
            for place in strays:
                probability = dict(spoken[place].speakers)
                if spoken[place].speakers and spoken[place].speakers[0][1] < _SURE:
                    rest = [(speaker, share) for speaker, share in spoken[place].speakers if speaker != main]
                    tidy[place] = SpokenWord(spoken[place].word, ((main, probability.get(main, 1 - rest[0][1])), *rest))
    return tidy


def assemble_turns(spoken: Sequence[SpokenWord]) -> list[Turn]:
    """Cuts words in order of time into turns at changes of speaker, long pauses, and sentence ends of long turns."""
    turns: list[Turn] = []
    current: list[SpokenWord] = []
    for word in spoken:
        if current and _ends(current, word):
            turns.append(Turn(current[0].speaker, tuple(current)))
            current = []
        current.append(word)
    if current:
        turns.append(Turn(current[0].speaker, tuple(current)))
    return turns


def _ends(current: list[SpokenWord], following: SpokenWord) -> bool:
    last = current[-1]
    if following.speaker != last.speaker or following.word.start - last.word.end > _LONGEST_PAUSE:
        return True
    seconds = last.word.end - current[0].word.start
    if seconds > 2 * _LONG_TURN:
        return True
    return seconds > _LONG_TURN and last.word.text.endswith(_SENTENCE_END)
