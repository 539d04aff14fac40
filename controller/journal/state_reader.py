"""Reads the saved state of bodies and stations from the tables: all of it, or as much as is still readable."""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from controller.database.database import Row
from controller.database.sqlite_database import SqliteTransaction, read_only
from controller.journal.tables import ANSWERS, RUNNING, START_DEFAULTS, TRIP, UNDER_WAY, USE, Table, timestamp_of
from controller.journal.timestamp import Timestamp, seconds_since
from controller.safety.limits import Trip, TripKind
from controller.safety.persistence import (
    DeviceIdentity,
    EnergyUse,
    InterruptedSession,
    SavedAnswers,
    SavedStartDefaults,
    SavedState,
)
from devices.roles import Side

_LOGGER = logging.getLogger(__name__)


# The fields of `SavedState` that have been read so far, by body or station.
_StateByName = defaultdict[str, dict[str, Any]]
_TableReader = Callable[[SqliteTransaction, Timestamp, _StateByName], None]


def read_state(transaction: SqliteTransaction, now: Timestamp) -> dict[str, SavedState]:
    """Return the saved state of each body and station, by its name. Raise whatever is wrong with a table."""
    state = _StateByName(dict)
    for read_table in _READERS.values():
        read_table(transaction, now, state)
    return {name: SavedState(**fields) for name, fields in state.items()}


def read_readable_state(path: Path, now: Timestamp) -> dict[str, SavedState]:
    """Return the same of a damaged or unknown file: each table by itself, up to its first unreadable row."""
    state = _StateByName(dict)
    try:
        with contextlib.closing(_connect_leniently(path)) as connection:
            transaction = SqliteTransaction(connection)
            tables = {row["name"] for row in transaction.read("SELECT name FROM sqlite_master")}
            for table, read_table in (_READERS | _EARLIER).items():
                if table not in tables:
                    continue
                try:
                    read_table(transaction, now, state)
                except Exception as error:  # noqa: BLE001 - the other tables may be readable
                    words = "the table %s of the store at %s cannot be read: %s"
                    _LOGGER.warning(words, table, path, _first_line(error))
    except Exception as error:  # noqa: BLE001 - then nothing is readable
        _LOGGER.warning("nothing in the store at %s can be read: %s", path, _first_line(error))
    return {name: SavedState(**fields) for name, fields in state.items()}


def next_use(transaction: SqliteTransaction) -> int:
    """Return the first unused number of a use period."""
    (row,) = transaction.read(f"SELECT coalesce(max(number) + 1, 0) AS number FROM {USE.name}")  # noqa: S608 - our name
    return int(row["number"])


def _connect_leniently(path: Path) -> sqlite3.Connection:
    """Open a file for reading, also a truncated one, and with texts of any bytes."""
    connection = read_only(path)
    connection.execute("PRAGMA writable_schema = ON")  # not to write: SQLite reads a truncated file only with it
    connection.text_factory = lambda content: content.decode(errors="replace")
    return connection


def _rows(transaction: SqliteTransaction, table: Table, order: str = "rowid") -> Iterator[Row]:
    return transaction.rows(f"SELECT * FROM {table.name} ORDER BY {order}")  # noqa: S608 - names of ours


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


# One for each table. They add row by row, so that the rows before an unreadable one count.


def _read_running(transaction: SqliteTransaction, now: Timestamp, state: _StateByName) -> None:  # noqa: ARG001 - all have the same parameters
    # All columns, whatever version created them: these devices must be found and stopped.
    for row in _rows(transaction, RUNNING):
        state[row["station"]].setdefault("running", {})[row["device"]] = _identity(row)


def _identity(row: Row) -> DeviceIdentity:
    """Return the identity of a device that may still run. Its name alone is better than nothing."""
    try:
        return DeviceIdentity(
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
        return DeviceIdentity(name=str(row["device"]), profile="")


def _read_trips(transaction: SqliteTransaction, now: Timestamp, state: _StateByName) -> None:  # noqa: ARG001
    for row in _rows(transaction, TRIP):
        state[row["station"]]["trip"] = Trip(kind=TripKind(row["kind"]), device=row["device"], detail=row["words"])


def _read_answers(transaction: SqliteTransaction, now: Timestamp, state: _StateByName) -> None:
    for row in _rows(transaction, ANSWERS):
        state[row["station"]]["answers"] = SavedAnswers(
            on=None if row["day"] is None else date.fromisoformat(row["day"]),
            values=json.loads(row["answers"]),
            standing=json.loads(row["standing"]),
            day_left_seconds=max(0.0, row["day_left_seconds"] - seconds_since(timestamp_of(row), now)),
        )


def _read_start_defaults(transaction: SqliteTransaction, now: Timestamp, state: _StateByName) -> None:  # noqa: ARG001
    for row in _rows(transaction, START_DEFAULTS):
        chosen = {name: row[name] for name in START_DEFAULTS.others}
        state[row["station"]]["start_defaults"] = SavedStartDefaults(**chosen)


def _read_uses(transaction: SqliteTransaction, now: Timestamp, state: _StateByName) -> None:
    for row in _rows(transaction, USE, "body, number"):
        passed_seconds = seconds_since(timestamp_of(row), now)
        use = EnergyUse(
            budgets=json.loads(row["budgets"]),
            began_seconds_ago=row["began_seconds_ago"] + passed_seconds,
            ended_seconds_ago=row["ended_seconds_ago"] + passed_seconds,
        )
        state[row["body"]].setdefault("energy_uses", []).append(use)


def _read_interrupted_sessions(transaction: SqliteTransaction, now: Timestamp, state: _StateByName) -> None:  # noqa: ARG001
    _add_interrupted(_rows(transaction, UNDER_WAY), state)


def _read_earlier_interrupted(transaction: SqliteTransaction, now: Timestamp, state: _StateByName) -> None:  # noqa: ARG001
    _add_interrupted(transaction.rows("SELECT * FROM session WHERE outcome IS NULL ORDER BY began_at"), state)


def _add_interrupted(rows: Iterable[Row], state: _StateByName) -> None:
    for row in rows:
        session = InterruptedSession(session_id=row["id"], routine=row["routine"], side=row["side"])
        state[row["station"]]["interrupted"] = session


_READERS: dict[str, _TableReader] = {
    RUNNING.name: _read_running,
    TRIP.name: _read_trips,
    ANSWERS.name: _read_answers,
    START_DEFAULTS.name: _read_start_defaults,
    USE.name: _read_uses,
    UNDER_WAY.name: _read_interrupted_sessions,
}
# Tables of earlier versions, in a file that could not be brought up to date.
_EARLIER: dict[str, _TableReader] = {"session": _read_earlier_interrupted}
