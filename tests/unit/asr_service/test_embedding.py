"""What is known of a piece of speech from its filter banks, without the model."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import signal

from asr_service.audio import SAMPLE_RATE
from asr_service.embedding import VoiceEncoder, is_narrow

PIECE = round(1.45 * SAMPLE_RATE)


@pytest.fixture(scope="module")
def speech(samples: Path) -> np.ndarray:
    audio, rate = soundfile.read(samples / "standup_ru" / "meeting.flac", dtype="float32")
    assert rate == SAMPLE_RATE
    return np.asarray(audio)


def narrow_share(audio: np.ndarray) -> float:
    pieces = [audio[place : place + PIECE] for place in range(0, len(audio) - PIECE, PIECE)]
    loud = np.percentile([np.abs(piece).mean() for piece in pieces], 20)
    return float(np.mean([is_narrow(VoiceEncoder.features(p)) for p in pieces if np.abs(p).mean() > loud]))


def by_telephone(audio: np.ndarray, noise: float) -> np.ndarray:
    """At 8 kHz, with the line's own noise so many decibels below, and back."""
    line = signal.resample_poly(audio, 1, 2)
    line += np.random.default_rng(0).normal(size=len(line)) * np.sqrt((line**2).mean()) * 10 ** (-noise / 20)
    return signal.resample_poly(line, 2, 1).astype(np.float32)


def test_the_whole_band_is_hardly_ever_narrow_at_any_level(speech: np.ndarray) -> None:
    for gain in (1.0, 0.01):
        assert narrow_share(gain * speech) < 0.03


def test_a_dull_microphone_is_not_a_telephone(speech: np.ndarray) -> None:
    dull = signal.sosfilt(signal.butter(2, 4_500, fs=SAMPLE_RATE, output="sos"), speech).astype(np.float32)
    assert narrow_share(dull) < 0.2


@pytest.mark.parametrize("noise", [20.0, 60.0])
def test_speech_of_8_khz_is_narrow_whatever_its_noise(speech: np.ndarray, noise: float) -> None:
    for gain in (1.0, 0.01):
        assert narrow_share(gain * by_telephone(speech, noise)) > 0.9
