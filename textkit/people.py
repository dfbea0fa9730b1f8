"""People of a roster in running text: inflected Russian names, short forms, English names, either script.

«Ане», «Анну Петрову» and "Anna" are all the person Anna Petrova when the roster holds only one Anna; a form that fits two people
equally well («Саша» for Александр and Александра) names neither.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from textkit.lemmas import Token, is_known_russian, morphology, spans
from textkit.nicknames import forms_of
from textkit.sounds import romanize

_ORDINARY_WORDS: Final = frozenset(
    """
    вера веры вере веру верой надежда надежды надежде надежду надеждой любовь любви роман романа романе романы лев льва слава славы
    славе славу мила тема темы теме тему темой поля поле поли полю рус ата лена мая марта майя роза розы лука луки рита света свете
    will mark may grace bill art rob drew rich pat sue hope faith rose chase al em si max kit mel stan don ray gene dick jack
    """.split()  # noqa: SIM905 - a table of words reads best as words
)
_CASE_ENDINGS: Final = ("", "а", "у", "ом", "ем", "е", "ы", "и", "ой", "ей", "ю", "я", "ым", "ому", "ого", "'s", "s")
_SENTENCE_ENDS: Final = ".!?…\n"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of a roster."""

    key: str
    """What a mention is reported as: an id or the display name."""
    names: tuple[str, ...]
    """Full names and aliases, such as ("Анна Петрова", "anna.p")."""


@dataclass(frozen=True, slots=True)
class PersonMention:
    """One place where a text names a person."""

    person: str
    """The key of the person in the roster."""
    start: int
    """First character of the mention."""
    end: int
    """Character behind the mention."""


def find_people(text: str, roster: Iterable[str | Person]) -> list[PersonMention]:
    """Return the mentions of the roster's people in `text`, in order; a plain string is both key and name."""
    people = tuple(Person(entry, (entry,)) if isinstance(entry, str) else entry for entry in roster)
    table = _forms(people)
    words = spans(text)
    mentions: list[PersonMention] = []
    number = 0
    while number < len(words):
        length, person = _longest(text, words, number, table)
        if person is not None:
            mentions.append(PersonMention(person, words[number].start, words[number + length - 1].end))
        number += length
    return mentions


def _longest(text: str, words: Sequence[Token], number: int, table: dict[str, Counter[str]]) -> tuple[int, str | None]:
    """Return how many words the name at `number` spans, and whom it names; (1, None) when it is no name."""
    first = _lookup(words[number].word, table)
    if not first or not _is_name_like(text, words[number]):
        return 1, None
    votes, length = Counter(first), 1
    if number + 1 < len(words) and text[words[number].end : words[number + 1].start].strip() == "":
        second = _lookup(words[number + 1].word, table)
        both = Counter({key: first[key] + second[key] for key in first if key in second})
        if both:
            votes, length = both, 2
    ranked = votes.most_common(2)
    if len(ranked) == 2 and ranked[0][1] == ranked[1][1]:
        return length, None
    return length, ranked[0][0]


def _lookup(word: str, table: dict[str, Counter[str]]) -> Counter[str]:
    found = table.get(word)
    if found is not None:
        return found
    bare = word.removesuffix("'s").removesuffix("’s")
    return table.get(bare, Counter())


def _is_name_like(text: str, token: Token) -> bool:
    """Tell whether a word that may be an ordinary one («вера», "will") stands as a name: capital, inside a sentence."""
    if token.word.removesuffix("'s") not in _ORDINARY_WORDS:
        return True
    if not text[token.start].isupper():
        return False
    before = text[: token.start].rstrip(" \"«'(")
    return bool(before) and before[-1] not in _SENTENCE_ENDS


@lru_cache(maxsize=64)
def _forms(people: tuple[Person, ...]) -> dict[str, Counter[str]]:
    """Return form -> person -> strength: 2 for a name as the roster writes it, 1 for a short or other-script form."""
    table: dict[str, Counter[str]] = {}
    for person in people:
        strength: Counter[str] = Counter()
        for name in person.names:
            for part in (token.word for token in spans(name)):
                if len(part) < 2:
                    continue
                for form in inflections(part):
                    strength[form] = max(strength[form], 2)
                for other in forms_of(part) | {romanize(part)}:
                    for form in inflections(other):
                        strength[form] = max(strength[form], 1)
        for form, weight in strength.items():
            table.setdefault(form, Counter())[person.key] = weight
    return table


@lru_cache(maxsize=10_000)
def inflections(name: str) -> frozenset[str]:
    """Return the case forms of one lower-case name (Russian), or the name itself (other scripts)."""
    if not any("а" <= letter <= "я" for letter in name):
        return frozenset({name})
    forms = {name}
    for parse in morphology().parse(name):
        nominative = "nomn" in parse.tag and "sing" in parse.tag
        if nominative and ("Name" in parse.tag or "Surn" in parse.tag or len(forms) == 1):
            lexeme = [
                form for form in parse.lexeme if form.tag.number == "sing" and form.tag.gender == parse.tag.gender
            ]
            forms |= {form.word.replace("ё", "е") for form in lexeme}
    if not is_known_russian(name):
        stem = name.rstrip("аяйь") if len(name) > 3 else name
        forms |= {stem + ending for ending in _CASE_ENDINGS if "'" not in ending}
    return frozenset(forms)
