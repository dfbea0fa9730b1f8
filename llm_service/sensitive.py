"""Where a text holds what must not leave: names, phones, mail addresses, card numbers, keys and passwords."""

from __future__ import annotations

import importlib
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cache
from itertools import pairwise
from typing import Any, Final, NamedTuple

import phonenumbers

from llm_service.naming import find_names

__all__ = ["Kind", "Sensitive", "find_sensitive"]


class Kind(StrEnum):
    """What a place holds; the word stands in the placeholder."""

    NAME = "NAME"
    PHONE = "PHONE"
    MAIL = "MAIL"
    CARD = "CARD"
    SECRET = "SECRET"  # noqa: S105 - a word
    TEXT = "TEXT"
    """Something that looks like a placeholder already."""


class Sensitive(NamedTuple):
    """One place."""

    start: int
    end: int
    kind: Kind


_STRENGTH: Final = (Kind.TEXT, Kind.SECRET, Kind.MAIL, Kind.CARD, Kind.PHONE, Kind.NAME)
_REGIONS: Final = ("RU", "US", "GB", "BY", "UA", "DE")

_MAIL: Final = re.compile(
    r"[\w.+%-]*[\w+%-]@[\w-]+(?:\.[\w-]+)+"
    r"|[\w.+%-]+\s*(?:\[at\]|\(at\)|\{at\}|\sсобака\s|\sсобачка\s|\sat\s)\s*[\w-]+(?:\s*(?:\.|\[dot\]|\(dot\)|\sточка\s|\sdot\s)\s*[\w-]{2,})+",
    re.IGNORECASE,
)
_CARD: Final = re.compile(r"(?<!\d)(?:\d[ \u00a0-]?){12,18}\d(?!\d)")
_GROUPED: Final = re.compile(r"\d{4}([ \u00a0-])\d{4}\1\d{4}\1\d{4}")
# Ten digits or more, grouped as people group them; seven with the hyphens of a town's own number.
_PHONE: Final = re.compile(
    r"(?<![\w.-])(?:\+\d{1,3}[\s().-]*|8[\s(.-]*|7[\s(.-]*)?\(?\d{3,4}\)?[\s.-]*\d{2,3}[\s.-]*\d{2}[\s.-]*\d{2}(?![\w-])"
    r"|(?<![\w.-])\d{3}-\d{2}-\d{2}(?![\w-])"
    r"|(?<=\bтел\.\s)\d[\d\s()-]{4,}\d|(?<=\bextension\s)\d{3,5}\b|(?<=\bдобавочный\s)\d{3,5}\b"
    r"|(?<![\w.-])\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}(?![\w-])|(?<![\w.-])\d{3}-\d{4}(?![\w-])"
)
_DATE_LIKE: Final = re.compile(r"(?:19|20)\d\d[-.\s](?:0\d|1[0-2])[-.\s]\d\d|\d\d[.]\d\d[.](?:19|20)\d\d")
_DIGIT_WORD: Final = (
    r"(?:ноль|нуля|один|два|три|четыре|пять|шесть|семь|восемь|девять|десять|\w+надцать|двадцать|тридцать|сорок|пятьдесят|шестьдесят|"
    r"семьдесят|восемьдесят|девяносто|сто|двести|триста|четыреста|пятьсот|шестьсот|семьсот|восемьсот|девятьсот|плюс|"
    r"zero|oh|one|two|three|four|five|six|seven|eight|nine|ten|double|triple|plus|\w+teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|"
    r"ninety|hundred)"
)
_SPOKEN: Final = re.compile(rf"\b{_DIGIT_WORD}(?:[\s,-]+{_DIGIT_WORD}){{5,}}\b", re.IGNORECASE)

_KEY_BLOCK: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_LOGIN_IN_URL: Final = re.compile(r"(?<=://)[^\s/@:]+:[^\s@]+(?=@)")
_BEARER: Final = re.compile(r"(?<=\bbearer )\S{8,}|(?<=\bbasic )[A-Za-z0-9+/=]{12,}", re.IGNORECASE)
_SECRET_WORD: Final = re.compile(
    r"(?<![^\W_])(?:парол[ьяюеё]\w*|пассворд\w*|пин-?код\w*|код(?:ом|а|у)? доступа|код-?фраз\w+|секрет(?:ный|ного|ным)? ключ\w*|"
    r"секрет\w*|токен\w*|"
    r"(?:api|апи)[- ]?ключ\w*|ключ\w*(?: (?:api|апи|доступа|шифрования))?|passw(?:or)?d|passphrase|"
    r"passcode|pwd|pin(?: code)?|secret(?: key)?|"
    r"token|credentials?|(?:api|access|license|encryption|secret)[-_ ]?key)\b",
    re.IGNORECASE,
)
_GIVEN: Final = re.compile(
    r"\s*(?P<how>[:=—–]|\bis\b|\bare\b|\bтакой\b[\s:—–]*|\bэто\b)\s*[\"'«“`(]?(?P<value>[^\s\"'»”`,;)]{4,})",
    re.IGNORECASE,
)
_NEAR_SECRET_WORD: Final = 80
_DENSE: Final = re.compile(r"(?<![\w/+=.-])[A-Za-z0-9_+/=.-]{16,}(?![\w/+=])")
_FEW_BITS: Final = 3.3
_PLUGINS: Final = {
    "aws": "AWSKeyDetector",
    "github_token": "GitHubTokenDetector",
    "gitlab_token": "GitLabTokenDetector",
    "slack": "SlackDetector",
    "stripe": "StripeDetector",
    "telegram_token": "TelegramBotTokenDetector",
    "openai": "OpenAIDetector",
    "npm": "NpmDetector",
    "pypi_token": "PypiTokenDetector",
    "sendgrid": "SendGridDetector",
    "twilio": "TwilioKeyDetector",
    "discord": "DiscordBotTokenDetector",
    "mailchimp": "MailchimpDetector",
    "azure_storage_key": "AzureStorageKeyDetector",
    "square_oauth": "SquareOAuthDetector",
    "jwt": "JwtTokenDetector",
}


