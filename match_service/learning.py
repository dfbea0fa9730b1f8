"""What a workspace's decisions teach: a bounded correction of the built-in probabilities.

The correction is a logistic map from the built-in log-odds to the workspace's, found as the maximum of a posterior: the prior is "no
correction", so that few votes move little; every vote is taken as wrong with a fixed chance, so that an odd one cannot pull far
(the robust likelihood of Copas, "Binary regression models for contaminated data", 1988); and the map stays inside fixed bounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize
from scipy.stats import binom

from match_service.weights import Scale
from mesh.reliability import corrected

FEWEST: Final = 20
"""Votes below which nothing is corrected."""
_WRONG: Final = 0.1
"""Chance with which a vote is taken as a slip."""
_SHIFT_SPREAD: Final = 0.5
"""Standard deviation of the prior of the shift, in log-odds."""
_SLOPE_SPREAD: Final = 0.25
"""The same of the slope around 1."""
_SHIFT_BOUNDS: Final = (-3.0, 0.3)
"""People may take much trust away, and give little: a wrong AUTO costs more than a question."""
_SLOPE_BOUNDS: Final = (0.5, 1.25)
_DOUBT: Final = 0.05
"""Chance below which the votes contradict the wanted precision of AUTO."""
_STRICTER: Final = 0.01
_EDGE: Final = 1e-6

SAME: Final = Scale(1.0, 0.0)
"""The map that changes nothing."""


@dataclass(frozen=True, slots=True)
class Vote:
    """A person's decision about a match."""

    built_in: float
    """Probability by the built-in calibration."""
    shown: float
    """Probability that the person saw."""
    right: bool
    """Whether the person left the match as it was proposed."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a workspace has taught."""

    scale: Scale = SAME
    """From the built-in log-odds to the workspace's."""
    auto: float = 0.0
    """Probability below which nothing is AUTO, above the built-in threshold where votes ask for it; 0 for that one."""
    votes: int = 0
    """Votes that it rests on; 0 while nothing is corrected."""

    def probability(self, built_in: float) -> float:
        """Return the workspace's probability for a built-in one."""
        if self.scale == SAME:
            return built_in
        return corrected(min(max(built_in, _EDGE), 1.0 - _EDGE), self.scale.slope, self.scale.shift)


NOTHING_LEARNT: Final = Lesson()
"""Of a workspace without enough votes."""


def learn(votes: Sequence[Vote], wanted: float, auto: float) -> Lesson:
    """Return what votes teach; `wanted` is the precision that AUTO aims at, `auto` the built-in threshold."""
    if len(votes) < FEWEST:
        return NOTHING_LEARNT
    odds = _log_odds(np.array([vote.built_in for vote in votes]))
    right = np.array([vote.right for vote in votes])

    def loss(values: np.ndarray) -> float:
        shift, slope = values
        approved = _WRONG + (1.0 - 2.0 * _WRONG) * _logistic(slope * odds + shift)
        likelihood = np.log(np.where(right, approved, 1.0 - approved)).sum()
        return float(0.5 * (shift / _SHIFT_SPREAD) ** 2 + 0.5 * ((slope - 1.0) / _SLOPE_SPREAD) ** 2 - likelihood)

    found = minimize(loss, np.array([0.0, 1.0]), method="L-BFGS-B", bounds=(_SHIFT_BOUNDS, _SLOPE_BOUNDS)).x
    scale = Scale(slope=float(found[1]), shift=float(found[0]))
    learnt = _logistic(scale.slope * odds + scale.shift)
    return Lesson(scale, _stricter(learnt, right, wanted, auto), len(votes))


def _stricter(probability: np.ndarray, right: np.ndarray, wanted: float, auto: float) -> float:
    """Return the threshold from `auto` upwards at which the votes no longer contradict the wanted precision, slips allowed for."""
    expected = _WRONG + (1.0 - 2.0 * _WRONG) * wanted
    for threshold in np.arange(auto, 1.0, _STRICTER):
        taken = probability >= threshold
        if binom.cdf(int(right[taken].sum()), int(taken.sum()), expected) >= _DOUBT:
            return float(threshold) if threshold > auto else 0.0
    return 1.0


def _log_odds(probability: np.ndarray) -> np.ndarray:
    bounded = np.clip(probability, _EDGE, 1.0 - _EDGE)
    return np.asarray(np.log(bounded / (1.0 - bounded)))


def _logistic(value: np.ndarray) -> np.ndarray:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(value, -40.0, 40.0))))
