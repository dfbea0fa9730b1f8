"""Measures of retrieval: whether the right document is near the top, and how long a query takes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from evaluation.matching import ndcg, recall

__all__ = ["percentile", "retrieval_figures"]

_NEAR = 5


def retrieval_figures(
    rankings: Mapping[str, Sequence[str]], relevant: Mapping[str, frozenset[str]], seconds: Sequence[float]
) -> dict[str, float | None]:
    """Return recall@5, ndcg@10, p50_ms and p95_ms.

    Args:
        rankings: Documents of each query, best first and each once; ten are enough.
        relevant: Documents that answer each query; queries without any count for the times alone.
        seconds: How long each query took.
    """
    asked = [query for query in rankings if relevant.get(query)]

    def mean(values: Sequence[float]) -> float | None:
        return sum(values) / len(values) if values else None

    return {
        "recall@5": mean([recall(rankings[query], relevant[query], _NEAR) for query in asked]),
        "ndcg@10": mean([ndcg(rankings[query], relevant[query]) for query in asked]),
        "p50_ms": percentile(seconds, 50, 1000.0),
        "p95_ms": percentile(seconds, 95, 1000.0),
    }


def percentile(values: Sequence[float], percent: float, scale: float = 1.0) -> float | None:
    """Return the smallest value that `percent` of all values do not exceed, times `scale`; None without values."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)] * scale
