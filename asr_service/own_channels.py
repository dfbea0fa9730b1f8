"""The channels of a live recording without their copies of each other.

Whether a channel holds a copy shows half a second later, so this is how much later live channels are heard than a mixed
recording. A flush does not wait for what comes: what was said before it is judged by what came before it, now and when the
recording is read again.
"""

import numpy as np
from numpy.typing import NDArray

from asr_service.audio import SAMPLE_RATE, AudioSource, Samples
from asr_service.channel_recording import ChannelRecording
from asr_service.channels import OwnSound
from asr_service.crosstalk import CONTEXT, find_copies
from asr_service.vad import FRAME

__all__ = ["OwnChannels"]

_BLOCK_FRAMES = 4
"""Frames that are judged at a time (128 ms)."""


class OwnChannels:
    """What of a growing recording was judged so far; an hour of eight channels keeps 0.9 MB of decisions."""

    def __init__(self, recording: ChannelRecording) -> None:
        self._recording = recording
        self._copies: NDArray[np.bool_] = np.zeros((0, 0), dtype=np.bool_)
        self._frames = 0
        self._samples = 0

    @property
    def samples(self) -> int:
        """Number of samples that may be heard."""
        return self._samples

    def judge_block(self, horizon: int) -> bool:
        """Judges the next 128 ms by what lies around them before sample `horizon`; false where that is not enough."""
        until = self._frames + _BLOCK_FRAMES
        if (until + CONTEXT) * FRAME > horizon:
            return False
        self._judge(until, horizon)
        self._samples = until * FRAME
        return True

    def judge_all(self, end: int) -> None:
        """Judges everything up to sample `end` by what lies before it."""
        if end // FRAME > self._frames:
            self._judge(end // FRAME, end)
        self._samples = max(end, self._samples)

    def channel(self, number: int) -> AudioSource:
        """One channel, by its number from 0, as long as what was judged."""
        return _OwnChannel(self, self._recording.channel(number), number)

    def copies(self, number: int) -> NDArray[np.bool_]:
        """Judged frames of 32 ms in which a channel holds only a copy of another one."""
        return self._copies[number, : self._frames] if number < len(self._copies) else np.zeros(0, dtype=np.bool_)

    def _judge(self, until: int, horizon: int) -> None:
        before = min(CONTEXT, self._frames)
        sound = self._recording.read((self._frames - before) * FRAME, min((until + CONTEXT) * FRAME, horizon))
        if until > self._copies.shape[1]:
            grown = np.zeros((len(sound), max(2 * until, 4096)), dtype=np.bool_)
            grown[: len(self._copies), : self._frames] = self._copies[:, : self._frames]
            self._copies = grown
        self._copies[:, self._frames : until] = find_copies(sound)[:, before : before + until - self._frames]
        self._frames = until


class _OwnChannel:
    """One channel; `AudioSource`."""

    def __init__(self, own: OwnChannels, channel: AudioSource, number: int) -> None:
        self._own = own
        self._channel = channel
        self._number = number

    @property
    def samples(self) -> int:
        return self._own.samples

    @property
    def duration(self) -> float:
        return self.samples / SAMPLE_RATE

    def read(self, start: int, end: int) -> Samples:
        return OwnSound(self._channel, self._own.copies(self._number)).read(start, min(end, self.samples))
