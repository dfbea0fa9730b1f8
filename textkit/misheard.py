"""Names that speech recognition wrote down wrongly: «Марена» for Марина, "Magus" for Magnus.

A word is taken for a name only where many things agree: it has a capital and stands where a name stands (somebody is addressed, or
is said to do something), it sounds like a name of exactly one person of the roster, and it is no common word, no place, and nobody
else's name. What is in doubt stays as it is.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from rapidfuzz.distance import Levenshtein

from textkit.latin_names import folded, latin_names
from textkit.lemmas import Token, is_known_russian, morphology, spans
from textkit.nicknames import forms_of
from textkit.people import Person, PersonMention, find_people, inflections

__all__ = ["find_misheard", "mended"]

_SHORTEST: Final = 5
"""Letters of the shortest name that may be misheard; shorter ones are near too many words."""
_SHORTEST_APART: Final = {True: 7, False: 6}
_LONG: Final = 8
"""Letters from which on a name with one sound amiss is believed without somebody being addressed (English)."""
_REACH: Final = 6
"""Words by which a subject may stand before its verb."""
_SENTENCE_ENDS: Final = ".!?…\n"
_LEADS: Final = re.compile(
    r"^(?:(?:да|ну|так|вот|хорошо|отлично|понятно|ладно|окей|ок|тогда|а|но|и|okay|ok|so|well|yeah|yes|right|and|but|then|great|alright)"
    r"\b[,.!\s]+)*$",
    re.IGNORECASE,
)
_ASKS: Final = frozenset({"попросить", "просить", "поручить", "назначить", "пусть", "пускай"})
_EN_BEFORE: Final = re.compile(r"(?:^|[,;:.!?]\s+|\b(?:and|so|but|then|that)\s+)$", re.IGNORECASE)
_EN_DOES: Final = re.compile(r"(?:['’]ll|\s+(?:will|is going to|is gonna|has to|needs to))\s+(?!be\b|have\b)\w+")
_EN_ASKED: Final = re.compile(r"\b(?:please|(?:can|could|would|will) you|you (?:should|need to))\b", re.IGNORECASE)
_EN_ENDINGS: Final = ("ed", "ing", "ly", "ers", "ies")
_FOREIGN: Final = frozenset({"Geox", "Orgn", "Trad", "Abbr"})
_NAMED: Final = frozenset({"Name", "Surn", "Patr"})

_RU_SOUNDS: Final = (
    (r"ь(?=[аеиоуыэюя])", "и"), ("[ьъ]", ""), ("[оа]", "а"), ("[еэиыйяё]", "и"), ("ю", "у"), (r"(.)\1+", r"\1"),
    *((f"{voiced}(?=[кпстфхцчшщ]|$)", voiceless) for voiced, voiceless in zip("бвгджз", "пфктшс", strict=True)),
)  # fmt: skip
_EN_SOUNDS: Final = (
    ("ph", "f"), ("th", "t"), ("ck|qu?|c(?=[aoukrlt]|$)|ch(?=[rl])", "k"), ("c(?=[eiy])", "s"), ("[yj](?=[aeiou])", "i"),
    ("y", "i"), ("w", "v"), ("z", "s"), (r"(?<=[bcdfgklmnprstv])h", ""), (r"(.)\1+", r"\1"),
)  # fmt: skip
_RU_SPELLINGS: Final = (("[ьъ]", ""), ("й", "и"), (r"(.)\1+", r"\1"))
_EN_SPELLINGS: Final = (("ph", "f"), ("ck|k", "c"), ("[yj]", "i"), ("(?<=[a-z])h", ""), (r"(.)\1+", r"\1"))


class _Form(NamedTuple):
    """One way to call a person."""

    person: str
    word: str
    """In small letters, as the roster or its inflection writes it."""


class _Near(NamedTuple):
    sounds: int
    """Sounds amiss."""
    respelt: bool
    """Whether more is amiss than two spellings of one name differ in."""
    letters: int
    """Letters amiss."""
    form: _Form


def find_misheard(text: str, roster: Iterable[str | Person]) -> list[PersonMention]:
    """Return the places where one sentence names people of the roster by words that were misheard; a plain string is key and name."""
    people = tuple(Person(entry, (entry,)) if isinstance(entry, str) else entry for entry in roster)
    return [PersonMention(near.form.person, token.start, token.end) for token, near in _found(text, people)]


@lru_cache(maxsize=8192)
def mended(text: str, people: tuple[Person, ...]) -> str:
    """Return one sentence with the names that were misheard as they are written; the very text where none was."""
    for token, near in reversed(list(_found(text, people))):
        text = f"{text[: token.start]}{near.form.word.capitalize()}{text[token.end :]}"
    return text


def _found(text: str, people: tuple[Person, ...]) -> Iterator[tuple[Token, _Near]]:
    words = spans(text)
    taken: list[PersonMention] | None = None
    for number, token in enumerate(words):
        if (
            len(token.word) < _SHORTEST - 1
            or not text[token.start].isupper()
            or text[token.start : token.end].isupper()
        ):
            continue
        russian = _is_cyrillic(token.word)
        addressed = _is_addressed(text, words, number, russian=russian)
        if not addressed and not (_is_subject(text, words, number) if russian else _does(text, token)):
            continue
        if taken is None:
            taken = find_people(text, people)
        if any(mention.start < token.end and token.start < mention.end for mention in taken):
            continue
        near = _nearest(token.word, people, russian=russian)
        if near is None:
            continue
        opens = not text[: token.start].strip() or text[: token.start].rstrip()[-1] in _SENTENCE_ENDS
        if _is_believed(token.word, near, russian=russian, addressed=addressed, opens=opens):
            yield token, near


def _nearest(word: str, people: tuple[Person, ...], *, russian: bool) -> _Near | None:
    """Return the nearest way to call a person; None where none is near, or another person is as near."""
    sound = _sound(word)
    best: dict[str, _Near] = {}
    for form, other in _forms(people, russian):
        apart = Levenshtein.distance(sound, other, score_cutoff=1)
        if apart > 1 or sound[:1] != other[:1]:
            continue
        near = _Near(apart, _spelling(word) != _spelling(form.word), Levenshtein.distance(word, form.word), form)
        if form.person not in best or near[:3] < best[form.person][:3]:
            best[form.person] = near
    ranked = sorted(best.values(), key=lambda near: near[:3])
    if not ranked or (len(ranked) > 1 and ranked[1].sounds == ranked[0].sounds):
        return None
    return ranked[0]


def _is_believed(word: str, near: _Near, *, russian: bool, addressed: bool, opens: bool) -> bool:
    """Tell whether a word can be nothing but the name that it is near to."""
    alike = near.sounds == 0
    if not alike and len(near.form.word) < _SHORTEST_APART[russian]:
        return False
    if _is_a_name(word, russian=russian):
        # Of another spelling, such as «Кирил»; one that only sounds so, as «Алёна» does for Алина, is somebody else's.
        return not near.respelt or (alike and len(near.form.word) >= _LONG)
    if not russian:
        return not _is_common(word) and (alike or addressed or len(near.form.word) >= _LONG)
    if not is_known_russian(word):
        return True
    parses = morphology().parse(word)
    if any(parse.tag.grammemes & _FOREIGN for parse in parses):
        return False
    # A rare word, such as the plant «марена»: only where its capital is no sentence's, or nobody would address it.
    return alike and not _is_written(word) and (addressed or not opens)


def _is_addressed(text: str, words: list[Token], number: int, *, russian: bool) -> bool:
    """Tell whether somebody is addressed by a word, and asked for something."""
    token = words[number]
    before, after = text[: token.start], text[token.end :].lstrip()
    lead = _LEADS.match(before.lstrip("—–- ")) is not None
    if not (after.startswith(",") and (lead or before.rstrip().endswith(","))) and not (
        before.rstrip().endswith(",") and (not after or after[0] in ".?!")
    ):
        return False
    if not russian:
        return _EN_ASKED.search(text) is not None
    return any(_asks(word.word) for word in words[number + 1 :] + words[:number])


def _asks(word: str) -> bool:
    parse = morphology().parse(word)[0]
    return "VERB" in parse.tag and (
        (parse.tag.mood == "impr" and "incl" not in str(parse.tag))
        or (parse.tag.person == "2per" and parse.score > 0.4)
    )


def _is_subject(text: str, words: list[Token], number: int) -> bool:
    """Tell whether a word is said to do something («Пусть …», «… подготовит», «сделает …»), or is asked («попросим …»)."""
    if number and morphology().parse(words[number - 1].word)[0].normal_form in _ASKS:
        return True
    ahead = words[number + 1 : number + 1 + _REACH]
    for place, word in enumerate(ahead):
        if re.search(r"[,;:.!?]", text[words[number].end if place == 0 else ahead[place - 1].end : word.start]):
            break
        if _will_do(word.word):
            return True
    behind = words[max(0, number - 2) : number]
    return any(
        _will_do(word.word) and not re.search(r"[,;:.!?]", text[word.end : words[number].start]) for word in behind
    )


def _will_do(word: str) -> bool:
    parse = morphology().parse(word)[0]
    return (
        "VERB" in parse.tag and parse.tag.tense == "futr" and parse.tag.person == "3per" and parse.tag.number == "sing"
    )


def _does(text: str, token: Token) -> bool:
    return _EN_BEFORE.search(text[: token.start]) is not None and _EN_DOES.match(text, token.end) is not None


def _is_a_name(word: str, *, russian: bool) -> bool:
    if not russian:
        firsts, _ = latin_names()
        return folded(word) in firsts
    return is_known_russian(word) and any(parse.tag.grammemes & _NAMED for parse in morphology().parse(word))


def _is_written(word: str) -> bool:
    """Tell whether a word of the dictionary stands in the texts by which the analyser's probabilities were estimated."""
    estimated: Any = morphology().prob_estimator.p_t_given_w
    return any(estimated.prob(word, str(parse.tag)) > 0 for parse in morphology().parse(word))


