"""The summary of a station, and when it changes by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from controller.contract.history_summary import HistorySummary
from controller.contract.session_record import SessionRecord
from controller.figures.local_days import day_of, start_of
from controller.figures.totals import ROLLING, ended_at, last_session, rolling, total_of

SINCE = timedelta(hours=26)  # how far back `summarize` looks for its totals: a rolling day, and a day of 25 hours


def summarize(station: str, records: Sequence[SessionRecord], now: datetime, zone: tzinfo) -> HistorySummary:
    """Return the summary of these sessions: all since `SINCE`, and the latest before."""
    today = day_of(now, zone)
    of_today = total_of(each for each in records if day_of(each.began_at, zone) == today)
    day, last = rolling(records, now), last_session(records)
    summary = HistorySummary(
        station=station,
        rolling_24h_ml=day.total_ml,
        rolling_24h_sessions=day.sessions,
        rolling_24h_measured=day.measured,
        today=today,
        today_ml=of_today.total_ml,
        today_sessions=of_today.sessions,
        today_measured=of_today.measured,
    )
    if last is None:
        return summary
    return summary.model_copy(
        update={
            "last_session_id": last.id,
            "last_session_at": ended_at(last),
            "last_volume_ml": last.volume_ml,
            "last_volume_total_ml": last.volume_ml.total,
        }
    )


def next_change_at(records: Sequence[SessionRecord], now: datetime, zone: tzinfo) -> datetime:
    """Return when the summary changes by itself: a session leaves the rolling day, or the local day ends."""
    leaving = [each.began_at + ROLLING for each in records if each.began_at + ROLLING > now]
    return min([*leaving, start_of(day_of(now, zone) + timedelta(days=1), zone)])
