import itertools

import numpy as np
import pytest

from match_service.sequence import FIRST_CARD, NEW, NOTHING, Chain, best_path, marginals


def brute(chain: Chain) -> dict[tuple[int, ...], float]:
    """Weight of every path, in which a step to the same state may be a stay or a move."""
    length, states = chain.emission.shape
    move = np.full((length, states), -np.log(max(states - FIRST_CARD, 1)))
    move[:, FIRST_CARD:] += chain.enter
    move[:, NOTHING], move[:, NEW] = chain.leave, chain.enter_new
    weights = {}
    for path in itertools.product(range(states), repeat=length):
        weight = np.exp(chain.emission[0, path[0]] + move[0, path[0]])
        for step in range(1, length):
            stay = chain.stay_nothing[step] if path[step] == NOTHING else chain.stay[step]
            kept = np.exp(stay) if path[step] == path[step - 1] else 0.0
            weight *= (kept + np.exp(move[step, path[step]])) * np.exp(chain.emission[step, path[step]])
        weights[path] = float(weight)
    return weights


@pytest.mark.parametrize("seed", range(5))
def test_marginals_equal_the_sum_over_all_paths(seed: int) -> None:
    random = np.random.default_rng(seed)
    chain = Chain(
        random.normal(size=(4, 5)),
        random.normal(size=4),
        random.normal(size=4),
        random.normal(size=(4, 3)),
        -0.5,
        random.normal(size=4),
    )
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
    chain = Chain(emission, np.array([0.0, 2.0, 0.0]), np.zeros(3), np.zeros((3, 2)), -2.0, np.full(3, -2.0))

    assert best_path(chain).tolist() == [2, 2, 3]


@pytest.mark.parametrize(("named", "path"), [(1, [2, 3, 3]), (2, [2, 2, 3])])
def test_the_talk_goes_to_a_card_where_it_is_named(named: int, path: list[int]) -> None:
    emission = np.zeros((3, 4))
    emission[0, 2] = emission[2, 3] = 5.0
    enter = np.full((3, 2), -3.0)
    enter[0, 0] = enter[named, 1] = 0.0
    chain = Chain(emission, np.full(3, 1.0), np.zeros(3), enter, -2.0, np.full(3, -2.0))

    assert best_path(chain).tolist() == path
    assert marginals(chain).argmax(axis=1).tolist() == path


def test_an_empty_talk_and_an_empty_board() -> None:
    empty = Chain(np.zeros((0, 4)), np.zeros(0), np.zeros(0), np.zeros((0, 2)), 0.0, np.zeros(0))
    no_cards = Chain(np.zeros((2, 2)), np.zeros(2), np.zeros(2), np.zeros((2, 0)), 0.0, np.zeros(2))

    assert best_path(empty).tolist() == []
    assert marginals(empty).shape == (0, 4)
    assert marginals(no_cards).sum(axis=1) == pytest.approx([1.0, 1.0])
