"""Opens a store: brings its tables up to date, ends the sessions that were cut off, and reads what must be remembered.

It is done before anything runs, in a thread of its own and in plain steps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import Connection, Row, Table, select, update

from controller.events import SessionState
from controller.memory import CUT_OFF, Chosen, CutOff, Remembered, Used
from controller.safety import Trip
from controller.store.backlog import Left, read_left
from controller.store.engine import engine_of
from controller.store.files import hold, revision_of, too_new, understood
from controller.store.tables import ANSWERS, CHOSEN, REVISION, RUNNING, SESSION, TRIP, USED


@dataclass(frozen=True)
class Opened:
    """A file that is held until `lock` is released, what each station knew, and the events that wait."""

    lock: FileLock
    remembered: dict[str, Remembered]
    left: Left


def open_file(path: Path, now: datetime) -> Opened:
    """Hold the file, and return what is in it. Raise `StoreError`."""
    lock = hold(path)
    try:
        return Opened(lock, *_content(path, now))
    except BaseException:
        lock.release()
        raise


def _content(path: Path, now: datetime) -> tuple[dict[str, Remembered], Left]:
    revision = revision_of(path)
    with understood(path), engine_of(path).begin() as connection:
        if revision != REVISION:
            _upgrade(connection, path, revision)
        cut_off = _end_what_was_cut_off(connection)
        return _read(connection, now, cut_off), read_left(connection)


def _upgrade(connection: Connection, path: Path, revision: str | None) -> None:
    # Only here, since it is needed once for each new version, and takes its time.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:  # it knows no migration from there
        raise too_new(path, str(revision)) from error


def _end_what_was_cut_off(connection: Connection) -> Sequence[Row[Any]]:
    """End every session without an outcome; when it ended, nobody knows. Return them, the latest last."""
    open_still = SESSION.c.outcome.is_(None)
    rows = connection.execute(select(SESSION).where(open_still).order_by(SESSION.c.began_at)).all()
    connection.execute(update(SESSION).where(open_still).values(outcome=SessionState.FAILED.value, reason=CUT_OFF))
    return rows


def _read(connection: Connection, now: datetime, cut_off: Sequence[Row[Any]]) -> dict[str, Remembered]:
    """Return what each station knew, by its name."""

    def all_of(table: Table) -> Sequence[Row[Any]]:
        return connection.execute(select(table)).all()

    known: defaultdict[str, dict[str, Any]] = defaultdict(lambda: {"running": set(), "used": {}})
    for row in all_of(RUNNING):
        known[row.station]["running"].add(row.device)
    for row in all_of(TRIP):
        known[row.station]["trip"] = Trip(kind=row.kind, device=row.device, words=row.words)
    for row in all_of(ANSWERS):
        known[row.station] |= {"answered_on": row.day, "answers": row.answers}
    for row in all_of(CHOSEN):
        chosen = Chosen(routine=row.routine, side=row.side, comfort_vacuum_mmhg=row.comfort_vacuum_mmhg)
        known[row.station]["chosen"] = chosen
    for row in all_of(USED):
        # Where its rest was still ahead, or the clock went backwards, it has not rested.
        rested_seconds = max(0.0, (now - row.last_on).total_seconds())
        known[row.station]["used"][row.budget] = Used(used_seconds=row.used_seconds, rested_seconds=rested_seconds)
    for row in cut_off:
        known[row.station]["cut_off"] = CutOff(session_id=row.id, routine=row.routine, side=row.side)
    return {station: Remembered.model_validate(values) for station, values in known.items()}
