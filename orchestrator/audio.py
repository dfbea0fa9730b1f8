"""Recordings on disk: any audio becomes FLAC segments of one channel and 16,000 samples in a second."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from orchestrator.errors import AudioUnreadable, EmptyFile

__all__ = ["SAMPLE_RATE", "AudioVault", "Segment", "join"]

SAMPLE_RATE = 16_000
_SEGMENT_SAMPLES = 10 * 60 * SAMPLE_RATE
_BLOCK = 1 << 20
# Containers and raw streams that people record in. Playlists (HLS, concat) stay out: they name other files and hosts,
# which an upload must not make the service open.
_FORMATS = "wav,w64,flac,mp3,mov,mp4,m4a,3gp,ogg,matroska,webm,aac,aiff,caf,amr,asf,au,avi,mpegts,mpeg"
_MOST_DAMAGED = 100
"""Damaged packets more than good frames, after which a file is given up."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One FLAC file of a recording."""

    number: int
    """Place in the recording, from 1."""
    file_name: str
    """Name inside the meeting's folder."""
    samples: int
    """Number of samples."""


class AudioVault:
    """The folder of all recordings, one folder for each meeting.

    Args:
        folder: Its place; made when it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def folder_of(self, meeting_id: str) -> Path:
        """Return the folder of a meeting; it need not exist."""
        return self._folder / meeting_id

    def store(self, source: Path, meeting_id: str, name: str = "") -> list[Segment]:
        """Decode a file and write it as FLAC segments that are safe on disk; blocks, so it belongs into a thread.

        Args:
            source: The file.
            meeting_id: The meeting; it need not exist yet.
            name: Name of the file for messages to people.

        Raises:
            EmptyFile: The file holds nothing.
            AudioUnreadable: It holds no audio that can be decoded. Nothing is left behind.
        """
        if source.stat().st_size == 0:
            raise EmptyFile("The file is empty. Check that the recording was saved, and try again.")
        shown = name or "The recording"
        final = self.folder_of(meeting_id)
        partial = final.with_name(f"{meeting_id}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            segments = _write_segments(_decode(source, shown), partial)
            if not segments:
                raise AudioUnreadable(
                    f"{shown} holds an audio track without a single sample. Check that it plays, and try again."
                )
            final.mkdir(parents=True, exist_ok=True)
            for segment in segments:
                (partial / segment.file_name).replace(final / segment.file_name)
            _sync_folder(final)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return segments

    def assemble(self, meeting_id: str, file_names: list[str]) -> tuple[Path, bool]:
        """Return one FLAC file with the whole recording, and whether it is a copy that the caller removes."""
        folder = self.folder_of(meeting_id)
        if len(file_names) == 1:
            return folder / file_names[0], False
        whole = folder / "whole.partial.flac"
        with soundfile.SoundFile(whole, "w", SAMPLE_RATE, 1, "PCM_16", format="FLAC") as target:
            for name in file_names:
                with soundfile.SoundFile(folder / name) as part:
                    for block in part.blocks(_BLOCK, dtype="int16"):
                        target.write(block)
        return whole, True

    def delete(self, meeting_id: str) -> None:
        """Remove everything of a meeting."""
        shutil.rmtree(self.folder_of(meeting_id), ignore_errors=True)


def join(parts: Sequence[Path], target: Path) -> None:
    """Decode recordings and write them one after the other as one FLAC file; blocks.

    Raises:
        AudioUnreadable: None of them holds audio that can be decoded.
    """
    unreadable: AudioUnreadable | None = None
    written = False
    with soundfile.SoundFile(target, "w", SAMPLE_RATE, 1, "PCM_16", format="FLAC") as file:
        for part in parts:
            try:
                for block in _decode(part, "The recording"):
                    file.write(block)
                    written = True
            except AudioUnreadable as error:
                # A recorder that broke down at once does not take the rest with it.
                unreadable = error
    if unreadable is not None and not written:
        raise unreadable


def _decode(source: Path, shown: str) -> Iterator[NDArray[np.int16]]:
    """Yield the samples of the first audio track.

    Damaged packets are passed over, and a recording that breaks off in the middle is taken as far as it goes: what people said
    before and after must not be lost.
    """
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
    try:
        with av.open(str(source), options=options, metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise AudioUnreadable(f"{shown} holds no audio track. Import a recording, or name the text's format.")
            yield from _resampled(_frames(container))
    except (av.FFmpegError, ValueError) as error:
        why = error.strerror if isinstance(error, av.FFmpegError) else error
        raise AudioUnreadable(
            f"{shown} holds no audio that can be decoded: {why}. Check that it plays, and try again."
        ) from error


def _frames(container: Any) -> Iterator[Any]:
    good = damaged = 0
    packets = container.demux(container.streams.audio[0])
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            frames = packet.decode()
        except av.error.EOFError:
            return
        except av.FFmpegError:
            damaged += 1
            if not good and damaged > _MOST_DAMAGED:
                raise
            if damaged > _MOST_DAMAGED + good:
                return
            continue
        good += len(frames)
        yield from frames


def _resampled(frames: Iterator[Any]) -> Iterator[NDArray[np.int16]]:
    """Samples of 16 kHz mono; rate and channels may change where one recording follows another in a file."""
    kind: tuple[str, str, int] | None = None
    resampler = None
    for frame in frames:
        following = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or following != kind:
            if resampler is not None:
                yield from _samples(resampler.resample(None))
            kind, resampler = following, av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        yield from _samples(resampler.resample(frame))
    if resampler is not None:
        yield from _samples(resampler.resample(None))


def _samples(frames: list[Any]) -> Iterator[NDArray[np.int16]]:
    for frame in frames:
        yield frame.to_ndarray().reshape(-1)


def _write_segments(blocks: Iterator[NDArray[np.int16]], folder: Path) -> list[Segment]:
    segments: list[Segment] = []
    target: soundfile.SoundFile | None = None
    written = 0
    try:
        for block in blocks:
            rest = block
            while rest.size:
                if target is None:
                    target = soundfile.SoundFile(
                        folder / _name(len(segments) + 1), "w", SAMPLE_RATE, 1, "PCM_16", format="FLAC"
                    )
                    written = 0
                piece = rest[: _SEGMENT_SAMPLES - written]
                target.write(piece)
                written += piece.size
                rest = rest[piece.size :]
                if written == _SEGMENT_SAMPLES:
                    segments.append(_finish(target, folder, len(segments) + 1, written))
                    target = None
        if target is not None:
            segments.append(_finish(target, folder, len(segments) + 1, written))
            target = None
    finally:
        if target is not None:
            target.close()
    return segments


def _finish(target: soundfile.SoundFile, folder: Path, number: int, samples: int) -> Segment:
    target.close()
    with (folder / _name(number)).open("rb") as file:
        os.fsync(file.fileno())
    return Segment(number, _name(number), samples)


def _name(number: int) -> str:
    return f"{number:06}.flac"


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
