"""Audio in the one form that the models read: 16 kHz, mono, 16 bit, kept on disk and read piece by piece.

Five hours are 576 MB on disk; only what a model reads at a time is in memory, as float32 from -1 to 1.
"""

import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from asr_service.errors import AudioTooLong, EmptyAudio, NoAudioTrack, TruncatedAudio, UndecodableAudio
from asr_service.resampling import (
    SAMPLE_RATE,
    ChannelResampler,
    MonoResampler,
    PcmConverter,
    Samples,
    channels_of,
    to_int16,
)

__all__ = [
    "SAMPLE_RATE",
    "AudioSource",
    "Excerpt",
    "PcmConverter",
    "Recording",
    "Samples",
    "decode_channels",
    "decode_file",
    "to_int16",
]

# Containers and raw streams that people record in. Playlists (HLS, concat) stay out: they name other files and hosts,
# which an upload must not make the service open.
_FORMATS = "wav,w64,flac,mp3,mov,mp4,m4a,3gp,ogg,matroska,webm,aac,aiff,caf,amr,asf,au,avi,mpegts,mpeg"
# Containers whose header states the length exactly; others estimate it from the bit rate.
_EXACT_LENGTH = {"wav", "w64", "flac", "mov", "mp4", "m4a", "aiff", "caf", "au"}
_STEP_SECONDS = 60.0


class AudioSource(Protocol):
    """16 kHz mono audio that can be read anywhere."""

    @property
    def samples(self) -> int:
        """Number of samples."""

    @property
    def duration(self) -> float:
        """Length in seconds."""

    def read(self, start: int, end: int) -> Samples:
        """Samples `start` to `end` (exclusive), cut to what there is."""


