"""Containers of live audio, taken apart as their bytes arrive, without a thread and without reading ahead.

FFmpeg's demuxers pull from a file that blocks, read ahead by what happens to be there, and hold FLAC back until ten frames have
come. These push: what comes out depends on the bytes alone, never on how they were cut into chunks, and a frame comes
out with its last byte.
"""

from collections.abc import Iterator
from typing import Protocol

from av.audio.format import AudioFormat
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout

__all__ = ["Demuxer", "silence"]


class Demuxer(Protocol):
    """Takes a stream apart and decodes it."""

    def push(self, data: bytes) -> Iterator[AudioFrame]:
        """Frames that end in `data`; UndecodableAudio where the stream is not what it should be."""

    def finish(self) -> Iterator[AudioFrame]:
        """What the codec held back; a frame that is not complete is dropped."""


def silence(like: AudioFormat, layout: AudioLayout, samples: int, rate: int) -> AudioFrame:
    """A frame of zeros that a resampler takes among the others."""
    frame = AudioFrame(format=like.name, layout=layout.name, samples=samples)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.sample_rate = rate
    return frame
