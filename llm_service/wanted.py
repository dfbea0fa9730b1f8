"""What a question asks for, and whether a source can hold it.

A small model answers anything. Whether there is an answer at all is therefore decided by the sources: one of them has to speak of every
thing that the question names, and has to hold something of the kind that is asked for: a number, an amount of money, a time, a name, a
colour, a language. What the question does with its things (its verbs) may be said in other words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from llm_service.grounding import matches
from textkit.lemmas import detect_language, lemma, lemmas, morphology, spans
from textkit.people import find_people

__all__ = ["Kind", "Wanted", "number_runs", "proper_names", "wanted_of"]


class Kind(StrEnum):
    """What an answer must hold."""

    ANYTHING = "anything"
    NUMBER = "number"
    MONEY = "money"
    SPAN = "span"
    """A length, weight or duration: a number with its unit."""
    TIME = "time"
    NAME = "name"
    COLOUR = "colour"
    LANGUAGE = "language"


_NUMBERS: Final = (
    r"(?:\d+(?:[.,]\d+)?|(?<!ещ[её] )(?:один|одн[аоу]|одного)|дв(?:а|е|ух|ум|умя|ое|оих)|тр(?:и|[её]х|[её]м|емя|ое|оих)"
    r"|четыр(?:е|[её]х|[её]м|ьмя)|четверо|(?:пят|шест|сем|девят|десят)(?:ь|и|ью|еро)|вос(?:емь|ьми|емью)|десят(?:ок|ка|ков)"
    r"|[а-яё]+надцат(?:ь|и|ью)|(?:два|три)дцат(?:ь|и|ью)|сорока?|(?:пять|шесть|семь|восемь)десят|(?:пяти|шести|семи|восьми)десяти"
    r"|девяност[оа]|ст[оа]|сот(?:н[яиюе]|ен)|двести|двухсот|триста|тр[её]хсот|четыреста|четыр[её]хсот"
    r"|(?:пять|шесть|семь|восемь|девять|пяти|шести|семи|восьми|девяти)сот|тысяч[аиу]?|миллион[аов]*|миллиард[аов]*|полтор[аы]|полутора"
    r"|пар[ау]|полгода|полчаса"
    r"|(?<!that )(?<!this )(?<!the )(?<!another )(?<!er )one(?! more)|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|(?:thir|four|fif|six|seven|eigh|nine)teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|half|couple)"
)
_NUMBER: Final = re.compile(_NUMBERS)
_ARTICLES: Final = frozenset({("один",), ("one",)})
_PATTERNS: Final = {
    Kind.NUMBER: re.compile(rf"\b{_NUMBERS}\b", re.IGNORECASE),
    Kind.MONEY: re.compile(
        rf"[$€£₽]\s?\d|\d\s?[$€£₽]|\b{_NUMBERS}\s+(?:рубл|тысяч|млн|миллион|доллар|евро|pound|dollar|euro|thousand|million|grand)"
        r"|\b(?:тысяч[аиу]?|миллион\w*|thousand|million)\b|бесплатн|free of charge|for free",
        re.IGNORECASE,
    ),
    Kind.SPAN: re.compile(
        rf"\b{_NUMBERS}\s+(?:рабоч\w+\s+)?(?:секунд|минут|час|дн|день|сут|недел|месяц|год|лет|метр|километр|км\b|м\b|см\b|кг\b|килограмм|тонн|литр|"
        r"second|minute|hour|day|week|month|year|met(?:er|re)|kilo|km\b|kg\b|ton|mile|inch|feet|foot|pound|byte|gigabyte|terabyte|percent)"
        r"|полгода|полчаса|\bчас(?:а|ов)?\b|\bсутки\b|\bнедел[яю]\b|\ban hour\b|\ba (?:day|week|month|year)\b",
        re.IGNORECASE,
    ),
    Kind.TIME: re.compile(
        r"\b(?:понедельник|вторник|сред[уаеы]\b|четверг|пятниц|суббот|воскресень|выходны|январ|феврал|март|апрел|ма[яею]\b|июн|июл|август|"
        r"сентябр|октябр|ноябр|декабр|сегодня|вчера|завтра|послезавтра|утр[оа]м?\b|вечер|ноч[ьи]|недел|месяц|квартал|год[аеу]?\b|спринт|весн|"
        r"лет[оа]м?\b|осен|зим[аоуы]|минут|час[ауо]?в?\b|дн(?:я|ей|и)\b|"
        r"monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|february|march|april|may\b|june|july|august|september|october|"
        r"november|december|today|yesterday|tomorrow|tonight|morning|afternoon|evening|night|week|month|quarter|year|spring|summer|autumn|"
        r"winter|hour|minute|day)|\d{1,2}[.:]\d\d\b|\b20\d\d\b|\b(?:двадцать|тридцать)\s+[а-яё]+(?:ое|ье|ого|его|ому|ему)\b|\b\d{1,2}-?(?:го|е|му|st|nd|rd|th)\b",
        re.IGNORECASE,
    ),
    Kind.COLOUR: re.compile(
        r"\b(?:красн|син[ияе]|зел[её]н|ж[её]лт|бел[ыоаую]|ч[её]рн|сер[ыоаую]|розов|голуб|фиолетов|оранжев|коричнев|бежев|т[её]мно|светло|"
        r"red|blue|green|yellow|white|black|gr[ae]y|pink|purple|orange|brown|beige|dark|light)",
        re.IGNORECASE,
    ),
    Kind.LANGUAGE: re.compile(
        r"\b(?:русск|английск|немецк|французск|испанск|итальянск|китайск|японск|казахск|украинск|турецк|арабск|португальск|польск|"
        r"russian|english|german|french|spanish|italian|chinese|japanese|kazakh|ukrainian|turkish|arabic|portuguese|polish|python|java|rust)",
        re.IGNORECASE,
    ),
}
_ASKS: Final = (
    (Kind.COLOUR, re.compile(r"как(?:ой|им|ого)\s+цвет|цвет[а-я]*\s+как|what\s+colou?r|which\s+colou?r")),
    (Kind.LANGUAGE, re.compile(r"как(?:ой|ом|им)\s+язык|(?:what|which)\s+language")),
    (
        Kind.NAME,
        re.compile(
            r"как\s+(?:зовут|называется|звать)|фамили|\bимя\b|name\s+of|what\s+is\s+\S+(?:\s\S+){0,3}\s+called|\bcalled\?"
        ),
    ),
    (
        Kind.MONEY,
        re.compile(
            r"за\s+сколько\s+(?:\S+\s+)?(?:куп|арендов|прода|снял|отда)|сколько\s+(?:\S+\s+)?(?:сто[ия]|плат|зарабат|заплат|потрат)|почем\b|стоимост|\bцен[аыуе]|бюджет\s+у|зарплат[аы]?\s+у"
            r"|how\s+much\b.*\b(?:costs?|charge|pay|paid|price|earn|spend|spent)|what\s+does\s.+\scost|price\s+of|cost\s+of"
        ),
    ),
    (
        Kind.SPAN,
        re.compile(
            r"(?:сколько\s+(?:\S+\s+)?(?:весит|длит|займ|заним)|как\s+долго|how\s+(?:long|heavy|far|tall|wide|high)\b)"
        ),
    ),
    (
        Kind.TIME,
        re.compile(
            r"\bкогда\b|как(?:ого|ое|ому)\s+числ|до\s+какого|на\s+какое|к\s+какому|какой\s+(?:срок|день)|\bсрок[аи]?\b|дедлайн|\bдат[ауы]\b"
            r"|\bwhen\b|(?:what|which)\s+(?:day|date|time|month)|deadline|due\s+date|by\s+when"
        ),
    ),
    (
        Kind.NUMBER,
        re.compile(
            r"\bсколько\b|скольк[иео]|\bкаков[ао]?\s+(?:дол|числ|количеств)|how\s+(?:many|much|big|full|large|old|often)\b"
        ),
    ),
)
_ASKED_FOR: Final = frozenset(
    """
    день дата срок время час число количество человек причина место название имя почему зачем цвет язык стоимость цена сумма дедлайн раз
    ответственный исполнитель вопрос задача проблема ситуация статус дело решение итог результат тема деталь информация мнение план встреча
    обсуждение совещание планёрка планерка созвон звать зовут фамилия процент сколько вариант образ сторона штука
    date time day hour number person peopl reason place name mani much colou color colour languag cost price deadlin due owner status
    question task problem issu decis result topic detail inform plan meet discuss outcom big full long kind type sort
    """.split()  # noqa: SIM905 - a table of words reads best as words
)
"""Nouns that name the answer, and that an answer need not say."""
_QUANTITIES: Final = frozenset({"сколько", "стоить", "mani", "much", "cost", "long", "big", "full"})
_DOING: Final = frozenset(
    """
    send call cost need want get give take make say said tell told ask use find found look buy bring start finish begin end come go going
    work happen do does plan decid discuss agre chang updat fix check move run show write read pay charg keep let put set see hear talk
    speak think know becom got went came made took did will would should could can may might must shall propos suggest promis offer order
    book wait stay leav left add remov close open help approv confirm turn hold like
    """.split()  # noqa: SIM905
)
"""English stems of verbs; a question's verb may stand in the source in other words."""
_CALENDAR: Final = re.compile(
    r"^(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|february|march|april|may|june|july|august|september|october|"
    r"november|december|i|i'm|i'll|i'd|i've)$"
)
_SENTENCE_START: Final = re.compile(r"(?:^|[.!?…:\n«“\"(—–-])\s*$")


