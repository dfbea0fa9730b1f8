"""From the bytes of a live stream to samples: raw PCM, FLAC, Opus in Ogg and Opus in WebM.

What comes out is a function of the bytes alone: cut into other chunks, or decoded again from a journal, they give the
same samples. All converters have one shape: `convert` gives what is complete, `finish` the rest, and chunks hold a
multiple of `frame_bytes` bytes.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, Protocol, TypeAlias

import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from asr_service.demuxers import Demuxer
from asr_service.demuxers.flac import FlacDemuxer
from asr_service.demuxers.ogg import OggOpusDemuxer
from asr_service.demuxers.webm import WebmOpusDemuxer
from asr_service.errors import UndecodableAudio
from asr_service.resampling import (
    SAMPLE_RATE,
    ChannelResampler,
    MonoResampler,
    PcmConverter,
    Samples,
    channels_of,
    read_pcm,
)

__all__ = ["Converter", "Encoding", "MultiChannelConverter", "StreamDecoder", "open_converter"]

Encoding: TypeAlias = Literal["s16", "flt", "flac", "ogg", "webm"]
"""Samples of 16 bits, float samples, FLAC, Opus in Ogg, Opus in WebM."""

_DEMUXERS: dict[Encoding, Callable[[], Demuxer]] = {
    "flac": FlacDemuxer,
    "ogg": OggOpusDemuxer,
    "webm": WebmOpusDemuxer,
}
_NAMES: dict[Encoding, str] = {"flac": "FLAC", "ogg": "Opus in Ogg", "webm": "Opus in WebM"}
_BEGINNINGS = {
    b"fLaC": "FLAC",
    b"OggS": "Ogg",
    b"\x1aE\xdf\xa3": "WebM",
    b"RIFF": "WAV",
    b"ID3": "MP3",
}
_LONGEST_STEP = 1800 * SAMPLE_RATE
"""Samples that one chunk may become: a chunk of 1 MiB holds 23 minutes of Opus at its lowest rate, but hours of silence
made to fill the memory."""


class Converter(Protocol):
    """Turns the bytes of a live stream into 16 kHz mono."""

    @property
    def frame_bytes(self) -> int:
        """Every chunk holds a multiple of this number of bytes."""

    def convert(self, data: bytes) -> NDArray[np.int16]:
        """The 16 kHz samples that are complete now; UndecodableAudio where `data` is not what was announced."""

    def finish(self) -> NDArray[np.int16]:
        """The last samples, which codec and resampler held back."""


def open_converter(encoding: Encoding, sample_rate: int, channels: int) -> Converter:
    """A converter to mono; rate and number of channels matter for PCM only, the other encodings tell them."""
    if encoding in _DEMUXERS:
        return StreamDecoder(encoding)
    return PcmConverter(encoding, sample_rate, channels)


class _Frames:
    """The frames of a compressed stream, with errors that say where it is damaged or what it is instead."""

    def __init__(self, encoding: Encoding) -> None:
        self._name = _NAMES[encoding]
        self._demuxer = _DEMUXERS[encoding]()
        self._bytes = 0
        self._head = b""

    def push(self, data: bytes) -> Iterator[AudioFrame]:
        self._head = self._head or data[:4]
        try:
            yield from self._demuxer.push(data)
        except UndecodableAudio as error:
            seen = next((name for mark, name in _BEGINNINGS.items() if self._head.startswith(mark)), "")
            other = f"; it looks like {seen}" if self._bytes == 0 and seen and seen not in self._name else ""
            raise UndecodableAudio(
                f"The stream was announced as {self._name} and cannot be decoded after byte {self._bytes}{other}. "
                f"{error.what}"
            ) from error
        self._bytes += len(data)

    def finish(self) -> Iterator[AudioFrame]:
        return self._demuxer.finish()


def _bounded(pieces: Iterable[NDArray[np.int16]]) -> Iterator[NDArray[np.int16]]:
    total = 0
    for piece in pieces:
        total += piece.shape[-1]
        if total > _LONGEST_STEP:
            raise UndecodableAudio(f"One chunk holds more than {_LONGEST_STEP // SAMPLE_RATE // 60} minutes of audio")
        yield piece


class StreamDecoder:
    """Decodes a compressed live stream to 16 kHz mono, FLAC exactly as `decode_file` decodes the whole file."""

    frame_bytes = 1

    def __init__(self, encoding: Encoding) -> None:
        """`encoding` is one of "flac", "ogg" and "webm"."""
        self._frames = _Frames(encoding)
        self._resampler = MonoResampler()

    def convert(self, data: bytes) -> NDArray[np.int16]:
        """The samples [n] that are complete now; UndecodableAudio where the stream is not what was announced."""
        return _joined(_bounded(self._resampler.push(frame) for frame in self._frames.push(data)))

    def finish(self) -> NDArray[np.int16]:
        """The last samples [n]."""
        return _joined([*(self._resampler.push(frame) for frame in self._frames.finish()), self._resampler.finish()])


def _joined(pieces: Iterable[NDArray[np.int16]]) -> NDArray[np.int16]:
    return np.concatenate([np.zeros(0, dtype=np.int16), *pieces])


class MultiChannelConverter:
    """Converts a live stream to 16 kHz and keeps its channels apart."""

    def __init__(self, encoding: Encoding, sample_rate: int, channels: int) -> None:
        """Rate and number of channels matter for PCM only.

        Raises:
            TooManyChannels: PCM has more channels than can be told apart.
        """
        self._pcm = (encoding, sample_rate, channels) if encoding in ("s16", "flt") else None
        self._frames = None if self._pcm else _Frames(encoding)
        self._resampler = ChannelResampler(channels if self._pcm else None)

    @property
    def frame_bytes(self) -> int:
        """Every chunk holds a multiple of this number of bytes."""
        return 1 if self._pcm is None else {"s16": 2, "flt": 4}[self._pcm[0]] * self._pcm[2]

    @property
    def channels(self) -> int:
        """Number of channels; 0 while the stream has not told it."""
        return self._resampler.channels

    def convert(self, data: bytes) -> NDArray[np.int16]:
        """The samples [channels, n] that are complete now.

        Raises:
            UndecodableAudio: The stream is not what was announced, or its number of channels changed.
            TooManyChannels: It has more channels than can be told apart.
        """
        return self._joined(_bounded(self._resampler.push(planes, rate) for planes, rate in self._planes(data)))

    def finish(self) -> NDArray[np.int16]:
        """The last samples [channels, n]."""
        frames = self._frames.finish() if self._frames is not None else iter(())
        rest = [self._resampler.push(channels_of(frame), frame.sample_rate) for frame in frames]
        return self._joined([*rest, self._resampler.finish()])

    def _planes(self, data: bytes) -> Iterator[tuple[Samples, int]]:
        if self._pcm is not None:
            sample_format, rate, channels = self._pcm
            yield read_pcm(data, sample_format, channels), rate
        elif self._frames is not None:
            for frame in self._frames.push(data):
                yield channels_of(frame), frame.sample_rate

    def _joined(self, pieces: Iterable[NDArray[np.int16]]) -> NDArray[np.int16]:
        whole = [piece for piece in pieces if piece.size]
        return np.concatenate(whole, axis=1) if whole else np.zeros((self.channels, 0), dtype=np.int16)
