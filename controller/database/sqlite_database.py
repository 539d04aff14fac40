"""SQLite as a `Database`."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from controller.database.database import Dialect, Row, Transaction, plain
from controller.database.database_errors import CHECK_DISK, DatabaseError, disk_hangs, file_reason

# What is committed must be on the disk, so a commit waits for fsync (WAL alone would not). WAL allows others to read
# while the file is written. What is deleted is overwritten: it is health data.
PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON")
BUSY_SECONDS = 3.0  # how long to wait for another program that writes
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600

FileId = tuple[int, int]


class SqliteTransaction:
    """A transaction of SQLite."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Mapping[str, object] = {}) -> int:
        """Execute a statement; return how many rows it changed."""
        return self._connection.execute(sql, plain(parameters)).rowcount

    def read(self, sql: str, parameters: Mapping[str, object] = {}) -> list[Row]:
        """Return the rows of a query."""
        return list(self.rows(sql, parameters))

    def rows(self, sql: str, parameters: Mapping[str, object] = {}) -> Iterator[Row]:
        """Yield the rows of a query, up to the first that cannot be read."""
        cursor = self._connection.execute(sql, plain(parameters))
        names = [each[0] for each in cursor.description]
        for row in cursor:
            yield dict(zip(names, row, strict=True))


