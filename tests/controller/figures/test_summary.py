"""The summary of a station, and when it changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from controller.contract.history_summary import HistorySummary
from controller.figures.summary import next_change_at, summarize
from tests.helpers.session_records import record

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_all_of_it() -> None:
    sessions = [
        record("c", NOW - timedelta(hours=2), left=30.0, right=20.0),
        record("b", NOW - timedelta(hours=9)),
        record("a", NOW - timedelta(hours=20), both=70.0),
    ]
    found = summarize("home", sessions, NOW, BERLIN)
    assert found == HistorySummary(
        station="home",
        last_session_id="c",
        last_session_at=NOW - timedelta(hours=2) + timedelta(minutes=25),
        last_volume_ml=sessions[0].volume_ml,
        last_volume_total_ml=50.0,
        rolling_24h_ml=120.0,
        rolling_24h_sessions=3,
        rolling_24h_measured=2,
        today=date(2026, 3, 2),
        today_ml=50.0,
        today_sessions=2,
        today_measured=1,
    )


def test_nothing_is_known_of_nothing() -> None:
    found = summarize("home", [], NOW, BERLIN)
    assert (found.last_session_id, found.rolling_24h_ml, found.today_ml) == (None, None, None)
    assert (found.rolling_24h_sessions, found.today_sessions) == (0, 0)


@given(st.lists(st.integers(1, 60 * 26), max_size=9), st.integers(0, 60 * 24 * 365))
def test_it_stays_the_same_until_the_next_change(minutes_ago: list[int], later: int) -> None:
    now = NOW + timedelta(minutes=later)
    sessions = [record(f"s{n}", now - timedelta(minutes=ago), left=1.0 + n) for n, ago in enumerate(minutes_ago)]
    change = next_change_at(sessions, now, BERLIN)
    assert now < change <= now + timedelta(hours=25)
    before = summarize("home", sessions, now, BERLIN)
    assert summarize("home", sessions, change - timedelta(microseconds=1), BERLIN) == before
    assert summarize("home", sessions, change, BERLIN) != before
