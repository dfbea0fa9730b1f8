"""The short keys that people use aloud, such as `MP-7`."""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["first_free", "prefix"]

_CYRILLIC = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
_SOUNDS = "a,b,v,g,d,e,e,zh,z,i,y,k,l,m,n,o,p,r,s,t,u,f,kh,ts,ch,sh,shch,,y,,e,yu,ya"
_LATIN = dict(zip(_CYRILLIC, _SOUNDS.split(","), strict=True))
_NAMELESS = "C"


def prefix(board_name: str) -> str:
    """Return one to four Latin capitals for a board: its initials, or the beginning of its only word.

    Latin, because Cyrillic capitals that look the same cannot be told apart by whoever types the key.
    """
    words = re.findall(r"[a-z0-9]+", "".join(_LATIN.get(letter, letter) for letter in board_name.casefold()))
    words = [word for word in words if word[0].isalpha()]
    short = words[0][:3] if len(words) == 1 else "".join(word[0] for word in words[:4])
    return short.upper() or _NAMELESS


def first_free(board_prefix: str, number: int, taken: Callable[[str], bool]) -> tuple[str, int]:
    """Return the first key from `number` on that no card has, and the number after it."""
    while taken(key := f"{board_prefix}-{number}"):
        number += 1
    return key, number + 1
