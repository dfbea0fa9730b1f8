import itertools

import numpy as np
import pytest

from match_service.sequence import FIRST_CARD, NEW, NOTHING, Chain, best_path, marginals


def brute(chain: Chain) -> dict[tuple[int, ...], float]:
    """Weight of every path, in which a step to the same state may be a stay or a move."""
    length, states = chain.emission.shape
    move = np.full(states, -np.log(max(states - FIRST_CARD, 1)))
    move[NOTHING], move[NEW] = chain.leave, chain.enter_new
    weights = {}
    for path in itertools.product(range(states), repeat=length):
        weight = np.exp(chain.emission[0, path[0]] + move[path[0]])
        for step in range(1, length):
            stay = chain.stay_nothing if path[step] == NOTHING else chain.stay[step]
            kept = np.exp(stay) if path[step] == path[step - 1] else 0.0
            weight *= (kept + np.exp(move[path[step]])) * np.exp(chain.emission[step, path[step]])
        weights[path] = float(weight)
    return weights


@pytest.mark.parametrize("seed", range(5))
def test_marginals_equal_the_sum_over_all_paths(seed: int) -> None:
    random = np.random.default_rng(seed)
    chain = Chain(random.normal(size=(4, 5)), random.normal(size=4), 0.3, -0.5, -1.0)
    weights = brute(chain)
    total = sum(weights.values())

    found = marginals(chain)

    for step in range(4):
        for state in range(5):
            expected = sum(weight for path, weight in weights.items() if path[step] == state) / total
            assert found[step, state] == pytest.approx(expected)


def test_the_talk_stays_on_a_card_through_a_sentence_that_says_nothing() -> None:
    emission = np.zeros((3, 4))
    emission[0, 2] = 5.0
    emission[2, 3] = 5.0
    chain = Chain(emission, np.array([0.0, 2.0, 0.0]), 0.0, -2.0, -2.0)

    assert best_path(chain).tolist() == [2, 2, 3]


def test_an_empty_talk_and_an_empty_board() -> None:
    empty = Chain(np.zeros((0, 4)), np.zeros(0), 0.0, 0.0, 0.0)

    assert best_path(empty).tolist() == []
    assert marginals(empty).shape == (0, 4)
    assert marginals(Chain(np.zeros((2, 2)), np.zeros(2), 0.0, 0.0, 0.0)).sum(axis=1) == pytest.approx([1.0, 1.0])
