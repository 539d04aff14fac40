"""What SQLite and PostgreSQL have in common here: transactions of plain SQL with named parameters."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import Enum
from typing import Any, Literal, NamedTuple, Protocol

from controller.database.database_errors import DatabaseError

Row = dict[str, Any]
Dialect = Literal["sqlite", "postgresql"]


class Statement(NamedTuple):
    """One SQL statement that both engines understand, with parameters as `:name`.

    A parameter is a text, a number, a boolean (stored as 0 or 1), bytes, or `None`.

    `must_change`: the whole transaction is rolled back if it changes no row, since what it relied on has changed.
    `expendable`: it is the first to be left out where too much waits to be written.
    """

    sql: str
    parameters: Mapping[str, object] = {}
    must_change: bool = False
    expendable: bool = False


class Transaction(Protocol):
    """An open transaction."""

    def execute(self, sql: str, parameters: Mapping[str, object]) -> int:
        """Execute a statement; return how many rows it changed."""

    def read(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        """Return the rows of a query."""


class Database(Protocol):
    """A database. Its methods block; each error is the engine's own, and `explain` turns it into words.

    `name`: which one it is, in words and without secrets.
    """

    @property
    def name(self) -> str:
        """Which one it is, without secrets."""

    @property
    def dialect(self) -> Dialect:
        """Its engine, for the few statements that only one of them has."""

    def reading(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that only reads, and sees one state of everything."""

    def writing(self) -> AbstractContextManager[Transaction]:
        """Open a transaction: all of it is on the disk after the block, or, after an error in it, nothing."""

    def create(self) -> None:
        """Create what is needed before the first transaction: the file, the schema."""

    def identity(self) -> object:
        """Return what identifies this database, so that a new file in its place is noticed; `None`: nothing."""

    def tables(self, transaction: Transaction) -> set[str]:
        """Return the names of its tables."""

    def migrates_alone(self, transaction: Transaction) -> None:
        """Let no other process migrate it until the end of this transaction."""

    def back_up(self, label: str) -> None:
        """Copy all of it before a change that cannot be undone, where the engine needs that."""

    def explain(self, error: Exception) -> DatabaseError:
        """Return an error with its remedy. No secret is in it."""

    def no_answer(self, seconds: float) -> DatabaseError:
        """Return the error for a database that has not answered for so long."""

    def is_refusal(self, error: Exception) -> bool:
        """Return whether a statement itself is refused, by a constraint for example, while the database works."""

    def refusal(self, error: Exception) -> str:
        """Return why it is refused, without anything of what was to be written."""

    def scrub(self) -> None:
        """Overwrite what was deleted before: in free space, and in logs of the engine that can be emptied."""

    def close(self) -> None:
        """Close all connections that are not in use, and each other one after its transaction."""


def plain(parameters: Mapping[str, object]) -> dict[str, object]:
    """Return parameters as both engines store them: booleans as 0 or 1, and the value of an enumeration."""
    return {name: _plain(value) for name, value in parameters.items()}


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        value = value.value
    return int(value) if isinstance(value, bool) else value
