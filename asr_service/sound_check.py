"""Whether audio can be understood at all: what a client should be told before it wonders about the words."""

import numpy as np

from asr_service.audio import SAMPLE_RATE, Samples

__all__ = ["ENOUGH_SECONDS", "poor_audio"]

ENOUGH_SECONDS = 3.0
"""Shortest stretch that is judged; the loudest word of a second says nothing about a recording."""

_CLIPPED = 0.999
_MOST_CLIPPED = 0.05
_SILENT = 1e-3
"""-60 dBFS: a muted microphone's own noise, or a line with the wrong gain."""
_LONG_SECONDS = 10.0
"""Stretch from which quiet counts: a pause is no fault."""
_NOISE_LEVEL = 0.3
"""Root mean square (-10 dBFS); misread samples had 0.32 and more."""
_NOISE_FLATNESS = 0.3
"""Ratio of geometric and arithmetic mean of power from which sound is noise: white noise has 0.56 in single frames, float
samples read as integers 0.33 to 0.52, speech in a noisy room 0.23 at most."""
_ONE_SIDED = 0.02
_OTHER_SIDE = 0.2
"""Integers read as floats become huge where two are negative and nothing where they are positive. From 2 % of samples at the
negative end, with less than a fifth as many at the positive one, this is no sound."""
_FRAME = 512


def poor_audio(samples: Samples) -> str | None:
    """Tells why audio can hardly be understood, in words for an operator; None where nothing is wrong with it.

    Args:
        samples: Some seconds of 16 kHz mono from -1 to 1 in which speech is expected, best what voice activity took for
            speech, or the beginning of a stream in which it found none; less than `ENOUGH_SECONDS` are not judged.
    """
    seconds = len(samples) / SAMPLE_RATE
    if seconds < ENOUGH_SECONDS:
        return None
    loud = np.abs(samples)
    clipped = float((loud >= _CLIPPED).mean())
    negative, positive = float((samples <= -0.9).mean()), float((samples >= 0.9).mean())
    if negative > _ONE_SIDED and positive < _OTHER_SIDE * negative:
        return "The samples are all or nothing, like 16-bit samples that were announced as 32-bit float; check the encoding."
    level = float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))
    if level >= _NOISE_LEVEL and _flatness(samples) >= _NOISE_FLATNESS:
        return (
            "The audio is noise at full level, like samples in another format than announced (float, another byte order, a "
            "compressed file); check the encoding."
        )
    if clipped > _MOST_CLIPPED:
        return f"{clipped:.0%} of the samples are clipped; turn the microphone's gain down."
    if level < _SILENT and seconds >= _LONG_SECONDS:
        decibels = 20 * np.log10(max(level, 1e-6))
        return f"The audio is nearly silent ({decibels:.0f} dBFS); check that the microphone is on and its gain is up."
    return None


def _flatness(samples: Samples) -> float:
    """Median over frames of 32 ms of how flat the spectrum is, from 0 (one tone) to 1."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME) * np.hanning(_FRAME).astype(np.float32)
    # Up to 3.5 kHz: audio of a telephone has nothing above.
    power = np.abs(np.fft.rfft(frames, axis=1))[:, 3 : 7 * _FRAME // 32] ** 2 + 1e-12
    return float(np.median(np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1)))
