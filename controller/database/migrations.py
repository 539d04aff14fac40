"""Brings the tables of a database up to date: runs the numbered SQL files of a folder that it has not seen yet.

`0002_name.sql` is for both engines, `0003_name.postgresql.sql` for one of them; the other one only counts its number.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from controller.database.database import Database, Dialect, Transaction
from controller.database.database_errors import DatabaseError, TooNewError

_LOGGER = logging.getLogger(__name__)

_CREATE = "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)"
_READ = "SELECT max(version) AS version FROM schema_version"
_INSERT = "INSERT INTO schema_version (version) VALUES (:number)"
_END = re.compile(r";$", re.MULTILINE)
_BODY = "$$"  # around the body of a function


def migrate(database: Database, folder: Path) -> None:
    """Run the files that are new, in the order of their numbers, all in one transaction.

    A database with older tables is backed up before, where the engine needs that. Raise `DatabaseError`, or an error of
    the engine; then nothing was changed.
    """
    newest, version = newest_in(folder), checked_version(database, folder)
    if version == newest:
        return
    if version and any(files(folder, version, database.dialect)):
        database.back_up(f"{version:04}")
    with database.writing() as transaction:
        database.migrates_alone(transaction)
        transaction.execute(_CREATE, {})
        version = version_of(database, transaction)  # another process may have been faster
        for _, file in files(folder, version, database.dialect):
            run_file(transaction, file)
        for number in range(version + 1, newest + 1):
            transaction.execute(_INSERT, {"number": number})
    if 0 < version < newest:
        _LOGGER.info("%s was brought up to date (its tables were %04d)", database.name, version)


def checked_version(database: Database, folder: Path) -> int:
    """Return the version of the tables; 0 where there are none. Raise `DatabaseError` where they cannot be used."""
    with database.reading() as transaction:
        version = version_of(database, transaction)
    if version > newest_in(folder):
        raise too_new(database.name, f"{version:04}")
    return version


def version_of(database: Database, transaction: Transaction) -> int:
    """Return the version of the tables; 0 where there are none. Raise `DatabaseError` for those of something else."""
    tables = database.tables(transaction)
    if "schema_version" in tables:
        return int(transaction.read(_READ, {})[0]["version"] or 0)
    if tables:
        raise DatabaseError(database.name, "is a database of something else", "name another one")
    return 0


def too_new(subject: str, version: str) -> TooNewError:
    """Return the error for tables that this version of Letdown does not know."""
    return TooNewError(
        subject, f"was written by a newer version of Letdown (its tables are {version})", "use that version"
    )


@cache
def newest_in(folder: Path) -> int:
    """Return the number of the last file, for whichever engine it is."""
    return max(_number(file) for file in folder.glob("*.sql"))


def files(folder: Path, after: int = 0, dialect: Dialect = "sqlite") -> Iterator[tuple[int, Path]]:
    """Yield number and path of the files of an engine whose number is higher than `after`, in their order."""
    for file in sorted(folder.glob("*.sql")):
        if _number(file) > after and file.suffixes[:-1] in ([], [f".{dialect}"]):
            yield _number(file), file


def _number(file: Path) -> int:
    return int(file.name.partition("_")[0])


def run_file(transaction: Transaction, file: Path) -> None:
    """Execute each statement of a file; each ends with a semicolon at the end of a line."""
    for statement in statements_of(file.read_text(encoding="utf-8")):
        transaction.execute(statement, {})


def statements_of(text: str) -> Iterator[str]:
    """Yield the statements of a file. A semicolon at the end of a line ends one, but not between two `$$`."""
    statement = ""
    for part in _END.split(text):
        statement += part
        if statement.count(_BODY) % 2:
            statement += ";"
            continue
        if statement.strip():
            yield statement
        statement = ""
