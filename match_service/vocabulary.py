"""The words of a board, and how a talk may say them otherwise: another script, another form, a slip of the recogniser."""

from bisect import bisect_left
from collections.abc import Iterable
from functools import cached_property
from typing import Final

from rapidfuzz import fuzz, process

from textkit.lemmas import is_known_russian
from textkit.sounds import sound_key, sounds_alike

_KINDRED: Final = 0.7
"""Weight of a word that shares its stem with the one said («переносить», «перенос»)."""
_SOUND: Final = 0.8
"""Weight of a word that sounds like the one said in the other script."""
_SLIP: Final = 0.6
"""Weight of a word that is spelt almost like the one said."""
_MIN_STEM: Final = 5
_STEM_SHARE: Final = 0.65
_MIN_SLIP: Final = 6
_SLIP_RATIO: Final = 84.0
_MIN_KEY: Final = 4


class Vocabulary:
    """The lemmas of all cards of a board."""

    def __init__(self, terms: Iterable[str]) -> None:
        """Keep the terms."""
        self._sorted = sorted(terms)
        self._terms = frozenset(self._sorted)
        self._known: dict[str, dict[str, float]] = {}

    def widen(self, words: Iterable[str]) -> dict[str, float]:
        """Return the board's words that `words` mean, with weights from 0 to 1: themselves, or else their likes."""
        found: dict[str, float] = {}
        for word in dict.fromkeys(words):
            likes = {word: 1.0} if word in self._terms else self._likes(word)
            for term, weight in likes.items():
                found[term] = max(found.get(term, 0.0), weight)
        return found

    def _likes(self, word: str) -> dict[str, float]:
        known = self._known.get(word)
        if known is None:
            known = self._known[word] = self._search(word)
        return known

    def _search(self, word: str) -> dict[str, float]:
        if word.isdigit():
            return {}
        return self._kindred(word) or self._alike(word) or self._slips(word)

    def _kindred(self, word: str) -> dict[str, float]:
        if len(word) < _MIN_STEM:
            return {}
        found: dict[str, float] = {}
        place = bisect_left(self._sorted, word[:_MIN_STEM])
        while place < len(self._sorted) and self._sorted[place].startswith(word[:_MIN_STEM]):
            term = self._sorted[place]
            shared = next(
                (i for i, (a, b) in enumerate(zip(word, term, strict=False)) if a != b), min(len(word), len(term))
            )
            if shared >= _STEM_SHARE * max(len(word), len(term)):
                found[term] = _KINDRED
            place += 1
        return found

    def _alike(self, word: str) -> dict[str, float]:
        cyrillic = "а" <= word[0] <= "я"
        key = sound_key(word)
        if len(key) < _MIN_KEY and cyrillic and is_known_russian(word):
            return {}
        return {
            term: _SOUND
            for term in self._by_sound.get((not cyrillic, key[:2]), ())
            if sounds_alike(word, term) and (cyrillic or len(key) >= _MIN_KEY or not is_known_russian(term))
        }

    def _slips(self, word: str) -> dict[str, float]:
        if len(word) < _MIN_SLIP:
            return {}
        close = process.extract(word, self._sorted, scorer=fuzz.ratio, score_cutoff=_SLIP_RATIO, limit=3)
        return {str(term): _SLIP for term, _, _ in close if len(term) >= _MIN_SLIP}

    @cached_property
    def _by_sound(self) -> dict[tuple[bool, str], list[str]]:
        found: dict[tuple[bool, str], list[str]] = {}
        for term in self._sorted:
            if not term.isdigit():
                found.setdefault(("а" <= term[0] <= "я", sound_key(term)[:2]), []).append(term)
        return found
