from pathlib import Path

import pytest

from evaluation.matching import (
    Outcome,
    auroc,
    link_figures,
    match_figures,
    read_beir,
)


def write(folder: Path, corpus: str, queries: str, qrels: str) -> Path:
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text(corpus, encoding="utf-8")
    (folder / "queries.jsonl").write_text(queries, encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text(qrels, encoding="utf-8")
    return folder


def test_a_beir_folder_is_read(tmp_path: Path) -> None:
    corpus = '{"_id": "d1", "title": "T", "text": "a\u2028b"}\n{"_id": "d2", "text": ""}\n'
    queries = '{"_id": "q1", "text": "x"}\n{"_id": "q2", "text": "y"}\n'
    data = read_beir(write(tmp_path / "s", corpus, queries, "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\n"))

    assert [document.title for document in data.documents] == ["T", ""]
    assert data.queries == (("q1", "x"), ("q2", "y"))
    assert data.relevant == {"q1": frozenset({"d1"})}


@pytest.mark.parametrize(
    ("corpus", "qrels", "named"),
    [
        ("{oops\n", "q\td\t1\n", "corpus.jsonl:1"),
        ("[]\n", "q\td\t1\n", "corpus.jsonl:1"),
        ("", "query d 1\n", "test.tsv:1"),
    ],
)
def test_a_broken_folder_names_the_place(tmp_path: Path, corpus: str, qrels: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        read_beir(write(tmp_path / "s", corpus, '{"_id": "q", "text": "x"}\n', qrels))
    with pytest.raises(ValueError, match="cannot be read"):
        read_beir(tmp_path / "missing")


def test_figures_follow_their_definitions() -> None:
    outcomes = [
        Outcome("q1", ("a", "b"), 0.1, auto=True),
        Outcome("q2", ("b", "a"), 0.4, auto=True),
        Outcome("q3", ("c",), 0.2, auto=False),
        Outcome("q4", ("a",), 0.9, auto=False),
        Outcome("q5", ("a",), 0.3, auto=False),
    ]
    relevant = {"q1": frozenset({"a"}), "q2": frozenset({"a"}), "q3": frozenset({"z"})}

    figures = match_figures(outcomes, relevant, seconds=2.0)

    assert figures["recall@1"] == pytest.approx(1 / 3)
    assert figures["recall@5"] == pytest.approx(2 / 3)
    assert figures["mrr@10"] == pytest.approx((1 + 0.5) / 3)
    assert figures["ndcg@10"] == pytest.approx((1 + 0.6309297535714575) / 3)
    assert figures["auroc_no_card"] == pytest.approx(5 / 6)
    assert figures["auto_precision"] == pytest.approx(0.5)
    assert figures["auto_coverage"] == pytest.approx(0.4)
    assert figures["queries_per_s"] == pytest.approx(2.5)


def test_figures_without_a_case_are_none() -> None:
    figures = match_figures([Outcome("q1", ("a",), 0.1, auto=False)], {"q1": frozenset({"a"})}, seconds=0.0)

    assert figures["auroc_no_card"] is None
    assert figures["auto_precision"] is None
    assert figures["queries_per_s"] is None


def test_ties_count_half() -> None:
    assert auroc([0.5, 0.5], [0.5]) == 0.5
    assert auroc([1.0], [0.0]) == 1.0
    assert auroc([], [0.0]) is None


def test_links_are_counted_over_true_turns() -> None:
    truth = ["A", "A", None, "NEW:Promo", "NEW:Promo", "B"]
    found = ["A", "C", "A", "NEW:new1", "NEW:new1", None]

    figures = link_figures(truth, found)
    assert figures["link_precision"] == pytest.approx(3 / 5)
    assert figures["link_recall"] == pytest.approx(3 / 5)
    assert figures["link_f1"] == pytest.approx(0.6)


def test_a_new_card_where_none_was_wanted_is_wrong() -> None:
    assert link_figures(["A"], ["NEW:new1"])["link_f1"] == 0.0
    assert link_figures([None], [None]) == {"link_precision": 1.0, "link_recall": 1.0, "link_f1": 1.0}
