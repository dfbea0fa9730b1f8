"""The words of the calendar in Russian and English, as patterns and tables for `textkit.dates`.

All patterns expect lower-case text with `ё` written `е`.
"""

import re
from typing import Final

DAYS_BACK: Final = 60
"""A date without a year that lies further back than this means the next year."""

_RU_MONTHS: Final = (
    "январ",
    "феврал",
    "март",
    "апрел",
    "ма",
    "июн",
    "июл",
    "август",
    "сентябр",
    "октябр",
    "ноябр",
    "декабр",
)
_EN_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_RU_DAYS: Final = ("понедельник", "вторник", "сред", "четверг", "пятниц", "суббот", "воскресень")
_EN_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_MONTH_RU: Final = (
    r"(?P<month>январ[яьюе]|феврал[яьюе]|март[ауе]?|апрел[яьюе]|ма[йяюе]|июн[яьюе]|июл[яьюе]|август[ауе]?"
    r"|сентябр[яьюе]|октябр[яьюе]|ноябр[яьюе]|декабр[яьюе])\b"
)
_MONTH_EN: Final = (
    r"(?P<month>january|february|march|april|may|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec)\b\.?"
)
_YEAR: Final = r"(?:,?\s+(?P<year>20\d\d)(?:\s+(?:года|год|г\.))?)?"
_ORDINAL_STEMS: Final = {
    "перв": 1, "втор": 2, "треть": 3, "четверт": 4, "пят": 5, "шест": 6, "седьм": 7, "восьм": 8, "девят": 9,
    "десят": 10, "одиннадцат": 11, "двенадцат": 12, "тринадцат": 13, "четырнадцат": 14, "пятнадцат": 15,
    "шестнадцат": 16, "семнадцат": 17, "восемнадцат": 18, "девятнадцат": 19, "двадцат": 20, "тридцат": 30,
}  # fmt: skip
_EN_ORDINALS: Final = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15, "sixteenth": 16,
    "seventeenth": 17, "eighteenth": 18, "nineteenth": 19, "twentieth": 20, "thirtieth": 30,
}  # fmt: skip
_ORD_RU: Final = (
    r"(?:(?:двадцать|тридцать)\s+)?(?:"
    + "|".join(sorted(_ORDINAL_STEMS, key=len, reverse=True))
    + r")(?:ого|его|ому|ему|ое|ее|ье|ьего|ьему)"
)
_ORD_EN: Final = r"(?:(?:twenty|thirty)[- ])?(?:" + "|".join(sorted(_EN_ORDINALS, key=len, reverse=True)) + r")"
_WHICH_RU: Final = r"(?P<which>(?:следующ|будущ|прошл|прошедш|эт|ближайш|текущ)[а-я]+\s+)?"
_WHICH: Final = (
    r"(?P<which>(?:(?:следующ|будущ|прошл|прошедш|эт|ближайш|текущ)[а-я]+|next|last|this|coming"
    r"|the\s+coming)\s+)?"
)
NUMBER_RU: Final = (
    "один|одну|одного|одной|два|две|двух|три|трех|четыре|четырех|пять|пяти|шесть|шести|семь|семи|восемь"
    "|восьми|девять|десять|десяти"
    "|полтора|пару|пары"
)
NUMBER_EN: Final = "a couple of|couple of|a|an|one|two|three|four|five|six|seven|eight|nine|ten"
_AMOUNT: Final = rf"(?:(?P<amount>\d{{1,3}}|{NUMBER_RU}|{NUMBER_EN})\s+)"
_UNIT: Final = (
    r"(?P<unit>рабоч[а-я]+\s+д(?:ень|ня|ней)|день|дня|дней|дню|сутки|суток|недел[юиье]|недель|недельк[иу]|неделек|месяц(?:а|ев)?"
    r"|(?:working|business)\s+days?|days?|weeks?|months?)\b"
)
_AMOUNTS: Final = {
    "один": 1, "одну": 1, "одного": 1, "одной": 1, "a": 1, "an": 1, "one": 1, "": 1, "два": 2, "две": 2, "двух": 2, "пару": 2, "пары": 2,
    "a couple of": 2, "couple of": 2, "two": 2, "три": 3, "трех": 3, "three": 3, "четыре": 4, "четырех": 4, "four": 4, "пять": 5,
    "пяти": 5, "five": 5, "шесть": 6, "шести": 6, "six": 6, "семь": 7, "семи": 7, "seven": 7, "восемь": 8, "восьми": 8,
    "eight": 8, "девять": 9, "nine": 9, "десять": 10, "десяти": 10, "ten": 10,
}  # fmt: skip

