"""The whole talk in a few of its sentences: those near its middle that differ most from one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from llm_service.cues import Kind, find_cues
from llm_service.parts import Part, Sentence
from llm_service.topics import weights_of

__all__ = ["digest"]

Vectors = npt.NDArray[np.float32]

_ALIKE: Final = 0.5
"""How much a sentence loses by being like one that was taken already."""
_DECIDED: Final = 0.3


def digest(parts: Sequence[Part], vectors: Vectors, most: int) -> tuple[Sentence, ...]:
    """Return at most `most` sentences of all parts, in the order of the talk (maximal marginal relevance).

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
    return tuple(sentences[place] for place in sorted(taken, key=lambda place: sentences[place].lines[0].number))
