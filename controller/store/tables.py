"""What the store holds: one table for each thing that must not be forgotten, one of the sessions there were, and
one of the events that no broker has yet.

A change here needs a new migration, and its number in `REVISION`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import JSON, Column, Date, Dialect, Float, Integer, MetaData, Table, Text
from sqlalchemy.types import TypeDecorator

REVISION = "0003"


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


METADATA = MetaData()

# Devices that were told to start and are not known to have stopped.
RUNNING = Table(
    "running",
    METADATA,
    Column("station", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("since", UtcTime, nullable=False),
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

# The latest day's answers to the check, yes or no by question.
ANSWERS = Table(
    "answers",
    METADATA,
    Column("station", Text, primary_key=True),
    Column("day", Date, nullable=False),
    Column("answers", JSON, nullable=False),
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

# How long something was on without the rest that starts it anew, and when it was on last.
USED = Table(
    "used",
    METADATA,
    Column("station", Text, primary_key=True),
    Column("budget", Text, primary_key=True),
    Column("used_seconds", Float, nullable=False),
    Column("last_on", UtcTime, nullable=False),
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
