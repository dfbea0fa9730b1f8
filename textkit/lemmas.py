"""Words, lemmas and the language of a text.

Russian words become dictionary forms (pymorphy3), English ones Snowball stems; `ё` is written `е` everywhere.
"""

import re
from functools import cache, lru_cache
from typing import Final, Literal, NamedTuple

import pymorphy3
import snowballstemmer

Language = Literal["ru", "en", "mixed", ""]

_WORD: Final = re.compile(r"[a-zа-я0-9]+(?:['’][a-z]{1,2}\b)?", re.IGNORECASE)
_CYRILLIC: Final = re.compile(r"[а-я]")
_LATIN: Final = re.compile(r"[a-z]")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")
_CAMEL_WORD: Final = re.compile(r"\b[A-Za-z]*[a-z][A-Z][a-z][A-Za-z]*")
_MIXED_SHARE: Final = 0.25

_STOP_RU: Final = frozenset(
    """
    а без более больше будет бы быть в вам вас весь во вот все всего всё всегда вы где да даже два для до другой его ее
    еще ещё если есть же за здесь и из или им иметь их к как какой когда который кто ли либо лишь между мне много может
    можно мой мочь мы на над надо нам наш не него нее ней нет ни них но ну о об обо один однако он она они оно от очень
    по под пока потом потому почти при про раз разве с сам самый свой себя сейчас со совсем так также такой там те тем
    то тогда тоже только том тот ты у уж уже хоть чего чем что чтобы чуть эта эти это этот я наверное ладно ок окей
    просто вообще давать давайте ага угу пожалуйста спасибо
    """.split()  # noqa: SIM905 - a table of words reads best as words
)
_STOP_EN: Final = frozenset(
    """
    a about after all also am an and any are as at be because been before being but by can could did do does doing down
    for from further had has have having he her here hers him his how i if in into is it its itself just let's me more
    most my no nor not now of off on once only or other our out over own s same she should so some such t than that
    the their them then there these they this those through to too under until up us very was we were what when where
    which while who whom why will with would you your yours okay ok yeah yes um uh well please thanks
    """.split()  # noqa: SIM905 - as above
)


class Token(NamedTuple):
    """A word of a text: its lower-case form and its half-open character span in the original."""

    word: str
    start: int
    end: int


def spans(text: str) -> list[Token]:
    """Return the words of `text` with their places; letters and digits only, `ё` as `е`, lower case."""
    plain = text.replace("ё", "е").replace("Ё", "Е")
    return [Token(match.group().lower(), match.start(), match.end()) for match in _WORD.finditer(plain)]


def tokens(text: str) -> list[str]:
    """Return the lower-case words of `text` in order, stop words included."""
    return [token.word for token in spans(text)]


def lemmas(text: str, *, keep_stop_words: bool = False) -> list[str]:
    """Return the lemmas of `text` in order, for lexical search.

    `CamelCase` names are also split, so that «PaymentGateway» is found by «gateway».
    """
    words = tokens(text)
    for name in _CAMEL_WORD.findall(text):
        words.extend(tokens(_CAMEL.sub(" ", name)))
    found = [lemma(word) for word in words]
    if keep_stop_words:
        return found
    return [
        form
        for word, form in zip(words, found, strict=True)
        if word not in _STOP_RU and form not in _STOP_RU and word not in _STOP_EN and (len(form) > 1 or form.isdigit())
    ]


@lru_cache(maxsize=200_000)
def lemma(word: str) -> str:
    """Return the dictionary form of one lower-case word: a Russian lemma, an English stem, or the word itself."""
    if _CYRILLIC.search(word):
        normal: str = morphology().parse(word)[0].normal_form
        return normal.replace("ё", "е")
    if _LATIN.search(word):
        stem: str = _stemmer().stemWord(word.replace("’", "'"))
        return stem
    return word


@lru_cache(maxsize=50_000)
def is_known_russian(word: str) -> bool:
    """Tell whether the Russian dictionary holds `word` (a borrowed name such as «постгрес» is not in it)."""
    return bool(morphology().word_is_known(word))


def detect_language(text: str) -> Language:
    """Return the language of `text` by its letters: "ru", "en", "mixed" (a quarter or more of each), "" for neither."""
    words = tokens(text)
    russian = sum(1 for word in words if _CYRILLIC.search(word))
    english = sum(1 for word in words if _LATIN.search(word))
    total = russian + english
    if total == 0:
        return ""
    if min(russian, english) >= _MIXED_SHARE * total:
        return "mixed"
    return "ru" if russian > english else "en"


def question_language(text: str) -> Literal["ru", "en"]:
    """Return the language in which somebody asks: of two mixed ones that of the small words, which nobody borrows."""
    found = detect_language(text)
    if found != "mixed":
        return "en" if found == "en" else "ru"
    words = tokens(text)
    return "en" if sum(word in _STOP_EN for word in words) > sum(word in _STOP_RU for word in words) else "ru"


@cache
def morphology() -> pymorphy3.MorphAnalyzer:
    """Return the shared Russian analyser (0.2 s and 15 MB when first asked for)."""
    return pymorphy3.MorphAnalyzer(lang="ru")


@cache
def _stemmer() -> "snowballstemmer.stemmer.english":
    return snowballstemmer.stemmer("english")