class SqliteDatabase:
    """One file. Writes share one connection; each read has its own, and waits for no write.

    `must_exist`: the file is not created, not even in place of one that was deleted. `subject`: what it is, in errors.
    """

    dialect: Dialect = "sqlite"

    def __init__(
        self,
        path: Path,
        *,
        must_exist: bool = False,
        subject: str = "the database",
        busy_seconds: float | None = None,
        pragmas: Sequence[str] = PRAGMAS,
    ) -> None:
        self.path = path
        self.name = f"{subject} at {path}"
        self._must_exist = must_exist
        self._busy_seconds = BUSY_SECONDS if busy_seconds is None else busy_seconds
        self._pragmas = pragmas
        self._lock = threading.Lock()  # guards the connection that writes
        self._writer: sqlite3.Connection | None = None

    @contextlib.contextmanager
    def reading(self) -> Iterator[SqliteTransaction]:
        """Open a transaction that only reads."""
        with (
            contextlib.closing(read_only(self.path, self._busy_seconds)) as connection,
            _transaction(connection, "BEGIN") as transaction,
        ):
            yield transaction

    @contextlib.contextmanager
    def writing(self) -> Iterator[SqliteTransaction]:
        """Open a transaction."""
        with self._lock:
            if self._writer is None:
                self._writer = self._connect()
            with _transaction(self._writer, "BEGIN IMMEDIATE") as transaction:
                yield transaction

    def create(self) -> None:
        """Create the file and its folder, for their owner only."""
        if self._must_exist:
            return
        for folder in reversed(self.path.parents):
            if not folder.exists():
                folder.mkdir(PRIVATE_FOLDER, exist_ok=True)
        create_file(self.path)

    def identity(self) -> FileId | None:
        """Return device and inode of the file; `None` where there is none."""
        return file_id(self.path)

    def tables(self, transaction: Transaction) -> set[str]:
        """Return the names of its tables."""
        rows = transaction.read("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'", {})
        return {row["name"] for row in rows}

    def migrates_alone(self, transaction: Transaction) -> None:
        """Do nothing: a transaction that writes is alone anyway."""

    def back_up(self, label: str) -> None:
        """Copy the file, as it is after its last transaction, to one beside it for its owner only."""
        back_up(self.path, label)

    def explain(self, error: Exception) -> DatabaseError:
        """Return an error with its remedy."""
        if isinstance(error, DatabaseError):
            return error
        what, remedy = file_reason(error)
        return DatabaseError(self.name, what, remedy or f"move {self.path}* away to begin a new one")

    def no_answer(self, seconds: float) -> DatabaseError:
        """Return the error for a disk that has not answered for so long."""
        return DatabaseError(self.name, disk_hangs(round(seconds, 1)), CHECK_DISK)

    def is_refusal(self, error: Exception) -> bool:
        """Return whether a statement itself is refused, while the database works."""
        if isinstance(error, sqlite3.OperationalError):
            return getattr(error, "sqlite_errorname", "") == "SQLITE_ERROR"  # such as an unknown table
        return isinstance(error, sqlite3.IntegrityError | sqlite3.DataError | sqlite3.ProgrammingError)

    def refusal(self, error: Exception) -> str:
        """Return why it is refused: the kind of the error."""
        return type(error).__name__

    def scrub(self) -> None:
        """Overwrite what was deleted before, in the file and in its write-ahead log. Raise `sqlite3.OperationalError`.

        Waits for others that read or write, for as long as every transaction does.
        """
        scrub(self.path, self._busy_seconds)

    def close(self) -> None:
        """Close the connection that writes."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _connect(self) -> sqlite3.Connection:
        # Not "create": that is done by `create`, with the right permissions.
        address = f"{self.path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(
            address, uri=True, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            for pragma in self._pragmas:
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[SqliteTransaction]:
    connection.execute(begin)
    try:
        yield SqliteTransaction(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite ends it by itself when the disk is full
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def read_only(path: Path, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open a file so that nothing in it can be changed, and no file is created beside it."""
    if file_id(Path(f"{path}-journal")) is not None:
        how = "mode=rw"  # it was cut off while it was created, and SQLite takes that back first
    elif file_id(Path(f"{path}-wal")) is not None:
        how = "mode=ro"
    else:  # no process has it open: this also works in a read-only folder
        how = "immutable=1"
    address = f"{path.absolute().as_uri()}?{how}"
    connection = sqlite3.connect(address, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def create_file(path: Path) -> None:
    """Create a file for its owner only, if it does not exist, and check that it can be written. Raise `OSError`."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE))


def files_of(path: Path) -> list[Path]:
    """Return the existing files of a database: itself, those that SQLite creates beside it, its backups."""
    known = (path, *(Path(f"{path}{end}") for end in ("-wal", "-shm", "-journal")))
    return [each for each in (*known, *path.parent.glob(backup_file(path, "*").name)) if each.exists()]


def file_id(path: Path) -> FileId | None:
    """Return device and inode of a file; `None` where there is none."""
    with contextlib.suppress(OSError):
        status = path.stat()
        return status.st_dev, status.st_ino
    return None


def backup_file(path: Path, label: str) -> Path:
    """Return where the backup of a file is, by the version of the tables in it."""
    return path.with_name(f"{path.name}.backup-{label}")


def back_up(path: Path, label: str) -> None:
    """Copy a file of SQLite, with what is in its write-ahead log, to one beside it for its owner only.

    A backup of the same label is replaced, once the new one is complete.
    """
    to = backup_file(path, label)
    new = to.with_name(f"{to.name}.new")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE_FILE))
    address = f"{path.absolute().as_uri()}?mode=rw"
    with (
        contextlib.closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)) as source,
        contextlib.closing(sqlite3.connect(new)) as target,
    ):
        source.backup(target)
    with new.open("rb+") as file:
        os.fsync(file.fileno())
    new.replace(to)


def scrub(path: Path, busy_seconds: float = BUSY_SECONDS) -> None:
    """Rewrite an existing file of SQLite without what was deleted, and empty its write-ahead log.

    Raise `sqlite3.OperationalError`, also where somebody reads it for longer than `busy_seconds`.
    """
    address = f"{path.absolute().as_uri()}?mode=rw"
    with contextlib.closing(sqlite3.connect(address, uri=True, timeout=busy_seconds, isolation_level=None)) as file:
        file.execute("PRAGMA secure_delete = ON")
        file.execute("VACUUM")
        (busy, *_) = file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise sqlite3.OperationalError("another program reads it")
