"""The talk as a chain of subjects: a linear-chain conditional random field over sentences.

The states are: no card (0), a new card (1), and each card of the board (2 ...). A step either stays on the subject or moves to any other
one, and the score of a move depends on where it goes, not on where it comes from, so a step costs O(states) instead of O(states²).
Lafferty, McCallum and Pereira, "Conditional Random Fields" (2001).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Logs = npt.NDArray[np.float64]

NOTHING: Final = 0
NEW: Final = 1
FIRST_CARD: Final = 2


@dataclass(frozen=True)
class Chain:
    """Unnormalised log scores of a talk."""

    emission: Logs
    """Of each state for each sentence, [sentences, states]."""
    stay: Logs
    """Of staying on a card or a new card at each sentence (the first one is not used), [sentences]."""
    stay_nothing: Logs
    """Of staying away from all cards at each sentence, [sentences]."""
    enter: Logs
    """Of going to each card at each sentence, the first one included, [sentences, cards]."""
    leave: float
    """Of going from a card to no card."""
    enter_new: Logs
    """Of going to a new card at each sentence, likewise, [sentences]."""


def best_path(chain: Chain) -> npt.NDArray[np.intp]:
    """Return the most probable state of every sentence taken together (Viterbi), [sentences]."""
    length, states = chain.emission.shape
    path = np.zeros(length, dtype=np.intp)
    if not length:
        return path
    score = chain.emission[0] + _move(chain, 0)
    back = np.zeros((length, states), dtype=np.intp)
    for step in range(1, length):
        stay = _stay(chain, step, states)
        best = int(np.argmax(score))
        moved = score[best] + _move(chain, step)
        kept = score + stay
        back[step] = np.where(kept >= moved, np.arange(states), best)
        score = np.maximum(kept, moved) + chain.emission[step]
    path[-1] = int(np.argmax(score))
    for step in range(length - 1, 0, -1):
        path[step - 1] = back[step, path[step]]
    return path


def marginals(chain: Chain) -> Logs:
    """Return the probability of every state at every sentence (forward-backward), [sentences, states]."""
    length, states = chain.emission.shape
    if not length:
        return np.zeros((0, states))
    forward = np.zeros((length, states))
    backward = np.zeros((length, states))
    forward[0] = chain.emission[0] + _move(chain, 0)
    for step in range(1, length):
        stay, move = _stay(chain, step, states), _move(chain, step)
        forward[step] = (
            np.logaddexp(forward[step - 1] + stay, _log_sum(forward[step - 1]) + move) + chain.emission[step]
        )
    for step in range(length - 2, -1, -1):
        stay, move = _stay(chain, step + 1, states), _move(chain, step + 1)
        after = chain.emission[step + 1] + backward[step + 1]
        backward[step] = np.logaddexp(after + stay, _log_sum(after + move))
    joint = forward + backward
    joint -= joint.max(axis=1, keepdims=True)
    weights = np.exp(joint)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


def _move(chain: Chain, step: int) -> Logs:
    """Return the score of going to each state from any other; the cards share one unit, however many they are."""
    cards = chain.enter[step]
    return np.concatenate([[chain.leave, chain.enter_new[step]], cards - np.log(max(len(cards), 1))])


def _stay(chain: Chain, step: int, states: int) -> Logs:
    stay = np.full(states, chain.stay[step])
    stay[NOTHING] = chain.stay_nothing[step]
    return stay


def _log_sum(values: Logs) -> float:
    top = float(values.max())
    return top + float(np.log(np.exp(values - top).sum()))
