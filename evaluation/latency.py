"""How soon words of a live stream are there: from what a client received, and when.

All moments are seconds on the client's own clock, all times of words are seconds from the first sample. A word is known
by its text (normalised) and its time, never by the identifier of its turn: a turn may be split or numbered anew when it
becomes final.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from evaluation.text import normalise

__all__ = ["Hearing", "Latencies", "LiveWord", "SendClock", "measure_latencies", "median", "percentile"]

_NEAR = 0.7
"""Seconds by which the middle of a word may move between two revisions; times of provisional words are rough."""


@dataclass(frozen=True, slots=True)
class LiveWord:
    """One word of a revision, in seconds from the first sample."""

    text: str
    start: float
    end: float

    @property
    def middle(self) -> float:
        """The middle of the word."""
        return (self.start + self.end) / 2


@dataclass(frozen=True, slots=True)
class Hearing:
    """One revision of a turn as it reached the client."""

    at: float
    """Moment at which it came."""
    turn_id: str
    words: tuple[LiveWord, ...]
    """All its words; none where the turn was taken back."""
    stable: int
    """Number of words at its beginning that were told to be stable; all where it is final."""
    final: bool


class SendClock:
    """When each sample was sent."""

    def __init__(self) -> None:
        self._ends: list[float] = []
        self._moments: list[float] = []

    def sent(self, end: float, moment: float) -> None:
        """Note that the audio up to `end`, in seconds from the first sample, was sent at a moment."""
        self._ends.append(end)
        self._moments.append(moment)

    def moment(self, time: float) -> float:
        """Return the moment at which the sample of that time was sent; that of the last one for a time behind the end.

        Raises:
            ValueError: Nothing was sent.
        """
        if not self._ends:
            raise ValueError("No audio was sent, so there is no moment of it.")
        return self._moments[min(bisect_left(self._ends, time), len(self._ends) - 1)]


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds from the end of each final word in the sent audio; below 0 where a word was known before it was over."""

    provisional: tuple[float, ...] = ()
    """To the first time that the word was seen at all."""
    stable: tuple[float, ...] = ()
    """To the first time that it was told to be stable, and stayed as it was from then on."""
    final: tuple[float, ...] = ()
    """To the first time that it was in a final turn."""
    announced: int = 0
    """Words that were told to be stable before they were final."""
    changed: int = 0
    """Those of them that changed all the same."""

    @property
    def unstable(self) -> float | None:
        """Share of the words told to be stable that changed; None where none was."""
        return self.changed / self.announced if self.announced else None

    def __add__(self, other: Latencies) -> Latencies:
        return Latencies(
            self.provisional + other.provisional,
            self.stable + other.stable,
            self.final + other.final,
            self.announced + other.announced,
            self.changed + other.changed,
        )


@dataclass(slots=True)
class _Fate:
    """What became of one final word."""

    seen: float | None = None
    stable: float | None = None
    final: float | None = None
    announced: bool = False
    lost: bool = False


@dataclass(slots=True)
class _Lost:
    """Stable words that stand nowhere in the final text."""

    words: list[LiveWord] = field(default_factory=list)

    def take(self, words: Iterable[LiveWord]) -> None:
        new = list(words)
        known = set(_aligned(new, self.words))
        self.words += [word for number, word in enumerate(new) if number not in known]
        self.words.sort(key=lambda word: word.middle)


