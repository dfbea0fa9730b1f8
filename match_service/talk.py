"""A meeting as sentences with the cues that steer the search for cards.

A cue is what anybody hears without knowing the board: "next", "there is no such card", "good morning", "right". The patterns are a
closed table per language; how much each cue counts is fitted on meetings (see `match_service.fitting`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Final

from textkit.lemmas import lemmas

_SENTENCE: Final = re.compile(r"[^.!?…\n]+(?:[.!?…]+(?=\s|$|[»\"'])[»\"']?|\n+|$|[.!?…]+)")
_LONG_WORDS: Final = 40
_CLAUSE: Final = re.compile(r",\s+(?=(?:а|но|и|теперь|потом|также|кстати|and|but|so|then|also)\b)")
_DOTTED: Final = re.compile(
    r"(?:\b(?:т|д|г|ул|им|руб|тыс|млн|стр|рис|см|mr|mrs|ms|dr|no|vs|e\.g|i\.e|etc)\.$)", re.IGNORECASE
)


class Cue(StrEnum):
    """Something in a sentence that tells about the flow of the talk."""

    NEW_CARD = "new_card"
    """Says that no card exists, or asks to create one."""
    HAS_CARD = "has_card"
    """Says that the card exists already."""
    NEED = "need"
    """A wish, complaint or necessity."""
    SWITCH = "switch"
    """Turns to another subject."""
    ADDITION = "addition"
    """Brings up one more thing."""
    ACKNOWLEDGE = "acknowledge"
    """Answers or refers to what was just said."""
    QUESTION = "question"
    """Asks."""
    SMALL_TALK = "small_talk"
    """Greets, thanks everybody, parts, or speaks of food and weather."""


_TASK: Final = r"(?:задач|карточк|тикет|таск|пункт)[а-я]*"
_TASK_EN: Final = r"(?:card|ticket|task|issue|item|story)s?"
_CUES: Final[dict[Cue, re.Pattern[str]]] = {
    cue: re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)
    for cue, patterns in {
        Cue.NEW_CARD: (
            (
                rf"\b(?:так|эт|подобн|отдельн)[а-я]+ {_TASK}.{{0,40}}\b(?:нет|нету|не (?:было|вижу|видел|нашл|нашел"
                rf"|завод))"
            ),
            (
                rf"\b{_TASK} (?:так|эт|подобн|на эт|про эт|под эт|для эт)[а-я]*.{{0,30}}\b(?:нет|нету|не (?:было|вижу"
                rf"|видел|нашл|нашел))"
            ),
            (
                rf"\b(?:нет|нету|не (?:было|вижу|видел[аи]?|нашл[аи]|нашел)) (?:у нас )?(?:пока |еще )?(?:так|эт"
                rf"|подобн|отдельн)[а-я]+ {_TASK}"
            ),
            r"\bна доске\b.{0,30}\b(?:нет|нету|не вижу)\b|\b(?:нет|нету|не вижу)\b.{0,20}\bна доске\b",
            (
                rf"\b(?:завед|завест|создад|созда[йт]|добав|оформ|открой|открыть|поставь|поставим"
                rf"|запиш)[а-я]* .{{0,25}}"
                rf"\b(?:нов|отдельн|еще одн)[а-я]* {_TASK}"
            ),
            rf"\b(?:завед|завест|создад|созда[йт])[а-я]* .{{0,20}}\b{_TASK}",
            (
                r"\b(?:завед|завест|созда)[а-я]* (?:нов|отдельн)[а-я]+|\b(?:отдельн|нов)[а-я]+ (?:задачей|карточкой"
                r"|тикетом)\b"
            ),
            r"\bнет такой\b|\bтакой (?:у нас )?(?:пока |еще )?нет\b",
            (
                rf"\b(?:no|not have|n't have|isn't|n't got|n't see|n't find|without) (?:yet )?(?:any |a |an "
                rf"|such )*(?:such )?{_TASK_EN}\b"
            ),
            (
                rf"\b(?:create|open|add|make|file|raise|start|need) (?:us )?(?:a |an |one )?(?:new "
                rf"|separate )+{_TASK_EN}\b"
            ),
            rf"\b(?:create|open|file|raise) (?:a |an ){_TASK_EN}\b",
            r"\bnot on (?:the|our) board\b|\bnothing on (?:the|our) board\b",
        ),
        Cue.HAS_CARD: (
            rf"\b(?:так|эт)[а-я]+ {_TASK}.{{0,20}}\b(?:уже )?есть\b|\b{_TASK} (?:уже )?(?:есть|заведен|висит)",
            (
                rf"\b(?:already|do) (?:have|got) (?:a |the )?{_TASK_EN}\b|\bthere(?:'s| is) (?:already )?(?:a "
                rf"|an )?{_TASK_EN}\b"
            ),
        ),
        Cue.NEED: (
            (
                r"\b(?:надо|нужн[оаы]?|нужен|прос[яи]т|хот[яе]т|хочет|спрашива[ею]т|требу[ею]т|жалу[ею]тся|пора"
                r"|не хватает|необходимо|хорошо бы)\b"
            ),
            (
                r"\b(?:needs?|wants?|should|asking for|keep asking|requests?|complain(?:s|ing)?|missing|must"
                r"|would be (?:nice|good|great))\b"
            ),
        ),
        Cue.SWITCH: (
            (
                r"^(?:\W*(?:так|хорошо|ок|окей|отлично|ладно)\W+)?(?:теперь|дальше|далее|следующ|переходим|перейдем"
                r"|последнее|тогда про|начн)"
            ),
            (
                r"\b(?:что|как) (?:у|с|со|по|там|насчет|дела)\b|\bкак [а-я]+\s*\?|\bнасчет\b|\bпо поводу\b"
                r"|^\W*а вот\b|^\W*(?:а )?по [а-я]+(?:ам|ям|у|ю|ой|ии|е)\b"
            ),
            (
                r"^(?:\W*(?:ok|okay|right|good|great|so|and|thanks)\W+)*(?:now|next|moving on|first|finally|lastly"
                r"|as for|about the|on the)\b"
            ),
            (
                r"\b(?:what|how) about\b|\bhow(?:'s| is| are| did)\b|\bwhat's (?:up|new|going on|happening) with\b"
                r"|\bany (?:news|update)s? on\b"
            ),
        ),
        Cue.ADDITION: (
            (
                r"\bи еще\b|\bеще (?:вот|одно|одна|один|вопрос|мысль|есть|тема)|\bкстати\b|^\W*еще\b|\bтакже\b"
                r"|\bи последнее\b|^\W*и с\b"
            ),
            (
                r"\bone more\b|\banother thing\b|\bby the way\b|\bbtw\b|\balso\b|\banother one\b|\bsomething else\b"
                r"|\bone last\b"
            ),
        ),
        Cue.ACKNOWLEDGE: (
            (
                r"^\W*(?:да|нет|хорошо|ок|окей|ага|угу|отлично|понятно|ясно|договорились|супер|класс|согласн|принято"
                r"|тогда|только|а|но|"
                r"пока|сделаю|посмотрю|можно|давай|спасибо|конечно|точно|это|эт[оу]т?)\b"
            ),
            (
                r"^\W*(?:yes|yeah|yep|no|nope|ok|okay|good|great|right|sure|fine|thanks|thank you|lovely|will do|then"
                r"|but|and|that|that's|it|it's|"
                r"he|she|they|agreed|perfect|cool|i see|got it|do that)\b"
            ),
        ),
        Cue.QUESTION: (r"\?\W*$",),
        Cue.SMALL_TALK: (
            (
                r"\b(?:привет|здравствуйте|доброе утро|добрый (?:день|вечер)|всем спасибо|спасибо (?:всем|что собрал)"
                r"|на (?:этом|сегодня) всё?\b|пока[!.]|"
                r"до (?:встречи|свидания|завтра[!.])|хорошего (?:дня|вечера)|всего доброго|слышно|меня слыш"
                r"|все слышат|всем привет|"
                r"хороших выходных|расходимся|начинаем|погнали|по кругу|коллеги|на обед|кофе\b|чай\b|пицц)"
            ),
            (
                r"\b(?:good (?:morning|afternoon|evening)|hello|hi (?:all|everyone|team|there|folks)|hey|bye|see you"
                r"|that's (?:all|it) (?:from|then|for)|"
                r"have a (?:nice|good|great)|thanks (?:everyone|all|everybody)|can you hear|let's (?:get )?(?:start"
                r"|going|go|make this)|coffee|lunch|"
                r"weekend|the bus|the match|weather|sorry i'm late)\b"
            ),
        ),
    }.items()
}


@dataclass(frozen=True, slots=True)
class Said:
    """A stretch of talk as it comes in: a turn."""

    turn_id: str
    """Identifier of the turn."""
    text: str
    """What was said."""
    speaker: str = ""
    """Name of who said it; empty when unknown."""
    start: float | None = None
    """Seconds from the first sample."""
    end: float | None = None
    """Seconds from the first sample."""


@dataclass(frozen=True)
class Sentence:
    """A sentence of a turn."""

    turn: int
    """Number of its turn in the meeting, from 0."""
    start: int
    """First character in the turn's text."""
    end: int
    """Character behind the last one."""
    text: str
    """The sentence, without surrounding space: a substring of the turn's text."""
    speaker: str
    """Name of the speaker; empty when unknown."""
    first: bool
    """Whether it opens its turn."""

    @cached_property
    def lemmas(self) -> list[str]:
        """Its lemmas without stop words."""
        return lemmas(self.text)

    @cached_property
    def cues(self) -> frozenset[Cue]:
        """Its cues."""
        return find_cues(self.text)