RECURRING: Final = re.compile(
    r"\bкажд[а-я]+\s+(?:[а-я]+\s+)?[а-я]+|\bпо\s+(?:понедельникам|вторникам|средам|четвергам|пятницам"
    r"|субботам|воскресеньям|утрам|вечерам)"
    r"|\bежедневно|\beach\s+\w+|\bevery\s+(?:other\s+)?\w+|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days\b"
)
DEADLINE_LEAD: Final = re.compile(
    r"(?:^|(?<=[^а-яa-z]))((?:к|ко|до|не\s+позднее|не\s+позже|по|by|before|until|till|no\s+later\s+than|due(?:\s+on)?"
    r"|срок(?:ом)?(?:\s*[-–—:])?|дедлайн(?:\s*[-–—:])?|deadline(?:\s+is)?(?:\s*:)?)\s+(?:the\s+)?)$"
)
START_LEAD: Final = re.compile(
    r"(?:^|(?<=[^а-яa-z]))((?:с|со|начиная\s+с|from|starting(?:\s+on)?|since)\s+(?:the\s+)?)$"
)
POINT_LEAD: Final = re.compile(r"(?:^|(?<=[^а-яa-z]))((?:в|во|на|on|at|for)\s+(?:the\s+)?)$")

ISO: Final = re.compile(r"\b(?P<year>20\d\d)-(?P<month>\d\d)-(?P<day>\d\d)\b")
NUMERIC: Final = re.compile(r"(?<![\d.])(?P<day>[0-3]?\d)\.(?P<month>0[1-9]|1[0-2])(?:\.(?P<year>20\d\d))?(?![\d.]*\d)")
VERSION: Final = re.compile(r"(?:верси[а-я]*|релиз[а-я]*|сборк[а-я]*|version|release|build|\bv)\s*$")
"""What stands before a number such as 1.02 that is no date."""
MONTH_RU: Final = re.compile(rf"\b(?P<day>[0-3]?\d(?:-?г?о?е?м?у?)?|{_ORD_RU})\s+{_MONTH_RU}{_YEAR}")
MONTH_EN_FIRST: Final = re.compile(
    rf"\b{_MONTH_EN}\s+(?:the\s+)?(?P<day>[0-3]?\d(?:st|nd|rd|th)?|{_ORD_EN})\b(?!:){_YEAR}"
)
DAY_EN_FIRST: Final = re.compile(rf"\b(?P<day>[0-3]?\d(?:st|nd|rd|th)?|{_ORD_EN})\s+(?:of\s+)?{_MONTH_EN}{_YEAR}")
DAY_OF_MONTH_DIGITS: Final = re.compile(
    r"(?<=[ко] )(?P<day>[0-3]?\d-?(?:му|ому|го|ого))\b(?!\s+[а-я]*(?:этап|верси|спринт|квартал|час))"
)
DAY_OF_MONTH_RU: Final = re.compile(rf"\b(?P<day>[0-3]?\d(?:-?го|-?му|-?е)?|{_ORD_RU})\s+числ[ауо]\b")
DAY_OF_MONTH_AFTER: Final = re.compile(
    rf"(?<=(?:к|о) )(?P<day>{_ORD_RU.replace('?:ого|его|ому|ему|ое|ее|ье|ьего|ьему', '?:ого|его|ому|ему|ьего|ьему')})"
    r"(?=\s*(?:[.,;!?)]|$|\b(?:сделаю|сдам|пришлю|будет|все|нужно|надо)\b))"
)
"""«до тридцать первого» with nothing behind it that the number could belong to («к первому этажу»)."""
DAY_OF_MONTH_EN: Final = re.compile(rf"(?<=(?:by|on) the )(?P<day>[0-3]?\d(?:st|nd|rd|th)|{_ORD_EN})\b(?!\s+[a-z])")
NIGHT_RU: Final = re.compile(
    r"\bв\s+ночь\s+(?:с\s+[а-я]+\s+)?на\s+(?P<which>(?:следующ|эт)[а-я]+\s+)?"
    r"(?P<weekday>понедельник|вторник|среду|четверг|пятницу|субботу|воскресенье)\b"
)
WEEKDAY_RU: Final = re.compile(
    rf"\b{_WHICH_RU}(?P<weekday>понедельник[ауе]?|вторник[ауе]?|четверг[ауе]?|пятниц[уеыа]|суббот[уеыа]"
    rf"|воскресень[еюя])\b"
)
_NOT_A_DAY: Final = r"(?!\s+(?:разработки|обитания|исполнения|тестирования|выполнения))"
WEDNESDAY_RU: Final = tuple(
    re.compile(rf"(?:{before})\b{_WHICH_RU}(?P<weekday>{form})\b{_NOT_A_DAY}")
    for before, form in (
        (r"(?<=\bв )|(?<=\bна )|(?<=\bпо )", "среду"),
        (r"(?<=\bк )", "среде"),
        (r"(?<=\bдо )|(?<=\bсо )|(?<=\bпозднее )|(?<=\bпозже )", "среды"),
    )
)
"""«Среда» is also an environment: only the forms that a preposition makes a day count."""
WEEKDAY_EN: Final = re.compile(
    r"\b(?P<which>(?:next|last|this|coming|this\s+coming)\s+)?(?P<weekday>monday|tuesday|wednesday"
    r"|thursday|friday|saturday|sunday)\b"
)
RELATIVE: Final = re.compile(
    r"\b(?P<day>послезавтрашн[а-я]+(?:\s+дн[юя])?|завтрашн[а-я]+(?:\s+дн[юя])?"
    r"|сегодняшн[а-я]+(?:\s+дн[юя])?|послезавтра|завтра"
    r"|сегодня|позавчера|вчера|the\s+day\s+after\s+tomorrow|day\s+after\s+tomorrow|tomorrow|today|tonight"
    r"|yesterday)\b"
)
AFTER_RU: Final = re.compile(rf"\bчерез\s+{_AMOUNT}?{_UNIT}")
AFTER_EN: Final = re.compile(rf"\bin\s+{_AMOUNT}{_UNIT}")
FROM_NOW: Final = re.compile(rf"\b{_AMOUNT}{_UNIT}\s+from\s+(?:now|today)\b")
WITHIN: Final = re.compile(rf"\b(?:в\s+течение|within(?:\s+the\s+next)?)\s+{_AMOUNT}?{_UNIT}")
AGO: Final = re.compile(rf"\b{_AMOUNT}?{_UNIT}\s+(?:назад|ago)\b")
PERIOD_END: Final = re.compile(
    rf"\b(?:конц[ауе]|the\s+end\s+of(?:\s+the)?|end\s+of(?:\s+the)?)\s+{_WHICH}"
    r"(?P<period>дня|рабочего\s+дня|недели|месяца|квартала|года|day|week|month|quarter|year)\b"
)
MONTH_END: Final = re.compile(
    rf"\b(?:конц[ауе]\s+{_MONTH_RU}|(?:the\s+end\s+of|end\s+of)\s+{_MONTH_EN.replace('(?P<month>', '(?P<month_en>')}){_YEAR}"
)
PERIOD_END_SHORT: Final = re.compile(r"\b(?P<which>)(?P<period>eod|eow|eom|cob)\b")
PERIOD: Final = re.compile(
    r"\b(?P<which>(?:следующ|будущ|прошл|эт|ближайш|текущ)[а-я]+\s+|(?:next|last|this)\s+)"
    r"(?P<period>недел[еиюя]|месяц[еа]?|квартал[еа]?|году|год|week|month|quarter|year)\b"
)


