"""Days and times as a person writes them are those of this machine's time zone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from controller.cli.time_range import since, until

NOW = datetime(2026, 3, 30, 9, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "begins", "ends"),
    [
        ("2026-03-01", "2026-02-28T23:00", "2026-03-01T23:00"),
        ("2026-03-29", "2026-03-28T23:00", "2026-03-29T22:00"),  # 23 hours
        ("today", "2026-03-29T22:00", "2026-03-30T22:00"),
        (" Yesterday ", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("gestern", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("7d", "2026-03-22T23:00", "2026-03-23T23:00"),
        ("1w", "2026-03-22T23:00", "2026-03-23T23:00"),
        ("12 h", "2026-03-29T21:15", "2026-03-29T21:15"),
        ("2026-03-01T14:30", "2026-03-01T13:30", "2026-03-01T13:30"),
        ("2026-03-01T14:30Z", "2026-03-01T14:30", "2026-03-01T14:30"),
    ],
)
def test_a_day_has_a_beginning_and_an_end(text: str, begins: str, ends: str) -> None:
    assert since(text, NOW) == datetime.fromisoformat(begins).replace(tzinfo=UTC)
    assert until(text, NOW) == datetime.fromisoformat(ends).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "soon", "7", "d", "-7d", "2026-13-01", "01.03.2026", "9999-12-31", "9999999w", "7y"]
)
def test_what_is_no_time_says_what_would_fit(text: str) -> None:
    with pytest.raises(ValueError, match=r"a date such as 2026-03-01, .* 7d"):
        since(text, NOW)
