"""Normalisation of transcripts before words are counted: case, punctuation, "ё" and numbers in one form.

Reference and hypothesis go through the same function, so a rule has to be consistent rather than complete: "двадцать
пять", "25" and "twenty-five" all become "25", and an ordinal ("пятого", "5-го", "fifth") becomes its number.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable

__all__ = ["normalise", "normalised_words"]

_RU_UNITS = (
    "ноль ноля нолю нолем нуль нуля нулю нулем",
    "один одна одно одного одной одному одним одном одну",
    "два две двух двум двумя",
    "три трех трем тремя",
    "четыре четырех четырем четырьмя",
    "пять пяти пятью",
    "шесть шести шестью",
    "семь семи семью",
    "восемь восьми восемью восьмью",
    "девять девяти девятью",
    "десять десяти десятью",
)
_RU_TEEN_STEMS = ("один", "две", "три", "четыр", "пят", "шест", "сем", "восем", "девят")
_RU_TENS = {
    20: "двадцать двадцати двадцатью",
    30: "тридцать тридцати тридцатью",
    40: "сорок сорока",
    50: "пятьдесят пятидесяти пятьюдесятью",
    60: "шестьдесят шестидесяти шестьюдесятью",
    70: "семьдесят семидесяти семьюдесятью",
    80: "восемьдесят восьмидесяти восемьюдесятью",
    90: "девяносто девяноста",
}
_RU_HUNDREDS = {
    100: "сто ста",
    200: "двести двухсот двумстам двумястами двухстах",
    300: "триста трехсот тремстам тремястами трехстах",
    400: "четыреста четырехсот четыремстам четырехстах",
    500: "пятьсот пятисот пятистам пятистах",
    600: "шестьсот шестисот шестистам шестистах",
    700: "семьсот семисот семистам семистах",
    800: "восемьсот восьмисот восьмистам восьмистах",
    900: "девятьсот девятисот девятистам девятистах",
}
_RU_SCALES = {
    1_000: "тысяча тысячи тысяче тысячу тысячей тысяч тысячам тысячами тысячах",
    1_000_000: "миллион миллиона миллиону миллионом миллионе миллионы миллионов миллионам миллионами миллионах",
}
_RU_ORDINAL_STEMS = {
    1: "перв", 2: "втор", 4: "четверт", 5: "пят", 6: "шест", 7: "седьм", 8: "восьм", 9: "девят", 10: "десят",
    40: "сороков", 50: "пятидесят", 60: "шестидесят", 70: "семидесят", 80: "восьмидесят", 90: "девяност", 100: "сот",
}  # fmt: skip
_RU_ORDINAL_ENDINGS = ["ый", "ой", "ая", "ое", "ого", "ому", "ым", "ом", "ую", "ые", "ых", "ыми"]
_RU_THIRD = "третий третья третье третьего третьей третьему третьим третьем третью третьи третьих третьими"
_EN_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_EN_ORDINALS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth"
)
_EN_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"

_DIGIT_GROUPS = re.compile(r"(?<=\d)[,\u00a0\u202f](?=\d{3}\b)")
_APOSTROPHES = re.compile(r"['\u2019\u02bc`]")
_NUMERIC_ORDINAL = re.compile(r"^(\d+)(?:й|го|му|м|я|е|ю|х|ми|ый|ая|ое|ого|ому|ой|st|nd|rd|th)$")


@functools.cache
def _number_words() -> dict[str, int]:
    table: dict[str, int] = {}

    def add(value: int, forms: Iterable[str]) -> None:
        for form in forms:
            table.setdefault(form, value)

    for value, forms in enumerate(_RU_UNITS):
        add(value, forms.split())
    for value, stem in enumerate(_RU_TEEN_STEMS, start=11):
        add(value, (f"{stem}надцат{ending}" for ending in ("ь", "и", "ью", *_RU_ORDINAL_ENDINGS)))
    for group in (_RU_TENS, _RU_HUNDREDS, _RU_SCALES):
        for value, forms in group.items():
            add(value, forms.split())
    for value in (20, 30):
        add(value, (_RU_TENS[value].split()[0][:-1] + ending for ending in _RU_ORDINAL_ENDINGS))
    for value, stem in _RU_ORDINAL_STEMS.items():
        add(value, (stem + ending for ending in _RU_ORDINAL_ENDINGS))
    add(3, _RU_THIRD.split())
    for words in (_EN_UNITS, _EN_ORDINALS):
        for value, word in enumerate(words.split()):
            add(value, (word,))
    for value, word in enumerate(_EN_TENS.split(), start=2):
        add(10 * value, (word, word[:-1] + "ieth"))
    add(100, ("hundred", "hundredth"))
    add(1_000, ("thousand", "thousandth"))
    add(1_000_000, ("million", "millionth"))
    return table


def _value(token: str) -> int | None:
    if token.isdecimal():
        return int(token) if len(token) <= 15 else None
    ordinal = _NUMERIC_ORDINAL.match(token)
    return int(ordinal.group(1)) if ordinal else _number_words().get(token)


class _NumberReader:
    """Joins spoken parts of one number; `room` is what the next added part has to stay below."""

    def __init__(self) -> None:
        self.done = 0
        self.group = 0
        self.room = 1_000
        self.scale = 1_000_000_000
        self.open = False

    def take(self, value: int, *, spoken: bool) -> bool:
        """Adds one part and returns true, or returns false when the part begins another number."""
        if not self.open:
            self.open = True
            if value in (1_000, 1_000_000) and spoken:
                self.done, self.scale, self.room = value, value, 1_000
            else:
                self.group, self.room = value, self._room_after(value, spoken=spoken)
            return True
        if value in (1_000, 1_000_000) and spoken and value < self.scale and self.group:
            self.done += self.group * value
            self.group, self.scale, self.room = 0, value, 1_000
            return True
        if value == 100 and spoken and 0 < self.group < 10:
            self.group, self.room = self.group * 100, 100
            return True
        if spoken and 0 < value < self.room:
            self.group, self.room = self.group + value, self._room_after(value, spoken=True)
            return True
        return False

    @staticmethod
    def _room_after(value: int, *, spoken: bool) -> int:
        if not spoken or value < 20 or value % 10:
            return 0
        return 10 if value < 100 else 100 if value < 1_000 and value % 100 == 0 else 0

    def text(self) -> str:
        return str(self.done + self.group)


def _numbers_in_one_form(tokens: list[str]) -> list[str]:
    words: list[str] = []
    reader = _NumberReader()
    for token in tokens:
        value = _value(token)
        if value is not None and reader.take(value, spoken=not token[0].isdecimal()):
            continue
        if reader.open:
            words.append(reader.text())
            reader = _NumberReader()
        if value is None:
            words.append(token)
        else:
            reader.take(value, spoken=not token[0].isdecimal())
    if reader.open:
        words.append(reader.text())
    return words


def normalised_words(text: str) -> list[str]:
    """The words of `text`: lower case, no punctuation, "ё" as "е", apostrophes dropped, numbers as digits."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    folded = _DIGIT_GROUPS.sub("", _APOSTROPHES.sub("", folded))
    folded = re.sub(r"(?<=\d)-(?=[а-яa-z])", "", folded)
    spaced = "".join(ch if unicodedata.category(ch)[0] in "LNM" else " " for ch in folded)
    return _numbers_in_one_form(spaced.split())


def normalise(text: str) -> str:
    """The normalised words of `text`, joined by single spaces."""
    return " ".join(normalised_words(text))
