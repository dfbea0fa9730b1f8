"""One speaker a channel: copies of other channels are found, speech at the same time is kept."""

import numpy as np
import pytest

from asr_service.audio import SAMPLE_RATE, Samples
from asr_service.channels import ChannelVoice, OwnSound, listen
from asr_service.crosstalk import find_copies
from asr_service.vad import FRAME, VadSettings


def voice(seed: int, seconds: float = 6.0) -> Samples:
    """Noise whose loudness and colour change like those of syllables."""
    random = np.random.default_rng(seed)
    syllables = []
    for _ in range(int(seconds / 0.1)):
        length = int(random.uniform(0.1, 0.3) * SAMPLE_RATE)
        spectrum = np.fft.rfft(random.normal(size=length))
        place = np.linspace(0, 8_000, len(spectrum))
        spectrum *= np.exp(-(((place - random.uniform(200, 3_000)) / 500) ** 2))
        sound = np.fft.irfft(spectrum, length) * np.hanning(length) * random.uniform(0.2, 1.0)
        syllables.append(sound / np.abs(sound).max())
    return (0.3 * np.concatenate(syllables)[: int(seconds * SAMPLE_RATE)]).astype(np.float32)


def quiet(channels: int, seconds: float = 6.0) -> Samples:
    noise = np.random.default_rng(9).normal(0, 2e-4, (channels, int(seconds * SAMPLE_RATE)))
    return noise.astype(np.float32)


class Array:
    """Audio in memory."""

    def __init__(self, audio: Samples) -> None:
        self.audio = audio

    @property
    def samples(self) -> int:
        return len(self.audio)

    @property
    def duration(self) -> float:
        return len(self.audio) / SAMPLE_RATE

    def read(self, start: int, end: int) -> Samples:
        return self.audio[max(start, 0) : end]


class LoudnessDetector:
    """Takes whatever is audible for speech, and counts what it was asked."""

    def __init__(self) -> None:
        self.frames: list[int] = []

    def stream(self) -> "LoudnessDetector":
        return self

    def push(self, samples: Samples) -> np.ndarray:
        framed = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
        self.frames.append(len(framed))
        return (np.sqrt((framed**2).mean(axis=1)) > 2e-3).astype(np.float32)


@pytest.mark.parametrize("fainter", [0.3, 0.1, 0.01])
def test_a_faint_copy_is_found(fainter: float) -> None:
    sound = quiet(2)
    sound[0] += voice(1)
    sound[1, 80:] += fainter * voice(1)[:-80]
    copies = find_copies(sound)
    assert not copies[0].any()
    assert copies[1].mean() > 0.9


@pytest.mark.parametrize("fainter", [1.0, 0.3, 0.1])
def test_who_speaks_at_the_same_time_is_kept(fainter: float) -> None:
    sound = quiet(2)
    sound[0] += voice(1)
    sound[1] += fainter * voice(2)
    assert find_copies(sound).mean() < 0.05


def test_one_channel_has_no_copies() -> None:
    assert not find_copies(voice(1)[None]).any()
    assert find_copies(np.zeros((2, 100), dtype=np.float32)).shape == (2, 0)


def heard(channels: Samples) -> tuple[list[ChannelVoice], LoudnessDetector]:
    detector = LoudnessDetector()
    steps = list(listen(detector, [Array(channel) for channel in channels], VadSettings()))  # type: ignore[arg-type]
    assert isinstance(steps[-1], list)
    assert steps[:-1] == sorted(steps[:-1])
    return steps[-1], detector


def test_each_channel_speaks_in_its_own_time() -> None:
    sound = quiet(3, 130.0)
    for first, channel in ((10, 0), (58, 2), (120, 0)):
        part = slice(first * SAMPLE_RATE, (first + 6) * SAMPLE_RATE)
        sound[channel, part] += voice(first)
        sound[2 - channel, part] += 0.1 * voice(first)
    sound[1] = 0
    voices, detector = heard(sound)
    spans = [[(span.start / SAMPLE_RATE, span.end / SAMPLE_RATE) for span in one.spans] for one in voices]
    assert [len(one) for one in spans] == [2, 0, 1]
    assert spans[0] == [pytest.approx((10, 16), abs=0.3), pytest.approx((120, 126), abs=0.3)]
    # The step of a minute ends in the middle of this one.
    assert spans[2] == [pytest.approx((58, 64), abs=0.3)]
    # A channel without sound is not listened to.
    assert len(detector.frames) == 6


def test_copies_are_silenced_with_soft_edges() -> None:
    copies = np.zeros(20, dtype=np.bool_)
    copies[5:8] = True
    source = Array(np.ones(20 * FRAME + 100, dtype=np.float32))
    own = OwnSound(source, copies)
    whole = own.read(0, own.samples)
    assert whole[: 4 * FRAME].min() == 1
    assert whole[9 * FRAME :].min() == 1
    assert whole[6 * FRAME : 7 * FRAME].max() == 0
    assert np.abs(np.diff(whole)).max() < 0.01
    assert np.allclose(own.read(3_000, 4_000), whole[3_000:4_000])
    assert len(own.read(own.samples, own.samples + 5)) == 0
