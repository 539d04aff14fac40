"""Opens a store: brings its tables up to date, ends the sessions that were cut off, and reads what must be remembered.

It is done before anything runs, in a thread of its own and in plain steps. A store that cannot be used, or a disk that
does not answer, is no reason not to start: stopping needs none.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock
from sqlalchemy import Connection, delete, select, update

from controller.events import SessionState
from controller.memory import CUT_OFF, Remembered
from controller.store.backlog import Left, read_left
from controller.store.contents import next_use, read, read_what_can_be_read
from controller.store.engine import engine_of
from controller.store.errors import InUseError, explained, silent
from controller.store.files import FileIds, hold, lasting_ids, make_file, make_private, revision_of, too_new, understood
from controller.store.stamp import Stamp, seconds_since
from controller.store.tables import REVISION, SESSION, USE, stamp_of

_LOGGER = logging.getLogger(__name__)

OPENING_SECONDS = 30.0  # a slow disk, and an update of the tables
_USES_SECONDS = 25 * 3600.0  # nothing counts for longer than a day


@dataclass(frozen=True)
class Contents:
    """What is in a file: what each body and station knew, the events that wait, and the first free number of a use."""

    remembered: dict[str, Remembered] = field(default_factory=dict)
    left: Left = field(default_factory=lambda: Left([], 0))
    next_use: int = 0


@dataclass(frozen=True)
class Opened:
    """A file that is held until `lock` is released. `trouble`: why it cannot be used, with the remedy."""

    lock: FileLock | None
    contents: Contents
    files: FileIds = field(default_factory=dict)
    trouble: str | None = None


async def open_in_time(path: Path, now: Stamp) -> Opened:
    """Do what `open_file` does, in a thread, and do not wait for ever. Raise `InUseError`."""
    opened: Future[Opened] = Future()
    opened.set_running_or_notify_cancel()  # it cannot be cancelled, only left alone

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
        return Opened(None, Contents(), trouble=_trouble(path, silent(path, OPENING_SECONDS)))


def open_file(path: Path, now: Stamp) -> Opened:
    """Hold the file, and return what is in it, as far as it can be read. Raise `InUseError`, and nothing else."""
    lock: FileLock | None = None
    try:
        lock = hold(path)
        make_file(path)
        make_private(path)
        files = lasting_ids(path)
        return Opened(lock, _contents(path, now), files)
    except InUseError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, what runs must be stopped
        trouble = _trouble(path, error)
        return Opened(lock, Contents(read_what_can_be_read(path, now)), trouble=trouble)


def _trouble(path: Path, error: Exception) -> str:
    """Log what is wrong, and return it in words."""
    trouble = f"{explained(path, error)}, and restart Letdown"
    _LOGGER.error("%s; until then nothing starts, and nothing is remembered", trouble)
    _LOGGER.debug("what was wrong with the store", exc_info=error)
    return trouble


def _contents(path: Path, now: Stamp) -> Contents:
    revision = revision_of(path)
    with understood(path), engine_of(path).begin() as connection:
        if revision != REVISION:
            _upgrade(connection, path, revision)
        contents = Contents(read(connection, now), read_left(connection), next_use(connection))
        _end_what_was_cut_off(connection)
        _forget_old_uses(connection, now)
        return contents


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


def _end_what_was_cut_off(connection: Connection) -> None:
    """End every session without an outcome; when it ended, nobody knows."""
    ended = update(SESSION).where(SESSION.c.outcome.is_(None))
    connection.execute(ended.values(outcome=SessionState.FAILED.value, reason=CUT_OFF))


def _forget_old_uses(connection: Connection, now: Stamp) -> None:
    """Delete the stretches of use that ended so long ago that they count for nothing."""
    for row in connection.execute(select(USE)).all():
        if row.ended_seconds_ago + seconds_since(stamp_of(row), now) > _USES_SECONDS:
            connection.execute(delete(USE).filter_by(body=row.body, number=row.number))
