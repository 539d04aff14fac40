"""What the store holds: one table for each thing that must not be forgotten, one of the sessions there were, and
one of the events that no broker has yet.

`station` is the name of a station or of a body. A change here needs a new migration, and its number in `REVISION`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, Date, Dialect, Float, Integer, MetaData, Row, Table, Text
from sqlalchemy.types import TypeDecorator

from controller.store.stamp import Stamp

REVISION = "0004"


class UtcTime(TypeDecorator[datetime]):
    """A moment, kept as ISO text in UTC, which sorts by time."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's
        """Return the moment as text."""
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the moment that a text stands for."""
        return None if value is None else datetime.fromisoformat(value)


def _stamp_columns() -> tuple[Column[Any], ...]:
    """Return the columns that hold when a row was written, as a `Stamp`."""
    return (
        Column("boot_id", Text, nullable=False),
        Column("monotonic_seconds", Float, nullable=False),
        Column("wall", UtcTime, nullable=False),
    )


def stamp_values(stamp: Stamp) -> dict[str, Any]:
    """Return what these columns hold for a stamp."""
    return {"boot_id": stamp.boot_id, "monotonic_seconds": stamp.monotonic_seconds, "wall": stamp.wall}


def stamp_of(row: Row[Any]) -> Stamp:
    """Return the stamp that a row holds."""
    return Stamp(row.boot_id, row.monotonic_seconds, row.wall)


METADATA = MetaData()

# Devices that were told to start and are not known to have stopped, and what is needed to find them. No secrets.
RUNNING = Table(
    "running",
    METADATA,
    Column("station", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("since", UtcTime, nullable=False),
    Column("profile", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("address", Text),
    Column("advertised_name", Text),
    Column("uuids", JSON, nullable=False),
)

# The trip that nobody has acknowledged yet.
TRIP = Table(
    "trip",
    METADATA,
    Column("station", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("tripped_at", UtcTime, nullable=False),
)

# The latest answers to the check, yes or no by question; symptoms of an earlier day; what was left of the day then.
ANSWERS = Table(
    "answers",
    METADATA,
    Column("station", Text, primary_key=True),
    Column("day", Date),
    Column("answers", JSON, nullable=False),
    Column("standing", JSON, nullable=False),
    Column("day_left_seconds", Float, nullable=False),
    *_stamp_columns(),
)

# What a person chose beforehand; nothing where they chose nothing.
CHOSEN = Table(
    "chosen",
    METADATA,
    Column("station", Text, primary_key=True),
    Column("routine", Text),
    Column("side", Text),
    Column("comfort_vacuum_mmhg", Float),
)

# Stretches of time in which an energy was on. They begin and end so many seconds before the row was written; the end is
# below 0 where it lay ahead. One stamp for both: whatever the clocks do, a stretch never gets shorter.
USE = Table(
    "use",
    METADATA,
    Column("body", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("budgets", JSON, nullable=False),
    Column("began_seconds_ago", Float, nullable=False),
    Column("ended_seconds_ago", Float, nullable=False),
    *_stamp_columns(),
)

# Sessions: those that have no outcome are under way. Milk by side as devices measured it, and as it was logged by hand.
SESSION = Table(
    "session",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("station", Text, nullable=False),
    Column("routine", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("began_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("outcome", Text),
    Column("reason", Text),
    Column("let_down_seconds", Float),
    Column("left_ml", Float),
    Column("right_ml", Float),
    Column("both_ml", Float),
    Column("logged_left_ml", Float),
    Column("logged_right_ml", Float),
    Column("peak_vacuum_mmhg", Float),
    Column("warmest_celsius", Float),
)

# Events that no broker has acknowledged yet, each as the JSON that is published, in the order of their sequence.
OUTBOX = Table(
    "outbox",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("station", Text, nullable=False),
    Column("event", Text, nullable=False),
)