@dataclass(frozen=True)
class Wanted:
    """What a question asks for."""

    kind: Kind
    things: frozenset[str]
    """Lemmas that a source must have: nouns, names and whatever is in no dictionary."""
    people: frozenset[str]
    """People of the roster whom the question names."""
    words: frozenset[str]
    """Lemmas of the whole question but those that only name the answer («сколько», "cost")."""
    language: str
    """Language of the question, as `detect_language` tells it."""

    def named_by(self, words: Iterable[str], people: Iterable[str]) -> bool:
        """Tell whether a source with these lemmas and people speaks of everything that the question names."""
        said = set(words)
        return self.people <= set(people) and all(matches(thing, said) for thing in self.things)

    def spoken_of(self, words: Iterable[str]) -> bool:
        """Tell whether a few sentences with these lemmas speak of what is asked: of all things, or with half of the words."""
        said = set(words)
        if self.things and all(matches(thing, said) for thing in self.things):
            return True
        return sum(matches(word, said) for word in self.words) >= len(self.words) / 2

    def answered_by(self, text: str, known: Iterable[str]) -> bool:
        """Tell whether a text holds something of the kind that is asked for.

        Args:
            text: One or a few sentences.
            known: Names of speakers and words of the question, which are no answer to the question for a name.
        """
        if self.kind is Kind.ANYTHING:
            return True
        if self.kind is Kind.NAME:
            old = {word for name in known for word in lemmas(name, keep_stop_words=True)}
            return any(lemma(word) not in old for word in proper_names(text))
        return bool(_PATTERNS[self.kind].search(text))


