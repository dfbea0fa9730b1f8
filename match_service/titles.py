"""Titles of new cards, made of the words of the talk: the thing that is wished for, in its dictionary case."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from match_service.talk import Cue, Sentence
from textkit.dates import find_dates
from textkit.lemmas import lemmas, morphology, spans

_MAX_WORDS: Final = 9
_WISH: Final = re.compile(
    r"\b(?:нуж(?:ен|на|но|ны)|надо|необходимо|прос[яи]т|хотят|хочет|требу[ею]т(?:ся)?|спрашивают"
    r"|попросил[аи]?|давайте|хорошо бы|не хватает|предлагаю)\b\s*"
    r"|\b(?:needs? to|needs?|wants? us to|wants?|want to|asking (?:us )?(?:for|to)|asks? (?:us )?(?:for"
    r"|to)|requests?|should|let's|would like(?: to)?|"
    r"require[sd]?|missing|proposing|suggest)\b\s*",
    re.IGNORECASE,
)
_CARRIER: Final = re.compile(
    r"^(?:(?:нам|нас|им|ещё|еще|бы|про|о|об|тоже|также|уже|срочно|новую|новый|новое|отдельную|us|to|also"
    r"|a|an|the|some|new|"
    r"сделать|сделаем|завести|заведём|заведем|создать|добавить|поставить|make|do|create|have|add|build"
    r"|set up|get|put)\s+)+",
    re.IGNORECASE,
)
_STOP: Final = re.compile(
    r"[.,;:!?…]|\s[-–—]\s|\s(?:чтобы|потому|который|которая|которые|если|а то|so that|because|which|that"
    r"|and then|in order)\b"
    r"|\sк\s+(?:празднику|сезону|лету|зиме|весне|осени|релизу|новому году)\b|\s(?:for|before"
    r"|by)\s+(?:christmas|summer|winter|autumn|spring|the holidays?)\b",
    re.IGNORECASE,
)
_TAIL: Final = re.compile(r"\s+(?:в|на|к|по|с|для|и|от|до|из|у|о|in|on|at|to|of|for|and|the|a|with|by)$", re.IGNORECASE)
_AGREEING: Final = frozenset({"ADJF", "PRTF", "NOUN"})


def make_title(sentences: Sequence[Sentence]) -> str:
    """Return a title for the new card that `sentences` ask for; never empty when they hold a word.

    The first wish counts («маркетинг просит сделать промокоды для новых клиентов к празднику» -> «Промокоды для новых клиентов»),
    else the sentence with the most content.
    """
    told = [s for s in sentences if not s.cues & {Cue.SMALL_TALK}] or list(sentences)
    wishes = [s for s in told if _wishes(s.text)]
    for sentence in sorted(wishes, key=lambda s: Cue.NEW_CARD in s.cues):
        return _capital(_joined(_wishes(sentence.text)))
    plain = [s for s in told if Cue.NEW_CARD not in s.cues] or told
    richest = max(plain, key=lambda s: len(set(s.lemmas)), default=None)
    return _capital(_cut(richest.text)) if richest else ""


def _wishes(text: str) -> list[str]:
    """Return the things wished for in a sentence: what follows each wish word, where it has content."""
    phrases = [_cut(_CARRIER.sub("", text[match.end() :])) for match in _WISH.finditer(text)]
    return [phrase for phrase in phrases if lemmas(phrase)]


def _joined(wishes: Sequence[str]) -> str:
    """Return the first wish, with the second one behind it when the first is a single word («Доставка: подключить курьеров»)."""
    first, *others = wishes
    if len(lemmas(first)) > 1:
        return first
    second = next((wish for wish in others if _opens_with(wish, {"INFN", "NOUN", "ADJF"})), "")
    return f"{first}: {second}" if second else first


def _opens_with(phrase: str, parts: set[str]) -> bool:
    words = spans(phrase)
    return bool(words) and morphology().parse(words[0].word)[0].tag.POS in parts


def _cut(text: str) -> str:
    """Return the first clause of `text`, without times, at most nine words, its head in the dictionary case."""
    end = _STOP.search(text)
    phrase = text[: end.start()] if end else text
    for mention in reversed(find_dates(phrase, date(2000, 1, 3))):
        phrase = phrase[: mention.start] + phrase[mention.end :]
    words = phrase.split()[:_MAX_WORDS]
    phrase = " ".join(words)
    while (shorter := _TAIL.sub("", phrase)) != phrase:
        phrase = shorter
    return _nominative(phrase)


def _nominative(phrase: str) -> str:
    """Return the phrase with its leading adjectives and noun in the nominative, when they stand in the accusative."""
    tokens = spans(phrase)
    head: list[tuple[int, int, str]] = []
    for token in tokens:
        if not ("а" <= token.word[0] <= "я"):
            break
        parses = [
            p
            for p in morphology().parse(token.word)
            if p.tag.POS in _AGREEING and p.tag.case in {"accs", "gent", "nomn"}
        ]
        if not parses:
            break
        accusative = next((p for p in parses if p.tag.case == "accs"), None)
        nominative = next((p for p in parses if p.tag.case == "nomn"), None)
        chosen: Any = nominative or accusative or parses[0]
        if chosen is accusative and accusative is not None:
            changed = accusative.inflect({"nomn"})
            head.append((token.start, token.end, changed.word if changed else token.word))
        else:
            head.append((token.start, token.end, phrase[token.start : token.end]))
        if chosen.tag.POS == "NOUN":
            break
    for start, end, word in reversed(head):
        said = phrase[start:end]
        same = said.lower().replace("ё", "е") == word.lower().replace("ё", "е")
        phrase = phrase[:start] + (said if same else word) + phrase[end:]
    return phrase


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
