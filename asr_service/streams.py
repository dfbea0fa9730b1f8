"""All live streams of the process: opening, resuming, limits and expiry."""

import asyncio
import contextlib
import errno
import json
import secrets
import shutil
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from planerka.asr.v1 import asr_pb2

from asr_service.errors import DiskFull, Overloaded, StreamTaken, TooManyStreams, UnknownStream
from asr_service.inference import InferenceThread
from asr_service.journal import StreamJournal, settled, token_hash
from asr_service.live_stream import LiveStream
from asr_service.stream_parts import StreamLimits, StreamParts
from mesh.ids import new_id

__all__ = ["StreamTable"]

_SLACK = 1.0
"""Seconds by which the clocks of timers and files may differ."""

Build = Callable[[StreamJournal], StreamParts]
"""Makes what a stream consists of; raises what is wrong with its configuration."""


class StreamTable:
    """The live streams by the hashes of their tokens; those of an earlier process sleep on the disk until they are resumed."""

    def __init__(self, folder: Path, inference: InferenceThread, limits: StreamLimits, build: Build) -> None:
        """`folder` is kept over restarts; `recover` finds what is in it."""
        self._folder = folder
        self._inference = inference
        self._limits = limits
        self._build = build
        self._streams: dict[str, LiveStream] = {}
        self._sleeping: dict[str, Path] = {}
        self._waking: dict[str, asyncio.Task[LiveStream]] = {}
        self._expiries: dict[str, asyncio.TimerHandle] = {}
        self._resting: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> int:
        """Number of streams with a connection."""
        return sum(stream.connected for stream in self._streams.values())

    async def recover(self) -> None:
        """Finds the streams of earlier processes; those that nobody can resume any more are removed, now or when it is time."""
        for key, (folder, seconds) in (await asyncio.to_thread(self._found)).items():
            self._sleeping[key] = folder
            self._expire(key, seconds)

    def check_room(self) -> None:
        """Raises TooManyStreams or Overloaded when no further stream may be opened."""
        if self.connected >= self._limits.streams:
            raise TooManyStreams(self._limits.streams)
        costs = [stream.cost for stream in self._streams.values() if stream.connected]
        if costs and sum(costs) + sum(costs) / len(costs) > self._limits.load:
            raise Overloaded(len(costs))

    def open(self, config: asr_pb2.StreamConfig) -> tuple[LiveStream, str]:
        """A new stream and its resume token.

        Raises:
            TooManyStreams, Overloaded, DiskFull: As they say.
        """
        self.check_room()
        token = secrets.token_urlsafe(24)
        drafted = sum(stream.drafts and not stream.over and not stream.failed for stream in self._streams.values())
        # Without words before the final ones there is nothing to make stable sooner.
        drafts = config.interim_results and drafted < self._limits.drafts
        try:
            journal = StreamJournal.create(self._folder, new_id("stm"), token, config, drafts=drafts)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise DiskFull(self._folder) from error
            raise
        try:
            stream = LiveStream(self._build(journal), self._inference, self._limits)
        except BaseException:
            journal.discard()
            raise
        stream.start()
        self._streams[journal.token_hash] = stream
        return stream, token

    async def resume(self, token: str) -> LiveStream:
        """The stream of a token.

        Raises:
            UnknownStream: There is none.
            StreamTaken: Another process has it.
            TooManyStreams, Overloaded: There is no room for it.
        """
        key = token_hash(token)
        stream = self._streams.get(key)
        if stream is None:
            stream = await self._wake(key)
        if not stream.connected and not stream.over:
            self.check_room()
        timer = self._expiries.pop(key, None)
        if timer is not None:
            timer.cancel()
        return stream

    def release(self, stream: LiveStream, token: str, connection: int) -> None:
        """A connection has ended: a failed stream goes now, a delivered one after the window of those, another after its own."""
        if connection != stream.connection:
            return
        stream.detach(connection)
        key = token_hash(token)
        if self._streams.get(key) is not stream or key in self._resting:
            return
        if stream.done and self._limits.finished_window:
            self._resting.add(key)
            self._begin(self._rest(key, stream))
        elif stream.done or stream.failed:
            self._remove(key)
        else:
            self._expire(key, self._limits.resume_window)

    async def close(self) -> None:
        """Stops all streams; those that a client may come back to stay on the disk for the next process."""
        for timer in self._expiries.values():
            timer.cancel()
        streams = [stream for key, stream in self._streams.items() if key not in self._resting]
        self._streams = {}
        await asyncio.gather(*map(self._leave, streams))
        await asyncio.gather(*self._tasks)

    async def _leave(self, stream: LiveStream) -> None:
        if stream.done and self._limits.finished_window:
            await stream.settle()
        else:
            await stream.close(keep=not stream.done and not stream.failed)

    async def _rest(self, key: str, stream: LiveStream) -> None:
        """Leaves of a delivered stream what its client may have missed; it can be resumed meanwhile."""
        try:
            await stream.settle()
        finally:
            self._resting.discard(key)
        if self._streams.get(key) is stream:
            del self._streams[key]
            self._sleeping[key] = stream.folder
            self._expire(key, self._limits.finished_window)

    def _found(self) -> dict[str, tuple[Path, float]]:
        """Folders of streams and the seconds for which they can be resumed, by the hashes of their tokens. Blocks."""
        found: dict[str, tuple[Path, float]] = {}
        self._folder.mkdir(parents=True, exist_ok=True)
        for folder in self._folder.iterdir():
            try:
                head = json.loads((folder / "stream.json").read_text(encoding="utf-8"))
                age = time.time() - (folder / "input.log").stat().st_mtime
            except (OSError, ValueError):
                # Never complete: its client has heard of no token.
                shutil.rmtree(folder, ignore_errors=True)
                continue
            left = self._window(folder) - age
            if left > 0:
                found[str(head["token_sha256"])] = folder, left
            else:
                shutil.rmtree(folder, ignore_errors=True)
        return found

    def _window(self, folder: Path) -> float:
        return self._limits.finished_window if settled(folder) else self._limits.resume_window

    async def _wake(self, key: str) -> LiveStream:
        folder = self._sleeping.get(key)
        if folder is None:
            raise UnknownStream
        if key not in self._waking:
            self._waking[key] = asyncio.create_task(self._read(key, folder))
            self._waking[key].add_done_callback(lambda _: self._waking.pop(key, None))
        return await asyncio.shield(self._waking[key])

    async def _read(self, key: str, folder: Path) -> LiveStream:
        try:
            journal = await asyncio.to_thread(StreamJournal, folder)
        except BlockingIOError as error:
            raise StreamTaken from error
        except FileNotFoundError as error:
            self._sleeping.pop(key, None)
            raise UnknownStream from error
        if journal.age > self._window(folder):
            self._sleeping.pop(key, None)
            await asyncio.to_thread(journal.discard)
            raise UnknownStream
        stream = LiveStream(self._build(journal), self._inference, self._limits)
        await asyncio.to_thread(stream.restore)
        stream.start()
        self._sleeping.pop(key, None)
        self._streams[key] = stream
        return stream

    def _expire(self, key: str, seconds: float) -> None:
        self._expiries[key] = asyncio.get_running_loop().call_later(seconds, self._remove, key)

    def _remove(self, key: str) -> None:
        stream = self._streams.pop(key, None)
        folder = self._sleeping.pop(key, None)
        timer = self._expiries.pop(key, None)
        if timer is not None:
            timer.cancel()
        if stream is not None:
            self._begin(stream.close(keep=False))
        elif folder is not None:
            self._begin(asyncio.to_thread(_discard, folder, self._window(folder)))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _discard(folder: Path, window: float) -> None:
    """Removes a stream that sleeps, unless another process has it, or had it in the last `window` seconds."""
    with contextlib.suppress(FileNotFoundError, BlockingIOError, ValueError):
        journal = StreamJournal(folder)
        if journal.age >= window - _SLACK:
            journal.discard()
        else:
            journal.close()
