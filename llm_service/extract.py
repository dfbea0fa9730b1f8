"""A topic summed up by its own most telling sentences: no language model, nothing invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from llm_service.actions import Findings, find_remarks, is_bare, plain
from llm_service.cues import Kind, find_cues
from llm_service.talk import Line, Talk
from llm_service.texts import attributed
from llm_service.topics import weights_of
from textkit.lemmas import lemmas

__all__ = ["Extract", "Vectors", "attribute", "extract_topic"]

Vectors = npt.NDArray[np.float32]

_TITLE_WORDS = 7
_FEWEST_SENTENCES = 2
_MOST_SENTENCES = 6
_LINES_PER_SENTENCE = 5
_TELLING = {
    Kind.DECISION: 0.4,
    Kind.PROMISE: 0.35,
    Kind.ASSIGNMENT: 0.35,
    Kind.REQUEST: 0.3,
    Kind.NEED: 0.3,
    Kind.RISK: 0.3,
}
_ASKED = -0.5
_TELLING_WEIGHT = 0.45
"""Weight of a sentence with at least three words with a meaning."""


@dataclass(frozen=True)
class Extract:
    """A topic as its own sentences."""

    lines: tuple[Line, ...]
    title: str
    ranked: tuple[Line, ...]
    """All lines of the topic, the most telling first."""
    chosen: tuple[Line, ...]
    """The most telling ones, in the order of the talk."""
    room: int
    """Sentences that a summary of this topic should have at most."""
    found: Findings


def extract_topic(talk: Talk, lines: Sequence[Line], vectors: Vectors) -> Extract:
    """Return a topic with its most telling sentences.

    A sentence tells much when it is near the middle of the topic (cosine with the sum of all vectors), has many words with a meaning,
    and says what was decided, promised, asked for or feared.
    """
    weights = weights_of(lines)
    centre = (vectors * weights[:, None]).sum(axis=0)
    centre /= max(float(np.linalg.norm(centre)), 1e-9)
    near = vectors @ centre
    spread = (near - near.min()) / max(float(near.max() - near.min()), 1e-9)
    kinds = [find_cues(line.text) for line in lines]
    bonus = [
        max((_TELLING.get(kind, 0.0) for kind in found), default=0.0) + (_ASKED if Kind.QUESTION in found else 0.0)
        for found in kinds
    ]
    bare = [is_bare(line.text) for line in lines]
    scores = weights * (0.5 + 0.5 * spread) + np.array(bonus, dtype=np.float32) * weights
    scores[bare] = -1.0
    ranked = tuple(lines[place] for place in np.argsort(-scores, kind="stable"))
    telling = int((weights >= _TELLING_WEIGHT).sum())
    room = max(_FEWEST_SENTENCES, min(_MOST_SENTENCES, -(-len(lines) // _LINES_PER_SENTENCE), telling))
    room = min(room, max(1, len(lines) - sum(bare)))
    return Extract(
        tuple(lines),
        _title(lines, ranked),
        ranked,
        tuple(sorted(ranked[:room], key=lambda line: line.number)),
        room,
        find_remarks(talk, lines),
    )


def attribute(line: Line, language: str) -> str:
    """Return a line as a quotation with its speaker."""
    return attributed(line.speaker, plain(line.text).rstrip(" .,;:…"), language)


def _title(lines: Sequence[Line], ranked: Sequence[Line]) -> str:
    """Return the beginning of the sentence that opens the topic, where it says something, else of the most telling one."""
    opening = lines[0] if len(set(lemmas(lines[0].text))) > 1 else ranked[0]
    words = plain(opening.text).split()
    short = " ".join(words[:_TITLE_WORDS]).rstrip(" .,:;!?…")
    return short if len(words) <= _TITLE_WORDS else f"{short}…"
