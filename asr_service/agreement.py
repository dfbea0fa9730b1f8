"""The words of a stretch of speech that still goes on: which of them will stay?

LocalAgreement-2 (Liu et al. 2020, https://arxiv.org/abs/2005.11185; Macháček et al. 2023, https://arxiv.org/abs/2307.14743): the
words on which two passes in a row agree from their beginning are stable. Stable words are given to the model as known, so each
pass decodes only what is new; where the audio gets long, its beginning is left behind at the end of a stable word. Careful
passes (`draft`) take over what is older than some seconds.
"""

import re
from collections.abc import Sequence

from asr_service.audio import SAMPLE_RATE
from asr_service.transcriber import Word

__all__ = ["Agreement", "is_same", "plain"]

_LONGEST_WINDOW = 9.0
"""Seconds; with the silence behind it this is the shortest length that the model decodes well, and the cheapest."""
_KEPT = 3.0
"""Seconds of audio that stay in the window when its beginning is left behind: the model needs something to go on from."""
_STUCK_WINDOW = 14.0
"""Seconds after which the beginning is left behind although no word in it is stable."""
_PAUSE = 0.2
_OVERLAP = 0.1
"""Seconds by which two passes may disagree about where a word begins."""
_SAME_WORD = 0.8
"""Seconds within which the same text is the same word."""


class Agreement:
    """The passes over one stretch; times of words in seconds of the recording, places of audio in samples."""

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

    def take(self, words: Sequence[Word], end: int) -> None:
        """The words that a pass over the window up to `end` found behind the known ones."""
        reached = self._stable[-1].start if self._stable else 0.0
        agreed = 0
        for before, now in zip(self._tail, words, strict=False):
            if plain(before.text) != plain(now.text):
                break
            agreed += 1
        self._stable += words[:agreed]
        self._tail = [word for word in words[agreed:] if word.start >= reached]
        if (end - self.start) / SAMPLE_RATE > _LONGEST_WINDOW:
            self._leave_behind(end)

    def settle(self, words: Sequence[Word], place: int) -> None:
        """A careful pass found `words` before sample `place`; what the quick ones heard behind it stays."""
        known, stable = self.words, self.stable_words
        first = _behind(known, words, place / SAMPLE_RATE)
        self.settled = list(words)
        self._stable = known[first:stable]
        self._tail = known[max(first, stable) :]
        self.start = place

    def _leave_behind(self, end: int) -> None:
        cut = self._cut(end / SAMPLE_RATE - _KEPT)
        if cut:
            following = [*self._stable[cut:], *self._tail]
            self.settled += self._stable[:cut]
            self._stable = self._stable[cut:]
            place = self.settled[-1].end
            if following:
                place = (place + max(place, following[0].start)) / 2
            self.start = max(self.start, int(place * SAMPLE_RATE))
        elif (end - self.start) / SAMPLE_RATE > _STUCK_WINDOW:
            # Passes that never agree, as over laughter; what they found last stands for the part that is left.
            place = end / SAMPLE_RATE - _KEPT
            words = [*self._stable, *self._tail]
            self.settled += [word for word in words if word.end <= place]
            self._stable, self._tail = [], []
            self.start = int(place * SAMPLE_RATE)

    def _cut(self, latest: float) -> int:
        """How many stable words end before `latest`; best up to the end of a sentence or a pause."""
        ended = [place for place, word in enumerate(self._stable, start=1) if word.end <= latest]
        words = [*self._stable, *self._tail]
        good = [
            place
            for place in ended[len(ended) // 2 :]
            if words[place - 1].text.endswith((".", "?", "!", "…"))
            or (place < len(words) and words[place].start - words[place - 1].end >= _PAUSE)
        ]
        return (good or ended or [0])[-1]


def _behind(known: Sequence[Word], settled: Sequence[Word], place: float) -> int:
    """How many of the known words are settled now: up to the same word, else by time, which is the less exact of the two."""
    if settled:
        last = settled[-1]
        same = [number for number, word in enumerate(known) if is_same(word, last)]
        if same:
            return min(same, key=lambda number: abs(known[number].end - last.end)) + 1
    return next((number for number, word in enumerate(known) if word.start >= place - _OVERLAP), len(known))


def is_same(one: Word, other: Word) -> bool:
    """Whether two passes heard one word."""
    return plain(one.text) == plain(other.text) and abs(one.end - other.end) < _SAME_WORD


def plain(word: str) -> str:
    """A word as it is compared: without case, punctuation, and the dots of «ё»."""
    return re.sub(r"[^\w]+", "", word.lower()).replace("ё", "е")
