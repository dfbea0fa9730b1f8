"""Audio as pieces of 16-bit samples, from a file or from a microphone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error

from cli.errors import UsageWrong

__all__ = [
    "CHUNK_SECONDS",
    "SAMPLE_RATE",
    "check_microphone",
    "file_chunks",
    "length_of",
    "microphone_chunks",
    "paced",
]

SAMPLE_RATE = 16_000
"""Samples in a second that are sent; one channel."""
CHUNK_SECONDS = 0.1
_SILENT_SECONDS = 10.0
"""Seconds without a single sample, not even of silence, after which a microphone is gone."""
_CHUNK_BYTES = int(SAMPLE_RATE * CHUNK_SECONDS) * 2


@dataclass(frozen=True)
class _Source:
    container: av.container.InputContainer
    stream: av.AudioStream


def file_chunks(path: Path) -> Iterator[bytes]:
    """Decode a file into chunks of 100 ms: 16 kHz, mono, signed 16-bit little-endian; the last one may be shorter.

    Raises:
        UsageWrong: There is no such file, or no audio in it that can be decoded.
    """
    source = _open(path)
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    buffer = bytearray()
    empty = True
    with source.container as container:
        try:
            for frame in container.decode(source.stream):
                for ready in resampler.resample(frame):
                    buffer += bytes(ready.planes[0])[: ready.samples * 2]
                empty = empty and not buffer
                while len(buffer) >= _CHUNK_BYTES:
                    yield bytes(buffer[:_CHUNK_BYTES])
                    del buffer[:_CHUNK_BYTES]
        except av.error.FFmpegError as error:
            raise UsageWrong(f"{path} cannot be decoded: {error.strerror}. Is it a complete audio file?") from error
        for ready in resampler.resample(None):
            buffer += bytes(ready.planes[0])[: ready.samples * 2]
    if empty and not buffer:
        raise UsageWrong(f"{path} has no audio in it.")
    while buffer:
        yield bytes(buffer[:_CHUNK_BYTES])
        del buffer[:_CHUNK_BYTES]


def length_of(path: Path) -> float:
    """Return the length of a recording in seconds, as its container tells it; 0 where it does not.

    Raises:
        UsageWrong: There is no such file, or no audio in it.
    """
    source = _open(path)
    with source.container as container:
        if source.stream.duration is not None and source.stream.time_base is not None:
            return float(source.stream.duration * source.stream.time_base)
        return (container.duration or 0) / av.time_base


def check_microphone() -> None:
    """Find out that the default microphone can be opened.

    Raises:
        UsageWrong: The extra `microphone` is not installed, or there is no microphone.
    """
    sounddevice = _sounddevice()
    try:
        sounddevice.check_input_settings(samplerate=SAMPLE_RATE, channels=1, dtype="int16")
    except sounddevice.PortAudioError as error:
        raise _closed_microphone(error) from error


async def microphone_chunks() -> AsyncIterator[bytes]:
    """Yield chunks of 100 ms from the default microphone, without end.

    Raises:
        UsageWrong: The extra `microphone` is not installed, there is no microphone, or it brings nothing more.
    """
    sounddevice = _sounddevice()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def take(data: Any, frames: int, at: object, flags: object) -> None:
        del frames, at, flags
        loop.call_soon_threadsafe(chunks.put_nowait, bytes(data))

    try:
        stream = sounddevice.RawInputStream(
            samplerate=SAMPLE_RATE, channels=1, dtype="int16", blocksize=_CHUNK_BYTES // 2, callback=take
        )
    except sounddevice.PortAudioError as error:
        raise _closed_microphone(error) from error
    with stream:
        while True:
            try:
                yield await asyncio.wait_for(chunks.get(), _SILENT_SECONDS)
            except TimeoutError as error:
                raise UsageWrong("The microphone brings no sound any more. Is it still plugged in?") from error


async def paced(chunks: Iterator[bytes], pace: float) -> AsyncIterator[bytes]:
    """Yield chunks `pace` times as fast as they were spoken; without waiting where it is 0."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for number, chunk in enumerate(chunks):
        if pace > 0:
            await asyncio.sleep(max(0.0, begun + number * CHUNK_SECONDS / pace - loop.time()))
        yield chunk


def _sounddevice() -> Any:
    try:
        import sounddevice  # noqa: PLC0415  (an extra that most installations lack)
    except (ImportError, OSError) as error:
        raise UsageWrong(
            f"The microphone needs the package sounddevice and the library PortAudio ({error}). "
            "Install them with: pip install 'planerka[microphone]'; on Debian also: apt-get install libportaudio2"
        ) from error
    return sounddevice


def _closed_microphone(error: Exception) -> UsageWrong:
    return UsageWrong(f"The microphone cannot be opened: {error}. Is one plugged in?")


def _open(path: Path) -> _Source:
    if not path.is_file():
        raise UsageWrong(f"There is no file {path}.")
    try:
        container = av.open(str(path))
    except av.error.FFmpegError as error:
        raise UsageWrong(f"{path} is no audio that can be decoded: {error.strerror}.") from error
    if not container.streams.audio:
        container.close()
        raise UsageWrong(f"{path} has no audio in it.")
    return _Source(container, container.streams.audio[0])
