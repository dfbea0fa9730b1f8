"""Speech-to-text models invent text on silence and noise: loops, and phrases from the subtitles they learned from."""

import re
import zlib
from collections.abc import Sequence

__all__ = ["echoes", "is_ghost", "is_loop", "spoken_once", "without_loop"]

_MOST_COMPRESSION = 2.4
"""OpenAI's own limit for text of one window: prose compresses about 1.5 to 2 times."""
_REPEATS = 4
"""People say a word three times ("нет, нет, нет"), hardly ever a phrase four times."""
_QUICKEST = 0.08
"""Seconds that a word of a phrase takes at least, on average."""
_LONGEST_REPEAT = 20
"""Words."""
_SHORT_WORDS = {"ха", "ха-ха", "ла", "ha", "haha", "la", "no", "yeah", "нет", "да"}

_GHOSTS = (
    r"субтитры (сделал|делал|создавал|подготовил|подогнал|предоставил).*",
    r"субтитры и перевод .*",
    r"редактор субтитров.*",
    r"(редактор .*)?корректор а ?егорова.*",
    r".*dima ?torzok.*",
    r"subtitles by .*",
    r".*amara ?org.*",
)
# People do say these; they are ghosts only where the model itself doubts that anybody speaks.
_DOUBTFUL = (
    r"продолжение следует",
    r"спасибо за (просмотр|внимание)",
    r"подписывайтесь на (мой |наш )?канал.*",
    r"(ставьте лайки|не забудьте подписаться).*",
    r"(thanks|thank you)( so much| very much)?( for watching)?.*",
    r"(please )?(like and )?subscribe( to (my|the|our) channel)?.*",
    r"(you|bye|до свидания|музыка|аплодисменты)",
)
_DOUBT = 0.5


def _words(text: str) -> list[str]:
    return re.findall(r"[\w-]+", text.lower())


def is_ghost(text: str, no_speech: float) -> bool:
    """Whether a whole phrase is one that Whisper learned from subtitles and says over silence.

    `no_speech` is the model's own probability that nobody speaks.
    """
    bare = " ".join(re.sub(r"[^\w\s]+", " ", text).split())
    if not bare:
        return False
    patterns = (*_GHOSTS, *_DOUBTFUL) if no_speech > _DOUBT else _GHOSTS
    return any(re.fullmatch(pattern, bare, re.IGNORECASE) for pattern in patterns)


def is_loop(text: str) -> bool:
    """Whether the text repeats itself as no speaker does."""
    encoded = text.encode()
    # Short texts compress badly, long ones well: the limit only means something in between.
    if len(encoded) > 60 and len(encoded) / len(zlib.compress(encoded)) > _MOST_COMPRESSION:
        return True
    words = _words(text)
    return any(_repeat(words, place, size) >= _REPEATS for size in range(1, 9) for place in range(len(words)))


def _repeat(words: list[str], place: int, size: int) -> int:
    """How often the `size` words at `place` come in a row."""
    phrase = words[place : place + size]
    if len(phrase) < size or (size == 1 and phrase[0] in _SHORT_WORDS):
        return 1
    times = 1
    while words[place + times * size : place + (times + 1) * size] == phrase:
        times += 1
    return times


def without_loop(words: list[str]) -> list[int]:
    """Indexes of the words to keep so that each phrase of a loop is said once; words as written."""
    plain = [" ".join(_words(word)) for word in words]
    kept: list[int] = []
    place = 0
    while place < len(plain):
        for size in range(1, 9):
            times = _repeat(plain, place, size)
            if times >= _REPEATS:
                kept += range(place, place + size)
                place += times * size
                break
        else:
            kept.append(place)
            place += 1
    return kept


def spoken_once(words: Sequence[tuple[str, float, float]]) -> list[int]:
    """Indexes of the words (text, start, end in seconds) to keep so that no phrase is said again in no time.

    A model that has reached the end of its audio says the last sentence again; alignment then finds no sound for one of the two.
    """
    plain = [" ".join(_words(text)) for text, _, _ in words]
    kept = list(range(len(words)))
    place = 0
    while place < len(kept):
        for size in range(2, min((len(kept) - place) // 2, _LONGEST_REPEAT) + 1):
            first, second = kept[place : place + size], kept[place + size : place + 2 * size]
            if [plain[index] for index in first] != [plain[index] for index in second]:
                continue
            spoken = [words[part[-1]][2] - words[part[0]][1] for part in (first, second)]
            if min(spoken) < size * _QUICKEST:
                unsaid = first if spoken[0] < spoken[1] else second
                kept = [index for index in kept if index not in unsaid]
                break
        else:
            place += 1
    return kept


def echoes(text: str, hot_words: tuple[str, ...]) -> bool:
    """Whether the text recites the list of hot words in its order instead of speech: three or more phrases in a row."""
    said, phrases = " ".join(_words(text)), [" ".join(_words(phrase)) for phrase in hot_words]
    return any(
        " ".join(phrases[first : first + 3]) in said
        for first in range(len(phrases) - 2)
        if all(phrases[first : first + 3])
    )
