"""What kind of statement a sentence makes, by the words and forms of Russian and English: promise, request, decision, question, risk.

A small language model invents tasks and decisions; these rules find only what was said in so many words. The model then phrases them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from textkit.lemmas import Token, detect_language, morphology, spans

__all__ = ["Kind", "accepts", "find_cues", "is_settled", "is_small_talk"]


class Kind(StrEnum):
    """What a sentence does."""

    PROMISE = "promise"
    """The speaker will do something: «сделаю», "I'll fix it"."""
    REQUEST = "request"
    """Somebody is asked to do something: «предупреди поддержку», "could you send it"."""
    ASSIGNMENT = "assignment"
    """A third person will do something: «Анна подготовит описание», "Tom will write it"."""
    NEED = "need"
    """Something has to be done: «надо переписать», "we need to order it"."""
    DECISION = "decision"
    QUESTION = "question"
    RISK = "risk"


_NOT_A_TASK: Final = frozenset(
    """
    думать знать считать мочь хотеть понимать видеть помнить бояться надеяться говорить сказать напомнить быть смочь успеть
    полагать предлагать спросить слышать узнавать смотреть начать начинать рассказать давать дать подумать понять простить
    извинить привет ждать подождать представить
    """.split()  # noqa: SIM905 - a table of words reads best as words
)
_SPEAKING: Final = frozenset(
    """
    давай давайте смотри смотрите слушай слушайте скажи скажите извини простите подождите стоп начни начните расскажи
    """.split()  # noqa: SIM905 - as above
)
_SUBJECT_REACH: Final = 6
"""Words by which a subject may stand before its verb («Ольга через две недели проведёт обучение»)."""
_NEEDS: Final = frozenset({"надо", "нужно", "необходимо", "осталось", "должны", "придется"})

_EN_PROMISE: Final = re.compile(
    r"\b(?:i'?ll|i will|i am going to|i'?m going to|i'?m gonna|i'?ve got to|i can (?:do|take|check|send|fix|write"
    r"|handle|look|prepare))\b"
    r"(?!\s+(?:be (?:happy|glad|back)|see you|say|tell you|just (?:say|skip|show)|show|have to go|go (?:over"
    r"|through|back)|talk|start|explain|let|discuss|mention|present|come (?:back|to)|need)\b)",
    re.IGNORECASE,
)
_EN_REQUEST: Final = re.compile(
    r"\b(?:(?:can|could|would|will) you (?!(?:hear|see|imagine|tell|say|explain|repeat|think|remember|like|mind|be"
    r"|have(?! (?:the|it|them)\b)|do|just)\b)\w+"
    r"|please (?!note\b|do\b|look at\b)\w+|you (?:should|need to|will(?: be)?|are going to|guys (?:should"
    r"|need to)) (?!be able|see\b|have\b|know\b|be\b|notice\b|never\b|always\b|find\b)\w+"
    # "I need you to check it", "if you can check it", "maybe you can check it"
    r"|i(?:['’]d| would) like (?:you|the|[A-Z]\w+)\b[\w ]* to (?!think\b|say\b)\w+|i need you (?:guys )?to (?!know\b)\w+"
    r"|(?:if|maybe) you (?:can|could) (?!see\b|hear\b|imagine\b|remember\b|have\b|use\b|say\b|just\b|do\b|be\b|get\b)\w+)",
    re.IGNORECASE,
)
_EN_ASSIGNMENT: Final = re.compile(
    r"(?:^|[,;]\s|\b(?:[Aa]nd|[Ss]o|[Bb]ut|[Tt]hen|that) )(?!(?:Then|This|That|It|There|What|Which|Here|These|Those|They|We|You"
    r"|One|And|But|So|If|Who|Everyone|Everybody|Nobody)\b)"
    r"(?:[A-Z][a-z]+|he|she)(?:['’](?:s (?:going to|gonna)|ll)|\s+(?:will(?: be)?|is going to|is gonna|has to|needs to))\s+(?!be\s|have\b"
    r"|need\b|get\b)\w+"
    # "the Marketing Expert is gonna check it", "the two designers are going to build it"
    r"|\b[Tt]he (?:[A-Z][A-Za-z]*|(?:\w+ )?(?:designers?|developers?|testers?|analysts?|engineers?|team))\b(?: [A-Z]\w*)*(?: over here)?"
    r" (?:will|is going to|are going to|is gonna|are gonna)\s+(?!be\s|have\b|need\b|get\b)\w+"
)
_EN_NEED: Final = re.compile(
    r"\b(?:we (?:need to|have to|must|should|gotta)|(?:needs|has) to be (?:done|fixed|\w+ed))\b(?!\s+(?:be|think"
    r"|know|say)\b)",
    re.IGNORECASE,
)
_EN_HANGS: Final = re.compile(
    r"\b(?:what|how|where|why|which|because|['’]?cause|thought|wonder(?:ed)?|whatever)\s+(?:\w+\s+){0,2}$|\b\w+s that\s+$",
    re.IGNORECASE,
)
"""Before a verb that tells no task: "how you will ...", "because you need to ...", "the chips that you need to ..."."""
_EN_REASON: Final = re.compile(r"\W*(?:and |but |um,? |uh,? )*(?:because|['’]?cause)\b", re.IGNORECASE)
_EN_SUPPOSED: Final = re.compile(r"\bif (?:i|you|we|he|she|they)\b.*\bthen\b", re.IGNORECASE)
_EN_ASKS_ABOUT: Final = re.compile(
    r"^(?:\W*(?:and|so|but|okay|ok|well|yeah|um|uh)\b)*\W*(?:which|what|how|where|why)\b", re.IGNORECASE
)
"""A question for an answer rather than for work: "Which one would you prefer?"."""
_EN_SETTLED: Final = r"we(?:'ve| have)? (?:decided|agreed)|decision is|it(?:'?s| is) decided|agreed that"
_EN_DECISION: Final = re.compile(
    rf"\b(?:{_EN_SETTLED}|let'?s (?:go (?:with|for)|use|do|take|keep|make|stick|drop|skip"
    r"|postpone|move)"
    r"|we(?:'ll| will| are going to|'re going to|'re gonna) (?!see\b|have\b|be\b|need\b|talk\b|discuss\b|start\b"
    r"|meet\b)\w+)",
    re.IGNORECASE,
)
_EN_WORK: Final = {Kind.PROMISE: _EN_PROMISE, Kind.REQUEST: _EN_REQUEST}
_EN_OPEN: Final = re.compile(
    r"\b(?:don'?t know (?:yet|if|whether|how|what|who|when)|not sure (?:yet|if|whether|how|what|who)|still open"
    r"|open question|to be decided"
    r"|need to (?:find out|clarify|figure out)|unclear)\b",
    re.IGNORECASE,
)
_EN_RISK: Final = re.compile(
    r"\b(?:problem|issues?|risk|concern|worried|blocked|blocker|fails?|failing|broken|crash(?:es)?|delay(?:ed)?"
    r"|too expensive|might not|may not"
    r"|won'?t (?:be able|make|work)|out of budget|late)\b",
    re.IGNORECASE,
)
_EN_AVERTED: Final = re.compile(
    r"(?:\b(?:no|not|never|without|non|less|lower|fixed|solved|resolved|closed)|n['’]t)\b[ -]"
    r"(?:(?!(?:because|when|if|but|and|so)\b)[\w'’]+ ){0,6}(?:problems?|issues?|risks?|concerns?|blockers?|delays?)\b"
    r"|\b(?:problems?|issues?|risks?|concerns?|blockers?|delays?) (?:(?:is|are|was|were|has been|have been|got|now) )*"
    r"(?:fixed|solved|resolved|gone|closed)\b",
    re.IGNORECASE,
)
"""What would be a risk, were it not denied or over: "that's not an issue", "the problem is fixed"."""
_RU_AVERTED: Final = re.compile(
    r"\b(?:(?:нет|без|никак\w+|не вижу|ни одн\w+|(?<!не )(?:исправил|решил|починил|закрыл|устранил|убрал|снял)\w*) (?:[\w-]+ ){0,2}"
    r"|не (?:(?:такая|такой|уж|большая|большой) )*)(?:проблем|ошиб|риск|задерж|блокер|жалоб|уязвим)\w*"
    r"|\b(?:проблем|ошиб|риск|задерж|блокер|жалоб|уязвим)\w* (?:(?:уже|больше|пока|там|тоже) )*"
    r"(?:нет|не было|не осталось|не видно|исправ\w+|реш(?:ен|ил)\w*|почини\w+|закры\w+|устран\w+|ушл\w+|пропал\w*)\b",
    re.IGNORECASE,
)
_RU_SETTLED: Final = r"решили|решено|договорились (?:что|о|на)|постановили|принято решение|утвердили|согласовали"
_RU_DECISION: Final = re.compile(
    rf"\b(?:{_RU_SETTLED}"
    r"|останавливаемся на|выбираем|откладываем"
    r"|отменяем|переносим|берем|заводим|заведем|делаем так|в следующ(?:ий|ем) спринт|не будем)\b",
    re.IGNORECASE,
)
_SETTLED: Final = re.compile(rf"\b(?:{_EN_SETTLED}|(?<!не )(?:{_RU_SETTLED}))\b", re.IGNORECASE)
_RU_OPEN: Final = re.compile(
    r"\b(?:(?:пока )?не (?:знаю|знаем|решили|ясно|понятно)|непонятно|неизвестно|вопрос открыт|надо (?:уточнить"
    r"|выяснить|понять)|нужно (?:уточнить|выяснить|понять)"
    r"|ждем (?:ответ|решени|согласовани)\w*)",
    re.IGNORECASE,
)
_RU_RISK: Final = re.compile(
    r"\b(?:проблем\w*|ошибк\w*|риск\w*|боюсь|опаса\w*|сломал\w*|ломает\w*|пада(?:ет|ют)|упал\w*|не приход\w*"
    r"|не работа\w*|не успе\w*|задерж\w*|блокир\w*|блокер\w*"
    r"|меша(?:ет|ют)|жалу\w*|жалоб\w*|прост(?:ой|оя) (?:около|в|на|до|\d)\w*|уязвим\w*|горит|срыва\w*|сорв\w*"
    r"|не хвата\w*)\b",
    re.IGNORECASE,
)
_RU_ASKS: Final = re.compile(
    r"\b(?:с?можешь|с?можете|не мог(?:ла|ли)? бы|возьмешь|возьмете|сделаешь|сделаете|кто)\b|\b(?:ладно|хорошо|окей|ок|да)\?\W*$",
    re.IGNORECASE,
)
"""What makes a Russian question a request: «сможешь посмотреть?», «проверь, ладно?»."""
_RU_ABLE: Final = re.compile(
    r"\b(?:с?можешь|с?можете|не мог(?:ла|ли)? бы|прошу|попрошу|попросим|поручим)\b", re.IGNORECASE
)
_ACCEPTS: Final = re.compile(
    r"^(?:да[,. ]+)?(?:хорошо|договорились|ок(?:ей)?|ладно|принято|сделаю|конечно|без проблем|понял[а]?"
    r"|будет сделано|согласен|согласна|возьму"
    r"|sure|okay|ok|will do|of course|no problem|deal|agreed|got it|yep|yes)\b",
    re.IGNORECASE,
)
_SMALL_TALK: Final = re.compile(
    r"\b(?:доброе утро|добрый день|добрый вечер|всем привет|привет|здравствуйте|хорошего дня|до свидания"
    r"|всем спасибо|на этом вс[её]|спасибо за"
    r"|давайте (?:быстро )?(?:начн[её]м|пройд[её]м)|good morning|good afternoon|hello|hi everyone|bye|thank you"
    r"|thanks everyone|have a nice|that'?s (?:it|all) for)",
    re.IGNORECASE,
)


# A summary asks about each sentence several times, and the forms of its words take 8 ms.
@lru_cache(maxsize=8192)
def find_cues(text: str) -> frozenset[Kind]:
    """Return what the sentence does; several kinds may be found, or none."""
    if is_small_talk(text):
        return frozenset()
    russian = detect_language(text) in ("ru", "mixed")
    kinds = _russian(text) if russian else _english(text)
    if text.rstrip(' "»”').endswith("?"):
        # "Could you send it?" asks for something to be done. A Russian imperative stands in a question only before «ладно?».
        asks = _RU_ASKS.search(text.replace("ё", "е")) if russian else not _EN_ASKS_ABOUT.search(text)
        return frozenset(kinds & ({Kind.REQUEST, Kind.RISK} if asks else {Kind.RISK}) | {Kind.QUESTION})
    return frozenset(kinds)


def accepts(text: str) -> bool:
    """Tell whether a sentence agrees to what was asked just before («Договорились», "will do")."""
    return bool(_ACCEPTS.search(text.strip()))


def is_settled(text: str) -> bool:
    """Tell whether a sentence calls something decided in so many words, rather than by a plan («перенесём», "we'll take it")."""
    return bool(_SETTLED.search(text.replace("ё", "е")))


def is_small_talk(text: str) -> bool:
    """Tell whether a sentence only greets or says good-bye."""
    return bool(_SMALL_TALK.search(text))


def _english(text: str) -> set[Kind]:
    table = (
        (Kind.PROMISE, _EN_PROMISE),
        (Kind.REQUEST, _EN_REQUEST),
        (Kind.ASSIGNMENT, _EN_ASSIGNMENT),
        (Kind.NEED, _EN_NEED),
        (Kind.DECISION, _EN_DECISION),
        (Kind.QUESTION, _EN_OPEN),
        (Kind.RISK, _EN_RISK),
    )
    found = {
        kind for kind, pattern in table if pattern.search(_EN_AVERTED.sub(" ", text) if kind is Kind.RISK else text)
    }
    return {kind for kind in found if kind not in _EN_WORK or _asks_for_work(text, _EN_WORK[kind])}


def _asks_for_work(text: str, pattern: re.Pattern[str]) -> bool:
    """Tell whether one of the places that look like work stands on its own, rather than in a question, a reason or a supposition."""
    return not _EN_REASON.match(text) and any(
        not _EN_HANGS.search(text[: match.start()]) and not _EN_SUPPOSED.match(text[match.start() :])
        for match in pattern.finditer(text)
    )


def _russian(text: str) -> set[Kind]:
    plain = text.replace("ё", "е").replace("Ё", "Е")
    table = (
        (Kind.DECISION, _RU_DECISION, plain),
        (Kind.QUESTION, _RU_OPEN, plain),
        (Kind.RISK, _RU_RISK, _RU_AVERTED.sub(" ", plain)),
    )
    return {kind for kind, pattern, said in table if pattern.search(said)} | _russian_tasks(text)


def _russian_tasks(text: str) -> set[Kind]:
    """Find promises, requests, assignments and needs by the forms of the verbs."""
    kinds: set[Kind] = set()
    words = spans(text)
    said = [token.word for token in words]
    negated = {place + 1 for place, word in enumerate(said) if word == "не"}
    for place, word in enumerate(said):
        if place in negated or word in _SPEAKING:
            continue
        parse = _parses(word)[0]
        tag, verb = parse.tag, parse.normal_form.replace("ё", "е")
        if word in _NEEDS and any("INFN" in _parses(later)[0].tag for later in said[place + 1 : place + 4]):
            kinds.add(Kind.NEED)
            if _named(text, words, range(max(0, place - _SUBJECT_REACH), place), "datv"):
                kinds.add(Kind.ASSIGNMENT)
        if word == "буду" and _work_follows(said, place):
            kinds.add(Kind.PROMISE)
        if "VERB" not in tag or verb in _NOT_A_TASK:
            continue
        if tag.mood == "impr" and "incl" not in str(tag):
            kinds.add(Kind.REQUEST)
        elif tag.tense == "futr" and tag.person == "1per" and tag.number == "sing":
            kinds.add(Kind.PROMISE)
        elif tag.tense == "futr" and tag.person == "1per" and tag.number == "plur":
            kinds.add(Kind.DECISION)
        elif (
            tag.tense == "futr"
            and tag.person == "3per"
            and ("кто" in said[max(0, place - _SUBJECT_REACH) : place] or _has_person(text, words, place))
        ):
            kinds.add(Kind.REQUEST if "кто" in said[max(0, place - _SUBJECT_REACH) : place] else Kind.ASSIGNMENT)
    if (
        re.search(r"\b(?:я )?(?:могу|готов[а]?) [а-я]+(?:ть|ти|чь)\b", text, re.IGNORECASE)
        and " не могу" not in text.lower()
    ):
        kinds.add(Kind.PROMISE)
    if _RU_ABLE.search(text.replace("ё", "е")) and any("INFN" in _parses(word)[0].tag for word in said):
        kinds.add(Kind.REQUEST)
    if re.search(
        r"\b(?i:за) (?:мной|тобой|[А-ЯЁ][а-яё]+(?:ой|ом|ей|ем))\b|\b(?i:на) (?:мне|тебе)\b"
        r"|\b(?i:тебе) (?:задача|нужно|надо)\b",
        text,
    ):
        kinds.add(Kind.ASSIGNMENT)
    return kinds


@lru_cache(maxsize=50_000)
def _parses(word: str) -> Any:
    """Return the readings of a word, the most probable first."""
    return morphology().parse(word)


def _work_follows(said: Sequence[str], place: int) -> bool:
    """Tell whether an infinitive that names work stands right behind «буду»."""
    for word in said[place + 1 : place + 3]:
        parse = _parses(word)[0]
        if "INFN" in parse.tag:
            return parse.normal_form.replace("ё", "е") not in _NOT_A_TASK
    return False


def _has_person(text: str, words: Sequence[Token], place: int) -> bool:
    """Tell whether the subject of the verb is a person: a pronoun close to it, or a name in the nominative in its clause."""
    if any(token.word in ("он", "она", "ты", "они") for token in words[max(0, place - 2) : place]):
        return True
    before = _named(text, words, range(max(0, place - _SUBJECT_REACH), place), "nomn")
    return before or _named(text, words, range(place + 1, min(len(words), place + 3)), "nomn")


def _named(text: str, words: Sequence[Token], places: range, case: str) -> bool:
    """Tell whether one of the words is written as a name, in this case."""
    return any(
        text[words[place].start].isupper()
        and any("Name" in parse.tag and case in parse.tag for parse in _parses(words[place].word))
        for place in places
    )
