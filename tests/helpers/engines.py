"""Databases of both engines for the same tests: one to open, to look into, and to take away for a while."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from controller.database.database import Database
from controller.database.sqlite_database import SqliteDatabase


class Engine(Protocol):
    """A place for one database."""

    path: Path  # beside which records wait
    url: str  # of a server; of a file, its path

    def database(self) -> Database:
        """Return the database, unopened."""

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Read it without Letdown."""

    def run(self, sql: str) -> None:
        """Change it without Letdown."""

    def away(self) -> contextlib.AbstractContextManager[None]:
        """Let it be unreachable for the block."""

    def hanging(self) -> contextlib.AbstractContextManager[None]:
        """Let it not answer writes for the block."""


class SqliteEngine:
    """A file, in a folder of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._folder = path.with_name("database")
        self._file = self._folder / path.name
        path.with_name("disk").mkdir()
        path.with_name("no-disk").touch()
        self._mount("disk")
        self.url = str(self._file)

    def database(self) -> SqliteDatabase:
        return SqliteDatabase(self._file, subject="the history")

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with contextlib.closing(sqlite3.connect(self._file)) as connection:
            return connection.execute(sql).fetchall()

    def run(self, sql: str) -> None:
        with contextlib.closing(sqlite3.connect(self._file)) as connection, connection:
            connection.execute(sql)

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        self._mount("no-disk")  # a file: the folder cannot be created, either
        yield
        self._mount("disk")

    def _mount(self, name: str) -> None:
        """Let the folder be another one. In one step: a writer would create it where it is missing for a moment."""
        link = self._folder.with_name("link")
        link.symlink_to(name)
        link.replace(self._folder)

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        with contextlib.closing(sqlite3.connect(self._file, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")
