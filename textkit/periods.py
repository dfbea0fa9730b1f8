"""Spans of days that a question about the past names, in Russian and English: «на прошлой неделе», "in March", «за последние три дня».

Everything lies behind the asker: a weekday is its last occurrence, a month without a year the last one that has begun. Compare
`textkit.dates`, which looks ahead.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from textkit import calendar_words as words
from textkit.dates import find_dates

__all__ = ["Period", "find_period"]

_DAY: Final = timedelta(days=1)
_AHEAD: Final = 120
"""A day without a year that lies further ahead than this is one of last year."""
_AMOUNT: Final = rf"(?:(?P<amount>\d{{1,3}}|{words.NUMBER_RU}|{words.NUMBER_EN})\s+)?"
_UNIT: Final = (
    r"(?P<unit>дн(?:я|ей|и)|день|сут(?:ки|ок)|недел(?:ю|и|ь)|месяц(?:а|ев)?|квартал(?:а|ов)?|год(?:а)?|лет|"
    r"days?|weeks?|months?|quarters?|years?)\b"
)
_MONTHS: Final = (
    r"(?P<month>январ[ея]|феврал[ея]|март[еа]|апрел[ея]|ма[ея]|июн[ея]|июл[ея]|август[еа]|сентябр[ея]|октябр[ея]|ноябр[ея]|декабр[ея]"
    r"|january|february|march|april|may|june|july|august|september|october|november|december)"
)
_WEEKDAYS: Final = (
    r"(?P<weekday>понедельник|вторник|среду|четверг|пятницу|субботу|воскресенье"
    r"|monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b"
)
_LAST: Final = re.compile(
    rf"\b(?:за|в|during|in|over|within)?\s*(?:the\s+)?(?:последн(?:ие|юю|ий|их)|прошедш(?:ие|ую|ий)|last|past)\s+{_AMOUNT}{_UNIT}"
)
_CALENDAR: Final = re.compile(
    r"\b(?:(?:на|в|за|по\s+итогам)\s+)?(?P<which>позапрошл[а-я]+|прошл[а-я]+|этой|этом|этот|эту|текущ[а-я]+|last|this)\s+"
    r"(?P<unit>недел[еюяи]|месяц[еа]?|квартал[еа]?|году|год|week|month|quarter|year)\b"
)
_SINCE_BEGINNING: Final = re.compile(
    r"\b(?:с\s+начала|since\s+the\s+(?:beginning|start)\s+of(?:\s+the)?)\s+(?:этого\s+|this\s+)?"
    r"(?P<unit>недели|месяца|квартала|года|week|month|quarter|year)\b"
)
_AGO: Final = re.compile(rf"\b{_AMOUNT}{_UNIT}\s+(?:(?:тому\s+)?назад|ago)\b")
_WORD_DAY: Final = re.compile(r"\b(?P<day>сегодня|вчера|позавчера|today|yesterday|the\s+day\s+before\s+yesterday)\b")
_MONTH: Final = re.compile(rf"\b(?:в|за|in|during)\s+{_MONTHS}\b(?:\s+(?P<year>20\d\d)(?:\s+(?:года|году))?)?")
_YEAR: Final = re.compile(r"\b(?:в|за|in|during)\s+(?P<year>20\d\d)(?:\s+(?:году|год))?\b")
_WEEKDAY: Final = re.compile(
    rf"\b(?:в|во|on|last)\s+(?:(?P<which>прошл[а-я]+|минувш[а-я]+|last|эт[а-я]+|this)\s+)?{_WEEKDAYS}"
)
_AFTER: Final = re.compile(r"(?:после|начиная\s+с|с|со|since|after|from)\s+$")
_BEFORE: Final = re.compile(r"(?:до|before|until)\s+$")
_JOINED: Final = re.compile(r"\s*(?:по|до|и|-|–|to|and|until|till)?\s*")
_RANGE_RU: Final = re.compile(r"\bс\s+(?P<first>\d{1,2})(?:-?го)?\s+по\s+(?=\d{1,2}(?:-?[ео]е)?\s+[а-я]+)")


@dataclass(frozen=True, slots=True)
class Period:
    """A span of days."""

    start: date | None
    """First day; None where it has no beginning."""
    end: date
    """Day behind the last one."""
    rest: str
    """The text without the words that name the span."""


def find_period(text: str, today: date) -> Period | None:
    """Return the span that `text` names, as far as it lies behind; None where there is none, or it begins after `today`."""
    plain = text.replace("ё", "е").replace("Ё", "Е").lower()
    for pattern, span in _RULES:
        match = pattern.search(plain)
        days = span(match, today) if match else None
        if match and days and days[0] <= today:
            return Period(*days, _without(text, match.start(), match.end()))
    return _dates(text, plain, today)


def _dates(text: str, plain: str, today: date) -> Period | None:
    """Return the span of one or two dates: a day, what lies after or before it, or from one to the other."""
    found = [
        (mention, mention.date if (mention.date - today).days < _AHEAD else _a_year_earlier(mention.date))
        for mention in find_dates(text, today)
        if any(letter.isdigit() for letter in mention.text)
    ]
    if not found or any(day > today for _, day in found):
        return None
    first, day = found[0]
    start = first.start
    if len(found) > 1 and _JOINED.fullmatch(plain[first.end : found[1][0].start]) is not None:
        return Period(day, found[1][1] + _DAY, _without(text, start, found[1][0].end))
    head = plain[: first.end]
    said = re.sub(r"\d.*", "", head[start:]) or head[:start]
    if _BEFORE.search(said):
        return Period(None, day, _without(text, start, first.end))
    if between := _RANGE_RU.search(plain[: first.end + 1]):
        return Period(day.replace(day=int(between["first"])), day + _DAY, _without(text, between.start(), first.end))
    if _AFTER.search(said):
        return Period(day, today + _DAY, _without(text, start, first.end))
    return Period(day, day + _DAY, _without(text, start, first.end))


def _a_year_earlier(day: date) -> date:
    return day.replace(year=day.year - 1, day=min(day.day, 28) if day.month == 2 else day.day)


def _without(text: str, start: int, end: int) -> str:
    return " ".join(f"{text[:start]} {text[end:]}".split())


def _unit(word: str) -> str:
    for unit, stems in _UNITS.items():
        if word.startswith(stems):
            return unit
    raise ValueError(word)


def _begin(unit: str, day: date, back: int = 0) -> date:
    """Return the first day of the calendar unit that `day` is in, or of one that lies `back` units earlier."""
    if unit == "day":
        return day - back * _DAY
    if unit == "week":
        return day - timedelta(days=day.weekday() + 7 * back)
    months = {"month": 1, "quarter": 3, "year": 12}[unit]
    index = (day.year * 12 + day.month - 1) // months * months - back * months
    return date(index // 12, index % 12 + 1, 1)


def _last(match: "re.Match[str]", today: date) -> tuple[date, date] | None:
    amount = _amount(match["amount"])
    if amount is None:
        return None
    unit = _unit(match["unit"])
    days = {"day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365}[unit] * amount
    if match["amount"] is None and re.search(r"\blast\s+(?:week|month|quarter|year)$", match.group()):
        return _begin(unit, today, 1), _begin(unit, today)
    return today - timedelta(days=days - (unit == "day")), today + _DAY


def _calendar(match: "re.Match[str]", today: date) -> tuple[date, date]:
    unit = _unit(match["unit"])
    which = match["which"]
    back = 2 if which.startswith("поза") else 1 if which.startswith(("прошл", "last")) else 0
    return _begin(unit, today, back), _begin(unit, today, back - 1)


def _since_beginning(match: "re.Match[str]", today: date) -> tuple[date, date]:
    return _begin(_unit(match["unit"]), today), today + _DAY


def _ago(match: "re.Match[str]", today: date) -> tuple[date, date] | None:
    amount = _amount(match["amount"])
    if amount is None:
        return None
    unit = _unit(match["unit"])
    return _begin(unit, today, amount), _begin(unit, today, amount - 1)


def _word_day(match: "re.Match[str]", today: date) -> tuple[date, date]:
    word = match["day"]
    back = 2 if word.startswith(("позавчера", "the")) else 1 if word in ("вчера", "yesterday") else 0
    return today - back * _DAY, today - (back - 1) * _DAY


def _month(match: "re.Match[str]", today: date) -> tuple[date, date]:
    number = words.month_number(match["month"])
    year = int(match["year"]) if match["year"] else today.year - (number > today.month)
    first = date(year, number, 1)
    return first, _begin("month", first, -1)


def _year(match: "re.Match[str]", today: date) -> tuple[date, date]:
    del today
    return date(int(match["year"]), 1, 1), date(int(match["year"]) + 1, 1, 1)


def _weekday(match: "re.Match[str]", today: date) -> tuple[date, date]:
    back = (today.weekday() - words.weekday_number(match["weekday"])) % 7
    said_last = (match["which"] or "").startswith(("прошл", "минувш", "last")) or match.group().startswith("last")
    day = today - timedelta(days=back or (7 if said_last else 0))
    return day, day + _DAY


def _amount(word: str | None) -> int | None:
    """Return the number of units; None for a word that is no number."""
    return 1 if word is None else words.amount(word.strip())


_UNITS: Final = {
    "day": ("дн", "день", "сут", "day"),
    "week": ("недел", "week"),
    "month": ("месяц", "month"),
    "quarter": ("квартал", "quarter"),
    "year": ("год", "лет", "year"),
}
Rule = Callable[["re.Match[str]", date], tuple[date, date] | None]
_RULES: Final[tuple[tuple["re.Pattern[str]", Rule], ...]] = (
    (_SINCE_BEGINNING, _since_beginning),
    (_AGO, _ago),
    (_LAST, _last),
    (_CALENDAR, _calendar),
    (_WORD_DAY, _word_day),
    (_MONTH, _month),
    (_YEAR, _year),
    (_WEEKDAY, _weekday),
)