def wanted_of(question: str, roster: Sequence[str]) -> Wanted:
    """Return what a question asks for; `roster` are the names of the people who speak in the sources."""
    plain = question.replace("ё", "е").lower()
    kind = next((kind for kind, pattern in _ASKS if pattern.search(plain)), Kind.ANYTHING)
    mentions = find_people(question, roster)
    covered = [(mention.start, mention.end) for mention in mentions]
    things = {
        lemma(token.word)
        for token in spans(question)
        if not any(start <= token.start < end for start, end in covered) and _is_thing(token.word)
    }
    named = frozenset(mention.person for mention in mentions)
    words = frozenset(lemmas(question)) - _QUANTITIES
    return Wanted(kind, frozenset(things), named, words, detect_language(question))


def number_runs(text: str) -> set[tuple[str, ...]]:
    """Return the numbers of a text, those in words as runs of their lemmas: («сто», «двадцать»); a lone "one" is none."""
    runs: set[tuple[str, ...]] = set()
    run: list[str] = []
    for token in [*spans(text), None]:
        if token is not None and _NUMBER.fullmatch(token.word):
            run.append(lemma(token.word))
        elif run:
            runs.add(tuple(run))
            run = []
    return runs - _ARTICLES


@cache
def _is_thing(word: str) -> bool:
    form = lemma(word)
    if form in _ASKED_FOR or word in _ASKED_FOR or not lemmas(word):
        return False
    if re.search("[а-я]", word):
        parse = morphology().parse(word)[0]
        return parse.tag.POS == "NOUN" or not morphology().word_is_known(word)
    return form not in _DOING and word not in _DOING


def proper_names(text: str) -> list[str]:
    """Return the words that are written as names: with a capital letter, and not only because a sentence begins."""
    return [
        token.word
        for token in spans(text)
        if len(token.word) > 1
        and text[token.start].isupper()
        and not _SENTENCE_START.search(text[: token.start])
        and not _CALENDAR.match(token.word)
    ]
