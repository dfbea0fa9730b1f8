"""Opus packets to samples (RFC 6716), with the delay at the beginning and the padding at the end cut off (RFC 7845)."""

from collections.abc import Iterator

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.format import AudioFormat
from av.audio.frame import AudioFrame

from asr_service.demuxers import silence
from asr_service.errors import UndecodableAudio

__all__ = ["OPUS_RATE", "OpusDecoder", "packet_samples"]

OPUS_RATE = 48_000
"""Samples in a second of every Opus stream, whatever was encoded."""
_MAGIC = b"OpusHead"
_SILK_SAMPLES = (480, 960, 1920, 2880)
_MOST_SAMPLES = 5760
"""Samples of the longest packet that the standard allows: 120 ms."""
_TOLERATED = 100
"""Damaged packets more than good ones, after which a stream is no audio."""


def packet_samples(packet: bytes) -> int:
    """Samples at 48 kHz that a packet stands for, by its first bytes; 0 for a packet that is not valid."""
    if not packet:
        return 0
    kind, count = packet[0] >> 3, packet[0] & 3
    if kind < 12:
        samples = _SILK_SAMPLES[kind & 3]
    elif kind < 16:
        samples = 480 << (kind & 1)
    else:
        samples = 120 << (kind & 3)
    frames = (1, 2, 2, packet[1] & 63 if len(packet) > 1 else 0)[count]
    return samples * frames if samples * frames <= _MOST_SAMPLES else 0


class OpusDecoder:
    """One Opus stream from its header on."""

    def __init__(self, head: bytes) -> None:
        """`head` is the identification header of RFC 7845, section 5.1; UndecodableAudio where it is not valid."""
        if len(head) < 19 or not head.startswith(_MAGIC) or head[8] >> 4 or not head[9]:
            raise UndecodableAudio("The Opus header of the stream is damaged")
        self.pre_skip = int.from_bytes(head[10:12], "little")
        """Samples before the first that is heard."""
        # Not FFmpeg's own decoder: from damaged packets that one makes other samples each time.
        self._context = AudioCodecContext.create("libopus", "r")
        self._context.options = {"request_sample_fmt": "flt"}
        # Without the pre-skip, which some versions of FFmpeg would cut off too.
        self._context.extradata = head[:10] + bytes(2) + head[12:]
        try:
            self._context.open()
        except av.error.FFmpegError as error:
            raise UndecodableAudio("The Opus header of the stream is damaged") from error
        self.heard = -self.pre_skip
        """Samples after the pre-skip that the packets so far stand for."""
        self._skip = self.pre_skip
        self._last: int | None = None
        self._given = self._good = self._damaged = 0

    def decode(self, packet: bytes, last_sample: int | None = None) -> Iterator[AudioFrame]:
        """Frames of a packet, cut at sample `last_sample` of the stream; a damaged packet becomes silence."""
        samples = packet_samples(packet)
        if not samples:
            self._count_damage()
            return
        self.heard += samples
        self._last = last_sample
        try:
            frames = self._context.decode(av.Packet(packet))
        except av.error.FFmpegError as error:
            self._count_damage(error)
            frames = [self._silence(samples)]
        else:
            self._good += 1
        yield from self._cut(frames)

    def skip(self, samples: int) -> Iterator[AudioFrame]:
        """Silence in the place of packets that are missing."""
        self.heard += samples
        yield from self._cut([self._silence(samples)])

    def finish(self) -> Iterator[AudioFrame]:
        """What the decoder held back."""
        try:
            frames = self._context.decode(None)
        except av.error.FFmpegError:
            # Nothing was decoded, so nothing was held back.
            return
        yield from self._cut(frames)

    def _cut(self, frames: list[AudioFrame]) -> Iterator[AudioFrame]:
        for frame in frames:
            first = min(self._skip, frame.samples)
            self._skip -= first
            end = frame.samples
            if self._last is not None:
                end = min(end, first + max(self._last - self._given, 0))
            self._given += end - first
            if end - first == frame.samples:
                yield frame
            elif end > first:
                kept = frame.to_ndarray().reshape(frame.samples, -1)[first:end].reshape(1, -1)
                part = AudioFrame.from_ndarray(kept.astype(np.float32), format="flt", layout=frame.layout.name)
                part.sample_rate = OPUS_RATE
                yield part

    def _count_damage(self, error: Exception | None = None) -> None:
        self._damaged += 1
        if self._damaged > _TOLERATED + self._good:
            raise UndecodableAudio("Most of the Opus packets of the stream are damaged") from error

    def _silence(self, samples: int) -> AudioFrame:
        return silence(AudioFormat("flt"), self._context.layout, samples, OPUS_RATE)
