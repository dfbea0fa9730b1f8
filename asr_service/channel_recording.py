"""The channels of a live recording, side by side in one file, so that all of them are always equally long."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr_service.audio import SAMPLE_RATE, AudioSource, Recording, Samples

__all__ = ["ChannelRecording"]


class ChannelRecording:
    """16 kHz audio of several channels in a file of interleaved 16-bit samples that may still grow.

    One thread appends, any thread reads what was appended before.
    """

    def __init__(self, path: Path) -> None:
        """Opens `path` for appending and reading; OSError where that is not possible."""
        self.path = path
        self._interleaved = Recording(path)
        self._channels = 0

    @property
    def channels(self) -> int:
        """Number of channels; 0 before the first samples, for compressed streams tell it only with them."""
        return self._channels

    @property
    def samples(self) -> int:
        """Number of samples of each channel."""
        return self._interleaved.samples // max(self._channels, 1)

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.samples / SAMPLE_RATE

    def append(self, samples: NDArray[np.int16]) -> None:
        """Writes int16 samples [channels, n] at the end."""
        if samples.size:
            self._channels = len(samples)
            self._interleaved.append(samples.T.reshape(-1))

    def read(self, start: int, end: int) -> Samples:
        """Samples `start` to `end` (exclusive) of all channels [channels, n] as float32 from -1 to 1, cut to what there is."""
        start, end = max(start, 0), min(end, self.samples)
        count = max(end - start, 0)
        interleaved = self._interleaved.read(start * self._channels, (start + count) * self._channels)
        return interleaved.reshape(count, self._channels).T

    def channel(self, number: int) -> AudioSource:
        """One channel, by its number from 0."""
        return _Channel(self, number)

    def discard(self) -> None:
        """Closes the file and removes it."""
        self._interleaved.discard()


class _Channel:
    """One of the channels; `AudioSource`."""

    def __init__(self, recording: ChannelRecording, number: int) -> None:
        self._recording = recording
        self._number = number

    @property
    def samples(self) -> int:
        return self._recording.samples

    @property
    def duration(self) -> float:
        return self._recording.duration

    def read(self, start: int, end: int) -> Samples:
        if self._number >= self._recording.channels:
            return np.zeros(0, dtype=np.float32)
        return np.ascontiguousarray(self._recording.read(start, end)[self._number])
