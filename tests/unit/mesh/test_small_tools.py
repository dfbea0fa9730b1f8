"""Identifiers, page tokens, times."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from planerka.common.v1.time_pb2 import CalendarDate

from mesh import ids, paging, times
from mesh.errors import InvalidArgument


def test_new_identifiers_differ_and_sort_by_time(monkeypatch):
    made = [ids.new_id("crd") for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(re.fullmatch("crd_[0-9a-z]{26}", one) for one in made)
    monkeypatch.setattr(ids.time, "time_ns", lambda: 1_000_000_000_000)
    early = ids.new_id("crd")
    monkeypatch.setattr(ids.time, "time_ns", lambda: 1_001_000_000_000)
    assert early < ids.new_id("crd")


def test_derived_identifiers_depend_on_all_parts_and_on_nothing_else():
    assert ids.derived_id("prp", "a", "b") == ids.derived_id("prp", "a", "b")
    others = {ids.derived_id("prp", *parts) for parts in [("a", "b"), ("ab",), ("b", "a"), ("a", "b", ""), ("a", "bb")]}
    assert len(others) == 5
    assert ids.derived_id("prp", "a").removeprefix("prp") == ids.derived_id("crd", "a").removeprefix("crd")


@pytest.mark.parametrize("position", ["", "1", "brd_1 5 17", "Ящик", "a" * 300, "\x1f\x00"])
def test_tokens_come_back(position):
    assert paging.decode_token(paging.encode_token(position)) == position


@pytest.mark.parametrize("token", ["!!!", "a", "я", "YWJj=YWJj", "YW Jj", "_w", "YWJj\n"])
def test_foreign_tokens_are_refused(token):
    with pytest.raises(InvalidArgument) as raised:
        paging.decode_token(token)
    assert raised.value.reason == "PAGE_TOKEN_INVALID"
    assert [violation.field for violation in raised.value.violations] == ["page_token"]


def test_page_size_zero_is_the_default():
    assert (paging.page_size(0), paging.page_size(0, 7), paging.page_size(3, 7)) == (100, 7, 3)


def test_moments_come_back_in_utc():
    moscow = datetime(2026, 11, 22, 15, 30, 1, 123456, tzinfo=timezone(timedelta(hours=3)))
    stamp = times.from_datetime(moscow)
    assert times.to_datetime(stamp) == moscow
    assert times.to_datetime(stamp).tzinfo is UTC
    assert times.from_datetime(datetime(2026, 11, 22, 12, 30, 1, 123456)) == stamp  # noqa: DTZ001


@pytest.mark.parametrize("seconds", [10**13, -(10**13), 2**63 - 1])
def test_moments_outside_the_calendar_are_refused(seconds):
    with pytest.raises(InvalidArgument) as raised:
        times.to_datetime(Timestamp(seconds=seconds))
    assert raised.value.reason == "TIME_INVALID"


def test_spans_are_exact_to_the_microsecond():
    assert times.to_seconds(times.from_seconds(12.345678)) == pytest.approx(12.345678, abs=5e-7)


def test_days_come_back_and_impossible_ones_are_refused():
    assert times.to_date(times.from_date(date(2028, 2, 29))) == date(2028, 2, 29)
    with pytest.raises(InvalidArgument) as raised:
        times.to_date(CalendarDate(year=2026, month=2, day=29))
    assert raised.value.reason == "DATE_INVALID"
