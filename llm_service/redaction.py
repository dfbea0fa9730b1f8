r"""Placeholders in place of what must not leave, and the way back.

Each thing gets a number of its kind, and each of its forms a number behind a point: «Анне Петровой» is `[NAME_1]`, «Анну Петрову»
`[NAME_1.2]`. So a model sees that both are one person, and the way back is exact. What comes back may be bent: another case of letters,
no brackets, `[name 1]`, `NAME\_1`, a Russian ending glued on. Text that looked like a placeholder before gets a placeholder itself, so
nobody can say the word that makes a secret appear.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import Any, Final

from llm_service.sensitive import Kind, Sensitive, find_sensitive, merged
from textkit.lemmas import morphology

__all__ = ["Redactor", "StreamRestorer"]

_KINDS: Final = {
    Kind.NAME: r"NAME|ИМЯ|ИМЕН[ИАЕ]?М?",
    Kind.PHONE: r"PHONE|ТЕЛЕФОН(?:А|У|ОМ|Е)?",
    Kind.MAIL: r"E?-?MAIL|ПОЧТ[АЫУЕ]|ПОЧТОЙ",
    Kind.CARD: r"CARD|КАРТ[АЫУЕ]|КАРТОЙ",
    Kind.SECRET: r"SECRET|СЕКРЕТ(?:А|У|ОМ|Е)?",
    Kind.TEXT: r"TEXT|ТЕКСТ(?:А|У|ОМ|Е)?",
}
_WORDS: Final = "|".join(f"(?P<{kind.value.lower()}>{words})" for kind, words in _KINDS.items())
_ENDING: Final = r"(?:-?(?P<ending>[а-яё]{1,3})(?![\w-]))?"


def _pattern(opening: str, joint: str, closing: str) -> str:
    return rf"{opening}(?:{_WORDS}){joint}(?P<number>\d{{1,6}})(?:\.(?P<form>\d{{1,4}}))?{closing}{_ENDING}"


_PLACEHOLDERS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        _pattern(r"\[\s?", r"(?:\\?_|[ -])", r"\s?\]"),
        _pattern(r"\\\[", r"\\?_", r"\\\]"),
        _pattern(r"(?<![\w\[\\])", r"\\?_", r"(?![\d\]\\])"),
    )
)
_LONGEST: Final = 40
"""Letters of a placeholder that a stream holds back at most, with brackets and an ending."""
_MASCULINE: Final = {
    **dict.fromkeys(("а", "я", "ого", "его"), "gent"),
    **dict.fromkeys(("у", "ю", "ому", "ему"), "datv"),
    **dict.fromkeys(("ом", "ем", "ём", "ым", "им"), "ablt"),
    "е": "loct",
}
_FEMININE: Final = {
    **dict.fromkeys(("ы", "и"), "gent"),
    "е": "datv",
    **dict.fromkeys(("у", "ю"), "accs"),
    **dict.fromkeys(("ой", "ей", "ёй"), "ablt"),
}


class Redactor:
    """Masks and restores the texts of one piece of work; one thing has one placeholder in all of them.

    Args:
        roster: Names of people that may be meant.
    """

    def __init__(self, roster: Sequence[str] = ()) -> None:
        self._roster = tuple(roster)
        self._numbers: dict[tuple[Kind, str], int] = {}
        self._forms: dict[tuple[Kind, int], list[str]] = {}
        self._giving = threading.Lock()

    @property
    def masked(self) -> int:
        """Different things that were masked."""
        return len(self._numbers)

    def mask(self, text: str) -> str:
        """Return the text with placeholders; `restore` makes the very text again."""
        pieces: list[str] = []
        last = 0
        for place in _whole_words(text, merged([*_lookalikes(text), *find_sensitive(text, self._roster)])):
            pieces += [text[last : place.start], self._placeholder(place.kind, text[place.start : place.end])]
            last = place.end
        return "".join([*pieces, text[last:]])

    def restore(self, text: str) -> str:
        """Return the text with everything put back; a placeholder that was never given out stays."""
        pieces: list[str] = []
        last = 0
        for start, end, content in self._found(text):
            pieces += [text[last:start], content]
            last = end
        return "".join([*pieces, text[last:]])

    def restore_all(self, value: Any) -> Any:
        """Return a JSON value with every string in it restored."""
        if isinstance(value, str):
            return self.restore(value)
        if isinstance(value, list):
            return [self.restore_all(item) for item in value]
        if isinstance(value, dict):
            return {key: self.restore_all(item) for key, item in value.items()}
        return value

    def _placeholder(self, kind: Kind, content: str) -> str:
        key = (kind, _dictionary_form(content) if kind is Kind.NAME else content)
        with self._giving:
            number = self._numbers.setdefault(key, 1 + sum(1 for known, _ in self._numbers if known is kind))
            forms = self._forms.setdefault((kind, number), [])
            if content not in forms:
                forms.append(content)
        form = forms.index(content) + 1
        return f"[{kind}_{number}]" if form == 1 else f"[{kind}_{number}.{form}]"

    def _found(self, text: str) -> list[tuple[int, int, str]]:
        found: list[tuple[int, int, str]] = []
        for match in sorted(_matches(text), key=lambda one: (one.start(), -one.end())):
            if found and match.start() < found[-1][1]:
                continue
            kind = next(kind for kind in Kind if match[kind.value.lower()] is not None)
            forms = self._forms.get((kind, int(match["number"])))
            if not forms:
                continue
            form = int(match["form"] or 1)
            known = 1 <= form <= len(forms)
            content = forms[form - 1 if known else 0]
            end = match.end()
            if match["form"] and not known:
                continue
            if match["ending"]:
                content = _bent(content, match["ending"].lower()) if kind is Kind.NAME else content
            found.append((match.start(), end, content))
        return found


class StreamRestorer:
    """Restores an answer that comes in pieces; what may be the beginning of a placeholder waits for its end."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._waiting = ""

    def feed(self, piece: str) -> str:
        """Take the next piece, and return what can be shown."""
        self._waiting += piece
        cut = _safe_length(self._waiting)
        shown, self._waiting = self._waiting[:cut], self._waiting[cut:]
        return self._redactor.restore(shown)

    def finish(self) -> str:
        """Return the rest."""
        shown, self._waiting = self._waiting, ""
        return self._redactor.restore(shown)