def _is_common(word: str) -> bool:
    return word in _english_words() or word.endswith(_EN_ENDINGS)


@cache
def _english_words() -> frozenset[str]:
    provider: Any = importlib.import_module("faker.providers.lorem.en_US").Provider
    return frozenset(provider.word_list)


@lru_cache(maxsize=64)
def _forms(people: tuple[Person, ...], russian: bool) -> tuple[tuple[_Form, str], ...]:
    """Return all ways to call the people in one script, with how they sound."""
    found: dict[_Form, str] = {}
    for person in people:
        for name in person.names:
            for part in (token.word for token in spans(name)):
                for called in forms_of(part) | {part}:
                    for form in inflections(called):
                        if len(form) >= _SHORTEST and _is_cyrillic(form) == russian:
                            found[_Form(person.key, form)] = _sound(form)
    return tuple(found.items())


@lru_cache(maxsize=50_000)
def _sound(word: str) -> str:
    """Return how a word sounds where it is said quickly: unstressed vowels and voiced consonants fall together."""
    return _written_by(_RU_SOUNDS if _is_cyrillic(word) else _EN_SOUNDS, word)


def _spelling(word: str) -> str:
    """Return a word without what two spellings of one name differ in."""
    return _written_by(_RU_SPELLINGS if _is_cyrillic(word) else _EN_SPELLINGS, word)


def _written_by(rules: Sequence[tuple[str, str]], word: str) -> str:
    for pattern, sound in rules:
        word = re.sub(pattern, sound, word)
    return word


def _is_cyrillic(word: str) -> bool:
    return "а" <= word[:1] <= "я"
