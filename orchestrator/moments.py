"""Between seconds since 1970, as the tables keep them, and the times of messages."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from mesh.times import from_datetime, to_datetime

__all__ = ["from_epoch", "to_epoch"]


def from_epoch(seconds: float) -> Timestamp:
    """Return a moment of the tables as a message."""
    return from_datetime(datetime.fromtimestamp(seconds, UTC))


def to_epoch(stamp: Timestamp) -> float:
    """Return a moment of a message as the tables keep it."""
    return to_datetime(stamp).timestamp()
