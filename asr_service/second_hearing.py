"""Russian words that no dictionary holds are listened to once more, with less around them.

A small model runs short words together («досрения» for «до среды») where it has half a minute of other things to tell. What it hears the
second time counts only where it is made of real words that sound like the doubtful one, between the same neighbours.
"""

import re
from collections.abc import Generator, Sequence
from difflib import SequenceMatcher
from typing import Final

from asr_service.agreement import plain
from asr_service.audio import SAMPLE_RATE, Samples
from asr_service.transcriber import Decoding, Phrase, Transcriber, Word
from textkit.lemmas import is_known_russian

__all__ = ["heard_again", "is_doubtful", "mended"]

_HINTS: Final = ("к понедельнику", "до среды", "в четверг", "к пятнице")
"""What the model is told to expect: days are short, unstressed, and what a task hangs on."""
_UNSURE: Final = 0.7
"""Confidence below which a word that is in no dictionary is no borrowed one either."""
_LETTERS: Final = 4
_RUSSIAN: Final = re.compile(r"[а-яё]+")
_REACH: Final = 4.5
"""Seconds on either side; twice that, with room, is the shortest input that Whisper decodes well."""
_MARGIN: Final = 0.2
_TIMES: Final = 3
"""Places of one chunk that are listened to once more; where there are more doubtful ones, the sound is to blame."""
_MOST: Final = 3
"""Words that may change in one place."""
_ALIKE: Final = 0.6
"""Share of letters that both hearings have in common."""


def heard_again(
    transcriber: Transcriber, words: Sequence[Word], audio: Samples, start: float
) -> Generator[Decoding, list[Phrase], list[Word]]:
    """The words of a chunk that starts `start` seconds into the recording, with doubtful ones mended where a second hearing does."""
    known, reached = list(words), start
    end = start + len(audio) / SAMPLE_RATE
    for _ in range(_TIMES):
        doubtful = (
            place
            for place, word in enumerate(known)
            if word.start >= reached and is_doubtful(word, transcriber.hot_words)
        )
        place = next(doubtful, None)
        if place is None:
            break
        first, last = _around(known, place)
        since, until = max(known[first].start - _MARGIN, start), min(known[last - 1].end + _MARGIN, end)
        part = audio[int((since - start) * SAMPLE_RATE) : int((until - start) * SAMPLE_RATE)]
        heard = yield from transcriber.once_more(part, since, known[:first], known[place].language, _HINTS)
        # The last word has no neighbour behind it in this hearing; if it is doubtful, it gets its own.
        reached = max(known[last - 1].start, known[place].end)
        whole = {"begins": first == 0, "ends": last == len(known)}
        known[first:last] = mended(known[first:last], heard, transcriber.hot_words, **whole)
    return known


def is_doubtful(word: Word, names: Sequence[str] = ()) -> bool:
    """Whether a word may be none; parts of the `names` that were told to the model are words in any case."""
    text = plain(word.text)
    if word.language != "ru" or word.confidence >= _UNSURE or len(text) < _LETTERS:
        return False
    return bool(_RUSSIAN.fullmatch(text)) and not _is_word(text, names)


def _around(words: Sequence[Word], place: int) -> tuple[int, int]:
    """The words that are heard once more with the one at `place`: first and behind the last."""
    first = place
    while first > 0 and words[place].start - words[first - 1].start <= _REACH:
        first -= 1
    last = place + 1
    while last < len(words) and words[last].end - words[place].end <= _REACH:
        last += 1
    return first, last


def mended(
    words: Sequence[Word], heard: Sequence[Word], names: Sequence[str], *, begins: bool, ends: bool
) -> list[Word]:
    """The words, with what was `heard` the second time in the place of doubtful ones.

    `begins` and `ends` tell that nothing was said before or behind the words, so that there are no neighbours to agree on.
    """
    result: list[Word] = []
    pairs = SequenceMatcher(
        None, [plain(word.text) for word in words], [plain(word.text) for word in heard], autojunk=False
    )
    for kind, first, last, begin, end in pairs.get_opcodes():
        before, now = words[first:last], heard[begin:end]
        if kind == "replace" and end == len(heard):
            # The model often stops behind the first sentence; what it has nothing for stays.
            before = words[first : first + _told(before, now)]
        agree = (first > 0 or begins) and (last < len(words) or ends or first + len(before) < last)
        better = kind == "replace" and agree and _is_better(before, now, names)
        result += [*now, *words[first + len(before) : last]] if better else words[first:last]
    return result


def _told(before: Sequence[Word], now: Sequence[Word]) -> int:
    """How many of the words `before` are those that were heard as `now`: as many as sound most like them."""
    return max(range(1, min(_MOST, len(before)) + 1), key=lambda count: _likeness(before[:count], now))


def _is_better(before: Sequence[Word], now: Sequence[Word], names: Sequence[str]) -> bool:
    if max(len(before), len(now)) > _MOST or not any(is_doubtful(word, names) for word in before):
        return False
    if not all(_RUSSIAN.fullmatch(plain(word.text)) and _is_word(plain(word.text), names) for word in now):
        return False
    return _likeness(before, now) >= _ALIKE


def _likeness(before: Sequence[Word], now: Sequence[Word]) -> float:
    one, other = ("".join(plain(word.text) for word in words) for words in (before, now))
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _is_word(text: str, names: Sequence[str]) -> bool:
    if is_known_russian(text):
        return True
    # Names are inflected: all but the last two letters tell.
    parts = (plain(part) for name in names for part in name.split())
    return any(len(part) >= _LETTERS and text.startswith(part[: max(_LETTERS, len(part) - 2)]) for part in parts)
