"""Measures of summaries: ROUGE against human ones, support of every statement by its quotes, and actions against human ones.

Read are QMSum lines (`meeting_transcripts`, `general_query_list`) and AMI files (`turns`, `abstract`, `actions`, `decisions`, whose
`turn_ids` name the turns that people linked). ROUGE is computed on lemmas, so that it works for Russian, which the usual packages
drop letter by letter; on English it counts as they do with stemming.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from textkit.lemmas import lemma, lemmas, tokens

__all__ = [
    "Claim",
    "Link",
    "Meeting",
    "Rouge",
    "Said",
    "grounded",
    "lead",
    "link_scores",
    "read_meetings",
    "rouge",
    "sentences",
    "spread",
    "word_recall",
]

_MARKER: Final = re.compile(r"\{\w+\}|<\w+>")
_SPACE_BEFORE: Final = re.compile(r"\s+([.,?!])")
_SUPPORT: Final = 0.5
"""Share of the words with a meaning of a statement that its quotes must hold."""
_STEM: Final = 5
"""Letters at which two words count as one of a stem."""
_NEAR: Final = 2
"""Turns by which a found action may lie beside the ones that people linked: the request stands before its acceptance."""


@dataclass(frozen=True)
class Said:
    """One turn."""

    turn_id: str
    speaker: str
    text: str


@dataclass(frozen=True)
class Link:
    """Something that people found in a meeting, and where."""

    text: str
    turn_ids: tuple[str, ...]


@dataclass(frozen=True)
class Meeting:
    """A meeting with what people wrote about it."""

    name: str
    turns: tuple[Said, ...]
    references: tuple[str, ...]
    """Human summaries of the whole meeting."""
    actions: tuple[Link, ...] | None = None
    """None where nobody wrote them down."""
    decisions: tuple[Link, ...] | None = None

    @property
    def words(self) -> int:
        """How many words were said."""
        return sum(len(turn.text.split()) for turn in self.turns)


@dataclass(frozen=True)
class Rouge:
    """F1 of unigrams, bigrams and the longest common subsequence, each with the best reference; 0 to 1."""

    rouge1: float
    rouge2: float
    rouge_l: float


@dataclass(frozen=True)
class Claim:
    """A statement of a summary, with its quotes as pairs of turn and words."""

    text: str
    quotes: tuple[tuple[str, str], ...]


def read_meetings(path: Path) -> tuple[Meeting, ...]:
    """Read a QMSum file, an AMI file, or a folder that holds some.

    Raises:
        ValueError: There is none, or one is broken; the message names it.
    """
    files = sorted([*path.rglob("*.jsonl"), *path.rglob("*.json")]) if path.is_dir() else [path]
    meetings = tuple(meeting for file in files for meeting in _read(file))
    if not meetings:
        raise ValueError(f"{path} holds no meeting in QMSum lines (.jsonl) or AMI files (.json)")
    return meetings


def spread(meetings: Sequence[Meeting], count: int) -> list[Meeting]:
    """Return so many meetings, the longest first and the others evenly spread by length."""
    ranked = sorted(meetings, key=lambda meeting: (-meeting.words, meeting.name))
    if count >= len(ranked):
        return ranked
    step = (len(ranked) - 1) / max(1, count - 1)
    return [ranked[round(number * step)] for number in range(count)]


def rouge(text: str, references: Sequence[str]) -> Rouge:
    """Compare a summary with human ones."""
    own = _words(text)
    others = [_words(reference) for reference in references]
    return Rouge(
        max((_f1_of_grams(own, other, 1) for other in others), default=0.0),
        max((_f1_of_grams(own, other, 2) for other in others), default=0.0),
        max((_f1(_common(own, other), len(own), len(other)) for other in others), default=0.0),
    )


def word_recall(text: str, references: Sequence[str]) -> float:
    """Return the share of the words of a human summary that a text holds, of the best one; 0 to 1."""
    own = Counter(_words(text))
    shares = [
        (own & Counter(words)).total() / len(words)
        for words in (_words(reference) for reference in references)
        if words
    ]
    return max(shares, default=0.0)


def lead(meeting: Meeting) -> str:
    """Return the beginning of the talk, as long as its first human summary: the baseline that knows the right length."""
    length = len(meeting.references[0].split()) if meeting.references else 0
    return " ".join([word for turn in meeting.turns for word in turn.text.split()][:length])


def grounded(claim: Claim, turns: Mapping[str, Said]) -> bool:
    """Tell whether a statement rests on its quotes: they are literal, and hold half of its words and all of its numbers."""
    if not claim.quotes:
        return False
    said: list[str] = []
    for turn_id, quote in claim.quotes:
        turn = turns.get(turn_id)
        if turn is None or not quote or quote not in turn.text:
            return False
        said.append(f"{turn.speaker}. {quote}")
    words = set(lemmas(claim.text))
    held = {word for one in said for word in lemmas(one, keep_stop_words=True)}
    numbers = {word for word in tokens(claim.text) if any(letter.isdigit() for letter in word)}
    if numbers - {word for one in said for word in tokens(one)}:
        return False
    if not words:
        return True
    return sum(_holds(held, word) for word in words) / len(words) >= _SUPPORT


def link_scores(
    found: Sequence[Sequence[str]], wanted: Sequence[Link], turns: Sequence[Said]
) -> tuple[int, int, int, int]:
    """Return found ones that people wrote down too, found ones, written ones that were found, written ones.

    Args:
        found: For each found action, the turns that it quotes.
        wanted: What people wrote down; what they linked to no turn is left out.
        turns: All turns in order.
    """
    place = {turn.turn_id: number for number, turn in enumerate(turns)}
    spots = [[place[one] for one in quotes if one in place] for quotes in found]
    linked = [[place[one] for one in link.turn_ids if one in place] for link in wanted]
    linked = [places for places in linked if places]

    def meet(one: Sequence[int], other: Sequence[int]) -> bool:
        return any(abs(left - right) <= _NEAR for left in one for right in other)

    right = sum(any(meet(spot, places) for places in linked) for spot in spots)
    reached = sum(any(meet(spot, places) for spot in spots) for places in linked)
    return right, len(spots), reached, len(linked)


def sentences(text: str) -> list[str]:
    """Return the sentences of a text that a summary is made of."""
    return [one for one in re.split(r"(?<=[.!?…][”»\"])\s+|(?<=[.!?…])\s+(?=[«“\"A-ZА-ЯЁ0-9])", text.strip()) if one]


def _read(file: Path) -> list[Meeting]:
    try:
        if file.suffix == ".jsonl":
            lines = file.read_text(encoding="utf-8").splitlines()
            return [
                _qmsum(f"{file.stem}:{number}", json.loads(line))
                for number, line in enumerate(lines, 1)
                if line.strip()
            ]
        return [_ami(json.loads(file.read_text(encoding="utf-8")))]
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise ValueError(f"{file}: neither QMSum lines nor a meeting of AMI: {error!r}") from error


def _qmsum(name: str, data: Mapping[str, Any]) -> Meeting:
    turns = tuple(
        Said(f"t{number}", str(turn["speaker"]), _clean(turn["content"]))
        for number, turn in enumerate(data["meeting_transcripts"])
    )
    return Meeting(name, _telling(turns), tuple(str(query["answer"]) for query in data["general_query_list"]))


def _ami(data: Mapping[str, Any]) -> Meeting:
    turns = tuple(
        Said(str(turn["id"]), str(turn.get("role") or turn["speaker"]), _clean(turn["text"])) for turn in data["turns"]
    )
    return Meeting(
        str(data["id"]),
        _telling(turns),
        (" ".join(data["abstract"]),),
        _links(data["actions"]),
        _links(data["decisions"]),
    )


def _links(rows: Iterable[Mapping[str, Any]]) -> tuple[Link, ...]:
    return tuple(Link(str(row["text"]), tuple(row["turn_ids"])) for row in rows)


def _telling(turns: Sequence[Said]) -> tuple[Said, ...]:
    return tuple(turn for turn in turns if any(letter.isalnum() for letter in turn.text))


def _clean(text: str) -> str:
    return " ".join(_SPACE_BEFORE.sub(r"\1", _MARKER.sub(" ", text)).split())


def _words(text: str) -> list[str]:
    return [lemma(word) for word in tokens(text)]


def _f1_of_grams(own: Sequence[str], other: Sequence[str], size: int) -> float:
    grams, others = _grams(own, size), _grams(other, size)
    return _f1((grams & others).total(), grams.total(), others.total())


def _grams(words: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[place : place + size]) for place in range(len(words) - size + 1))


def _common(own: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in own:
        before = 0
        for place, another in enumerate(other, start=1):
            above = row[place]
            row[place] = before + 1 if word == another else max(above, row[place - 1])
            before = above
    return row[-1]


def _f1(hits: int, own: int, other: int) -> float:
    return 2 * hits / (own + other) if hits else 0.0


def _holds(held: set[str], word: str) -> bool:
    return word in held or (len(word) > _STEM and any(one.startswith(word[:_STEM]) for one in held))
