"""The same speech faintly in another channel, told from speech at the same time.

A copy is quieter than its original and has the same pattern of loudness over time and frequency, even through a room's
echo; two people who speak at once do not have the same pattern. Levels alone would silence whoever has the quieter
microphone.
"""

import numpy as np
from numpy.typing import NDArray

from asr_service.audio import SAMPLE_RATE, Samples
from asr_service.vad import FRAME

__all__ = ["CONTEXT", "find_copies"]

CONTEXT = 16
"""Frames of 32 ms on both sides that are compared; without them a decision is less sure."""

_QUIETER = 6.0
"""Decibels by which a copy is at least quieter than its original."""
_FAR_QUIETER = 26.0
"""Decibels from which quieter sound is a copy whatever its pattern: nothing that was said beside it can be understood."""
_ALIKE = 0.6
"""Correlation of two patterns from which one is a copy of the other."""
_LEVEL_FRAMES = 3
"""Frames on both sides over which levels are averaged."""
_BANDS = 24
_LOWEST, _HIGHEST = 100.0, 6000.0
"""Hertz."""
_COMPRESSION = 0.15
"""Exponent that makes loudness of power: less than the ear's, for a copy differs by its background noise."""


def find_copies(samples: Samples) -> NDArray[np.bool_]:
    """Where a channel holds only a fainter copy of another one.

    Args:
        samples: Sound from -1 to 1 [channels, n] of 16 kHz; half a second before and after what matters is enough context.

    Returns:
        One decision for each channel and each whole frame of 32 ms [channels, n // 512]; silence is no copy.
    """
    channels, frames = len(samples), samples.shape[1] // FRAME
    copies = np.zeros((channels, frames), dtype=np.bool_)
    if channels < 2 or frames == 0:
        return copies
    power = _band_power(samples[:, : frames * FRAME])
    level = 10 * np.log10(_mean_around(power.sum(axis=2).T, _LEVEL_FRAMES).T + 1e-12)
    pattern = power**_COMPRESSION
    for channel in range(channels):
        for other in range(channels):
            difference = level[other] - level[channel]
            if other == channel or difference.max() < _QUIETER:
                continue
            alike = _likeness(pattern[channel], pattern[other]) >= _ALIKE
            copies[channel] |= (difference >= _QUIETER) & alike | (difference >= _FAR_QUIETER)
    return copies


def _band_power(samples: Samples) -> NDArray[np.float32]:
    """Power [channels, frames, bands] of frames of 32 ms."""
    framed = samples.reshape(len(samples), -1, FRAME) * np.hanning(FRAME).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(framed, axis=2)) ** 2 / FRAME**2
    bins = np.round(np.geomspace(_LOWEST, _HIGHEST, _BANDS + 1) * FRAME / SAMPLE_RATE).astype(int)
    # The lowest bands are narrower than a bin; each gets one of its own.
    bins = np.maximum(bins, bins[0] + np.arange(_BANDS + 1))
    return np.asarray(np.add.reduceat(spectrum[:, :, : bins[-1]], bins[:-1], axis=2), dtype=np.float32)


def _mean_around(values: NDArray[np.float32], reach: int) -> NDArray[np.float64]:
    """Mean of [frames, ...] over `reach` frames on both sides of each."""
    frames = len(values)
    total = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0, dtype=np.float64)])
    low = np.maximum(np.arange(frames) - reach, 0)
    high = np.minimum(np.arange(frames) + reach + 1, frames)
    count = (high - low).reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray((total[high] - total[low]) / count, dtype=np.float64)


def _likeness(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """Correlation [frames] from -1 to 1 of two patterns [frames, bands] around each frame, after each band's own mean."""
    mean_first, mean_second = _mean_around(first, CONTEXT), _mean_around(second, CONTEXT)
    both = (_mean_around(first * second, CONTEXT) - mean_first * mean_second).sum(axis=1)
    spread_first = (_mean_around(first**2, CONTEXT) - mean_first**2).sum(axis=1)
    spread_second = (_mean_around(second**2, CONTEXT) - mean_second**2).sum(axis=1)
    return np.asarray(both / np.sqrt(np.maximum(spread_first * spread_second, 1e-18)), dtype=np.float64)
