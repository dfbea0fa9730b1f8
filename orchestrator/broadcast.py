"""Sends what happens in a meeting to everybody who watches it, inside this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from planerka.orchestrator.v1.orchestrator_pb2 import WatchMeetingResponse

__all__ = ["Broadcast", "Watcher"]

_CAPACITY = 1000


class Watcher:
    """One who watches a meeting."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[WatchMeetingResponse | None] = asyncio.Queue(_CAPACITY)

    async def next(self) -> WatchMeetingResponse | None:
        """Wait for the next update; None says that updates were lost and everything must be read again."""
        return await self._queue.get()

    def push(self, update: WatchMeetingResponse) -> None:
        """Hand over an update; a watcher that is too slow loses its queue, never slows the meeting down."""
        try:
            self._queue.put_nowait(update)
        except asyncio.QueueFull:
            while not self._queue.empty():
                self._queue.get_nowait()
            self._queue.put_nowait(None)


class Broadcast:
    """The watchers of all meetings."""

    def __init__(self) -> None:
        self._watchers: dict[str, set[Watcher]] = {}

    @contextmanager
    def watch(self, meeting_id: str) -> Iterator[Watcher]:
        """Watch a meeting inside a `with` block."""
        watcher = Watcher()
        self._watchers.setdefault(meeting_id, set()).add(watcher)
        try:
            yield watcher
        finally:
            rest = self._watchers.get(meeting_id, set())
            rest.discard(watcher)
            if not rest:
                self._watchers.pop(meeting_id, None)

    def publish(self, meeting_id: str, update: WatchMeetingResponse) -> None:
        """Send an update to everybody who watches the meeting."""
        for watcher in self._watchers.get(meeting_id, ()):
            watcher.push(update)