def measure_latencies(hearings: Sequence[Hearing], clock: SendClock) -> Latencies:
    """Follow every final word back to the revisions in which it appeared, became stable, and became final."""
    last = {hearing.turn_id: hearing for hearing in hearings}
    finals = sorted(
        (word for hearing in last.values() if hearing.final for word in hearing.words if _key(word.text)),
        key=lambda word: (word.middle, word.end),
    )
    middles = [word.middle for word in finals]
    fates = [_Fate() for _ in finals]
    present: dict[str, frozenset[int]] = {}
    lost = _Lost()
    for hearing in hearings:
        words = tuple(word for word in hearing.words if _key(word.text))
        # Words without letters, such as a lone dash, count nowhere; the stable prefix is counted without them too.
        stable = sum(1 for word in hearing.words[: hearing.stable] if _key(word.text))
        low, high = _reach(words, middles)
        found = {mine: low + theirs for mine, theirs in _aligned(words, finals[low:high]).items()}
        present[hearing.turn_id] = frozenset(found.values())
        for mine, number in found.items():
            fate = fates[number]
            fate.seen = hearing.at if fate.seen is None else fate.seen
            if mine < stable:
                fate.stable = hearing.at if fate.stable is None else fate.stable
                fate.announced |= not hearing.final
            if hearing.final:
                fate.final = hearing.at if fate.final is None else fate.final
        _lose(words, low, high, middles, fates, present)
        if not hearing.final:
            lost.take(word for mine, word in enumerate(words[:stable]) if mine not in found)
    ends = [clock.moment(word.end) for word in finals]
    return Latencies(
        tuple(fate.seen - end for fate, end in zip(fates, ends, strict=True) if fate.seen is not None),
        tuple(fate.stable - end for fate, end in zip(fates, ends, strict=True) if fate.stable is not None),
        tuple(fate.final - end for fate, end in zip(fates, ends, strict=True) if fate.final is not None),
        sum(fate.announced for fate in fates) + len(lost.words),
        sum(fate.announced and fate.lost for fate in fates) + len(lost.words),
    )


def median(values: Sequence[float]) -> float | None:
    """Return the middle value; None of nothing."""
    return percentile(values, 50)


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the value below which `share` percent of all lie; None of nothing."""
    return float(np.percentile(values, share)) if len(values) else None


def _lose(
    words: Sequence[LiveWord],
    low: int,
    high: int,
    middles: Sequence[float],
    fates: Sequence[_Fate],
    present: dict[str, frozenset[int]],
) -> None:
    """Take stability from the final words in whose place this revision has others, unless another turn shows them."""
    if not words:
        return
    begin, end = words[0].start, words[-1].end
    for number in range(low, high):
        fate = fates[number]
        if fate.stable is None or not begin < middles[number] < end:
            continue
        if not any(number in shown for shown in present.values()):
            fate.stable, fate.lost = None, True


def _reach(words: Sequence[LiveWord], middles: Sequence[float]) -> tuple[int, int]:
    """Return the range of final words that a revision can be about."""
    if not words:
        return 0, 0
    low = min(word.middle for word in words) - _NEAR
    high = max(word.middle for word in words) + _NEAR
    return bisect_left(middles, low), bisect_left(middles, high)


def _aligned(left: Sequence[LiveWord], right: Sequence[LiveWord]) -> dict[int, int]:
    """Pair equal words in order so that most are paired, and of those ways the one with the least difference in time."""
    rows, columns = len(left), len(right)
    # best[i][j]: most pairs of left[i:] and right[j:], and minus the sum of their differences.
    best = [[(0, 0.0)] * (columns + 1) for _ in range(rows + 1)]
    keys = [_key(word.text) for word in right]
    for row in range(rows - 1, -1, -1):
        key, middle = _key(left[row].text), left[row].middle
        here, below = best[row], best[row + 1]
        for column in range(columns - 1, -1, -1):
            choice = max(below[column], here[column + 1])
            apart = abs(middle - right[column].middle)
            if key == keys[column] and apart <= _NEAR:
                count, cost = below[column + 1]
                choice = max(choice, (count + 1, cost - apart))
            here[column] = choice
    pairs: dict[int, int] = {}
    row = column = 0
    while row < rows and column < columns:
        if best[row][column] == best[row + 1][column]:
            row += 1
        elif best[row][column] == best[row][column + 1]:
            column += 1
        else:
            pairs[row] = column
            row, column = row + 1, column + 1
    return pairs


@lru_cache(maxsize=50_000)
def _key(text: str) -> str:
    return normalise(text)
