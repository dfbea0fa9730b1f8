"""What is wrong with audio is said, and nothing is said about audio that is only quiet, noisy or loud."""

import numpy as np
import pytest

from asr_service.audio import PcmConverter, Samples
from asr_service.sound_check import poor_audio


def talk(rate: int = 16_000, seconds: float = 12.0) -> Samples:
    """A buzzing voice with syllables and some noise, peak about 0.7."""
    time = np.arange(int(seconds * rate)) / rate
    buzz = sum(np.sin(2 * np.pi * 120 * harmonic * time) / harmonic for harmonic in range(1, 20))
    syllables = np.maximum(np.sin(2 * np.pi * 2.1 * time), 0)
    noise = np.random.default_rng(1).normal(0, 0.003, len(time))
    return np.asarray(0.35 * buzz * syllables + noise, dtype=np.float32)


def sent(data: bytes, sample_format: str, rate: int, channels: int) -> Samples:
    converter = PcmConverter(sample_format, rate, channels)
    whole = data[: len(data) // converter.frame_bytes * converter.frame_bytes]
    return np.concatenate([converter.convert(whole), converter.finish()]).astype(np.float32) / 32768


@pytest.mark.parametrize("gain", [1.0, 0.1, 0.01])
def test_talk_of_any_usual_level_is_fine(gain: float) -> None:
    assert poor_audio(gain * talk()) is None


def test_pauses_and_scraps_are_not_judged() -> None:
    silence = np.zeros(16_000, dtype=np.float32)
    assert poor_audio(silence) is None
    assert poor_audio(np.tile(silence, 9)) is None
    assert poor_audio(np.ones(16_000, dtype=np.float32)) is None


def test_faint_noise_is_no_other_format() -> None:
    assert poor_audio(np.random.default_rng(2).normal(0, 0.05, 160_000).astype(np.float32)) is None


def test_a_muted_microphone() -> None:
    assert "nearly silent (-74 dBFS)" in str(poor_audio(np.full(160_000, 2e-4, dtype=np.float32)))


def test_clipping() -> None:
    assert poor_audio(np.clip(2 * talk(), -1, 1)) is None
    assert "clipped" in str(poor_audio(np.clip(12 * talk(), -1, 1)))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("gain", [1.0, 0.05])
def test_samples_in_another_format(rate: int, channels: int, gain: float) -> None:
    samples = gain * np.repeat(talk(rate)[:, None], channels, axis=1)
    floats, integers = samples.astype("<f4").tobytes(), (samples * 32_767).astype("<i2").tobytes()
    assert "check the encoding" in str(poor_audio(sent(floats, "s16", rate, channels)))
    assert "check the encoding" in str(poor_audio(sent(integers, "flt", rate, channels)))
    assert poor_audio(sent(floats, "flt", rate, channels)) is None
    assert poor_audio(sent(integers, "s16", rate, channels)) is None