def _safe_length(text: str) -> int:
    """Return the length of the beginning that no later letter can change."""
    # A placeholder never holds more than two spaces, so everything before the third word from the end stands,
    # unless a bracket opened close to the end and is still open, or an ending may follow a closed one.
    border = len(text)
    for _ in range(3):
        border = max(text.rfind(" ", 0, border), text.rfind("\n", 0, border), 0)
    border = max(border, len(text) - _LONGEST)
    for match in _matches(text):
        if match.start() < border <= match.end():
            border = match.start()
    return max(border, 0)


def _matches(text: str) -> list[re.Match[str]]:
    return [match for pattern in _PLACEHOLDERS for match in pattern.finditer(text)]


def _lookalikes(text: str) -> list[Sensitive]:
    return [Sensitive(match.start(), match.end(), Kind.TEXT) for match in _matches(text)]


def _whole_words(text: str, places: Sequence[Sensitive]) -> list[Sensitive]:
    """Grow places to whole words, so that nothing behind a placeholder looks like a glued ending or a part of it."""
    grown = []
    for place in places:
        start, end = place.start, place.end
        while end < len(text) and (text[end].isalnum() or text[end] == "_"):
            end += 1
        if re.match(r"-[а-яё]{1,3}(?![\w-])", text[end : end + 5], re.IGNORECASE):
            end = re.compile(r"-[а-яё]+", re.IGNORECASE).match(text, end).end()  # type: ignore[union-attr]
        while start > 0 and text[start - 1].isalnum() and text[start].isalnum():
            start -= 1
        grown.append(Sensitive(start, end, place.kind))
    return merged(grown)


def _dictionary_form(name: str) -> str:
    return " ".join(_as_name(word).normal_form for word in name.lower().split())


def _bent(name: str, ending: str) -> str:
    """Return a Russian name in the case that a glued ending means; the name itself where that cannot be told."""
    if not re.search(r"[а-яё]", name, re.IGNORECASE):
        return name
    parsed = [_as_name(word) for word in name.split()]
    feminine = any("femn" in parse.tag for parse in parsed)
    case = (_FEMININE if feminine else _MASCULINE).get(ending)
    if case is None:
        return name
    words = []
    for word, parse in zip(name.split(), parsed, strict=True):
        bent = parse.inflect({case, "sing"})
        words.append(_like(word, bent.word) if bent is not None else word)
    return " ".join(words)


def _as_name(word: str) -> Any:
    parses = morphology().parse(word)
    named = [parse for parse in parses if parse.tag.grammemes & {"Name", "Surn", "Patr"}]
    # «Анне» is also a name of its own that never changes.
    changing = [parse for parse in named if "Fixd" not in parse.tag.grammemes]
    return (changing or named or parses)[0]


def _like(model: str, word: str) -> str:
    if model.isupper() and len(model) > 1:
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word
