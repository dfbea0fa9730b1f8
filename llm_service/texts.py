"""What the service itself writes, in Russian and English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Final, Protocol

from textkit.periods import Period

__all__ = ["NO_MODEL", "attributed", "headings", "listed", "nothing_listed", "overview", "unknown", "unnamed"]

_TEXTS: Final = {
    "ru": {
        "said": "{speaker}: «{text}».",
        "quoted": "«{text}».",
        "topics": "Обсудили: {topics}.",
        "counts": "Решений: {decisions}, поручений: {tasks}, открытых вопросов: {questions}.",
        "silence": "На встрече ничего не обсуждали.",
        "unnamed": "Без имени",
        "unknown": "Не знаю: в доступных источниках нет ответа на этот вопрос.",
        "nothing": "Не знаю: в доступных источниках за это время ({span}) ничего такого нет.",
        "nothing_ever": "Не знаю: в доступных источниках ничего такого нет.",
    },
    "en": {
        "said": "{speaker}: “{text}”.",
        "quoted": "“{text}”.",
        "topics": "Discussed: {topics}.",
        "counts": "Decisions: {decisions}, tasks: {tasks}, open questions: {questions}.",
        "silence": "Nothing was discussed.",
        "unnamed": "Unnamed",
        "unknown": "I don't know: the sources that you may read do not answer this question.",
        "nothing": "I don't know: the sources that you may read have nothing of the kind from that time ({span}).",
        "nothing_ever": "I don't know: the sources that you may read have nothing of the kind.",
    },
}
_HEADINGS: Final = {
    "ru": {
        "overview": "Главное",
        "topics": "Темы",
        "decisions": "Решения",
        "actions": "Поручения",
        "questions": "Открытые вопросы",
        "risks": "Риски",
        "obstacles": "Что мешает",
        "who": "Кто что рассказал",
        "plan": "План",
        "improve": "Что меняем",
        "requests": "Что нужно заказчику",
        "promised": "Что мы пообещали",
        "nobody": "исполнитель не назван",
        "no_day": "срок не назван",
        "until": "до",
        "none": "нет",
    },
    "en": {
        "overview": "In short",
        "topics": "Topics",
        "decisions": "Decisions",
        "actions": "Actions",
        "questions": "Open questions",
        "risks": "Risks",
        "obstacles": "Obstacles",
        "who": "Who told what",
        "plan": "Plan",
        "improve": "What we change",
        "requests": "What the customer needs",
        "promised": "What we promised",
        "nobody": "nobody named",
        "no_day": "no day named",
        "until": "by",
        "none": "none",
    },
}
_MOST_TOPICS: Final = 12
_LISTED_LETTERS: Final = 300
NO_MODEL: Final = "No language model is set, so the sources are quoted. Set provider in section [llm]."


class _Part(Protocol):
    @property
    def title(self) -> str: ...

    @property
    def tasks(self) -> Sequence[object]: ...

    @property
    def decisions(self) -> Sequence[object]: ...

    @property
    def questions(self) -> Sequence[object]: ...


def attributed(speaker: str, text: str, language: str) -> str:
    """Return a quotation with its speaker, where there is one."""
    return _TEXTS[language]["said" if speaker else "quoted"].format(speaker=speaker, text=text)


def overview(parts: Sequence[_Part], told: str, language: str) -> str:
    """Return what was talked about, and how much came of it.

    Args:
        parts: The parts of a summary.
        told: The whole in a few sentences; empty to list the titles.
        language: Language to write in.
    """
    texts = _TEXTS[language]
    if not parts:
        return texts["silence"]
    if not told:
        titles = [part.title.rstrip("…") for part in parts]
        named = "; ".join(titles[:_MOST_TOPICS]) + ("; …" if len(titles) > _MOST_TOPICS else "")
        told = texts["topics"].format(topics=named)
    counts = texts["counts"].format(
        decisions=sum(len(part.decisions) for part in parts),
        tasks=sum(len(part.tasks) for part in parts),
        questions=sum(len(part.questions) for part in parts),
    )
    return f"{told} {counts}"


def unnamed(language: str) -> str:
    """Return what a speaker is called whom nobody named."""
    return _TEXTS[language]["unnamed"]


def headings(language: str) -> Mapping[str, str]:
    """Return the words of a template: headings, and what stands for nobody and for no day."""
    return _HEADINGS[language]


def unknown(language: str) -> str:
    """Return that there is no answer."""
    return _TEXTS[language]["unknown"]


def listed(number: int, text: str, title: str, happened_ms: int | None, zone: tzinfo) -> str:
    """Return one line of a list: its text, the day and the meeting, and the number of its source."""
    short = " ".join(text.split())
    if len(short) > _LISTED_LETTERS:
        short = short[:_LISTED_LETTERS].rsplit(" ", 1)[0] + "…"
    day = "" if happened_ms is None else datetime.fromtimestamp(happened_ms / 1000, zone).date().isoformat()
    facts = ", ".join(fact for fact in (day, title) if fact)
    return f"• {short}{f' ({facts})' if facts else ''} [{number}]"


def nothing_listed(period: Period | None, language: str) -> str:
    """Return that a span of time holds nothing to list."""
    if period is None:
        return _TEXTS[language]["nothing_ever"]
    last = (period.end - timedelta(days=1)).isoformat()
    first = "" if period.start is None else period.start.isoformat()
    span = last if first == last else f"{first} – {last}".strip()
    return _TEXTS[language]["nothing"].format(span=span)
