"""Two rankings joined into one.

Reciprocal rank fusion (Cormack, Clarke and Büttcher, 2009): a chunk gets 1 / (60 + rank) from each ranking. The lexical ranking counts
for less where its best hit is no better than the others of the list, as when a Russian question meets English documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["fuse"]

_K: Final = 60.0


def fuse(near: Sequence[tuple[str, float]], matching: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Return chunk ids with their joined score, best first.

    Args:
        near: Ids with cosines, best first.
        matching: Ids with BM25 scores, best first.
    """
    scores: dict[str, float] = {}
    for rank, (chunk_id, _) in enumerate(near, start=1):
        scores[chunk_id] = scores.get(chunk_id, 0.0) + 1.0 / (_K + rank)
    for rank, (chunk_id, _) in enumerate(matching, start=1):
        scores[chunk_id] = scores.get(chunk_id, 0.0) + 1.0 / (_K + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
