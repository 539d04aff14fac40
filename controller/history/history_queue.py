"""What is still to be written to the history: a small file beside the journal, until the database has taken it.

So records survive a database that cannot be reached, and a crash. The database keeps the number of what it took last,
in the same transaction: whatever happens in between, nothing is written twice.

The file has a bound. Beyond it, what is expendable goes first: the oldest curves, which are most of a session.
"""

from __future__ import annotations

import base64
import json
import logging
import sqlite3
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from controller.database.database import Statement, Transaction, plain
from controller.database.database_errors import DatabaseError
from controller.database.sqlite_database import SqliteDatabase

_LOGGER = logging.getLogger(__name__)

# AUTOINCREMENT: no number is used again, also after its row was deleted.
_CREATE = (
    "CREATE TABLE IF NOT EXISTS queue (id TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS waiting (number INTEGER PRIMARY KEY AUTOINCREMENT, statements TEXT NOT NULL)",
    "INSERT INTO queue (id) SELECT :id WHERE NOT EXISTS (SELECT 1 FROM queue)",
)
_MOST_BYTES = 512_000_000  # ours: months of a home; for fifty stations, some days with all curves
_ROOM = 0.9  # of that is left after it was too much
_AT_ONCE = 200  # rows that are looked at
_NEXT = "SELECT number, statements FROM waiting WHERE number > :number ORDER BY number LIMIT :most"
_CHANGE = "UPDATE waiting SET statements = :text WHERE number = :number"
_REMOVE = "DELETE FROM waiting WHERE number = :number"
_BYTES = "base64"
_DAMAGED = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB"})


class Waiting(NamedTuple):
    """What was put at once, with its number in the queue."""

    number: int
    statements: tuple[Statement, ...]


class HistoryQueue:
    """The file. Its methods block; each raises `DatabaseError`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = SqliteDatabase(path, subject="the records that wait for the history,")
        self._known: object = None
        self._id = ""
        self.left_out: str | None = None  # what was, in words, until the queue is empty again

    @property
    def name(self) -> str:
        """What errors call it."""
        return self._database.name

    def no_answer(self, seconds: float) -> DatabaseError:
        """Return the error for a disk that hangs."""
        return self._database.no_answer(seconds)

    def id(self) -> str:
        """Return what identifies this queue. Create the file if there is none."""
        try:
            self._open()
        except Exception as error:
            raise self._database.explain(error) from error
        return self._id

    def append(self, texts: Sequence[str], check: Callable[[], None] = lambda: None) -> None:
        """Add what `encode` returned, in its order."""
        try:
            self._open()
            with self._database.writing() as transaction:
                for text in texts:
                    transaction.execute("INSERT INTO waiting (statements) VALUES (:text)", {"text": text})
                left_out = _make_room(transaction)
                check()
            if left_out is not None:
                self.left_out = left_out
                _LOGGER.warning("%s are too many: %s", self._database.name, left_out)
        except Exception as error:
            raise self._database.explain(error) from error

    def first(self, most: int) -> list[Waiting]:
        """Return what waits longest, in its order."""
        try:
            self._open()
            with self._database.reading() as transaction:
                rows = transaction.read("SELECT * FROM waiting ORDER BY number LIMIT :most", {"most": most})
            if not rows:
                self.left_out = None
            return [Waiting(row["number"], _decode(row["statements"])) for row in rows]
        except Exception as error:
            raise self._database.explain(error) from error

    def count(self) -> int:
        """Return how much waits, without opening the file for writing."""
        try:
            with self._database.reading() as transaction:
                return int(transaction.read("SELECT count(*) AS n FROM waiting")[0]["n"])
        except Exception as error:
            raise self._database.explain(error) from error

    def remove(self, number: int) -> None:
        """Delete everything up to this number."""
        try:
            with self._database.writing() as transaction:
                transaction.execute("DELETE FROM waiting WHERE number <= :number", {"number": number})
        except Exception as error:
            raise self._database.explain(error) from error

    def scrub(self) -> None:
        """Overwrite what was removed before."""
        try:
            if self._database.identity() is not None:
                self._database.scrub()
        except Exception as error:
            raise self._database.explain(error) from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _open(self) -> None:
        """Create the file where there is none, or another one. One that is damaged is put aside."""
        if self._known is not None and self._known == self._database.identity():
            return
        self._database.close()
        try:
            self._create()
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorname", "") not in _DAMAGED:
                raise
            self._database.close()
            aside = self.path.with_name(f"{self.path.name}.damaged")
            _LOGGER.error("%s is damaged (%s); it is put aside as %s", self._database.name, error, aside)  # noqa: TRY400
            self.path.replace(aside)
            self._create()

    def _create(self) -> None:
        self._database.create()
        with self._database.writing() as transaction:
            for statement in _CREATE:
                transaction.execute(statement, {"id": uuid.uuid4().hex} if ":id" in statement else {})
            self._id = transaction.read("SELECT id FROM queue")[0]["id"]
        self._known = self._database.identity()


def encode(statements: Sequence[Statement]) -> str:
    """Return statements as text. Raise `TypeError` for a parameter that no database has."""
    rows = [[each.sql, plain(each.parameters), each.must_change, each.expendable] for each in statements]
    return json.dumps(rows, default=_encode)


def _encode(value: object) -> object:
    if isinstance(value, bytes | bytearray | memoryview):
        return {_BYTES: base64.b64encode(value).decode("ascii")}
    raise TypeError(f"a database has no {type(value).__name__}")


def _decode(text: str) -> tuple[Statement, ...]:
    return tuple(
        Statement(sql, {name: _decoded(value) for name, value in parameters.items()}, *flags)
        for sql, parameters, *flags in json.loads(text)
    )


def _decoded(value: Any) -> object:
    return base64.b64decode(value[_BYTES]) if isinstance(value, dict) else value


def _make_room(transaction: Transaction) -> str | None:
    """Leave out what is expendable, from the oldest on, and then all of the oldest, where the file is too large.

    Return what was left out, in words; `None`: nothing.
    """
    used = _used_bytes(transaction)
    if used <= _MOST_BYTES:
        return None
    too_much = used - _ROOM * _MOST_BYTES
    too_much -= _leave_out(transaction, too_much, lambda row: [each for each in row if each[3:] != [True]])
    what = "curves of the oldest sessions"
    if too_much > 0:
        _leave_out(transaction, too_much, lambda _: [])
        what = "the oldest records"
    return f"{what} were left out, since more than {_MOST_BYTES // 1_000_000} MB wait"


def _used_bytes(transaction: Transaction) -> int:
    pages, free, size = (
        next(iter(transaction.read(f"PRAGMA {name}", {})[0].values()))
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _leave_out(transaction: Transaction, enough: float, keep: Callable[[list[Any]], list[Any]]) -> int:
    """Keep only some statements of each row, from the oldest on, until enough bytes are free. Return how many are."""
    freed, number = 0, 0
    while freed < enough and (rows := transaction.read(_NEXT, {"number": number, "most": _AT_ONCE})):
        for row in rows:
            number, before = row["number"], json.loads(row["statements"])
            kept = keep(before)
            if len(kept) < len(before):
                text = json.dumps(kept)
                transaction.execute(_CHANGE if kept else _REMOVE, {"number": number, "text": text})
                freed += len(row["statements"]) - (len(text) if kept else 0)
            if freed >= enough:
                break
    return freed
