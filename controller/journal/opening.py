"""Opens a store: brings its tables up to date, and reads the saved state.

It is done in a thread before anything runs. A store that cannot be used, or a disk that does not answer, does not
prevent the controller from starting: stopping needs no store.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from controller.contract.events import Event
from controller.database.database import Row
from controller.database.migrations import files as migrations
from controller.database.migrations import run_file
from controller.database.sqlite_database import SqliteTransaction, back_up
from controller.journal.state_reader import next_use, read_readable_state, read_state
from controller.journal.store_errors import InUseError, explain_error, no_answer
from controller.journal.store_files import (
    LASTING,
    FileIds,
    create_file,
    database_of,
    explained_errors,
    file_ids,
    lock_store,
    make_private,
    revision_of,
    too_new,
)
from controller.journal.stored_persistence import read_unpublished
from controller.journal.tables import CREATE_VERSION, REVISION, SCHEMA, UNDER_WAY, USE, timestamp_of
from controller.journal.timestamp import Timestamp, seconds_since
from controller.safety.persistence import SavedState

_LOGGER = logging.getLogger(__name__)

OPENING_SECONDS = 30.0  # allows for a slow disk and a migration
_USES_SECONDS = 25 * 3600.0  # nothing counts for longer than a day


@dataclass(frozen=True)
class StoredData:
    """What is in a file: states by body and station, and unpublished events.

    `sequence`: the highest of these events; `next_use`: the first free number of a use period. `interrupted_sessions`:
    those under way when the controller ended. `earlier_sessions`: rows of an earlier version, which the history takes
    over.
    """

    states: dict[str, SavedState] = field(default_factory=dict)
    unpublished: list[Event] = field(default_factory=list)
    sequence: int = 0
    next_use: int = 0
    interrupted_sessions: list[Row] = field(default_factory=list)
    earlier_sessions: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class OpenedStore:
    """A file that is locked until `lock` is released. `problem`: why it cannot be used, with the remedy."""

    lock: FileLock | None
    data: StoredData
    files: FileIds = field(default_factory=dict)
    problem: str | None = None


async def open_in_time(path: Path, now: Timestamp) -> OpenedStore:
    """Do what `open_file` does, in a thread, within `OPENING_SECONDS`. Raise `InUseError`."""
    opened: Future[OpenedStore] = Future()
    opened.set_running_or_notify_cancel()  # it cannot be cancelled, only abandoned

    def work() -> None:
        try:
            opened.set_result(open_file(path, now))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            opened.set_exception(error)

    # A daemon, so that a disk that hangs does not hold up the end of the process.
    threading.Thread(target=work, name=f"opening {path.name}", daemon=True).start()
    try:
        async with asyncio.timeout(OPENING_SECONDS):
            return await asyncio.wrap_future(opened)
    except TimeoutError:
        return OpenedStore(None, StoredData(), problem=_log_problem(path, no_answer(path, OPENING_SECONDS)))


def open_file(path: Path, now: Timestamp) -> OpenedStore:
    """Lock the file and read what is in it, as far as it is readable. Raise `InUseError`, and nothing else."""
    lock: FileLock | None = None
    try:
        lock = lock_store(path)
        create_file(path)
        make_private(path)
        files = file_ids(path, LASTING)
        return OpenedStore(lock, _read(path, now), files)
    except InUseError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, running devices must be stopped
        problem = _log_problem(path, error)
        return OpenedStore(lock, StoredData(read_readable_state(path, now)), problem=problem)


def _log_problem(path: Path, error: Exception) -> str:
    """Log a problem with its remedy, and return it."""
    problem = f"{explain_error(path, error)}, and restart Letdown"
    _LOGGER.error("%s; until then nothing starts, and nothing is saved", problem)
    _LOGGER.debug("the store cannot be used", exc_info=error)
    return problem


def _read(path: Path, now: Timestamp) -> StoredData:
    """Bring the tables up to date, read them, and clean them up, all in one transaction."""
    revision = revision_of(path)
    if revision is not None and revision > REVISION:
        raise too_new(path, revision)
    with explained_errors(path), contextlib.closing(database_of(path)) as database:
        if revision is not None and revision < REVISION:
            back_up(path, revision)
        with database.writing() as transaction:
            if revision != REVISION:
                _migrate(transaction, revision)
            data = StoredData(
                read_state(transaction, now),
                *read_unpublished(transaction),
                next_use(transaction),
                transaction.read(f"SELECT * FROM {UNDER_WAY.name}"),  # noqa: S608 - a name of ours
                transaction.read("SELECT * FROM earlier_session ORDER BY began_at"),
            )
            _delete_old_uses(transaction, now)
        return data


def _migrate(transaction: SqliteTransaction, revision: str | None) -> None:
    """Bring the tables from a revision to the newest; `None`: of an empty file."""
    if revision is None:
        transaction.execute(CREATE_VERSION)
        transaction.execute("INSERT INTO alembic_version (version_num) VALUES ('')")
    for _, file in migrations(SCHEMA, after=int(revision or 0)):
        run_file(transaction, file)
    transaction.execute("UPDATE alembic_version SET version_num = :revision", {"revision": REVISION})


def _delete_old_uses(transaction: SqliteTransaction, now: Timestamp) -> None:
    """Delete the use periods that ended too long ago to count."""
    for row in transaction.read(f"SELECT * FROM {USE.name}"):  # noqa: S608 - a name of ours
        if row["ended_seconds_ago"] + seconds_since(timestamp_of(row), now) > _USES_SECONDS:
            statement = USE.delete({"body": row["body"], "number": row["number"]})
            transaction.execute(statement.sql, statement.parameters)
