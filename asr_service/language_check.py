"""Whether people speak the configured language.

A model that is told the language writes whatever it hears as words of that language, so the words show nothing. Now and then a
stretch of speech is put to it once more without the language: often until it has heard enough, seldom after that.
"""

from collections import defaultdict
from collections.abc import Generator

from asr_service.audio import SAMPLE_RATE, Samples
from asr_service.complaints import OtherLanguage
from asr_service.transcriber import Decoding, DecodingTask, Phrase

__all__ = ["LanguageCheck"]

_SHORTEST = 3.0
"""Seconds of speech in a stretch from which its language can be told."""
_LONGEST = 10 * SAMPLE_RATE
"""Samples of a stretch that are listened to; the model needs no more, and the answer is cheap."""
_SURE = 0.7
_FIRST = 30.0
"""Seconds of speech that are judged at the beginning; people often open a meeting in another language."""
_EVERY = 60.0
"""Seconds of speech between two looks after that."""
_ENOUGH = 15.0
"""Seconds of speech in another language that are worth a complaint while the recording goes on."""
_ENOUGH_AT_END = 4.0
_MORE = 3.0
"""How much more of the other language there is than of the configured one; some words of English are no other language."""


class LanguageCheck:
    """The check of one recording, in which it complains once at most."""

    def __init__(self, language: str) -> None:
        """`language` is the configured one (ISO 639-1), or empty, with which there is nothing to check."""
        self._language = language
        self._heard: defaultdict[str, float] = defaultdict(float)
        self._judged = 0.0
        self._unheard = 0.0
        self._complained = not language

    def hear(self, audio: Samples, seconds: float) -> Generator[Decoding, list[Phrase], OtherLanguage | None]:
        """Takes a stretch with `seconds` of speech in it; the complaint, where enough is known for one."""
        self._unheard += seconds
        if self._complained or seconds < _SHORTEST or (self._judged >= _FIRST and self._unheard < _EVERY):
            return None
        self._unheard = 0.0
        audio = audio[:_LONGEST]
        phrases = yield Decoding(audio, DecodingTask(None, fast=True))
        length = len(audio) / SAMPLE_RATE
        self._judged += length
        if phrases and phrases[0].language_probability >= _SURE:
            self._heard[phrases[0].language] += length
        return self._complaint(_ENOUGH)

    def finish(self) -> OtherLanguage | None:
        """The complaint that less speech is enough for, at the end of the recording."""
        return self._complaint(_ENOUGH_AT_END)

    def _complaint(self, enough: float) -> OtherLanguage | None:
        others = [(seconds, language) for language, seconds in self._heard.items() if language != self._language]
        if self._complained or not others:
            return None
        seconds, other = max(others)
        if seconds < enough or seconds < _MORE * self._heard[self._language]:
            return None
        self._complained = True
        return OtherLanguage(
            f"The speech sounds like {other!r}, but the configured language is {self._language!r}; configure what is spoken, "
            "or nothing to decide for each turn."
        )
