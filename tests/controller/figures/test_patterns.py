"""Medians with their number of sessions, and none below the fewest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from controller.figures.patterns import FEWEST, by_time_of_day, let_down_groups
from tests.helpers.session_records import BEGAN, record


def test_the_time_of_day_is_the_local_one() -> None:
    night = [
        record(f"s{n}", datetime(2026, 7, 1 + n, 23, 30, tzinfo=UTC), left=10.0 * n, right=1.0) for n in range(5)
    ]  # 1:30 in Berlin
    groups = by_time_of_day([*night, record("unknown", BEGAN)], ZoneInfo("Europe/Berlin"))
    assert [each.first_hour for each in groups] == [0, 3, 6, 9, 12, 15, 18, 21]
    assert groups[0] == (0, 21.0, 5)
    assert all(each[1:] == (None, 0) for each in groups[1:])


def test_too_few_sessions_have_no_median() -> None:
    assert by_time_of_day([record(f"s{n}", left=1.0) for n in range(FEWEST - 1)], UTC)[0].median_ml is None
    few = [record(f"s{n}", suction_seconds=9, let_down_seconds=60) for n in range(FEWEST - 1)]
    assert let_down_groups(few)[0] == (False, False, None, None, None, FEWEST - 1)


def test_let_downs_by_what_came_before() -> None:
    def some(seconds: float, **more: float) -> list[object]:
        return [
            record(f"s{n}", BEGAN + timedelta(days=n), let_down_seconds=seconds + n, suction_seconds=900, **more)
            for n in range(5)
        ]

    found = [
        *some(100),
        *some(80, heat_seconds=300),
        *some(90, massage_seconds=240, heat_seconds=0),
        *some(60, massage_seconds=1, heat_seconds=1),
        record("no let-down", suction_seconds=900),
        record("unknown", let_down_seconds=1000),
    ]
    assert let_down_groups(found) == (
        (False, False, 102, 100, 104, 5),
        (True, False, 82, 80, 84, 5),
        (False, True, 92, 90, 94, 5),
        (True, True, 62, 60, 64, 5),
    )
