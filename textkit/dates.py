"""Dates as people say them, in Russian and English, counted from a reference date.

Only what was said becomes a date: recurring days («по пятницам», "every Monday"), lengths of time («оценка три дня») and loose
times («к празднику», "soon") are left alone. A weekday is its next occurrence after the reference date, unless the talk says
«прошлый» / "last" or «следующий» / "next" (that day of the next calendar week).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from textkit import calendar_words as words


class DateKind(StrEnum):
    """What a date means for the thing that is talked about."""

    DEADLINE = "deadline"
    """To be done by then: «к пятнице», «до 15 марта», "by Thursday"."""
    POINT = "point"
    """Happens then: «в пятницу», «завтра», "on March 3"."""
    START = "start"
    """Begins then: «с понедельника», "from Monday"."""
    WINDOW = "window"
    """Some time inside a span whose last working day is the date: «на следующей неделе», "this month"."""
    PAST = "past"
    """Lies behind: «вчера», «в прошлую пятницу», "last week"."""


@dataclass(frozen=True, slots=True)
class DateMention:
    """One date said in a text."""

    text: str
    """The words that say it, a substring of the text."""
    start: int
    """First character."""
    end: int
    """Character behind the last one."""
    date: date
    """The day meant."""
    kind: DateKind
    """Its role."""


Resolver = Callable[["re.Match[str]", date], date | None]


def find_dates(text: str, reference: date) -> list[DateMention]:
    """Return the dates said in `text`, in order and without overlap; `reference` is the day of the talk."""
    plain = text.replace("ё", "е").replace("Ё", "Е").lower()
    blocked = [match.span() for match in words.RECURRING.finditer(plain)]
    found: list[DateMention] = []
    for start, end, day, kind in _candidates(plain, reference):
        if any(start < stop and begin < end for begin, stop in blocked):
            continue
        blocked.append((start, end))
        role = DateKind.PAST if day < reference and kind is not DateKind.WINDOW else kind
        found.append(DateMention(text[start:end], start, end, day, role))
    return sorted(found, key=lambda mention: mention.start)


def _candidates(plain: str, reference: date) -> Iterator[tuple[int, int, date, DateKind]]:
    """Yield what each rule finds, the more specific rules first; days outside of the calendar are none."""
    for pattern, resolve, default in _RULES:
        for match in pattern.finditer(plain):
            try:
                day = resolve(match, reference)
            except (OverflowError, ValueError):
                continue
            if day is None:
                continue
            lead = _lead(plain, match.start())
            yield lead[0], match.end(), day, lead[1] or default


def _lead(plain: str, start: int) -> tuple[int, DateKind | None]:
    """Return where the phrase begins with its preposition, and the kind that the preposition gives."""
    for kind, pattern in (
        (DateKind.DEADLINE, words.DEADLINE_LEAD),
        (DateKind.START, words.START_LEAD),
        (None, words.POINT_LEAD),
    ):
        if match := pattern.search(plain[:start]):
            return match.start(1), kind
    return start, None


def _calendar_day(day: int, month: int, year: int | None, reference: date) -> date | None:
    """Return the day in the given or the nearest fitting year (a date more than 60 days back means the next one)."""
    try:
        found = date(year or reference.year, month, day)
        if year is None and (reference - found).days > words.DAYS_BACK:
            found = date(reference.year + 1, month, day)
    except ValueError:
        return None
    return found


def _iso(match: "re.Match[str]", reference: date) -> date | None:
    return _calendar_day(int(match["day"]), int(match["month"]), int(match["year"]), reference)


def _numeric(match: "re.Match[str]", reference: date) -> date | None:
    if words.VERSION.search(match.string[: match.start()]):
        return None
    year = int(match["year"]) if match["year"] else None
    return _calendar_day(int(match["day"]), int(match["month"]), year, reference)


def _month_name(match: "re.Match[str]", reference: date) -> date | None:
    day = words.day_number(match["day"])
    year = int(match["year"]) if match["year"] else None
    return None if day is None else _calendar_day(day, words.month_number(match["month"]), year, reference)


def _day_of_month(match: "re.Match[str]", reference: date) -> date | None:
    day = words.day_number(match["day"])
    if day is None:
        return None
    month, year = reference.month, reference.year
    for _ in range(3):
        try:
            found = date(year, month, day)
        except ValueError:
            found = reference - timedelta(days=1)
        if found >= reference:
            return found
        month, year = (1, year + 1) if month == 12 else (month + 1, year)
    return None


def _weekday(match: "re.Match[str]", reference: date) -> date:
    number = words.weekday_number(match["weekday"])
    monday = reference - timedelta(days=reference.weekday())
    which = words.which(match["which"] or "")
    if which == "next":
        return monday + timedelta(days=7 + number)
    if which == "last":
        ahead = reference - timedelta(days=1)
        return ahead - timedelta(days=(ahead.weekday() - number) % 7)
    return reference + timedelta(days=(number - reference.weekday() - 1) % 7 + 1)


def _relative_day(match: "re.Match[str]", reference: date) -> date:
    return reference + timedelta(days=words.relative_days(match["day"]))


def _after(match: "re.Match[str]", reference: date) -> date | None:
    amount = words.amount(match["amount"] or "")
    unit = words.unit(match["unit"])
    if amount is None:
        return None
    if unit == "month":
        return _add_months(reference, amount)
    if unit == "working_day":
        return _add_working_days(reference, amount)
    return reference + timedelta(days=amount * (7 if unit == "week" else 1))


def _ago(match: "re.Match[str]", reference: date) -> date | None:
    later = _after(match, reference)
    return None if later is None else reference - (later - reference)


def _period_end(match: "re.Match[str]", reference: date) -> date | None:
    """Return the last working day of a week (its Friday), or the last day of a month, quarter or year."""
    which = words.which(match["which"] or "")
    step = {"next": 1, "last": -1}.get(which, 0)
    period = words.period(match["period"])
    if period == "day":
        return reference + timedelta(days=step)
    if period == "week":
        friday = reference - timedelta(days=reference.weekday()) + timedelta(days=4 + 7 * step)
        return friday if friday >= reference or step < 0 else friday + timedelta(days=2)
    if period == "month":
        return _month_end(_add_months(reference.replace(day=1), step))
    if period == "quarter":
        last = reference.replace(day=1, month=(reference.month - 1) // 3 * 3 + 3)
        return _month_end(_add_months(last, 3 * step))
    return date(reference.year + step, 12, 31)


def _end_of_month(match: "re.Match[str]", reference: date) -> date | None:
    month = words.month_number(match["month"] or match["month_en"])
    first = _calendar_day(1, month, int(match["year"]) if match["year"] else None, reference.replace(day=1))
    return None if first is None else _month_end(first)


def _add_months(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    first = date(index // 12, index % 12 + 1, 1)
    return first.replace(day=min(day.day, _month_end(first).day))


def _month_end(day: date) -> date:
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return following - timedelta(days=1)


def _add_working_days(day: date, amount: int) -> date:
    while amount:
        day += timedelta(days=1)
        amount -= day.weekday() < 5
    return day


_RULES: Final[tuple[tuple["re.Pattern[str]", Resolver, DateKind], ...]] = (
    (words.ISO, _iso, DateKind.POINT),
    (words.MONTH_RU, _month_name, DateKind.POINT),
    (words.MONTH_EN_FIRST, _month_name, DateKind.POINT),
    (words.DAY_EN_FIRST, _month_name, DateKind.POINT),
    (words.NUMERIC, _numeric, DateKind.POINT),
    (words.NIGHT_RU, _weekday, DateKind.POINT),
    (words.AGO, _ago, DateKind.PAST),
    (words.MONTH_END, _end_of_month, DateKind.DEADLINE),
    (words.PERIOD_END, _period_end, DateKind.DEADLINE),
    (words.PERIOD_END_SHORT, _period_end, DateKind.DEADLINE),
    (words.WITHIN, _after, DateKind.DEADLINE),
    (words.AFTER_RU, _after, DateKind.POINT),
    (words.AFTER_EN, _after, DateKind.POINT),
    (words.FROM_NOW, _after, DateKind.POINT),
    (words.WEEKDAY_RU, _weekday, DateKind.POINT),
    *((pattern, _weekday, DateKind.POINT) for pattern in words.WEDNESDAY_RU),
    (words.WEEKDAY_EN, _weekday, DateKind.POINT),
    (words.PERIOD, _period_end, DateKind.WINDOW),
    (words.RELATIVE, _relative_day, DateKind.POINT),
    (words.DAY_OF_MONTH_RU, _day_of_month, DateKind.POINT),
    (words.DAY_OF_MONTH_AFTER, _day_of_month, DateKind.POINT),
    (words.DAY_OF_MONTH_DIGITS, _day_of_month, DateKind.POINT),
    (words.DAY_OF_MONTH_EN, _day_of_month, DateKind.POINT),
)
