"""Which of the things that sound decided are decisions, and which only lead through the meeting or hang on something else.

"We'll go with rubber" decides; "then we'll look at the plan", "how we're gonna sell it" and "maybe we'll use rubber" do not, nor do
«потом посмотрим» and «если снимем двадцать второго».
"""

from __future__ import annotations

import re
from typing import Final

from llm_service.cues import is_settled
from textkit.lemmas import detect_language, lemmas, morphology, spans

__all__ = ["decides"]

_FEWEST_TELLING: Final = 2
"""Words with a meaning that say what was decided."""
_SAID_DECIDED: Final = frozenset({"decid", "agre", "alreadi", "решить", "решено", "договориться", "уже"})
"""Stems and lemmas that say that something is decided, and not what."""
_REACH: Final = 3
"""Words by which a conjunction may stand before what hangs on it."""

_EN_PLAN: Final = re.compile(
    r"\b(?:we(?:['’]ll| will|['’]re (?:going to|gonna)| are (?:going to|gonna))|let['’]?s)\s+"
    r"(?:(?:just|also|then|now|first|only|really|basically|all|not|kind of|sort of)\s+)*(?P<work>\w.*)",
    re.IGNORECASE | re.DOTALL,
)
_EN_HANGS: Final = frozenset(
    """
    what how where why which who whom whose that if when whenever whether until till before after once unless as because since
    while way than
    """.split()  # noqa: SIM905 - a table of words reads best as words
)
_EN_HEDGES: Final = re.compile(
    r"\b(?:maybe|perhaps|probably|possibly|hopefully|ideally|guess|suppose|might|could|would)\b", re.IGNORECASE
)
_EN_BEFORE: Final = frozenset(
    """
    and so but then now today tomorrow tonight later first second finally also instead therefore thus or think mean believe say
    okay ok yeah yes well actually basically here there too monday tuesday wednesday thursday friday saturday sunday january
    february march april may june july august september october november december week month quarter year sprint time meeting
    release
    """.split()  # noqa: SIM905 - as above
)
"""Words that may stand right before "we" in a main clause; behind another noun it opens a relative clause: "a player we'll sell"."""
_EN_MEETING: Final = re.compile(
    r"(?:see|have|be|need|talk|discuss|start|begin|meet|come|hear|run|finish|close|end|continue|cover|find|know|try|sit|wait|say"
    r"|explain|show|present|tell|figure|think|brainstorm|break|return|describe|recap|summari[sz]e|receive|leave|hit|introduce|collate"
    r"|learn|understand|worry|decide|consider|pull|call it|work (?:up|again|individually|on (?:it|this|that))"
    r"|go(?!\s+(?:with|for|ahead|live|to market)\b)|get(?!\s+rid\b)|look(?!\s+for\b)|move\s+(?:on|forward|to the next|through)"
    r"|make\s+(?:it|this|that|sure|(?:some |more |the )*decisions?)|take\s+(?:a|it|that|five)"
    r"|do\s+(?:it|that|this|the|a|some|our)|keep\s+(?:it|going|moving|this|that)"
    r"|sort\s+out|skip\s+(?:it|this|that)|use\s+(?:it|this|that)(?!\s+\w))\b",
    re.IGNORECASE,
)
"""Work that ends with the meeting, or that names nothing."""

_RU_HANGS: Final = frozenset(
    """
    если когда чтобы как что где куда откуда который которую которые которое сколько почему зачем кто кого либо или может
    возможно наверное вероятно надеюсь ли
    """.split()  # noqa: SIM905 - as above
)
_RU_MEETING: Final = frozenset(
    """
    посмотреть увидеть обсудить поговорить вернуться перейти пойти пройти пройтись начать закончить продолжить решить подумать
    узнать понять услышать поделиться рассказать уложиться успеть разобраться быть иметь говорить смотреть закруглиться повторить
    дождаться подождать определиться
    """.split()  # noqa: SIM905 - as above
)
_RU_PRESENT: Final = re.compile(
    r"\b(?:останавливаемся на|выбираем|откладываем|отменяем|переносим|берем|заводим|делаем так|не будем|в следующ(?:ий|ем) спринт)\b",
    re.IGNORECASE,
)


def decides(text: str) -> bool:
    """Tell whether a sentence in which something sounds decided (`Kind.DECISION`) says what is decided, and decides it."""
    if is_settled(text):
        return len(set(lemmas(text)) - _SAID_DECIDED) >= _FEWEST_TELLING
    if detect_language(text) in ("ru", "mixed"):
        return _decides_in_russian(text)
    return any(_decides_in_english(text, match) for match in _EN_PLAN.finditer(text))


def _decides_in_english(text: str, match: re.Match[str]) -> bool:
    clause = re.split(r"[,;:.]", text[: match.start()])[-1]
    before = re.findall(r"[\w'’]+", clause.lower())
    plan = match.group("work")
    if _EN_HANGS & set(before[-_REACH:]) or _EN_HEDGES.search(clause) or _EN_HEDGES.match(plan):
        return False
    if before and before[-1] not in _EN_BEFORE and not before[-1].isdecimal():
        return False
    return _EN_MEETING.match(plan) is None and len(set(lemmas(plan))) >= _FEWEST_TELLING


def _decides_in_russian(text: str) -> bool:
    plain = text.replace("ё", "е").replace("Ё", "Е")
    if len(set(lemmas(plain))) < _FEWEST_TELLING:
        return False
    starts = [match.start() for match in _RU_PRESENT.finditer(plain)]
    for token in spans(plain):
        parse = morphology().parse(token.word)[0]
        tag = parse.tag
        future = "VERB" in tag and tag.tense == "futr" and tag.person == "1per" and tag.number == "plur"
        if future and parse.normal_form.replace("ё", "е") not in _RU_MEETING:
            starts.append(token.start)
    return any(not _hangs(plain[:start]) for start in starts)


def _hangs(before: str) -> bool:
    """Tell whether what follows belongs to a condition, a question or a guess; `before` is the Russian sentence up to it."""
    clause = re.split(r"[,;:.–—]", before)[-1]
    return bool(_RU_HANGS & {token.word for token in spans(clause)}) or "пока не" in clause.lower()
