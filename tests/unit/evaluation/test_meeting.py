"""Measures of a meeting, on cases small enough to count by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.meeting import (
    NEW,
    LinkScore,
    Promise,
    Quote,
    Statement,
    TruthTurn,
    Turn,
    f1,
    link_scores,
    load_truth,
    new_cards_found,
    promise_accuracy,
    ungrounded,
)

TRUTH = [
    TruthTurn(0, 10, "Анна", "о первом", "A1", owner="Анна", due="2026-11-27"),
    TruthTurn(10, 20, "Пётр", "ни о чём", None),
    TruthTurn(20, 30, "Анна", "о новом", "NEW:Промокоды"),
    TruthTurn(30, 40, "Пётр", "о втором", "A2", owner="Пётр"),
]


def turn(start: float, end: float, label: str | None, name: str = "", text: str = "") -> Turn:
    return Turn(start, end, "S1", text, name or f"t{start}", label)


def test_the_label_with_the_longest_overlap_counts() -> None:
    turns = [
        turn(0, 6, "A1"),
        turn(6, 10, "A2"),
        turn(10, 20, None),
        turn(20, 30, NEW),
        turn(30, 34, "A2"),
        turn(34, 40, None),
    ]
    assert link_scores(TRUTH, turns) == LinkScore(hits=2, predicted=2, true=3)


def test_precision_and_recall() -> None:
    score = link_scores(TRUTH, [turn(0, 10, "A1"), turn(10, 20, "A1"), turn(20, 30, "A2"), turn(30, 40, "A2")])
    assert (score.precision, score.recall) == (2 / 4, 2 / 3)
    assert score.f1 == pytest.approx(2 * 0.5 * (2 / 3) / (0.5 + 2 / 3))


def test_nothing_predicted_is_precise_and_finds_nothing() -> None:
    score = link_scores(TRUTH, [])
    assert (score.precision, score.recall, score.f1) == (1.0, 0.0, 0.0)
    assert f1(0, 0) == 0.0


def test_a_new_card_is_found_where_a_proposal_quotes_its_time() -> None:
    turns = [turn(0, 15, None, "a"), turn(15, 28, None, "b"), turn(28, 40, None, "c")]
    assert new_cards_found(TRUTH, turns, [Statement("p", (Quote("b", "…"),))]) == 1.0
    assert new_cards_found(TRUTH, turns, [Statement("p", (Quote("a", "…"),))]) == 0.0
    assert new_cards_found(TRUTH, turns, []) == 0.0
    assert new_cards_found(TRUTH[:2], turns, []) is None


def test_promises_are_compared_where_they_were_made() -> None:
    turns = [turn(0, 10, None, "a"), turn(30, 40, None, "d")]
    promises = [
        Promise("тесты", (Quote("a", "…"),), "анна", "2026-11-27"),
        Promise("отчёт", (Quote("d", "…"),), "Анна", ""),
    ]
    assert promise_accuracy(TRUTH, turns, promises, "owner") == 0.5
    assert promise_accuracy(TRUTH, turns, promises, "due") == 1.0
    assert promise_accuracy(TRUTH[1:3], turns, promises, "owner") is None


def test_a_quote_must_stand_in_its_turn_letter_by_letter() -> None:
    turns = [turn(0, 1, None, "a", "Вход  через Яндекс готов."), turn(1, 2, None, "b", "Да.")]
    ids = ["a", "b"]

    def wrong(*quotes: Quote) -> bool:
        return ungrounded([Statement("x", quotes)], turns, ids) == ["x"]

    assert not wrong(Quote("a", "через Яндекс"))
    assert wrong()
    assert wrong(Quote("a", "через яндекс"))
    assert wrong(Quote("b", "через Яндекс"))
    assert wrong(Quote("nobody", "Да"))
    assert wrong(Quote("a", ""))
    assert wrong(Quote("a", "Вход"), Quote("b", "Нет"))


def test_truth_of_the_sample(samples: Path) -> None:
    truth = load_truth(samples / "standup_ru" / "truth.json")
    assert len(truth.turns) == 17
    assert {turn.label for turn in truth.turns} == {None, NEW, "A1", "A2", "A3", "A4", "A5", "A7"}
    assert truth.language == "ru"
    assert truth.stale == {"A6", "A9", "A10", "A11"}
    assert [turn.owner for turn in truth.turns if turn.owner] == ["Александр", "Анна", "Александр", "Анна"]
    assert [turn.due for turn in truth.turns if turn.due] == ["2026-03-13", "2026-03-11", "2026-03-18"]


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"turns": [{"start": 0}]})])
def test_a_broken_truth_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "truth.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"truth\.json"):
        load_truth(path)
