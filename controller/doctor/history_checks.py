"""Checks of the history: whether its database can be reached and used, and whether records wait for it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection
from pathlib import Path

from controller.database.bounded_threads import BoundedThreads
from controller.database.database import Database
from controller.database.migrations import checked_version
from controller.database.postgres_database import PostgresDatabase
from controller.database.sqlite_database import SqliteDatabase, create_file, files_of
from controller.doctor.check_result import CheckResult, note, ok, problem, problem_of
from controller.history.earlier_file import earlier_file
from controller.history.history_queue import HistoryQueue
from controller.history.history_store import queue_file
from controller.history.history_writing import SCHEMA
from devices.support.file_permissions import shared

_ANSWER_SECONDS = 5.0
_WITH_OWNERS = 2  # the version of the tables from which on they know of owners


async def history(
    path: Path, database: Database | None, *, service_runs: bool, alone: Collection[str] = ()
) -> CheckResult:
    """Check the file at `path`, or else `database`. Creates and changes nothing.

    `alone`: the stations, where this controller belongs to no fleet.
    """
    checked = database or SqliteDatabase(path, subject="the history")
    try:
        return await BoundedThreads("check of the history", 1).run(
            lambda: _check(path, checked, is_file=database is None, service_runs=service_runs, alone=alone),
            _ANSWER_SECONDS,
        )
    except TimeoutError:
        return problem_of("history", checked.no_answer(_ANSWER_SECONDS))


def _check(path: Path, database: Database, *, is_file: bool, service_runs: bool, alone: Collection[str]) -> CheckResult:
    try:
        found = _check_file(path) if is_file else None
        if found is not None:
            return found
        version = checked_version(database, SCHEMA)
        if not version and isinstance(database, PostgresDatabase):
            database.check_rights()
        refused = sorted(_of_a_fleet(database) & set(alone)) if version >= _WITH_OWNERS and not is_file else []
        waiting = HistoryQueue(queue_file(path)).count() if queue_file(path).exists() else 0
    except Exception as error:  # noqa: BLE001 - whatever it is, it is explained
        return problem_of("history", database.explain(error))
    finally:
        database.close()
    if refused:
        message = f"{database.name} refuses the sessions of {', '.join(refused)}: a fleet has served there"
        return problem("history", message, "docs/fleet.md, To go back, gives this controller a history of its own")
    state = "can be used" if version else "can be used; its tables are created on the next `letdown run`"
    if waiting and not service_runs:
        records = "record waits" if waiting == 1 else "records wait"
        return note("history", f"{database.name} {state}; {waiting} {records} for it", "letdown run writes them")
    if earlier_file(path, None if is_file else database) is not None:
        return note("history", f"{database.name} {state}; earlier sessions are in {path}", "letdown history move")
    return ok("history", f"{database.name} {state}")


def _of_a_fleet(database: Database) -> set[str]:
    """Return the stations that a fleet has served; see `controller/history/epochs.py`."""
    with database.reading() as transaction:
        return {str(row["station"]) for row in transaction.read("SELECT DISTINCT station FROM station_epoch", {})}


def _check_file(path: Path) -> CheckResult | None:
    """Check what only a file has. Return what is to be said instead of anything else."""
    if not path.exists():
        folder = next(each for each in path.parents if each.exists())
        if os.access(folder, os.W_OK | os.X_OK):
            return note("history", f"{path} does not exist yet: created on first `letdown run`")
        return problem("history", f"{path} cannot be created", f"let this user write in {folder}, or set store.path")
    create_file(path)  # it exists: this only checks whether it can be written
    if exposed := [file for each in (path, queue_file(path)) for file in files_of(each) if shared(file)]:
        message = f"others than its owner may read or write {path}, which contains health data"
        return problem("history", message, f"chmod 600 {shlex.join(map(str, exposed))}")
    return None
