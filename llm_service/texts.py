"""What the service itself writes, in Russian and English."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

__all__ = ["attributed", "overview", "unknown"]

_TEXTS: Final = {
    "ru": {
        "said": "{speaker}: «{text}».",
        "quoted": "«{text}».",
        "topics": "Обсудили: {topics}.",
        "counts": "Решений: {decisions}, поручений: {tasks}, открытых вопросов: {questions}.",
        "silence": "На встрече ничего не обсуждали.",
        "unknown": "Не знаю: в доступных источниках нет ответа на этот вопрос.",
    },
    "en": {
        "said": "{speaker}: “{text}”.",
        "quoted": "“{text}”.",
        "topics": "Discussed: {topics}.",
        "counts": "Decisions: {decisions}, tasks: {tasks}, open questions: {questions}.",
        "silence": "Nothing was discussed.",
        "unknown": "I don't know: the sources that you may read do not answer this question.",
    },
}
_MOST_TOPICS: Final = 12


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


def overview(parts: Sequence[_Part], language: str) -> str:
    """Return what was talked about, and how much came of it."""
    texts = _TEXTS[language]
    if not parts:
        return texts["silence"]
    titles = [part.title.rstrip("…") for part in parts]
    named = "; ".join(titles[:_MOST_TOPICS]) + ("; …" if len(titles) > _MOST_TOPICS else "")
    counts = texts["counts"].format(
        decisions=sum(len(part.decisions) for part in parts),
        tasks=sum(len(part.tasks) for part in parts),
        questions=sum(len(part.questions) for part in parts),
    )
    return f"{texts['topics'].format(topics=named)} {counts}"


def unknown(language: str) -> str:
    """Return that there is no answer."""
    return _TEXTS[language]["unknown"]
