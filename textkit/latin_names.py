"""First names and surnames of many languages in Latin letters, from the name lists of faker."""

from __future__ import annotations

import importlib
import re
import unicodedata
from functools import cache
from typing import Any, Final

from textkit.sounds import romanize

__all__ = ["folded", "latin_names"]

_LOCALES: Final = (
    *(
        "en_US",
        "en_GB",
        "en_IE",
        "en_IN",
        "en_NG",
        "en_KE",
        "de_DE",
        "es_ES",
        "fr_FR",
        "it_IT",
        "nl_NL",
        "pl_PL",
        "pt_BR",
        "sv_SE",
    ),
    *("no_NO", "da_DK", "fi_FI", "cs_CZ", "tr_TR", "hu_HU", "ro_RO"),
)


def folded(word: str) -> str:
    """Return a word in small letters without marks."""
    return "".join(c for c in unicodedata.normalize("NFKD", word.lower()) if not unicodedata.combining(c))


@cache
def latin_names() -> tuple[frozenset[str], frozenset[str]]:
    """Return first names and surnames in small Latin letters without marks."""
    firsts: set[str] = set()
    lasts: set[str] = set()
    for locale in _LOCALES:
        provider: Any = importlib.import_module(f"faker.providers.person.{locale}").Provider
        for attribute, found in (("first_names", firsts), ("first_names_male", firsts), ("first_names_female", firsts)):
            found.update(folded(name) for name in getattr(provider, attribute, ()))
        lasts.update(folded(name) for name in getattr(provider, "last_names", ()))
    russian: Any = importlib.import_module("faker.providers.person.ru_RU").Provider
    for attribute in ("first_names_male", "first_names_female"):
        firsts.update(romanize(name) for name in getattr(russian, attribute))
    single = re.compile(r"[a-z]{2,}(?:[-'][a-z]+)*")
    return (
        frozenset(name for name in firsts if single.fullmatch(name)),
        frozenset(name for name in lasts if single.fullmatch(name)),
    )
