"""Figures of retrieval."""

from __future__ import annotations

import math

import pytest

from evaluation.retrieval import percentile, retrieval_figures


def test_figures_of_known_rankings():
    relevant = {"first": frozenset({"a"}), "third": frozenset({"b"}), "sixth": frozenset({"c"})}
    rankings = {
        "first": ["a", "x"],
        "third": ["x", "y", "b"],
        "sixth": ["1", "2", "3", "4", "5", "c"],
        "no_answer": ["a"],
    }
    figures = retrieval_figures(rankings, relevant, [0.01, 0.02, 0.03, 0.1])
    assert figures["recall@5"] == pytest.approx(2 / 3)
    assert figures["ndcg@10"] == pytest.approx((1 + 1 / math.log2(4) + 1 / math.log2(7)) / 3)
    assert figures["p50_ms"] == pytest.approx(20)
    assert figures["p95_ms"] == pytest.approx(100)


def test_nothing_asked_is_no_figure():
    assert retrieval_figures({}, {}, []) == {"recall@5": None, "ndcg@10": None, "p50_ms": None, "p95_ms": None}


def test_a_percentile_is_one_of_the_values():
    values = [float(number) for number in range(1, 101)]
    assert percentile(values, 95) == 95.0
    assert percentile([3.0], 50) == 3.0
