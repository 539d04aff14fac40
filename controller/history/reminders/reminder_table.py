"""What is kept of reminders in the history database: when something was done last, and what was reminded of."""

from __future__ import annotations

from datetime import UTC, datetime

from controller.database.database import Statement
from controller.history.history_store import HistoryStore
from controller.history.reminders.reminder_rules import ReminderState

_DONE = """
INSERT INTO done (station, what, done_at) VALUES (:station, :what, :at)
ON CONFLICT (station, what) DO UPDATE SET done_at = excluded.done_at
"""
_REMINDED = """
INSERT INTO reminded (station, what, reminded_at) VALUES (:station, :what, :at)
ON CONFLICT (station, what) DO UPDATE SET reminded_at = excluded.reminded_at
"""
_NO_MORE = "DELETE FROM done WHERE station = :station AND what = :what"
_LATEST = "SELECT max(ended_at) AS at FROM session WHERE station = :station AND suction_seconds > 0"

PUMPED, CLEANED, SINCE = "session", "clean_parts", "since"
BATTERY = "battery_low "  # before the name of a pump


def done(station: str, what: str, at: datetime) -> Statement:
    """Return what saves when something was done last, or since when a battery is low."""
    return Statement(_DONE, {"station": station, "what": what, "at": at.timestamp()})


def no_more(station: str, what: str) -> Statement:
    """Return what removes it."""
    return Statement(_NO_MORE, {"station": station, "what": what})


def reminded(station: str, what: str, at: datetime) -> Statement:
    """Return what saves that a person was reminded. `at`: since when it was due."""
    return Statement(_REMINDED, {"station": station, "what": what, "at": at.timestamp()})


async def saved_state(store: HistoryStore, station: str, now: datetime) -> ReminderState:
    """Return what is known of a station from before. Raise `HistoryError`."""
    rows = await store.read("SELECT what, done_at AS at FROM done WHERE station = :station", station=station)
    was_done = {row["what"]: datetime.fromtimestamp(row["at"], UTC) for row in rows}
    rows = await store.read("SELECT what, reminded_at AS at FROM reminded WHERE station = :station", station=station)
    was_reminded = {row["what"]: datetime.fromtimestamp(row["at"], UTC) for row in rows}
    since = was_reminded.pop(SINCE, None)
    if PUMPED not in was_done:  # there was a history before there were reminders
        (latest,) = await store.read(_LATEST, station=station)
        if latest["at"] is not None:
            was_done[PUMPED] = datetime.fromtimestamp(latest["at"], UTC)
    if since is None or since > now:
        store.put(reminded(station, SINCE, now))
        since = now
    low = {what.removeprefix(BATTERY): at for what, at in was_done.items() if what.startswith(BATTERY)}
    return ReminderState(
        since=since,
        pumped_at=was_done.get(PUMPED),
        cleaned_at=was_done.get(CLEANED),
        low_since=low,
        reminded=was_reminded,
    )
