"""The audio of a live meeting as it arrives: an append-only file of numbered chunks that survives a crash at any byte.

A record is the chunk's number and length (two little-endian 64-bit integers), then the data. A record that was cut off at the end of the
file was never acknowledged, so it is dropped.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import soundfile
from planerka.asr.v1.asr_pb2 import AudioChunk, AudioEncoding
from planerka.orchestrator.v1.orchestrator_pb2 import LiveConfig

from mesh.errors import Violation
from orchestrator.audio import join
from orchestrator.errors import AudioUnreadable, StreamOutOfOrder

__all__ = ["CHUNKS", "Recording", "as_file", "read_record", "seconds_of_chunks"]

CHUNKS = "live.chunks"
_HEADER = struct.Struct("<QQ")
_SAMPLE_BYTES = {AudioEncoding.AUDIO_ENCODING_PCM_S16LE: 2, AudioEncoding.AUDIO_ENCODING_PCM_F32LE: 4}
_WAV_SUBTYPES = {
    AudioEncoding.AUDIO_ENCODING_PCM_S16LE: ("PCM_16", "int16"),
    AudioEncoding.AUDIO_ENCODING_PCM_F32LE: ("FLOAT", "float32"),
}
_OGG_FLAGS, _OGG_FIRST = 5, 2


class Recording:
    """The chunks of one live meeting.

    Args:
        folder: The meeting's folder; made when it is missing.
        config: Encoding of the chunks.

    Attributes:
        path: The file.
        config: Encoding of the chunks.
        next_sequence: Number of the chunk that is needed next.
        written_sequence: Number of the last chunk that is safe on the disk.
        bytes_written: Audio that is safe on the disk.
        end_on_disk: Where the last safe record ends.
    """

    def __init__(self, folder: Path, config: LiveConfig) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / CHUNKS
        self.config = config
        self._frame_bytes = _SAMPLE_BYTES.get(config.encoding, 0) * config.channels
        self.written_sequence, self.end_on_disk, self.bytes_written = _recover(self.path)
        self.next_sequence = self.written_sequence + 1
        self._file: BinaryIO = self.path.open("ab")
        self._file.truncate(self.end_on_disk)

    def take(self, chunk: AudioChunk) -> bool:
        """Tell whether a chunk is the next one, and count it; False for one that was received before.

        Raises:
            StreamOutOfOrder: A chunk is missing before it, or it holds half a sample.
        """
        if chunk.sequence < self.next_sequence:
            return False
        if chunk.sequence > self.next_sequence:
            raise StreamOutOfOrder(
                f"Chunk {self.next_sequence} is missing before chunk {chunk.sequence}; send them in order.",
                violations=[Violation("audio.sequence", f"must be {self.next_sequence}")],
                metadata={"nextSequence": str(self.next_sequence)},
            )
        if self._frame_bytes and len(chunk.data) % self._frame_bytes:
            raise StreamOutOfOrder(
                f"A chunk of PCM must hold whole samples of all channels: a multiple of {self._frame_bytes} bytes.",
                violations=[Violation("audio.data", f"must have a multiple of {self._frame_bytes} bytes")],
            )
        self.next_sequence += 1
        return True

    def write(self, chunks: Sequence[AudioChunk]) -> None:
        """Put chunks on the disk; when this returns, no crash can lose them. Blocks."""
        for chunk in chunks:
            self._file.write(_HEADER.pack(chunk.sequence, len(chunk.data)))
            self._file.write(chunk.data)
        self._file.flush()
        os.fsync(self._file.fileno())
        self.written_sequence = chunks[-1].sequence
        self.bytes_written += sum(len(chunk.data) for chunk in chunks)
        self.end_on_disk = self._file.tell()

    def close(self) -> None:
        """Close the file; the chunks stay."""
        self._file.close()


def seconds_of_chunks(config: LiveConfig, size: int) -> float:
    """Return the length of PCM audio with this many bytes; 0 where only decoding would tell."""
    frame = _SAMPLE_BYTES.get(config.encoding, 0) * config.channels
    return size / frame / config.sample_rate if frame else 0.0


def as_file(folder: Path, config: LiveConfig) -> Path | None:
    """Write the chunks of a meeting as one audio file, and return it; None where nothing was received. Blocks.

    Raises:
        AudioUnreadable: There are several compressed streams, and none of them can be decoded.
    """
    source = folder / CHUNKS
    if _recover(source)[0] == 0:
        return None
    if config.encoding not in _WAV_SUBTYPES:
        return _whole_stream(source, folder, config.encoding)
    subtype, kind = _WAV_SUBTYPES[config.encoding]
    target = folder / "live.partial.wav"
    # RF64 has no limit of 4 GiB, which five hours of floating point stereo exceed.
    with soundfile.SoundFile(target, "w", config.sample_rate, config.channels, subtype, format="RF64") as wav:
        for _, data in _records(source):
            wav.buffer_write(data, dtype=kind)
    return target


def _whole_stream(source: Path, folder: Path, encoding: AudioEncoding) -> Path:
    """Write a compressed stream as one file.

    A client whose recorder was started again sends another whole stream after the first. Players and decoders stop there, or
    earlier where rate or channels differ, so each is decoded for itself.
    """
    parts: list[Path] = []
    target: BinaryIO | None = None
    try:
        for _, data in _records(source):
            if target is None or _begins(encoding, data):
                if target is not None:
                    target.close()
                parts.append(folder / f"live.{len(parts) + 1}.partial")
                target = parts[-1].open("wb")
            target.write(data)
    finally:
        if target is not None:
            target.close()
    if len(parts) == 1:
        return parts[0]
    whole = folder / "live.partial.flac"
    try:
        join(parts, whole)
    except AudioUnreadable:
        whole.unlink(missing_ok=True)
        raise
    finally:
        for part in parts:
            part.unlink()
    return whole


def _begins(encoding: AudioEncoding, data: bytes) -> bool:
    """Tell whether a chunk is the beginning of a stream."""
    match encoding:
        case AudioEncoding.AUDIO_ENCODING_FLAC:
            return data.startswith(b"fLaC")
        case AudioEncoding.AUDIO_ENCODING_OGG_OPUS:
            return data.startswith(b"OggS") and len(data) > _OGG_FLAGS and bool(data[_OGG_FLAGS] & _OGG_FIRST)
        case _:
            return data.startswith(b"\x1a\x45\xdf\xa3")


def read_record(file: BinaryIO) -> tuple[int, bytes] | None:
    """Return number and data of the next record; None where there is no whole one."""
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    sequence, length = _HEADER.unpack(header)
    data = file.read(length)
    return (sequence, data) if len(data) == length else None


def _recover(path: Path) -> tuple[int, int, int]:
    """Return the number of the last whole record, where it ends, and the bytes of audio in all."""
    sequence = end = size = 0
    for number, data in _records(path):
        sequence, end, size = number, end + _HEADER.size + len(data), size + len(data)
    return sequence, end, size


def _records(path: Path) -> Iterator[tuple[int, bytes]]:
    if not path.exists():
        return
    with path.open("rb") as file:
        while (record := read_record(file)) is not None:
            yield record
