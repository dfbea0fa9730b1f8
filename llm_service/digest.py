"""The whole talk in a few of its sentences: those near its middle that differ most from one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from llm_service.cues import Kind, find_cues
from llm_service.parts import Part, Sentence
from llm_service.topics import weights_of

__all__ = ["digest", "filled_up", "in_order"]

Vectors = npt.NDArray[np.float32]

_ALIKE: Final = 0.5
"""How much a sentence loses by being like one that was taken already."""
_DECIDED: Final = 0.3


def digest(parts: Sequence[Part], vectors: Vectors, most: int) -> tuple[Sentence, ...]:
    """Return at most `most` sentences of all parts, the best first (maximal marginal relevance).

    Args:
        parts: The parts of a summary.
        vectors: Embeddings of all lines of the talk, shape [lines, dimension].
        most: Number of sentences.
    """
    sentences = [sentence for part in parts for sentence in part.sentences]
    if not sentences:
        return ()
    centred = vectors - vectors.mean(axis=0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    own = np.stack([centred[[line.number for line in one.lines]].mean(axis=0) for one in sentences])
    own /= np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-9)
    weights = np.array([weights_of(one.lines).max() for one in sentences])
    middle = (own * weights[:, None]).sum(axis=0)
    middle /= max(float(np.linalg.norm(middle)), 1e-9)
    decided = [any(Kind.DECISION in find_cues(line.text) for line in one.lines) for one in sentences]
    worth = weights * (1 + own @ middle) + _DECIDED * np.array(decided)
    taken: list[int] = []
    while len(taken) < min(most, len(sentences)):
        like = (own @ own[taken].T).max(axis=1) if taken else np.zeros(len(sentences))
        scores = worth - _ALIKE * like
        scores[taken] = -np.inf
        taken.append(int(np.argmax(scores)))
    return tuple(sentences[place] for place in taken)


def filled_up(told: Sequence[Sentence], own: Sequence[Sentence], most: int, letters: int) -> tuple[Sentence, ...]:
    """Return what a model told, and from `own` what it left out: it may tell hours in two sentences.

    Args:
        told: The model's sentences.
        own: Others, the best first.
        most: Number of sentences; up to half of it they are added however long they are.
        letters: Letters that all of them together may have otherwise.
    """
    covered = {line.number for one in told for line in one.lines}
    filled = list(told)
    for one in own:
        long = sum(len(sentence.text) for sentence in filled) + len(one.text) > letters
        if len(filled) >= most or (len(filled) >= most // 2 and long):
            continue
        if not covered & {line.number for line in one.lines}:
            filled.append(one)
    return tuple(filled)


def in_order(sentences: Sequence[Sentence]) -> tuple[Sentence, ...]:
    """Return the sentences in the order of the talk."""
    return tuple(sorted(sentences, key=lambda one: one.lines[0].number))
