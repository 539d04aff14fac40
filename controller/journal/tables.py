"""The tables of the journal, as the files in `schema` create them, and how values are written to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from controller.database.database import Row, Statement
from controller.database.migrations import newest_in
from controller.journal.timestamp import Timestamp

SCHEMA = Path(__file__).parent / "schema"
REVISION = f"{newest_in(SCHEMA):04}"

# The revision of the tables is in a table of Alembic, which earlier versions used: they read it to see that a file is
# too new for them.
CREATE_VERSION = (
    "CREATE TABLE alembic_version "
    "(version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)

_TIMESTAMP = ("boot_id", "monotonic_seconds", "wall")  # the moment at which a row was written, as in `Timestamp`


@dataclass(frozen=True)
class Table:
    """A table whose rows are replaced and deleted by their key, the first of their columns."""

    name: str
    key: tuple[str, ...]
    others: tuple[str, ...]

    def put(self, row: Row) -> Statement:
        """Return what writes a whole row; it replaces the one with the same key."""
        return Statement(self._put, row)

    def delete(self, key: Mapping[str, object]) -> Statement:
        """Return what deletes the row with a key."""
        return Statement(self._delete, key)

    @cached_property
    def _put(self) -> str:
        columns = (*self.key, *self.others)
        values = ", ".join(f":{name}" for name in columns)
        return f"INSERT OR REPLACE INTO {self.name} ({', '.join(columns)}) VALUES ({values})"  # noqa: S608 - our names

    @cached_property
    def _delete(self) -> str:
        return f"DELETE FROM {self.name} WHERE {' AND '.join(f'{name} = :{name}' for name in self.key)}"  # noqa: S608


RUNNING = Table("running", ("station", "device"), ("since", "profile", "side", "address", "advertised_name", "uuids"))
TRIP = Table("trip", ("station",), ("kind", "device", "words", "tripped_at"))
ANSWERS = Table("answers", ("station",), ("day", "answers", "standing", "day_left_seconds", *_TIMESTAMP))
START_DEFAULTS = Table("chosen", ("station",), ("routine", "side", "comfort_vacuum_mmhg"))
USE = Table("use", ("body", "number"), ("budgets", "began_seconds_ago", "ended_seconds_ago", *_TIMESTAMP))
UNDER_WAY = Table("under_way", ("station",), ("id", "routine", "side", "began_at"))
OUTBOX = Table("outbox", ("id",), ("sequence", "station", "event"))


def as_text(moment: datetime) -> str:
    """Return a moment as ISO text in UTC, which sorts by time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def timestamp_columns(timestamp: Timestamp) -> Row:
    """Return the columns for the moment at which a row is written."""
    columns = (timestamp.boot_id, timestamp.monotonic_seconds, as_text(timestamp.wall))
    return dict(zip(_TIMESTAMP, columns, strict=True))


def timestamp_of(row: Row) -> Timestamp:
    """Return the moment at which a row was written."""
    return Timestamp(row["boot_id"], row["monotonic_seconds"], datetime.fromisoformat(row["wall"]))
