"""What a reliability diagram says: whether a probability of ours may be taken at its word."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import StrEnum

from planerka.match.v1.match_pb2 import CalibrationBin

__all__ = ["Verdict", "apart", "corrected", "verdict"]

_WIDEST = 0.5
"""Width of the interval of the approved share above which a bin says nothing; five decisions that agree are narrower."""


class Verdict(StrEnum):
    """What the decisions in one bin say about its probabilities."""

    FEW = "few"
    """Too little to say anything."""
    FITS = "fits"
    """The decisions do not contradict the probabilities."""
    TOO_SURE = "too_sure"
    """People approved less often than the probabilities said."""
    TOO_UNSURE = "too_unsure"
    """People approved more often than the probabilities said."""


def verdict(bar: CalibrationBin) -> Verdict:
    """Return what the decisions of a bin say: whether its mean probability lies in the interval of the approved share."""
    if not bar.count or bar.approved_high - bar.approved_low > _WIDEST:
        return Verdict.FEW
    if bar.mean_probability > bar.approved_high:
        return Verdict.TOO_SURE
    return Verdict.TOO_UNSURE if bar.mean_probability < bar.approved_low else Verdict.FITS


def apart(bins: Iterable[CalibrationBin]) -> dict[Verdict, list[CalibrationBin]]:
    """Return the bins that hold decisions by what they say, in their order; a verdict that none has is not in it."""
    found: dict[Verdict, list[CalibrationBin]] = {}
    for bar in bins:
        if bar.count:
            found.setdefault(verdict(bar), []).append(bar)
    return found


def corrected(probability: float, slope: float, shift: float) -> float:
    """Return what a workspace's calibration makes of a built-in probability above 0 and below 1.

    `slope` is the factor of its log-odds and `shift` is added to them, as `planerka.match.v1.GetCalibrationResponse` tells them.
    """
    odds = slope * math.log(probability / (1.0 - probability)) + shift
    return 1.0 / (1.0 + math.exp(-odds))
