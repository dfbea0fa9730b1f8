"""Speakers of a live recording as they appear; provisional until the whole recording is clustered."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

__all__ = ["LiveVoices", "keep_numbers"]

_SAME_VOICE = 0.45
"""Cosine of whole stretches from which they are one voice: stretches of seconds lie at 0.6 to 0.9 within a voice and at
0.0 to 0.4 between voices. Final speakers do not depend on it."""
_TOO_SHORT = 1.5
"""Seconds; less speech never makes a new speaker while one is known."""


class LiveVoices:
    """Running means of the voices heard so far."""

    def __init__(self, most: int) -> None:
        """`most` is the largest number of speakers."""
        self._most = most
        self._sums: list[NDArray[np.float32]] = []

    def assign(self, vectors: NDArray[np.float32], seconds: Sequence[float]) -> list[int]:
        """Speaker numbers for unit vectors [voices, dimension] of different voices of one stretch.

        `seconds` of speech stand behind each vector; voices without any get the nearest number and teach nothing.
        """
        numbers = [-1] * len(vectors)
        if self._sums and len(vectors):
            means = np.stack([total / np.linalg.norm(total) for total in self._sums])
            likeness = vectors @ means.T
            for row, column in zip(*linear_sum_assignment(likeness, maximize=True), strict=True):
                if likeness[row, column] >= _SAME_VOICE:
                    numbers[row] = int(column)
        # Those with enough speech first, in their own order: the rest may be nearest to one of them.
        for row in sorted(range(len(vectors)), key=lambda row: seconds[row] < _TOO_SHORT):
            if numbers[row] < 0:
                numbers[row] = self._place_of(vectors[row], seconds[row])
            self._sums[numbers[row]] += vectors[row] * seconds[row]
        return numbers

    def _place_of(self, vector: NDArray[np.float32], seconds: float) -> int:
        """A new speaker, or the nearest one where there is too little speech or no room for another."""
        if self._sums and (seconds < _TOO_SHORT or len(self._sums) >= self._most):
            return int(np.argmax([float(vector @ total) / float(np.linalg.norm(total)) for total in self._sums]))
        # Never zero, so that a mean exists even for a voice that was barely heard.
        self._sums.append(vector * 1e-3)
        return len(self._sums) - 1


def keep_numbers(before: Sequence[int | None], after: Sequence[int | None]) -> dict[int, int]:
    """Which old number each new speaker takes, so that as many words as possible keep theirs.

    `before` and `after` are the speakers of the same words; a new speaker without a partner gets an unused number.
    """
    old = sorted({speaker for speaker in before if speaker is not None})
    new = sorted({speaker for speaker in after if speaker is not None})
    shared = np.zeros((len(new), len(old)))
    for was, now in zip(before, after, strict=True):
        if was is not None and now is not None:
            shared[new.index(now), old.index(was)] += 1
    mapping = {
        new[row]: old[column]
        for row, column in zip(*linear_sum_assignment(shared, maximize=True), strict=True)
        if shared[row, column] > 0
    }
    fresh = max(old, default=-1) + 1
    for speaker in new:
        if speaker not in mapping:
            mapping[speaker] = fresh
            fresh += 1
    return mapping