def weekday_number(word: str) -> int:
    """Return 0 for Monday to 6 for Sunday of a form of a weekday's name."""
    for stems in (_RU_DAYS, _EN_DAYS):
        for number, stem in enumerate(stems):
            if word.startswith(stem):
                return number
    raise ValueError(word)


def month_number(word: str) -> int:
    """Return 1 to 12 of a form of a month's name."""
    for number, stem in enumerate(_RU_MONTHS, start=1):
        if word.startswith(stem) and (stem != "ма" or not word.startswith("март")):
            return number
    for number, stem in enumerate(_EN_MONTHS, start=1):
        if word.startswith(stem):
            return number
    raise ValueError(word)


def day_number(word: str) -> int | None:
    """Return the day of the month that an ordinal says («15-го», «двадцать первого», "third"), 1 to 31, or None."""
    digits = re.match(r"\d+", word)
    if digits:
        number = int(digits.group())
    else:
        parts = re.split(r"[\s-]+", word)
        tens = {"двадцать": 20, "тридцать": 30, "twenty": 20, "thirty": 30}.get(parts[0], 0) if len(parts) > 1 else 0
        number = tens + _ordinal(parts[-1])
    return number if 1 <= number <= 31 else None


def _ordinal(word: str) -> int:
    if word in _EN_ORDINALS:
        return _EN_ORDINALS[word]
    fitting = [stem for stem in _ORDINAL_STEMS if word.startswith(stem)]
    return _ORDINAL_STEMS[max(fitting, key=len)] if fitting else 0


def which(word: str) -> str:
    """Return "next", "last" or "this" of a word such as «следующую» or "last"."""
    if word.startswith(("следующ", "будущ", "next")):
        return "next"
    return "last" if word.startswith(("прошл", "прошедш", "last")) else "this"


def relative_days(word: str) -> int:
    """Return how many days from today a word such as «послезавтра» or "yesterday" is."""
    if word.startswith("послезавтра") or "day after" in word:
        return 2
    if word.startswith(("завтра", "tomorrow")):
        return 1
    if word.startswith("позавчера"):
        return -2
    return -1 if word.startswith(("вчера", "yesterday")) else 0


def amount(word: str) -> int | None:
    """Return the number that a word or figures say; none said is 1, and None is something like «полтора»."""
    return int(word) if word.isdigit() else _AMOUNTS.get(" ".join(word.split()))


def unit(word: str) -> str:
    """Return "day", "working_day", "week" or "month" of a form of a unit's name."""
    if word.startswith(("рабоч", "working", "business")):
        return "working_day"
    if word.startswith(("недел", "week")):
        return "week"
    return "month" if word.startswith(("месяц", "month")) else "day"


def period(word: str) -> str:
    """Return "day", "week", "month", "quarter" or "year" of a form of a period's name."""
    for name, stems in (
        ("week", ("недел", "week", "eow")),
        ("month", ("месяц", "month", "eom")),
        ("quarter", ("квартал", "quarter")),
        ("year", ("год", "year")),
    ):
        if word.startswith(stems):
            return name
    return "day"
