"""Who promises what: the few constructions of Russian and English that turn talk into changes of a card.

Every function looks at one sentence. What is conditional, negated or asked is told apart from what is stated, so that
«если успеем, переведём» never becomes a change.
"""

import re
from datetime import date
from typing import Final

from textkit.dates import find_dates
from textkit.lemmas import Token, lemma, lemmas, morphology, spans

_CONDITION: Final = re.compile(
    r"\b(?:если|когда|как только|после того|возможно|может быть|наверное|вдруг|хотел бы|мог бы|бы)\b"
    r"|\b(?:if|when|once|unless|maybe|perhaps|might|could|would)\b",
    re.IGNORECASE,
)
_NEGATION: Final = re.compile(
    r"\b(?:не|нет|ни|нельзя|почти|ещё не|еще не|пока не)\b|n't\b|\b(?:not|never|no|almost|nearly|cannot)\b",
    re.IGNORECASE,
)
_TAKE_RU: Final = re.compile(
    r"\b(?:я (?:сам[аи]? )?(?:это |этот вопрос |эту задачу |её |ее )?(?:возьму|беру|займусь|сделаю"
    r"|доделаю|допишу|подготовлю|проверю|посмотрю|позвоню|"
    r"куплю|найду|закажу|напишу|разберу(?:сь)?|поговорю|спрошу|посчитаю|исправлю|починю|перепишу|обновлю"
    r"|настрою|согласую)"
    r"|(?:возьму|беру|забираю) (?:это|эту|её|ее|на себя|себе)|давайте я|могу (?:взять )?я|могу взять"
    r"|займусь (?:этим|сам)|это (?:на мне|за мной|я сделаю)"
    r"|я (?:могу )?(?:\w+ )?(?:проверить|взять|сделать))\b",
    re.IGNORECASE,
)
_TAKE_EN: Final = re.compile(
    r"\b(?:i(?:'ll| will| can|'m going to| am going to) (?:(?:also|then|gladly|just) )?(?:take|do|handle"
    r"|own|look|check|write|fix|ask|call|order|place|find|prepare|send|get|"
    r"put|talk|draft|finish|book|add|review|update)|i'(?:ll| will) take (?:it|that|this)|i'm on it"
    r"|leave it to me|i(?:'ve| have) got (?:it|this)|let me (?:take|do|handle|look|check)"
    r"|i can do (?:it|that|one))\b",
    re.IGNORECASE,
)
_YES: Final = re.compile(
    r"^\W*(?:да|хорошо|ок|окей|ладно|конечно|yes|yeah|ok|okay|sure)\W+(?:возьму|сделаю|беру|займусь"
    r"|i will|i'll|will do)\b|^\W*will do\b",
    re.IGNORECASE,
)
_CHARGE: Final = re.compile(
    r"\bс тебя\b|\bза тобой\b|\bна тебе\b|\bтвоя задача\b|\bit's yours\b|\byour job\b|\bcould you\b"
    r"|\bcan you\b|\bplease\b|\bпожалуйста\b",
    re.IGNORECASE,
)
_NEED_RU: Final = re.compile(
    r"\b(?:надо|нужно|необходимо|осталось|остаётся|остается|требуется|пора|придётся|придется)\s+(?:(?:бы"
    r"|уже|ещё|еще|только|срочно|теперь|было)\s+)*",
    re.IGNORECASE,
)
_NEED_EN: Final = re.compile(
    r"\b(?:need(?:s)? to|have to|has to|must|should|remains to|still to|left to|let's)\s+(?:(?:still|also"
    r"|just|now|first)\s+)*",
    re.IGNORECASE,
)
_PHRASE_END: Final = re.compile(
    r"[.,;:!?…]|\s[-–—]\s|\s(?:потому|чтобы|но|а то|because|so that|but|before|и\s+\w+(?:ю|у|ем|им|ам"
    r"|и)\b|and\s+(?:i|we|let)\b)|$",
    re.IGNORECASE,
)
_LIKELY: Final = 0.1
"""Least probability of a reading of a word («переносим» is a verb or a participle)."""
_ANY_DAY: Final = date(2000, 1, 3)
"""Times are cut out of phrases whatever day they mean."""
_EN_BASE: Final = re.compile(r"^(?!be\b|have\b|say\b|know\b|think\b|go\b|see\b)[a-z]+\b", re.IGNORECASE)
_EN_IMPERATIVE: Final = frozenset(
    [
        "ask",
        "book",
        "call",
        "check",
        "close",
        "create",
        "draft",
        "email",
        "find",
        "finish",
        "fix",
        "get",
        "hire",
        "look",
        "make",
        "message",
        "move",
        "open",
        "order",
        "place",
        "plan",
        "prepare",
        "put",
        "remove",
        "replace",
        "review",
        "schedule",
        "send",
        "talk",
        "tell",
        "test",
        "try",
        "update",
        "upgrade",
        "warn",
        "write",
    ]
)
_PROMPTS: Final = frozenset(
    {"начать", "начинать", "рассказать", "рассказывать", "сказать", "продолжать", "продолжить", "расскажи"}
)
_PROMPT: Final = re.compile(
    r"\b(?:начни|начинай|расскажи|рассказывай|продолжай|пройд[её]м(?:ся)? по|скажи|go ahead|start with"
    r"|tell us|over to you)\b",
    re.IGNORECASE,
)
_IDLE_IMPERATIVES: Final = frozenset(
    [
        "давать",
        "начать",
        "начинать",
        "сказать",
        "рассказать",
        "рассказывать",
        "слушать",
        "послушать",
        "смотреть",
        "посмотреть",
        "ждать",
        "подождать",
        "помочь",
        "понять",
        "думать",
        "подумать",
        "извинить",
        "простить",
        "брать",
        "взять",
        "идти",
        "пойти",
        "бежать",
        "погнать",
        "быть",
        "позволить",
        "говорить",
        "заметить",
    ]
)


