"""How far shown probabilities and people's approvals agree: the reliability diagram and its error."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scipy.stats import beta

BINS: Final = 10
_TAIL: Final = 0.05


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of the diagram."""

    lower: float
    """Lower edge of the probability."""
    upper: float
    """Upper edge."""
    count: int
    """Decisions in it."""
    mean_probability: float
    """Mean shown probability; 0 without decisions."""
    approved_share: float
    """Share that was approved; 0 without decisions."""
    approved_low: float
    """Lower end of the 90 % interval of that share (Clopper and Pearson); 0 without decisions."""
    approved_high: float
    """Upper end; 1 without decisions."""


def reliability(decisions: Sequence[tuple[float, bool]], bins: int = BINS) -> list[Bin]:
    """Return the diagram of decisions (probability, approved) in equal bins, the lowest first."""
    sorted_in: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for probability, approved in decisions:
        sorted_in[min(int(probability * bins), bins - 1)].append((probability, approved))
    return [
        Bin(
            lower=number / bins,
            upper=(number + 1) / bins,
            count=len(inside),
            mean_probability=sum(probability for probability, _ in inside) / len(inside) if inside else 0.0,
            approved_share=sum(approved for _, approved in inside) / len(inside) if inside else 0.0,
            approved_low=_bound(_TAIL, sum(right for _, right in inside), len(inside)),
            approved_high=1.0 - _bound(_TAIL, sum(not right for _, right in inside), len(inside)),
        )
        for number, inside in enumerate(sorted_in)
    ]


def _bound(tail: float, hits: int, count: int) -> float:
    return float(beta.ppf(tail, hits, count - hits + 1)) if hits else 0.0


def expected_calibration_error(diagram: Sequence[Bin]) -> float:
    """Return the mean distance of probability and approval, weighed by decisions; 0 without any."""
    total = sum(bar.count for bar in diagram)
    if not total:
        return 0.0
    return sum(bar.count * abs(bar.mean_probability - bar.approved_share) for bar in diagram) / total
