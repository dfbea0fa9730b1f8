"""Keys and whole titles of cards that people say aloud."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from match_service.cards import CardView

_TITLE_CHARS: Final = 5
"""Length up to which a title is too common to name its card."""
_WORD: Final = re.compile(r"\w+")


class _Name(NamedTuple):
    text: str
    row: int
    whole: bool
    """Whether it must stand on its own, as keys must."""
    words: list[str]


class CardNames:
    """The keys and titles of cards, each under its rarest word, so that a text meets few of them."""

    def __init__(self, cards: Sequence[CardView]) -> None:
        """Index the keys and titles of `cards`."""
        names = [name for row, card in enumerate(cards) for name in _names(card, row)]
        counts = Counter(word for name in names for word in name.words)
        self._names: dict[str, list[_Name]] = {}
        for name in names:
            self._names.setdefault(min(name.words, key=counts.__getitem__), []).append(name)

    def said(self, text: str) -> set[int]:
        """Return the rows of the cards whose key or whole title a text says."""
        plain = text.lower()
        words = set(_WORD.findall(plain))
        return {
            name.row
            for word in words & self._names.keys()
            for name in self._names[word]
            if words.issuperset(name.words) and _says(plain, name)
        }


def _names(card: CardView, row: int) -> list[_Name]:
    """Return the key and the title where people can say them, with the words that a text must hold whole to say them."""
    names: list[_Name] = []
    key, title = card.key.lower(), card.heading.lower()
    if len(key) > 1:
        names.append(_Name(key, row, whole=True, words=_WORD.findall(key)))
    if len(title) > _TITLE_CHARS and " " in title:
        words = _WORD.findall(title)
        names.append(_Name(title, row, whole=False, words=words[:-1] or words))  # its last word may go on
    return [name for name in names if name.words]


def _says(plain: str, name: _Name) -> bool:
    if not name.whole:
        return name.text in plain
    return re.search(rf"(?<![\w-]){re.escape(name.text)}(?![\w-])", plain) is not None
