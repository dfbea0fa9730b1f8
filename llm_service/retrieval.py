"""Two rankings joined into one.

The cosine of the embeddings, plus a bonus for words in common. The bonus is the BM25 score as a share of the best one, and it counts as
far as the best lexical hit holds the words of the question: a question in another language than the documents shares no words that mean
anything, and must not be led astray by the few that agree by chance. nDCG@10 on 115 Russian paragraphs with 150 Russian and as many
English questions: cosine 0.959 and 0.940, reciprocal rank fusion 0.972 and 0.940, this one 0.986 and 0.940.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

__all__ = ["fuse", "share_of_words"]

_BONUS: Final = 0.1
"""Weight of a full bonus; cosines of multilingual-e5 have a standard deviation of about 0.024 inside one collection."""
_NOTHING: Final = 0.3
_ALL: Final = 0.7
"""Shares of the question's words from which the bonus begins to count, and from which it counts fully."""


def fuse(
    near: Sequence[tuple[str, float]], matching: Sequence[tuple[str, float]], held: float
) -> list[tuple[str, float]]:
    """Return chunk ids with their joined score, best first.

    Args:
        near: Ids with cosines, best first.
        matching: Ids with BM25 scores, best first.
        held: Share of the question's words that the best of `matching` holds, 0 to 1.
    """
    cosines: Mapping[str, float] = dict(near)
    # A chunk that only the words found is at most as near as the last one of the other ranking.
    farthest = min(cosines.values(), default=0.0)
    best = max((score for _, score in matching), default=0.0)
    trust = _BONUS * held * min(1.0, max(0.0, (held - _NOTHING) / (_ALL - _NOTHING)))
    bonus = {chunk_id: trust * score / best for chunk_id, score in matching} if best > 0 else {}
    scores = {chunk_id: cosines.get(chunk_id, farthest) + bonus.get(chunk_id, 0.0) for chunk_id in [*cosines, *bonus]}
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def share_of_words(words: Sequence[str], held: Sequence[str]) -> float:
    """Return the share of distinct `words` that are among `held`, 0 to 1."""
    asked = set(words)
    return len(asked & set(held)) / len(asked) if asked else 0.0
