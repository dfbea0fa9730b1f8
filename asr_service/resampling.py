"""Samples of any rate, format and number of channels to 16 kHz, mixed into one channel or each channel for itself."""

from typing import TypeAlias

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from asr_service.errors import TooManyChannels, UndecodableAudio

__all__ = [
    "MOST_CHANNELS",
    "SAMPLE_RATE",
    "ChannelResampler",
    "MonoResampler",
    "PcmConverter",
    "Samples",
    "channels_of",
    "read_pcm",
    "to_int16",
]

SAMPLE_RATE = 16_000
"""Samples in a second of everything inside this service."""
MOST_CHANNELS = 8
"""Channels that can be told apart in one recording."""

Samples: TypeAlias = NDArray[np.float32]


def to_int16(samples: Samples) -> NDArray[np.int16]:
    """Float samples from -1 to 1 as int16, clipped."""
    return np.asarray(np.clip(np.rint(samples * 32768.0), -32768, 32767), dtype=np.int16)


def _pcm(frames: list[AudioFrame]) -> NDArray[np.int16]:
    if not frames:
        return np.zeros(0, dtype=np.int16)
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(np.int16, copy=False)


def channels_of(frame: AudioFrame) -> Samples:
    """Decoded samples of any format as float32 [channels, samples] from -1 to 1."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype.kind == "f":
        return samples.astype(np.float32)
    bits = 8 * samples.dtype.itemsize
    middle = 1 << bits - 1 if samples.dtype.kind == "u" else 0
    return ((samples.astype(np.float64) - middle) / (1 << bits - 1)).astype(np.float32)


def read_pcm(data: bytes, sample_format: str, channels: int) -> Samples:
    """Interleaved PCM ("s16" or "flt", FFmpeg's names) as float32 [channels, samples] from -1 to 1.

    Raises:
        UndecodableAudio: `data` does not hold whole samples of all channels.
    """
    dtype = np.dtype("<i2") if sample_format == "s16" else np.dtype("<f4")
    if len(data) % (dtype.itemsize * channels):
        raise UndecodableAudio("The piece does not hold whole samples of all channels")
    planes = np.frombuffer(data, dtype=dtype).reshape(-1, channels).T.astype(np.float32)
    if sample_format == "s16":
        return planes / np.float32(32768.0)
    return np.clip(np.nan_to_num(planes, nan=0.0), -1.0, 1.0)


class MonoResampler:
    """Mixes and resamples decoded frames to 16 kHz mono; rate, format and channels may change between frames."""

    def __init__(self) -> None:
        self._kind: tuple[str, str, int] | None = None
        self._resampler = _resampler()

    def push(self, frame: AudioFrame) -> NDArray[np.int16]:
        """The samples that are complete with this frame."""
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        rest = self.finish() if self._kind is not None and kind != self._kind else None
        self._kind = kind
        # Times of the container would make the resampler move samples.
        frame.pts = None
        samples = _pcm(self._resampler.resample(frame))
        return samples if rest is None else np.concatenate([rest, samples])

    def finish(self) -> NDArray[np.int16]:
        """The last samples, which the resampler held back; it can be used again afterwards."""
        if self._kind is None:
            return np.zeros(0, dtype=np.int16)
        samples = _pcm(self._resampler.resample(None))
        self._kind, self._resampler = None, _resampler()
        return samples


class ChannelResampler:
    """Resamples each channel to 16 kHz for itself."""

    def __init__(self, channels: int | None = None) -> None:
        """`channels` where the number is known before the first samples; TooManyChannels where it is too high."""
        self._rate = 0
        self._resamplers: list[AudioResampler] = []
        self.channels = 0
        """Number of channels; 0 while it is unknown."""
        if channels is not None:
            self._begin(channels)

    def push(self, planes: Samples, rate: int) -> NDArray[np.int16]:
        """The 16 kHz samples [channels, n] that are complete with float samples [channels, m] of some rate.

        Raises:
            TooManyChannels: There are more channels than can be told apart.
            UndecodableAudio: The number of channels changed.
        """
        if not self.channels:
            self._begin(len(planes))
        if len(planes) != self.channels:
            raise UndecodableAudio(f"The number of channels changed from {self.channels} to {len(planes)}")
        rest = self.finish() if self._rate != rate else None
        self._rate = rate
        if rate == SAMPLE_RATE:
            samples = to_int16(planes)
        else:
            self._resamplers = self._resamplers or [_resampler() for _ in planes]
            samples = np.stack(
                [_resampled(one, plane, rate) for one, plane in zip(self._resamplers, planes, strict=True)]
            )
        return samples if rest is None else np.concatenate([rest, samples], axis=1)

    def finish(self) -> NDArray[np.int16]:
        """The last samples [channels, n], which the resamplers held back."""
        resamplers, self._resamplers = self._resamplers, []
        if not resamplers:
            return np.zeros((self.channels, 0), dtype=np.int16)
        return np.stack([_pcm(resampler.resample(None)) for resampler in resamplers])

    def _begin(self, channels: int) -> None:
        if channels > MOST_CHANNELS:
            raise TooManyChannels(channels, MOST_CHANNELS)
        self.channels = channels


def _resampler() -> AudioResampler:
    return AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)


def _resampled(resampler: AudioResampler, plane: Samples, rate: int) -> NDArray[np.int16]:
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(plane)[None, :], format="flt", layout="mono")
    frame.sample_rate = rate
    return _pcm(resampler.resample(frame))


class PcmConverter:
    """Converts raw interleaved PCM that arrives piece by piece into 16 kHz mono; keeps the resampler's state."""

    def __init__(self, sample_format: str, sample_rate: int, channels: int) -> None:
        """`sample_format` is FFmpeg's name for packed samples: "s16" or "flt"."""
        self._format = sample_format
        self._rate = sample_rate
        self._channels = channels
        self._resampler = _resampler()

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels; every piece must hold whole frames."""
        return (2 if self._format == "s16" else 4) * self._channels

    def convert(self, data: bytes) -> NDArray[np.int16]:
        """The 16 kHz samples that are complete so far; UndecodableAudio when `data` does not hold whole frames."""
        # Mixed here: FFmpeg has no layout for every channel count from 1 to 32.
        mono = read_pcm(data, self._format, self._channels).mean(axis=0, dtype=np.float32)
        return to_int16(mono) if self._rate == SAMPLE_RATE else _resampled(self._resampler, mono, self._rate)

    def finish(self) -> NDArray[np.int16]:
        """The last samples, which the resampler held back."""
        if self._rate == SAMPLE_RATE:
            return np.zeros(0, dtype=np.int16)
        return _pcm(self._resampler.resample(None))