def is_conditional(text: str) -> bool:
    """Tell whether a sentence speaks of what may happen: "if", «когда», «бы»."""
    return bool(_CONDITION.search(text))


def is_negated(text: str) -> bool:
    """Tell whether a sentence denies or halves what it says: «не готово», «почти», "not yet"."""
    return bool(_NEGATION.search(text))


def takes_on(text: str) -> bool:
    """Tell whether the speaker takes the work: «я возьму это на себя», "I'll do that"."""
    return bool(_TAKE_RU.search(text) or _TAKE_EN.search(text) or _YES.search(text))


def is_first_person(text: str) -> bool:
    """Tell whether the sentence says what I or we do or will do (so that its date is a promise, not an event)."""
    if re.search(
        r"\b(?:i|we)(?:'ll| will| can| are going| am going|'re going|'m going)\b|\blet's\b|\bgo live\b",
        text,
        re.IGNORECASE,
    ):
        return True
    return any(
        "VERB" in parse.tag and "1per" in parse.tag and parse.score >= _LIKELY
        for token in spans(text)
        for parse in morphology().parse(token.word)
    )


def charged(text: str, name_start: int, name_end: int) -> bool:
    """Tell whether the person named at those places is given the work: «Анна, проверь», «Анна подготовит», "Tom, can you find"."""
    after = text[name_end:]
    words = spans(after)[:4]
    if not words:
        return False
    if _CHARGE.search(after) and re.match(r"\s*,", after):
        return True
    spoken_to = re.match(r"\s*,", after) or text[:name_start].rstrip().endswith(",")
    if spoken_to and any(_imperative(token.word) and lemma(token.word) not in _PROMPTS for token in words):
        return True
    following = words[0].word
    if following in {"will", "is", "takes", "should", "возьмет", "берет"}:
        return following != "is" or bool(re.match(r"\s+is (?:going to|on it)", after))
    return any("futr" in parse.tag and "3per" in parse.tag for parse in morphology().parse(following)[:1])


def is_prompt(text: str) -> bool:
    """Tell whether a sentence only gives somebody the floor: «Александр, начни с авторизации», "Tom, go ahead"."""
    return bool(_PROMPT.search(text))


def todo_phrase(text: str) -> str:
    """Return what is to be done, as an infinitive phrase taken from the sentence («Обновить библиотеку Firebase»); empty for nothing."""
    for pattern in (_NEED_RU, _NEED_EN):
        for match in pattern.finditer(text):
            rest = text[match.end() :]
            words = spans(rest)
            if (
                match.group().lower().startswith("let's")
                and words
                and words[0].word in {"make", "get", "start", "go", "create", "see"}
            ):
                continue
            if words and pattern is _NEED_RU and not _is_infinitive(words[0].word):
                continue
            if words and pattern is _NEED_EN and not _EN_BASE.match(rest):
                continue
            phrase = _until_end(rest)
            if len(phrase.split()) >= 2:
                return _capital(phrase)
    return _from_imperative(text)


def _from_imperative(text: str) -> str:
    """Return the phrase of a request («Предупреди, пожалуйста, поддержку» -> «Предупредить поддержку»); empty for nothing."""
    clean = re.sub(
        r",?\s*(?:пожалуйста|please|if you can|кстати)\s*(?=[,.!?]|$),?|\s*,\s*пожалуйста\s*,",
        " ",
        text,
        flags=re.IGNORECASE,
    )
    words = spans(clean)
    for place, token in enumerate(words[:4]):
        before = clean[: token.start].rstrip()
        if before and before[-1] not in ",.!:;" and place > 0:
            continue
        if token.word in _EN_IMPERATIVE and place == 0:
            return _phrase(clean, token, clean[token.start : token.end])
        if _imperative(token.word) and "а" <= token.word[0] <= "я":
            base = lemma(token.word)
            if base in _IDLE_IMPERATIVES:
                return ""
            return _phrase(clean, token, base)
    return ""


def _phrase(text: str, token: Token, verb: str) -> str:
    rest = _until_end(text[token.end :].lstrip(" ,"))
    return _capital(f"{verb} {rest}") if lemmas(rest) else ""


def _until_end(text: str) -> str:
    end = _PHRASE_END.search(text)
    phrase = text[: end.start() if end else len(text)]
    for mention in reversed(find_dates(phrase, _ANY_DAY)):
        phrase = phrase[: mention.start] + phrase[mention.end :]
    return " ".join(phrase.split())


def _is_infinitive(word: str) -> bool:
    return any("INFN" in parse.tag for parse in morphology().parse(word)[:2])


def _imperative(word: str) -> bool:
    if word in _EN_IMPERATIVE:
        return True
    parses = morphology().parse(word)
    past = any("past" in parse.tag for parse in parses)
    return not past and "impr" in parses[0].tag and "excl" in parses[0].tag


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
