"""The file with the history from before that went to a server: it is copied there, and erased with it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any

from controller.contract.session_record import HistoryError
from controller.database.database import Database, Row, Statement
from controller.database.sqlite_database import SqliteDatabase, files_of, scrub
from controller.history.history_store import HistoryStore, queue_file
from controller.history.session_import import Imported, import_sessions
from controller.history.session_records import SessionRecords

_AT_ONCE = 50  # sessions in one transaction: their curves are in memory meanwhile
_WRITE_SECONDS = 60.0
_BUSY_SECONDS = 3.0
# All but sessions. What the server has already stays as it is there.
_TABLES = ("comfort", "done", "reminded")
_UPLOADS = ("upload", "upload_target")
# Of two vacuums at which suction begins, the lower one counts: moving a history must raise nothing.
_LOWER = """
ON CONFLICT (station, side, phase) DO UPDATE SET mmhg = excluded.mmhg, because = excluded.because,
    since = excluded.since, too_much_mmhg = excluded.too_much_mmhg
WHERE excluded.mmhg < comfort_learned.mmhg
"""


def earlier_file(path: Path, database: Database | None) -> Path | None:
    """Return the file at `path` where it holds a history although the settings name a `database`; else `None`."""
    return path if database is not None and path.exists() and path.stat().st_size else None


@contextlib.asynccontextmanager
async def opened_earlier(path: Path) -> AsyncIterator[HistoryStore]:
    """Open the file for a block, to read it alone. Its tables are brought up to date. Reading raises `HistoryError`."""
    database = SqliteDatabase(path, must_exist=True, subject="the earlier history")
    try:
        # The queue beside it is for the server now. It is not opened, since nothing is written.
        yield HistoryStore(database, queue_file(path))
    finally:
        database.close()


async def copy_earlier(source: HistoryStore, target: HistoryStore) -> Imported:
    """Copy everything that is not in the target yet: sessions, stored milk, what was learned, what was sent.

    What is there already stays as it is; of learned vacuums, the lower one counts. It can be done again after an
    error. Raise `HistoryError`.
    """
    records, done = SessionRecords(source), Imported()
    ids = [row["id"] for row in await source.read("SELECT id FROM session ORDER BY began_at, id")]
    for first in range(0, len(ids), _AT_ONCE):
        found = [await records.details(id_) for id_ in ids[first : first + _AT_ONCE]]
        some = await import_sessions(target, [each for each in found if each is not None], replace=False)
        done.added += some.added
        done.same += some.same
        done.different += some.different
    statements = [*await _learned(source), *await _stash(source, target)]
    for table in _TABLES:
        statements += [_insert(table, row) for row in await _rows(source, table)]
    await target.write(*statements, seconds=_WRITE_SECONDS)
    await copy_uploads(source, target)
    return done


async def copy_uploads(source: HistoryStore, target: HistoryStore) -> None:
    """Copy what other programs have, or are to get: so that it is not sent twice, and can be erased there."""
    statements = [_insert(table, row) for table in _UPLOADS for row in await _rows(source, table)]
    await target.write(*statements, seconds=_WRITE_SECONDS)


async def _learned(source: HistoryStore) -> list[Statement]:
    return [_insert("comfort_learned", row, _LOWER) for row in await _rows(source, "comfort_learned")]


async def _stash(source: HistoryStore, target: HistoryStore) -> list[Statement]:
    """Return what copies the bottles and bags that the target does not know at all: two pasts of one do not mix."""
    known = {(row["station"], row["container"]) for row in await _rows(target, "stash_movement")}
    rows = sorted(await _rows(source, "stash_movement"), key=lambda row: row["number"])
    return [_insert("stash_movement", row) for row in rows if (row["station"], row["container"]) not in known]


async def _rows(store: HistoryStore, table: str) -> list[Row]:
    return await store.read(f"SELECT * FROM {table}")  # noqa: S608 - names of our own


def _insert(table: str, row: dict[str, Any], conflict: str = "ON CONFLICT DO NOTHING") -> Statement:
    values = ", ".join(f":{name}" for name in row)
    return Statement(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values}) {conflict}", row)  # noqa: S608 - names of our own


def erase_from_file(path: Path, ids: Collection[str]) -> None:
    """Erase sessions from the file, and overwrite what was there. Raise `HistoryError`."""
    address = f"{path.absolute().as_uri()}?mode=rw"
    try:
        with contextlib.closing(
            sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
        ) as file:
            file.execute("PRAGMA secure_delete = ON")
            file.execute("PRAGMA foreign_keys = ON")  # with a session goes all that belongs to it
            file.execute("BEGIN IMMEDIATE")
            file.executemany("DELETE FROM session WHERE id = ?", [(id_,) for id_ in ids])
            file.executemany("DELETE FROM upload WHERE session_id = ?", [(id_,) for id_ in ids])
            file.execute("COMMIT")
        scrub(path)
    except sqlite3.Error as error:
        raise HistoryError(f"{path}, an earlier history, cannot be changed ({error}); try again") from error


def delete_file(path: Path) -> None:
    """Delete the file with all copies of it, unless another program has it open. Raise `HistoryError`."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")  # needs the file for itself
        for file in files_of(path):
            file.unlink(missing_ok=True)
    except sqlite3.OperationalError as error:
        in_use = f"{path}, an earlier history, is in use ({error}) and was not deleted"
        raise HistoryError(f"{in_use}; end what uses it, such as `letdown run` with earlier settings") from error
    except OSError as error:
        raise HistoryError(f"{path}, an earlier history, cannot be deleted ({error.strerror})") from error
