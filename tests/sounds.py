"""Sounds in which nobody says anything, and a murmur in which many do, as 16 kHz mono samples from -1 to 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

RATE = 16_000

Samples = NDArray[np.float32]


def silence(seconds: float) -> Samples:
    """Digital silence."""
    return np.zeros(int(seconds * RATE), dtype=np.float32)


def white_noise(seconds: float) -> Samples:
    """White noise at -26 dB, as loud as a fan close by."""
    return (0.05 * np.random.default_rng(7).standard_normal(int(seconds * RATE))).astype(np.float32)


def music(seconds: float) -> Samples:
    """Chords, arpeggios and drums at 100 beats a minute; every four bars in another key."""
    generator = np.random.default_rng(11)
    beat = int(0.6 * RATE)
    total = int(seconds * RATE)
    mix = np.zeros(total + 4 * beat)
    for number, start in enumerate(range(0, total, beat)):
        root = 55.0 * 2 ** ((number // 16 * 5 % 12 + (0, 9, 5, 7)[number // 4 % 4]) / 12)
        if number % 4 == 0:
            for step in (0, 4, 7, 12):
                _add(mix, start, 0.05 * _tone(4 * root * 2 ** (step / 12), 4 * beat))
        for half in range(2):
            step = (0, 4, 7, 12, 16, 12, 7, 4)[(2 * number + half) % 8]
            _add(mix, start + half * beat // 2, 0.08 * _tone(8 * root * 2 ** (step / 12), beat // 2))
        _add(mix, start, 0.3 * _drum(number, generator, beat // 2))
    return (0.3 * mix[:total] / np.abs(mix).max()).astype(np.float32)


def babble(seconds: float, speech: Sequence[Samples], voices: int = 12) -> Samples:
    """Many shifted talks at once, together at -35 dB."""
    generator = np.random.default_rng(13)
    total = int(seconds * RATE)
    mix = np.zeros(total)
    for number in range(voices):
        talk = np.tile(speech[number % len(speech)], total // len(speech[number % len(speech)]) + 2)
        start = int(generator.integers(0, len(talk) - total))
        mix += talk[start : start + total]
    level = float(np.sqrt(np.mean(np.square(mix)))) or 1.0
    return (mix * (10 ** (-35 / 20) / level)).astype(np.float32)


SPEECHLESS: dict[str, Callable[[float], Samples]] = {"silence": silence, "noise": white_noise, "music": music}


def to_pcm(samples: Samples) -> bytes:
    """16-bit little-endian samples."""
    return (np.clip(samples, -1.0, 1.0) * 32_767).astype("<i2").tobytes()


def _tone(frequency: float, length: int) -> NDArray[np.float64]:
    """A plucked tone with harmonics and a little vibrato."""
    time = np.arange(length) / RATE
    phase = 2 * np.pi * frequency * time + 0.6 * np.sin(2 * np.pi * 5 * time)
    wave = sum(np.sin(harmonic * phase) / harmonic**1.5 for harmonic in range(1, 7) if harmonic * frequency < RATE / 2)
    return np.asarray(wave * np.minimum(time / 0.01, 1.0) * np.exp(-3.0 * time * RATE / length))


def _drum(number: int, generator: np.random.Generator, length: int) -> NDArray[np.float64]:
    """A bass drum on even beats, a snare on odd ones."""
    time = np.arange(length) / RATE
    if number % 2 == 0:
        return np.asarray(np.sin(2 * np.pi * (50 * time + 4 * (1 - np.exp(-30 * time)))) * np.exp(-12 * time))
    return np.asarray(0.5 * generator.standard_normal(length) * np.exp(-25 * time))


def _add(mix: NDArray[np.float64], start: int, sound: NDArray[np.float64]) -> None:
    end = min(start + len(sound), len(mix))
    mix[start:end] += sound[: end - start]
