import numpy as np
import pytest

from textkit.bm25 import BM25


def test_scores_follow_the_formula() -> None:
    index = BM25([["a", "b"], ["a", "a", "c", "d"]], k1=1.2, b=0.75)

    idf = float(np.log(1 + (2 - 1 + 0.5) / (1 + 0.5)))
    expected = idf * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / 3))
    assert index.scores(["b"]) == pytest.approx([expected, 0.0])


def test_a_rare_term_weighs_more_than_a_common_one() -> None:
    index = BM25([["a", "b"], ["a", "c"], ["a", "d"]])

    assert index.idf("b") > index.idf("a") > 0
    assert index.idf("unseen") > index.idf("b")
    assert "b" in index
    assert "unseen" not in index


def test_a_mapping_weighs_the_terms() -> None:
    index = BM25([["a"], ["b"]])

    scores = index.scores({"a": 1.0, "b": 0.5})
    assert scores[1] == pytest.approx(scores[0] / 2)


def test_nothing_indexed_and_nothing_asked() -> None:
    assert BM25([]).scores(["a"]).shape == (0,)
    assert BM25([[], ["a"]]).scores([]).tolist() == [0.0, 0.0]
    assert len(BM25([[]])) == 1
