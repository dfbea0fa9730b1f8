"""The words of a stretch of speech that still goes on: which of them will stay?

LocalAgreement-2 (Liu et al. 2020, https://arxiv.org/abs/2005.11185; Macháček et al. 2023, https://arxiv.org/abs/2307.14743): the
words on which two passes in a row agree from their beginning are stable. Stable words are given to the model as known, so each
pass decodes only what is new. Careful passes (`draft`) take over what is older than some seconds.
"""

import re
from collections.abc import Sequence

from asr_service.audio import SAMPLE_RATE
from asr_service.transcriber import Word

__all__ = ["Agreement", "plain"]

_OVERLAP = 0.1
"""Seconds by which two passes may disagree about where a word begins."""

_SAME_WORD = 0.8
"""Seconds within which the same text is the same word."""


class Agreement:
    """The quick passes behind what is settled; times of words in seconds of the recording, places of audio in samples."""

    def __init__(self, start: int) -> None:
        """`start` is the first sample of the stretch."""
        self.start = start
        """First sample that the next pass has to hear."""
        self.settled: list[Word] = []
        """The words before it."""
        self._stable: list[Word] = []
        self._tail: list[Word] = []

    @property
    def words(self) -> list[Word]:
        """All words, as of the last pass."""
        return [*self.settled, *self._stable, *self._tail]

    @property
    def stable_words(self) -> int:
        """How many of the words, from the beginning, will stay."""
        return len(self.settled) + len(self._stable)

    @property
    def known(self) -> list[str]:
        """The stable words inside the window."""
        return [word.text for word in self._stable]

    def take(self, words: Sequence[Word]) -> None:
        """The words that a pass over the window found behind the known ones."""
        reached = self._stable[-1].start if self._stable else 0.0
        agreed = 0
        for before, now in zip(self._tail, words, strict=False):
            if plain(before.text) != plain(now.text):
                break
            agreed += 1
        self._stable += words[:agreed]
        self._tail = [word for word in words[agreed:] if word.start >= reached]

    def settle(self, words: Sequence[Word], place: int) -> None:
        """A careful pass found `words` before sample `place`; what the quick ones heard behind it stays."""
        known, stable = self.words, self.stable_words
        first = _behind(known, words, place / SAMPLE_RATE)
        self.settled = list(words)
        self._stable = known[first:stable]
        self._tail = known[max(first, stable) :]
        self.start = place


def _behind(known: Sequence[Word], settled: Sequence[Word], place: float) -> int:
    """How many of the known words are settled now: up to the same word, else by time, which is the less exact of the two."""
    if settled:
        last = settled[-1]
        same = [
            number
            for number, word in enumerate(known)
            if plain(word.text) == plain(last.text) and abs(word.end - last.end) < _SAME_WORD
        ]
        if same:
            return min(same, key=lambda number: abs(known[number].end - last.end)) + 1
    return next((number for number, word in enumerate(known) if word.start >= place - _OVERLAP), len(known))


def plain(word: str) -> str:
    """A word as it is compared: without case, punctuation, and the dots of «ё»."""
    return re.sub(r"[^\w]+", "", word.lower()).replace("ё", "е")
