"""What a bin of decisions says about its probabilities, and when it says nothing."""

from __future__ import annotations

import pytest
from planerka.match.v1.match_pb2 import CalibrationBin

from match_service.calibration import reliability
from match_service.learning import Lesson
from match_service.weights import Scale
from mesh.reliability import Verdict, apart, corrected, verdict


def bins(probability: float, count: int, approved: int) -> list[CalibrationBin]:
    """The diagram that the matching service makes of decisions that were all shown with one probability."""
    diagram = reliability([(probability, number < approved) for number in range(count)])
    return [CalibrationBin(**{name: getattr(bar, name) for name in bar.__slots__}) for bar in diagram]


@pytest.mark.parametrize(
    ("probability", "count", "approved", "said"),
    [
        (0.95, 1, 0, Verdict.FEW),
        (0.95, 4, 4, Verdict.FEW),
        (0.95, 5, 5, Verdict.FITS),
        (0.5, 10, 5, Verdict.FEW),
        (0.5, 14, 7, Verdict.FITS),
        (0.95, 60, 45, Verdict.TOO_SURE),
        (0.85, 40, 34, Verdict.FITS),
        (0.55, 20, 18, Verdict.TOO_UNSURE),
        (0.95, 8, 0, Verdict.TOO_SURE),
    ],
)
def test_a_bin_speaks_only_where_its_decisions_suffice(
    probability: float, count: int, approved: int, said: Verdict
) -> None:
    (bar,) = [bar for bar in bins(probability, count, approved) if bar.count]
    assert verdict(bar) is said


def test_bins_without_decisions_say_nothing() -> None:
    assert apart(bins(0.95, 0, 0)) == {}
    found = apart(bins(0.95, 60, 45))
    assert list(found) == [Verdict.TOO_SURE]
    assert [round(bar.lower, 1) for bar in found[Verdict.TOO_SURE]] == [0.9]


def test_the_correction_is_that_of_the_matching_service() -> None:
    assert corrected(0.9, 1.0, 0.0) == pytest.approx(0.9)
    lesson = Lesson(Scale(slope=0.8, shift=-0.5), votes=40)
    assert corrected(0.9, 0.8, -0.5) == pytest.approx(lesson.probability(0.9))
    assert corrected(0.9, 0.8, -0.5) < 0.8
