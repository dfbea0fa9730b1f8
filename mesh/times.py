"""Between the times of messages and those of Python."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from planerka.common.v1.time_pb2 import CalendarDate

from mesh.errors import InvalidArgument, Violation

__all__ = ["from_date", "from_datetime", "from_seconds", "now", "to_date", "to_datetime", "to_seconds"]


def now() -> Timestamp:
    """Return this moment."""
    return from_datetime(datetime.now(UTC))


def from_datetime(moment: datetime) -> Timestamp:
    """Return a moment as a message; a naive one is taken as UTC."""
    stamp = Timestamp()
    stamp.FromDatetime(moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None))
    return stamp


def to_datetime(stamp: Timestamp) -> datetime:
    """Return a message as a moment in UTC.

    Raises:
        InvalidArgument: The moment lies outside the years 1 to 9999.
    """
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(
            f"There is no moment {stamp.seconds} seconds from 1970.",
            reason="TIME_INVALID",
            violations=[Violation("seconds", "must lie in the years 1 to 9999")],
        ) from error


def from_seconds(seconds: float) -> Duration:
    """Return a span of seconds, exact to the microsecond."""
    span = Duration()
    span.FromTimedelta(timedelta(seconds=seconds))
    return span


def to_seconds(span: Duration) -> float:
    """Return a span in seconds."""
    return span.seconds + span.nanos / 1e9


def from_date(day: date) -> CalendarDate:
    """Return a day as a message."""
    return CalendarDate(year=day.year, month=day.month, day=day.day)


def to_date(message: CalendarDate) -> date:
    """Return a message as a day.

    Raises:
        InvalidArgument: The month does not have that day.
    """
    try:
        return date(message.year, message.month, message.day)
    except ValueError as error:
        raise InvalidArgument(
            f"There is no day {message.year}-{message.month}-{message.day}.",
            reason="DATE_INVALID",
            violations=[Violation("day", "must be a day that the month has")],
        ) from error
