"""The time zone of the machine, as it is at each instant."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.figures.local_days import SystemZone, days_until, start_of

NAME = "Europe/Berlin"


@pytest.fixture(scope="module", autouse=True)
def in_berlin() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", NAME)
        time.tzset()
        yield
    time.tzset()


@given(st.datetimes(datetime(2000, 1, 1), datetime(2035, 1, 1)))
def test_it_is_what_the_time_zone_says(when: datetime) -> None:
    instant = when.replace(tzinfo=UTC)
    ours, theirs = instant.astimezone(SystemZone()), instant.astimezone(ZoneInfo(NAME))
    assert ours.replace(tzinfo=None) == theirs.replace(tzinfo=None)
    assert ours.utcoffset() == theirs.utcoffset()
    assert ours.astimezone(UTC) == instant
    assert ours.tzname() == theirs.tzname()


def test_the_hour_that_comes_twice() -> None:
    twice = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC).astimezone(SystemZone()) for hour in (0, 1)]
    assert [f"{each:%H:%M %z}" for each in twice] == ["02:30 +0200", "02:30 +0100"]
    zone = SystemZone()
    assert start_of(date(2026, 10, 26), zone) - start_of(date(2026, 10, 25), zone) == timedelta(hours=25)


def test_some_days() -> None:
    assert days_until(date(2026, 3, 1), 3) == (date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1))