def find_cues(text: str) -> frozenset[Cue]:
    """Return the cues of one sentence."""
    plain = text.replace("ё", "е").replace("Ё", "Е")
    found = {cue for cue, pattern in _CUES.items() if pattern.search(plain)}
    if Cue.HAS_CARD in found:
        found.discard(Cue.NEW_CARD)
    return frozenset(found)


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Return the character spans of the sentences of `text`; what is longer than 40 words is cut at clauses too."""
    spans: list[tuple[int, int]] = []
    begin = 0
    for match in _SENTENCE.finditer(text):
        if _DOTTED.search(text[begin : match.end()].rstrip()) and match.end() < len(text):
            continue
        spans.extend(_cut(text, begin, match.end()))
        begin = match.end()
    if text[begin:].strip():
        spans.extend(_cut(text, begin, len(text)))
    return [span for span in (_strip(text, *span) for span in spans) if span[1] > span[0]]


def sentences(turns: Sequence[Said]) -> list[Sentence]:
    """Return the sentences of all turns in order; a turn without words gives none."""
    found: list[Sentence] = []
    for number, turn in enumerate(turns):
        for order, (start, end) in enumerate(split_sentences(turn.text)):
            found.append(Sentence(number, start, end, turn.text[start:end], turn.speaker, order == 0))
    return found


def _cut(text: str, start: int, end: int) -> list[tuple[int, int]]:
    if len(text[start:end].split()) <= _LONG_WORDS:
        return [(start, end)]
    marks = [start, *(start + match.end() for match in _CLAUSE.finditer(text[start:end])), end]
    return list(pairwise(marks))


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())
