"""A rough sound of a word across scripts: «постгрес» and PostgreSQL, «гугл» and Google, «джира» and Jira.

Speech recognition writes borrowed names in Cyrillic that boards write in Latin letters. The key is the consonant skeleton after
a plain romanisation; vowels differ too much between the two spellings to help.
"""

import re
from functools import lru_cache
from typing import Final

_ROMAN: Final = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ж": "j", "з": "z", "и": "i", "й": "i", "к": "k",
    "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f", "х": "h",
    "ц": "c", "ч": "ch", "ш": "sh", "щ": "sh", "ъ": "", "ы": "i", "ь": "", "э": "e", "ю": "u", "я": "a", "ё": "e",
}  # fmt: skip
_EQUAL: Final = (
    ("дж", "ж"), ("кс", "x"), ("tch", "ch"), ("ph", "f"), ("ck", "k"), ("qu", "kv"), ("sch", "sh"), ("wh", "v"),
    ("th", "t"), ("dg", "j"), ("ce", "se"), ("ci", "si"), ("cy", "sy"),
)  # fmt: skip
_AFTER: Final = str.maketrans({"c": "k", "q": "k", "w": "v", "y": "i", "z": "s", "x": "ks"})
_VOWELS: Final = re.compile(r"[aeiou]")
_REPEATED: Final = re.compile(r"(.)\1+")
_MIN_PREFIX: Final = 4


def romanize(word: str) -> str:
    """Return a lower-case Cyrillic word in Latin letters, one plain spelling per letter; other letters stay."""
    return "".join(_ROMAN.get(letter, letter) for letter in word.lower())


@lru_cache(maxsize=50_000)
def sound_key(word: str) -> str:
    """Return the consonant skeleton of a word of either script, such as "pstgrs" for «постгрес» and "gl" for «гугл»."""
    text = word.lower()
    for spelling, sound in _EQUAL:
        text = text.replace(spelling, sound)
    text = romanize(text).replace("ch", "1").replace("sh", "2").translate(_AFTER).replace("h", "")
    first = "a" if text[:1] in "aeiou" and text else ""
    return first + _REPEATED.sub(r"\1", _VOWELS.sub("", text))


def sounds_alike(first: str, second: str) -> bool:
    """Tell whether two words of different scripts may be one name: equal skeletons, or one opening the other."""
    one, two = sorted((sound_key(first), sound_key(second)), key=len)
    if len(one) < 2 or abs(len(first) - len(second)) > max(4, min(len(first), len(second))):
        return False
    return one == two or (len(one) >= _MIN_PREFIX and two.startswith(one))
