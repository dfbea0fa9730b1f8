"""All live streams of the process: opening, resuming, limits and expiry."""

import asyncio
import errno
import json
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from planerka.asr.v1 import asr_pb2

from asr_service.errors import DiskFull, Overloaded, StreamTaken, TooManyStreams, UnknownStream
from asr_service.inference import InferenceThread
from asr_service.journal import StreamJournal, token_hash
from asr_service.live_stream import LiveStream, StreamLimits, StreamParts
from mesh.ids import new_id

__all__ = ["StreamTable"]

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
        self._removals: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> int:
        """Number of streams with a connection."""
        return sum(stream.connected for stream in self._streams.values())

    def recover(self) -> None:
        """Finds the streams of earlier processes, and removes those that nobody can resume any more. Blocks."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for folder in self._folder.iterdir():
            try:
                head = json.loads((folder / "stream.json").read_text(encoding="utf-8"))
                age = time.time() - (folder / "input.log").stat().st_mtime
            except (OSError, ValueError):
                # Never complete: its client has heard of no token.
                shutil.rmtree(folder, ignore_errors=True)
                continue
            if age < self._limits.resume_window:
                self._sleeping[str(head["token_sha256"])] = folder
            else:
                shutil.rmtree(folder, ignore_errors=True)

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
        try:
            journal = StreamJournal.create(self._folder, new_id("stm"), token, config)
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
        if not stream.connected:
            self.check_room()
        timer = self._expiries.pop(key, None)
        if timer is not None:
            timer.cancel()
        return stream

    def release(self, stream: LiveStream, token: str, connection: int) -> None:
        """A connection has ended: a delivered or failed stream goes now, another one after the resume window."""
        if connection != stream.connection:
            return
        stream.detach(connection)
        key = token_hash(token)
        if stream.done or stream.failed:
            self._remove(key)
            return
        loop = asyncio.get_running_loop()
        self._expiries[key] = loop.call_later(self._limits.resume_window, self._remove, key)

    async def close(self) -> None:
        """Stops all streams; those that are not finished stay on the disk for the next process."""
        for timer in self._expiries.values():
            timer.cancel()
        streams, self._streams = list(self._streams.values()), {}
        await asyncio.gather(*(stream.close(keep=not stream.done and not stream.failed) for stream in streams))
        await asyncio.gather(*self._removals)

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
        if journal.age > self._limits.resume_window:
            self._sleeping.pop(key, None)
            await asyncio.to_thread(journal.discard)
            raise UnknownStream
        stream = LiveStream(self._build(journal), self._inference, self._limits)
        await asyncio.to_thread(stream.restore)
        stream.start()
        self._sleeping.pop(key, None)
        self._streams[key] = stream
        return stream

    def _remove(self, key: str) -> None:
        stream = self._streams.pop(key, None)
        timer = self._expiries.pop(key, None)
        if timer is not None:
            timer.cancel()
        if stream is not None:
            task = asyncio.create_task(stream.close(keep=False))
            self._removals.add(task)
            task.add_done_callback(self._removals.discard)
