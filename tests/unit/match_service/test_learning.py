"""What decisions of people may change, and what they may not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from match_service.calibration import expected_calibration_error, reliability
from match_service.learning import FEWEST, NOTHING_LEARNT, Vote, learn
from match_service.weights import built_in

WANTED = 0.95
WRONG_VOTES = 0.1
DECISIONS = 200
PAIRS = Path(__file__).parents[2] / "data" / "matching" / "heldout.tsv"
"""Held-out probabilities of the best card of each text, and whether it was right; made by `bench/fit_matching.py --pairs`."""


@pytest.fixture(scope="module")
def pairs() -> dict[str, list[tuple[float, bool]]]:
    found: dict[str, list[tuple[float, bool]]] = {}
    for line in PAIRS.read_text(encoding="utf-8").splitlines()[1:]:
        name, probability, right = line.split("\t")
        found.setdefault(name, []).append((float(probability), right == "1"))
    return found


def votes_of(pairs: list[tuple[float, bool]], rng: np.random.Generator, wrong: float) -> list[Vote]:
    return [Vote(p, p, right != (rng.random() < wrong)) for p, right in pairs]


def test_few_votes_change_nothing() -> None:
    assert learn([Vote(0.9, 0.9, False)] * (FEWEST - 1), WANTED, 0.85) is NOTHING_LEARNT


def test_a_few_odd_votes_move_little() -> None:
    fitting = [Vote(0.9, 0.9, number % 10 != 0) for number in range(100)]
    before = learn(fitting, WANTED, 0.85)
    after = learn([*fitting, *[Vote(0.99, 0.99, False)] * 3], WANTED, 0.85)
    for probability in (0.3, 0.6, 0.9, 0.99):
        assert abs(after.probability(probability) - before.probability(probability)) < 0.05


def test_wrong_matches_take_trust_away_and_approvals_give_little() -> None:
    distrust = learn([Vote(0.9, 0.9, number % 2 == 0) for number in range(100)], WANTED, 0.85)
    assert distrust.probability(0.9) < 0.75
    trust = learn([Vote(0.6, 0.6, True)] * 100, WANTED, 0.85)
    assert 0.6 < trust.probability(0.6) < 0.72


def test_votes_that_contradict_the_wanted_precision_make_auto_stricter() -> None:
    bad = [Vote(0.9, 0.9, False)] * 30 + [Vote(0.999, 0.999, True)] * 60
    assert learn(bad, WANTED, 0.85).auto > 0.85 or learn(bad, WANTED, 0.85).probability(0.9) < 0.85


def test_the_order_of_probabilities_stays() -> None:
    lesson = learn([Vote(0.9, 0.9, number % 2 == 0) for number in range(100)], WANTED, 0.85)
    learnt = [lesson.probability(value) for value in np.linspace(0.0, 1.0, 50)]
    assert learnt == sorted(learnt)


def test_auto_stays_precise_after_decisions_of_which_a_tenth_is_wrong(
    pairs: dict[str, list[tuple[float, bool]]],
) -> None:
    auto = built_in().auto_text
    for name, known in pairs.items():
        if len(known) < 2 * DECISIONS:
            continue
        precision, coverage = [], []
        for seed in range(20):
            rng = np.random.default_rng(seed)
            order = rng.permutation(len(known))
            taught = votes_of([known[place] for place in order[:DECISIONS]], rng, WRONG_VOTES)
            rest = [known[place] for place in order[DECISIONS:]]
            lesson = learn(taught, WANTED, auto)
            taken = [right for p, right in rest if lesson.probability(p) >= max(auto, lesson.auto)]
            precision.append(np.mean(taken) if taken else 1.0)
            coverage.append(len(taken) / len(rest))
        assert np.mean(precision) >= WANTED, name
        assert np.mean(coverage) >= 0.2, name


def test_a_half_of_each_set_calibrates_the_other(pairs: dict[str, list[tuple[float, bool]]]) -> None:
    for name, known in pairs.items():
        if len(known) < 2 * DECISIONS:
            continue
        errors = []
        for seed in range(10):
            rng = np.random.default_rng(seed)
            order = rng.permutation(len(known))
            half = len(known) // 2
            lesson = learn(votes_of([known[place] for place in order[:half]], rng, 0.0), WANTED, built_in().auto_text)
            diagram = reliability([(lesson.probability(known[p][0]), known[p][1]) for p in order[half:]])
            errors.append(expected_calibration_error(diagram))
        assert np.mean(errors) <= 0.05, name
