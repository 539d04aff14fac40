"""Totals add up, days are local days, and what is unknown stays unknown."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.contract.session_record import Milk, SessionRecord
from controller.contract.session_state import SessionState
from controller.figures.local_days import day_of, start_of
from controller.figures.totals import (
    Total,
    average_day_ml,
    by_day,
    counts,
    last_session,
    rolling,
    side_share,
    total_of,
)
from devices.roles import Side
from tests.helpers.session_records import BEGAN, record

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)

amounts = st.none() | st.floats(0, 500)
records = st.lists(
    st.builds(
        lambda minute, left, right, both: record(
            f"s{minute}", BEGAN + timedelta(minutes=minute), left=left, right=right, both=both
        ),
        st.integers(0, 60 * 24 * 40),
        amounts,
        amounts,
        st.none(),
    ),
    max_size=40,
)


@given(records)
def test_the_days_of_a_time_add_up_to_its_total(found: list[SessionRecord]) -> None:
    last = day_of(BEGAN + timedelta(days=41), BERLIN)
    days = by_day(found, last, 60, BERLIN)
    whole = total_of(found)
    assert sum(each.total.sessions for each in days) == whole.sessions == len(found)
    assert sum(each.total.measured for each in days) == whole.measured
    known = [each.total.total_ml for each in days if each.total.total_ml is not None]
    assert (whole.total_ml is None) == (not known)
    assert sum(known) == pytest.approx(whole.total_ml or 0.0)
    sides = [ml for _, ml in whole.volume_ml if ml is not None]
    assert sum(sides) == pytest.approx(whole.total_ml or 0.0)


@given(records, st.integers(0, 60 * 24 * 41))
def test_the_rolling_day_holds_exactly_the_sessions_of_24_hours(found: list[SessionRecord], minute: int) -> None:
    now = BEGAN + timedelta(minutes=minute)
    day = timedelta(hours=24)
    assert rolling(found, now).sessions == sum(now - day < each.began_at <= now for each in found)


def test_a_session_without_a_figure_is_no_nothing() -> None:
    total = total_of([record("a", left=40.0), record("b")])
    assert total == Total(total.volume_ml, sessions=2, measured=1)
    assert (total.volume_ml.left, total.volume_ml.right, total.total_ml) == (40.0, None, 40.0)
    assert total_of([record("b")]).total_ml is None
    assert total_of([record("a", left=0.0)]).total_ml == 0.0
    assert total_of([]).total_ml is None


def test_a_pump_with_one_counter_for_both_breasts_counts_for_neither() -> None:
    total = total_of([record("a", both=80.0), record("b", left=30.0, right=20.0)])
    assert (total.volume_ml.left, total.volume_ml.right, total.volume_ml.both) == (30.0, 20.0, 80.0)
    assert total.total_ml == 130.0
    share = side_share([record("a", both=80.0), record("b", left=30.0, right=20.0), record("c", left=9.0)])
    assert share is not None
    assert (share.left_percent, share.sessions) == (60.0, 1)
    assert side_share([record("a", both=80.0)]) is None
    assert side_share([record("a", left=0.0, right=0.0)]) is None


def test_what_was_entered_counts_before_what_was_measured() -> None:
    entered = (Milk(side=Side.LEFT, source="measured", ml=50), Milk(side=Side.LEFT, source="entered", ml=41))
    assert total_of([record("a", milk=entered)]).total_ml == 41


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (BERLIN, date(2026, 3, 29), 23),
        (BERLIN, date(2026, 10, 25), 25),
        (BERLIN, date(2026, 10, 26), 24),
        (NEW_YORK, date(2026, 3, 8), 23),
        (NEW_YORK, date(2026, 11, 1), 25),
        (ZoneInfo("America/Sao_Paulo"), date(2018, 11, 4), 23),  # midnight itself was left out
    ],
)
def test_each_hour_of_a_day_with_a_change_of_the_clocks_belongs_to_it(zone: ZoneInfo, day: date, hours: int) -> None:
    start, end = start_of(day, zone), start_of(day + timedelta(days=1), zone)
    assert end - start == timedelta(hours=hours)
    sessions = [record(f"s{n}", start + timedelta(minutes=30 * n - 30), left=10.0) for n in range(2 * hours + 2)]
    before, of_day, after = by_day(sessions, day + timedelta(days=1), 3, zone)
    assert (before.total.sessions, of_day.total.sessions, after.total.sessions) == (1, 2 * hours, 1)


def test_a_session_over_midnight_belongs_to_the_day_on_which_it_began() -> None:
    late = record("late", datetime(2026, 3, 1, 22, 50, tzinfo=UTC), left=10.0)  # 23:50 in Berlin, until 0:15
    first, second = by_day([late], date(2026, 3, 2), 2, BERLIN)
    assert (first.total.sessions, second.total.sessions) == (1, 0)


def test_the_last_session_is_one_that_took_place_and_is_over() -> None:
    refused = record("refused", NOW - timedelta(minutes=5), outcome=SessionState.STOPPED, left=0.0)  # in the questions
    running = record("running", NOW - timedelta(minutes=1), minutes=None, left=3.0)
    whole, older = record("whole", NOW - timedelta(hours=2)), record("older", NOW - timedelta(hours=5))
    assert not counts(refused)
    found = last_session([running, refused, older, whole])
    assert found is not None
    assert found.id == "whole"
    assert last_session([running, refused]) is None
    # What flowed so far is part of today, of course.
    assert rolling([running, refused], NOW).total_ml == 3.0


def test_the_average_of_days_says_of_how_many() -> None:
    days = by_day([record("a", left=40.0), record("b", BEGAN + timedelta(days=2), left=60.0)], date(2026, 3, 7), 7, UTC)
    assert average_day_ml(days) == (50.0, 2)
    assert average_day_ml(days[-1:]) is None
