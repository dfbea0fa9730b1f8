"""Wakes everybody who waits for something new."""

from __future__ import annotations

import asyncio

__all__ = ["Bell"]


class Bell:
    """Rings for all who listened before; belongs to one event loop."""

    def __init__(self) -> None:
        self._ring = asyncio.Event()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nothing new will come."""
        return self._closed

    def listen(self) -> asyncio.Event:
        """Return the event that the next ring sets."""
        return self._ring

    def ring(self) -> None:
        """Wake all who listened."""
        self._ring.set()
        self._ring = asyncio.Event()

    def open(self) -> None:
        """Say that new things will come."""
        self._closed = False

    def close(self) -> None:
        """Say that nothing new will come, and wake all who listened."""
        self._closed = True
        self.ring()
