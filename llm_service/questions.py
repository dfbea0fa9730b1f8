"""What a question means: what to search for, in which span of time, and whether a list is asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, tzinfo
from enum import StrEnum
from typing import Final

from llm_service.knowledge import Access, Narrowed
from llm_service.wanted import Kind, Wanted, wanted_of
from textkit.lemmas import tokens
from textkit.periods import Period, find_period

__all__ = ["Exchange", "Inquiry", "Listing", "Question", "inquiry_of", "wanted"]

_CHAIN: Final = 3
"""Earlier questions that a follow-up may reach back over."""
_POINTING: Final = frozenset(
    """
    он она оно они его ее ему ей им их него нее ним ней них это этот эта эти этого этому этим этом том тот та те там туда тогда такой такое
    he she it they him her them his its their this that these those there then
    """.split()  # noqa: SIM905 - a table of words reads best as words
)
_GOES_ON: Final = re.compile(r"^\s*(?:а|и|но|ну|ещ[её]|and|but|what about|how about|also)\b", re.IGNORECASE)
_ASKING: Final = re.compile(
    r"\b(?:кто|кому|кого|что|чего|когда|где|куда|откуда|почему|зачем|как|какой|какая|какие|какую|какого|сколько|чей"
    r"|who|whom|whose|what|when|where|why|how|which)\b",
    re.IGNORECASE,
)
_ABOUT_TALK: Final = re.compile(
    r"реши|решен|обсуд|обсужд|говор|договор|сказал|обещал|предлож|спрашив|упомина|поруч|встреч|планерк|созвон"
    r"|decid|decision|discuss|talk|said|\bsay|agree|promis|mention|propos|meeting"
)
_DECISIONS: Final = re.compile(
    r"\b(?:что|чего|какие|каких|о\s+чем|перечисли|покажи|список)\b.*\b(?:реши[лт]\w*|решени\w+|договорил\w+|постановил\w+)"
    r"|^(?:а\s+)?(?:все\s+)?решения\b"
    r"|\bwhat\b.*\b(?:decid\w*|decisions?|agreed?)\b|\b(?:list|show|which)\b.*\bdecisions?\b|^decisions?\b"
)
_TOPICS: Final = re.compile(
    r"\b(?:что|о\s+чем|какие\s+темы)\b.*\b(?:обсужд\w+|обсудил\w*|говорил\w*|был[ио]?\b)|\bwhat\b.*\b(?:discuss\w*|talk\w*\s+about|happened)\b"
)
_LISTED: Final = frozenset(
    """
    решение договоренность итог встреча планерка созвон неделя месяц день
    decis meet team week month day
    """.split()  # noqa: SIM905 - a table of words reads best as words
)
"""What a question for a list may name without asking for anything in particular."""


class Listing(StrEnum):
    """Questions whose answer is a list by time."""

    DECISIONS = "decisions"
    TOPICS = "topics"


@dataclass(frozen=True)
class Exchange:
    """One earlier question with its answer."""

    question: str
    answer: str


@dataclass(frozen=True)
class Question:
    """A question and who asks it."""

    text: str
    access: Access
    narrowed: Narrowed
    language: str
    history: tuple[Exchange, ...] = ()
    """Oldest first."""
    asked_at: datetime | None = None
    """Moment of the question, for words such as «вчера»; None for now."""
    zone: tzinfo = UTC


@dataclass(frozen=True)
class Inquiry:
    """What a question means."""

    searches: tuple[tuple[str, Narrowed], ...]
    """What to search for and where, the first that finds an answer counts."""
    asked: str
    """The question with what it goes on from, without the words of its span of time."""
    period: Period | None
    """Span of time in the asker's zone that it names."""
    listing: Listing | None = None


def inquiry_of(question: Question) -> Inquiry:
    """Return what a question means."""
    today = (question.asked_at or datetime.now(UTC)).astimezone(question.zone).date()
    text, period = _without_period(question.text, today)
    earlier: list[str] = []
    if _goes_on(text):
        for exchange in reversed(question.history[-_CHAIN:]):
            rest, before = _without_period(exchange.question, today)
            period = period or before
            earlier.insert(0, rest)
            if not _goes_on(rest):
                break
    asked = " ".join([*earlier, text])
    plain = asked.replace("ё", "е").lower()
    narrowed = _narrowed(question.narrowed, period, question.zone)
    searches = [(asked, narrowed)]
    if period is not None and not _ABOUT_TALK.search(plain):
        # «Что сломалось 12 марта?» may have been told at any meeting after it.
        searches.append((" ".join([*earlier, question.text]), question.narrowed))
    return Inquiry(tuple(searches), asked, period, _listing(plain, period is not None))


def wanted(question: Question, roster: Sequence[str]) -> Wanted:
    """Return what an answer must hold; a follow-up takes what it does not say itself from the question before."""
    today = (question.asked_at or datetime.now(UTC)).astimezone(question.zone).date()
    text = _without_period(question.text, today)[0]
    found = wanted_of(text, roster)
    if not _goes_on(text):
        return found
    for exchange in reversed(question.history[-_CHAIN:]):
        rest = _without_period(exchange.question, today)[0]
        before = wanted_of(rest, roster)
        if not found.things and not found.people:
            found = replace(found, things=before.things, people=before.people)
        if found.kind is Kind.ANYTHING and not _ASKING.search(text):
            found = replace(found, kind=before.kind)
        if not _goes_on(rest):
            break
    return found


def _without_period(text: str, today: date) -> tuple[str, Period | None]:
    period = find_period(text, today)
    return (period.rest, period) if period else (text, None)


def _goes_on(text: str) -> bool:
    """Tell whether a question is only understood with the one before it."""
    words = tokens(text)
    return bool(_GOES_ON.search(text)) or bool(_POINTING & set(words)) or len(words) < 2


def _listing(plain: str, dated: bool) -> Listing | None:
    listing = Listing.DECISIONS if _DECISIONS.search(plain) else Listing.TOPICS if _TOPICS.search(plain) else None
    if listing is None or (listing is Listing.TOPICS and not dated):
        return None
    return None if wanted_of(plain, ()).things - _LISTED else listing


def _narrowed(narrowed: Narrowed, period: Period | None, zone: tzinfo) -> Narrowed:
    if period is None:
        return narrowed
    after = None if period.start is None else _milliseconds(period.start, zone)
    before = _milliseconds(period.end, zone)
    return replace(
        narrowed,
        after_ms=max((one for one in (narrowed.after_ms, after) if one is not None), default=None),
        before_ms=min(one for one in (narrowed.before_ms, before) if one is not None),
    )


def _milliseconds(day: date, zone: tzinfo) -> int:
    return int(datetime.combine(day, time(), zone).timestamp() * 1000)
