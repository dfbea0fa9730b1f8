"""Turns as subtitles: pieces that people can read in time, cut between words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from planerka.common.v1 import transcript_pb2

from mesh.times import to_seconds

__all__ = ["Cue", "TimedWord", "cues", "lines", "timed_words"]

LONGEST_SECONDS = 7.0
LONGEST_TEXT = 84
"""Characters: two lines of a screen."""
_LINE = LONGEST_TEXT // 2
_SHORTEST_SECONDS = 1.0
_PAUSE = 1.5
"""Seconds of silence inside a turn at which its cue ends."""
_READ = 3.0
"""Seconds after which a cue ends with its sentence."""
_CHARACTERS_A_SECOND = 15.0
"""Speed of ordinary talk, where only the beginning of a turn is known."""
_SENTENCE_ENDS = (".", "!", "?", "…")


@dataclass(frozen=True, slots=True)
class TimedWord:
    """One word, in milliseconds from the first sample."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown at once, in milliseconds from the first sample."""

    start: int
    end: int
    speaker: str
    """Name of the person, else the voice; empty for nobody."""
    text: str


def cues(turns: Sequence[transcript_pb2.Turn]) -> list[Cue]:
    """Cut the turns that have times into cues, in order of time; those of one speaker never overlap."""
    timed = [turn for turn in turns if turn.HasField("start")]
    by_speaker: dict[str, list[Cue]] = {}
    for number, turn in enumerate(timed):
        following = timed[number + 1] if number + 1 < len(timed) else None
        speaker = " ".join((turn.speaker_name or turn.speaker).split())
        for words in _pieces(timed_words(turn, following)):
            text = " ".join(word.text for word in words)
            by_speaker.setdefault(speaker, []).append(Cue(words[0].start, words[-1].end, speaker, text))
    made = [cue for found in by_speaker.values() for cue in _apart(found)]
    return sorted(made, key=lambda cue: (cue.start, cue.end))


def timed_words(turn: transcript_pb2.Turn, following: transcript_pb2.Turn | None = None) -> list[TimedWord]:
    """Return the words of a turn with their times; estimated by their length where the turn tells only its own.

    Args:
        turn: A turn with a beginning.
        following: The next turn, which bounds one that has no end.
    """
    if turn.words:
        spoken = ((" ".join(word.text.split()), _ms(to_seconds(word.start)), word) for word in turn.words)
        return [TimedWord(text, start, max(start, _ms(to_seconds(word.end)))) for text, start, word in spoken if text]
    texts = turn.text.split()
    letters = sum(len(text) + 1 for text in texts)
    start = to_seconds(turn.start)
    end = to_seconds(turn.end) if turn.HasField("end") else start + letters / _CHARACTERS_A_SECOND
    if not turn.HasField("end") and following is not None and to_seconds(following.start) > start:
        end = min(end, to_seconds(following.start))
    found, passed = [], 0
    for text in texts:
        first, passed = passed, passed + len(text) + 1
        length = max(0.0, end - start)
        found.append(TimedWord(text, _ms(start + length * first / letters), _ms(start + length * passed / letters)))
    return found


def lines(text: str) -> list[str]:
    """Break the text of a cue into two lines of like length where it is too long for one."""
    if len(text) <= _LINE or " " not in text:
        return [text]
    places = [place for place, sign in enumerate(text) if sign == " "]
    best = min(places, key=lambda place: abs(place - len(text) / 2))
    return [text[:best], text[best + 1 :]]


def _pieces(words: Sequence[TimedWord]) -> Iterable[list[TimedWord]]:
    piece: list[TimedWord] = []
    length = 0
    for word in words:
        if piece and _ends(piece, length, word):
            yield piece
            piece, length = [], 0
        piece.append(word)
        length += len(word.text) + 1
    if piece:
        yield piece


def _ends(piece: Sequence[TimedWord], length: int, following: TimedWord) -> bool:
    """Tell whether a piece of so many characters, with a space behind each word, ends before the following word."""
    begin, last = piece[0].start, piece[-1]
    if length + len(following.text) > LONGEST_TEXT or following.end - begin > 1000 * LONGEST_SECONDS:
        return True
    if following.start - last.end > 1000 * _PAUSE:
        return True
    read = length > _LINE or last.end - begin > 1000 * _READ
    return read and last.text.endswith(_SENTENCE_ENDS)


def _apart(found: Sequence[Cue]) -> Iterable[Cue]:
    """Keep the cues of one speaker apart, and on the screen long enough where nothing follows at once."""
    ordered = sorted(found, key=lambda cue: (cue.start, cue.end))
    free = 0
    for number, cue in enumerate(ordered):
        start = max(cue.start, free)
        end = min(max(cue.end, cue.start + int(1000 * _SHORTEST_SECONDS)), start + int(1000 * LONGEST_SECONDS))
        if number + 1 < len(ordered):
            end = min(end, ordered[number + 1].start)
        free = max(end, start + 1)
        yield Cue(start, free, cue.speaker, cue.text)


def _ms(seconds: float) -> int:
    return round(1000 * seconds)