class Recording:
    """16 kHz mono audio in a file of raw 16-bit samples that may still grow.

    One thread appends, any thread reads what was appended before.
    """

    def __init__(self, path: Path) -> None:
        """Opens `path` for appending and reading; OSError where that is not possible."""
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._samples = os.fstat(self._file).st_size // 2

    @property
    def samples(self) -> int:
        """Number of samples appended so far."""
        return self._samples

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self._samples / SAMPLE_RATE

    def append(self, samples: NDArray[np.int16]) -> None:
        """Writes int16 samples at the end."""
        view = memoryview(np.ascontiguousarray(samples, dtype="<i2").tobytes())
        while view:
            view = view[os.write(self._file, view) :]
        self._samples += len(samples)

    def sync(self) -> None:
        """Returns when everything appended so far would survive a power failure."""
        os.fdatasync(self._file)

    def read(self, start: int, end: int) -> Samples:
        """Samples `start` to `end` (exclusive) as float32 from -1 to 1, cut to what there is."""
        start, end = max(start, 0), min(end, self._samples)
        if end <= start:
            return np.zeros(0, dtype=np.float32)
        raw = os.pread(self._file, 2 * (end - start), 2 * start)
        return np.frombuffer(raw, dtype="<i2").astype(np.float32) / 32768.0

    def close(self) -> None:
        """Closes the file and leaves it on disk."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def discard(self) -> None:
        """Closes the file and removes it."""
        self.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


class Excerpt:
    """A stretch of other audio, with times of its own from 0."""

    def __init__(self, source: AudioSource, start: int, end: int) -> None:
        """Samples `start` to `end` (exclusive) of `source`."""
        self._source = source
        self._start = max(start, 0)
        self._end = min(end, source.samples)

    @property
    def samples(self) -> int:
        """Number of samples."""
        return max(self._end - self._start, 0)

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.samples / SAMPLE_RATE

    def read(self, start: int, end: int) -> Samples:
        """Samples `start` to `end` (exclusive) of the stretch, cut to what there is."""
        return self._source.read(self._start + max(start, 0), min(self._start + end, self._end))


class _Sink(Protocol):
    """Takes the frames of a file."""

    def push(self, frame: AudioFrame) -> None: ...

    def finish(self) -> None: ...

    @property
    def samples(self) -> int: ...


class _Mixed:
    """Mixes all channels into one recording."""

    def __init__(self, target: Recording) -> None:
        self._target = target
        self._resampler = MonoResampler()

    def push(self, frame: AudioFrame) -> None:
        self._target.append(self._resampler.push(frame))

    def finish(self) -> None:
        self._target.append(self._resampler.finish())

    @property
    def samples(self) -> int:
        return self._target.samples


class _Apart:
    """Writes each channel into a recording of its own."""

    def __init__(self, targets: list[Recording], open_target: Callable[[int], Recording]) -> None:
        self._targets = targets
        self._open = open_target
        self._resampler = ChannelResampler()

    def push(self, frame: AudioFrame) -> None:
        self._write(self._resampler.push(channels_of(frame), frame.sample_rate))

    def finish(self) -> None:
        self._write(self._resampler.finish())

    @property
    def samples(self) -> int:
        return self._targets[0].samples if self._targets else 0

    def _write(self, samples: NDArray[np.int16]) -> None:
        while len(self._targets) < len(samples):
            self._targets.append(self._open(len(self._targets)))
        for target, channel in zip(self._targets, samples, strict=True):
            target.append(channel)


def decode_file(source: Path, target: Recording, max_seconds: float | None = None) -> Iterator[float]:
    """Decodes the audio of any common file into `target`; yields the seconds done about once a minute of audio.

    Raises:
        EmptyAudio: the file has no bytes.
        UndecodableAudio: no container or codec that can be read, such as text in a file named .wav.
        NoAudioTrack: a container without audio, such as a silent film.
        TruncatedAudio: the file ends clearly before the length that its header states, or most of it is damaged.
        AudioTooLong: there is more than `max_seconds` of audio.
    """
    yield from _decode(source, _Mixed(target), max_seconds)


def decode_channels(
    source: Path,
    targets: list[Recording],
    open_target: Callable[[int], Recording],
    max_seconds: float | None = None,
) -> Iterator[float]:
    """Like `decode_file`, but each channel gets a recording, which `open_target` makes and `targets` takes at once.

    Raises:
        TooManyChannels: there are more channels than can be told apart; and all that `decode_file` raises.
    """
    yield from _decode(source, _Apart(targets, open_target), max_seconds)


def _decode(source: Path, sink: _Sink, max_seconds: float | None) -> Iterator[float]:
    if source.stat().st_size == 0:
        raise EmptyAudio
    try:
        container = av.open(str(source), options={"format_whitelist": _FORMATS, "protocol_whitelist": "file"})
    except (av.error.FFmpegError, ValueError) as error:
        raise UndecodableAudio from error
    with container:
        if not container.streams.audio:
            raise NoAudioTrack
        stream = container.streams.audio[0]
        declared = _wav_seconds(source) or _declared_seconds(container, stream)
        good = damaged = 0
        reported = 0.0
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                frames = packet.decode()
            except av.error.EOFError:
                break
            except av.error.FFmpegError:
                damaged += 1
                if damaged > 100 + good:
                    raise UndecodableAudio from None
                continue
            for frame in frames:
                good += 1
                sink.push(frame)
            if max_seconds is not None and sink.samples > max_seconds * SAMPLE_RATE:
                raise AudioTooLong(max_seconds)
            if sink.samples / SAMPLE_RATE - reported >= _STEP_SECONDS:
                reported = sink.samples / SAMPLE_RATE
                yield reported
        if good:
            sink.finish()
    if sink.samples == 0:
        raise UndecodableAudio if damaged else EmptyAudio
    duration = sink.samples / SAMPLE_RATE
    # A second covers encoder delay and padding; lost audio shows as more than that.
    if declared is not None and declared - duration > max(1.0, 0.02 * declared):
        raise TruncatedAudio(duration, declared)
    if damaged > good:
        raise TruncatedAudio(duration, declared)
    yield duration


def _declared_seconds(container: "av.container.InputContainer", stream: "av.AudioStream") -> float | None:
    if not _EXACT_LENGTH.intersection(container.format.name.split(",")):
        return None
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / av.time_base


def _wav_seconds(source: Path) -> float | None:
    """The length that a WAV header states; FFmpeg believes the size of the file instead."""
    with source.open("rb") as file:
        if (head := file.read(12))[:4] != b"RIFF" or head[8:] != b"WAVE":
            return None
        byte_rate = 0
        while len(chunk := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", chunk)
            if name == b"fmt " and size >= 16:
                byte_rate = struct.unpack("<8xI", file.read(12))[0]
                size -= 12
            elif name == b"data":
                # Recorders that cannot seek write 0 or the greatest number.
                known = byte_rate and 0 < size < 0xFFFF0000
                return size / byte_rate if known else None
            file.seek(size + size % 2, os.SEEK_CUR)
    return None
