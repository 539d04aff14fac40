"""Reads from the tables what must be remembered: all of it, or as much of it as can still be read."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, NullPool, RowMapping, create_engine, func, select, text

from controller.memory import Answers, Chosen, CutOff, Identity, Remembered, Use
from controller.safety import Trip
from controller.store.files import read_only
from controller.store.stamp import Stamp, seconds_since
from controller.store.tables import ANSWERS, CHOSEN, RUNNING, SESSION, TRIP, USE, stamp_of
from devices.roles import Side

_LOGGER = logging.getLogger(__name__)


@dataclass
class _Known:
    """What has been read so far of one body or station."""

    running: dict[str, Identity] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)
    rest: dict[str, Any] = field(default_factory=dict)

    def remembered(self) -> Remembered:
        return Remembered(running=self.running, uses=tuple(self.uses), **self.rest)


_ByName = defaultdict[str, _Known]
_Reader = Callable[[Connection, Stamp, _ByName], None]


def read(connection: Connection, now: Stamp) -> dict[str, Remembered]:
    """Return what each body and station knew, by its name. Raise whatever is wrong with a table."""
    known = _ByName(_Known)
    for read_table in _READERS.values():
        read_table(connection, now, known)
    return {name: each.remembered() for name, each in known.items()}


def read_what_can_be_read(path: Path, now: Stamp) -> dict[str, Remembered]:
    """Return the same of a file that cannot be used: each table by itself, up to where it cannot be read."""
    known = _ByName(_Known)
    engine = create_engine("sqlite://", creator=lambda: _forgiving(path), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            there = set(connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars())
            for table, read_table in _READERS.items():
                if table not in there:
                    continue
                try:
                    read_table(connection, now, known)
                except Exception as error:  # noqa: BLE001 - the other tables may be sound
                    words = "the table %s of the store at %s cannot be read: %s"
                    _LOGGER.warning(words, table, path, _first_line(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, there is nothing to read
        _LOGGER.warning("nothing in the store at %s can be read: %s", path, _first_line(error))
    return {name: each.remembered() for name, each in known.items()}


def next_use(connection: Connection) -> int:
    """Return the first number that no stretch of use has."""
    return int(connection.execute(select(func.coalesce(func.max(USE.c.number) + 1, 0))).scalar_one())


def _forgiving(path: Path) -> sqlite3.Connection:
    """Open a file for reading, also one that was cut, and whatever bytes its texts are."""
    connection = read_only(path)
    connection.execute("PRAGMA writable_schema = ON")  # not to write: only so is a cut file read
    connection.text_factory = lambda content: content.decode(errors="replace")
    return connection


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).partition("\n")[0]


# One for each table. They add what they read row by row: where a table breaks off, what came before is known.


def _read_running(connection: Connection, now: Stamp, known: _ByName) -> None:  # noqa: ARG001 - all have the same
    # All columns that there are, whatever version made them: these devices must be found and stopped.
    for row in connection.execute(text("SELECT * FROM running")).mappings():
        known[row["station"]].running[row["device"]] = _identity(row)


def _identity(row: RowMapping) -> Identity:
    """Return what is known of a device. Of one that may still run, the name alone is better than nothing."""
    try:
        return Identity(
            name=row["device"],
            profile=row.get("profile") or "",
            side=row.get("side") or Side.BOTH,
            address=row.get("address"),
            advertised_name=row.get("advertised_name"),
            uuids=json.loads(row.get("uuids") or "{}"),
        )
    except (TypeError, ValueError) as error:
        words = "where to find %s, which may still run, cannot be read from the store: %s"
        _LOGGER.warning(words, row["device"], _first_line(error))
        return Identity(name=str(row["device"]), profile="")


def _read_trips(connection: Connection, now: Stamp, known: _ByName) -> None:  # noqa: ARG001
    for row in connection.execute(select(TRIP)):
        known[row.station].rest["trip"] = Trip(kind=row.kind, device=row.device, words=row.words)


def _read_answers(connection: Connection, now: Stamp, known: _ByName) -> None:
    for row in connection.execute(select(ANSWERS)):
        known[row.station].rest["answers"] = Answers(
            on=row.day,
            values=row.answers,
            standing=row.standing,
            day_left_seconds=max(0.0, row.day_left_seconds - seconds_since(stamp_of(row), now)),
        )


def _read_choices(connection: Connection, now: Stamp, known: _ByName) -> None:  # noqa: ARG001
    for row in connection.execute(select(CHOSEN)):
        chosen = Chosen(routine=row.routine, side=row.side, comfort_vacuum_mmhg=row.comfort_vacuum_mmhg)
        known[row.station].rest["chosen"] = chosen


def _read_uses(connection: Connection, now: Stamp, known: _ByName) -> None:
    for row in connection.execute(select(USE).order_by(USE.c.body, USE.c.number)):
        passed_seconds = seconds_since(stamp_of(row), now)
        use = Use(
            budgets=row.budgets,
            began_seconds_ago=row.began_seconds_ago + passed_seconds,
            ended_seconds_ago=row.ended_seconds_ago + passed_seconds,
        )
        known[row.body].uses.append(use)


def _read_cut_off(connection: Connection, now: Stamp, known: _ByName) -> None:  # noqa: ARG001
    """Read the sessions that have no outcome; the latest of a station counts."""
    for row in connection.execute(select(SESSION).where(SESSION.c.outcome.is_(None)).order_by(SESSION.c.began_at)):
        known[row.station].rest["cut_off"] = CutOff(session_id=row.id, routine=row.routine, side=row.side)


_READERS: dict[str, _Reader] = {
    RUNNING.name: _read_running,
    TRIP.name: _read_trips,
    ANSWERS.name: _read_answers,
    CHOSEN.name: _read_choices,
    USE.name: _read_uses,
    SESSION.name: _read_cut_off,
}