def find_sensitive(text: str, roster: Sequence[str] = ()) -> list[Sensitive]:
    """Return what must not leave, in order and without overlaps; see `naming.find_names` for the roster."""
    found = [
        *_secrets(text),
        *(Sensitive(m.start(), m.end(), Kind.MAIL) for m in _MAIL.finditer(text)),
        *_cards(text),
        *_phones(text),
    ]
    found += [Sensitive(start, end, Kind.NAME) for start, end in find_names(text, roster)]
    return merged(found)


def merged(found: Sequence[Sensitive]) -> list[Sensitive]:
    """Join overlapping places; the more telling kind stays."""
    joined: list[Sensitive] = []
    for place in sorted(found):
        if joined and place.start < joined[-1].end:
            last = joined[-1]
            kind = min(last.kind, place.kind, key=_STRENGTH.index)
            joined[-1] = Sensitive(last.start, max(last.end, place.end), kind)
        else:
            joined.append(place)
    return joined


def _secrets(text: str) -> Iterator[Sensitive]:
    for pattern in (_KEY_BLOCK, _LOGIN_IN_URL, _BEARER):
        for match in pattern.finditer(text):
            yield Sensitive(match.start(), match.end(), Kind.SECRET)
    for plugin in _plugins():
        for line in text.splitlines():
            for value in plugin.analyze_string(line):
                for match in re.finditer(re.escape(value), text) if value else ():
                    yield Sensitive(match.start(), match.end(), Kind.SECRET)
    for match in _DENSE.finditer(text):
        value = match.group().rstrip(".-")
        if _is_dense(value):
            yield Sensitive(match.start(), match.start() + len(value), Kind.SECRET)
    for word in _SECRET_WORD.finditer(text):
        yield from _after_secret_word(text, word.end())


def _after_secret_word(text: str, start: int) -> Iterator[Sensitive]:
    given = _GIVEN.match(text, start)
    # «пароль: солнышко» gives it away, whatever it looks like; "the token is old" does not.
    if given is not None and (given["how"] in ":=—–" or _looks_made_up(given["value"])):
        yield Sensitive(given.start("value"), given.start("value") + len(given["value"].rstrip(".?:")), Kind.SECRET)
        return
    for token in re.finditer(r"[^\s\"'«»“”`,;()]{5,}", text[start : start + _NEAR_SECRET_WORD]):
        value = token.group().rstrip(".?:")
        if _looks_made_up(value):
            yield Sensitive(start + token.start(), start + token.start() + len(value), Kind.SECRET)
            return


def _looks_made_up(value: str) -> bool:
    letters = any(c.isalpha() for c in value)
    digits = any(c.isdigit() for c in value)
    special = any(not c.isalnum() and c not in "-'’." for c in value)
    humps = any(a.islower() and b.isupper() for a, b in pairwise(value))
    return (letters and (digits or special or humps)) or (digits and len(value) >= 4)


def _is_dense(value: str) -> bool:
    if len(value) < 16 or not (any(c.isdigit() for c in value) and any(c.isalpha() for c in value)):
        return False
    counts = Counter(value)
    bits = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    return bits >= _FEW_BITS


def _cards(text: str) -> Iterator[Sensitive]:
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        if _luhn(digits) or _GROUPED.fullmatch(match.group()) or len(digits) == 16:
            yield Sensitive(match.start(), match.end(), Kind.CARD)


def _luhn(digits: str) -> bool:
    doubled = [int(d) * (1 + place % 2) for place, d in enumerate(reversed(digits))]
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def _phones(text: str) -> Iterator[Sensitive]:
    for match in _SPOKEN.finditer(text):
        yield Sensitive(match.start(), match.end(), Kind.PHONE)
    if not any(c.isdigit() for c in text):
        return
    for match in _PHONE.finditer(text):
        if not _DATE_LIKE.search(match.group()):
            yield Sensitive(match.start(), match.end(), Kind.PHONE)
    for region in _REGIONS:
        for found in phonenumbers.PhoneNumberMatcher(text, region):
            if not _DATE_LIKE.search(found.raw_string):
                yield Sensitive(found.start, found.end, Kind.PHONE)


@cache
def _plugins() -> tuple[Any, ...]:
    return tuple(
        getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name)()
        for module, name in _PLUGINS.items()
    )
