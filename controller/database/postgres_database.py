"""PostgreSQL as a `Database`, through psycopg, which is imported when it is first used.

The tables are in a schema of their own, `letdown`, so that the database may hold other things as well. No statement
takes longer than a few seconds, whatever the server or the network does.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from controller.database.database import Dialect, Row, Transaction, plain
from controller.database.database_errors import DatabaseError
from controller.database.response_deadline import ResponseDeadline

if TYPE_CHECKING:
    import psycopg

    PgConnection = psycopg.Connection[Row]

_LOGGER = logging.getLogger(__name__)

EXTRA = "pip install 'letdown[postgres]'"
CONNECT_SECONDS = 2  # psycopg waits no shorter than that
STATEMENT_SECONDS = 3.0  # then the connection is closed, also where the server hangs
_STATEMENT_MS = 2500  # the server's own limit, which is a little shorter
_MIGRATION_SECONDS = 600.0  # for each statement of a migration: the tables may be large
_SCHEMA = "letdown"
SUPERSEDED = "LD001"  # raised by the triggers of `controller/history/schema`
_EXAMPLE = "postgresql://user:password@database.lan/letdown"
_ENCODED = re.compile(r"(?:[^%\s]|%[0-9A-Fa-f]{2})*")
_REWRITTEN = """
SELECT relname::TEXT AS name FROM pg_class WHERE relnamespace = to_regnamespace(:schema) AND relkind = 'r' ORDER BY 1
"""
_MIGRATION_LOCK = 0x6C65_7464  # any number that no other program uses: "letd"
_MOST_IDLE = 2  # connections that are kept: one to write, one to read

_CHECK = "check that the server runs and can be reached, and history.url"
_REMEDIES = {  # by SQLSTATE, or its class
    "28": "check the user and the password in history.url",
    "3D": "create it: createdb, or name another one in history.url",
    "42501": "let this user create tables: GRANT CREATE ON DATABASE … TO …",
    "53": "make room on the server, or let it have more connections",
    "57": _CHECK,
    "55": "close the other program that has locked it",
}
_IN_WORDS = {  # errors while connecting have no SQLSTATE
    "password authentication failed": _REMEDIES["28"],
    "no password supplied": _REMEDIES["28"],
    "pg_hba.conf": _REMEDIES["28"],
    "too many clients": _REMEDIES["53"],
    "does not exist": _REMEDIES["3D"],
}


class PostgresTransaction:
    """A transaction of PostgreSQL."""

    def __init__(self, connection: PgConnection, hang_up: ResponseDeadline) -> None:
        self._connection = connection
        self._hang_up = hang_up

    def take_time(self, seconds: float) -> None:
        """Let each statement take so long from now on."""
        self._hang_up.touch(seconds)
        self.execute(f"SET LOCAL statement_timeout = '{seconds:.0f}s'")

    def execute(self, sql: str, parameters: Mapping[str, object] = {}) -> int:
        """Execute a statement; return how many rows it changed."""
        self._hang_up.touch()
        return self._connection.execute(translated(sql), plain(parameters)).rowcount

    def read(self, sql: str, parameters: Mapping[str, object] = {}) -> list[Row]:
        """Return the rows of a query."""
        self._hang_up.touch()
        return self._connection.execute(translated(sql), plain(parameters)).fetchall()


class PostgresDatabase:
    """A database on a server. `url` returns where it is, possibly with a password: nothing of that is ever shown.

    Connections are opened when they are needed, and again when they were lost.
    """

    dialect: Dialect = "postgresql"

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url
        self._lock = threading.Lock()  # guards `_idle`
        self._idle: list[PgConnection] = []

    @property
    def name(self) -> str:
        """Which one it is, without secrets."""
        try:
            parts = urlsplit(self._url())
            place = parts.hostname or "this machine"
            return f"the history in the database {parts.path.strip('/') or 'of this user'} on {place}"
        except (DatabaseError, ValueError):
            return "the history in PostgreSQL"

    @contextlib.contextmanager
    def reading(self) -> Iterator[PostgresTransaction]:
        """Open a transaction that only reads."""
        with self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as transaction:
            yield transaction

    @contextlib.contextmanager
    def writing(self) -> Iterator[PostgresTransaction]:
        """Open a transaction."""
        with self._transaction("BEGIN") as transaction:
            yield transaction

    def create(self) -> None:
        """Create the schema, if it is not there: an owner may have created it for a user who may not."""
        with self.writing() as transaction:
            found = "SELECT 1 FROM pg_namespace WHERE nspname = :schema"
            if not transaction.read(found, {"schema": _SCHEMA}):
                self.migrates_alone(transaction)
                transaction.execute(f"CREATE SCHEMA IF NOT EXISTS {_SCHEMA}")

    def check_rights(self) -> None:
        """Raise `DatabaseError` where this user may create no tables, and somebody has to allow it. Changes nothing."""
        sql = (
            "SELECT has_database_privilege(current_database(), 'CREATE') OR EXISTS (SELECT 1 FROM pg_namespace "
            "WHERE nspname = :schema AND has_schema_privilege(oid, 'CREATE')) AS allowed"
        )
        with self.reading() as transaction:
            if not transaction.read(sql, {"schema": _SCHEMA})[0]["allowed"]:
                raise DatabaseError(self.name, "cannot be used (permission denied)", _REMEDIES["42501"])

    def identity(self) -> str:
        """Return always the same: no other database can take its place unnoticed."""
        return "server"

    def tables(self, transaction: Transaction) -> set[str]:
        """Return the names of its tables."""
        rows = transaction.read("SELECT tablename FROM pg_tables WHERE schemaname = :schema", {"schema": _SCHEMA})
        return {row["tablename"] for row in rows}

    def migrates_alone(self, transaction: Transaction) -> None:
        """Let no other process migrate it until the end of this transaction."""
        transaction.read("SELECT pg_advisory_xact_lock(:lock)", {"lock": _MIGRATION_LOCK})
        if isinstance(transaction, PostgresTransaction):
            transaction.take_time(_MIGRATION_SECONDS)

    def back_up(self, label: str) -> None:
        """Do nothing: a migration that fails changes nothing here, and backups are the server's business."""

    def scrub(self) -> None:
        """Rewrite the tables without what was deleted. The server's own log (WAL) and its backups are not touched."""
        with self.reading() as transaction:  # the parts of a table; the whole of it has nothing of its own
            rows = transaction.read(_REWRITTEN, {"schema": _SCHEMA})
            tables = [row["name"] for row in rows]
        connection = self._connect()
        try:
            with ResponseDeadline(connection.fileno(), _MIGRATION_SECONDS) as hang_up:
                connection.execute("SET statement_timeout = 0")
                for table in tables:
                    hang_up.touch(_MIGRATION_SECONDS)
                    connection.execute(f"VACUUM (FULL) {_SCHEMA}.{table}".encode())
        finally:
            connection.close()

    def explain(self, error: Exception) -> DatabaseError:
        """Return an error with its remedy. No secret is in it."""
        if isinstance(error, DatabaseError):
            return error
        if self.is_refusal(error):  # its words may repeat what was to be written
            what = f"refuses what was to be written ({self.refusal(error)})"
            return DatabaseError(self.name, what, "please report it")
        words = self._without_secrets(" ".join(str(error).split()) or type(error).__name__)
        words = words.rpartition("failed: ")[2].removeprefix("FATAL: ").strip()  # without where it is, which is known
        state = getattr(error, "sqlstate", None) or ""
        remedy = _REMEDIES.get(state) or _REMEDIES.get(state[:2])
        if remedy is None:
            remedy = next((each for part, each in _IN_WORDS.items() if part in words), _CHECK)
        return DatabaseError(self.name, f"cannot be used ({words})", remedy)

    def no_answer(self, seconds: float) -> DatabaseError:
        """Return the error for a server that has not answered for so long."""
        return DatabaseError(self.name, f"cannot be used (it has not answered for {seconds:.1f} s)", _CHECK)

    def is_refusal(self, error: Exception) -> bool:
        """Return whether a statement itself is refused, while the database works."""
        state = getattr(error, "sqlstate", None) or ""
        # Its data, a constraint, the statement, a rule of ours; no right.
        return state[:2] in ("22", "23", "42", "LD") and state != "42501"

    def refusal(self, error: Exception) -> str:
        """Return why it is refused: its station has another owner, or else the kind of the error."""
        superseded = getattr(error, "sqlstate", None) == SUPERSEDED
        return "another controller owns its station by now" if superseded else type(error).__name__

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[PostgresTransaction]:
        connection = self._begun(begin)
        try:
            with ResponseDeadline(connection.fileno(), STATEMENT_SECONDS) as hang_up:
                yield PostgresTransaction(connection, hang_up)
                hang_up.touch()
                connection.execute("COMMIT")
        except BaseException:
            try:
                _execute(connection, "ROLLBACK")
            except Exception:
                _LOGGER.debug("a transaction could not be rolled back", exc_info=True)
            else:
                self._keep(connection)
            raise
        self._keep(connection)

    def _begun(self, begin: str) -> PgConnection:
        """Return a connection with a transaction begun: one that was used before, if the server still has it."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is not None:
            with contextlib.suppress(Exception):  # whatever it is, a new one is tried
                _execute(connection, begin)
                return connection
        connection = self._connect()
        _execute(connection, begin)
        return connection

    def _keep(self, connection: PgConnection) -> None:
        """Keep a connection for the next transaction."""
        with self._lock:
            if len(self._idle) < _MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _connect(self) -> PgConnection:
        if find_spec("psycopg") is None:
            raise DatabaseError(self.name, "needs an extra", EXTRA)
        import psycopg
        from psycopg.rows import dict_row
        from psycopg.types.numeric import FloatLoader

        try:
            connection = psycopg.connect(
                self._url(),
                autocommit=True,  # transactions are begun here
                connect_timeout=CONNECT_SECONDS,
                application_name="letdown",
                cursor_factory=psycopg.ClientCursor[Any],  # so that `NULL` needs no type, as in SQLite
                row_factory=dict_row,
            )
        except psycopg.ProgrammingError:  # its words repeat parts of the address
            raise DatabaseError(self.name, "cannot be used (its address is not valid)", "correct history.url") from None
        connection.adapters.register_loader("numeric", FloatLoader)  # such as a sum of integers
        _execute(
            connection,
            f"SET statement_timeout = {_STATEMENT_MS}; SET lock_timeout = {_STATEMENT_MS}; "
            f"SET idle_in_transaction_session_timeout = 10000; SET search_path = {_SCHEMA}; SET timezone = 'UTC'",
        )
        return connection

    def _without_secrets(self, words: str) -> str:
        with contextlib.suppress(DatabaseError, ValueError):
            password = urlsplit(self._url()).password
            for each in {password, unquote(password)} if password else ():
                words = words.replace(each, "***")
        return words


def _execute(connection: PgConnection, sql: str) -> None:
    """Execute a statement without parameters; close the connection if that fails."""
    try:
        with ResponseDeadline(connection.fileno(), STATEMENT_SECONDS):
            connection.execute(sql.encode())
    except BaseException:
        connection.close()
        raise


def check_url(url: str) -> str:
    """Return an address, if it can be one. Raise a `ValueError` that shows nothing of it."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise ValueError(f"host or port of the database's address is wrong; write {_EXAMPLE}") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError(f"a database's address begins with postgresql://; write {_EXAMPLE}")
    if parts.fragment or port == 0 or "/" in parts.path.lstrip("/") or not _ENCODED.fullmatch(url.strip()):
        raise ValueError(
            f"the database's address is not valid; write {_EXAMPLE} "
            "(in a user name or password, write / as %2F, ? as %3F, # as %23, @ as %40, % as %25)"
        )
    return url.strip()


# What must be left as it is: texts, names, comments, casts; and what stands for a parameter.
_TOKEN = re.compile(
    r"""(?P<text>'(?:[^']|'')*') | (?P<name>"(?:[^"]|"")*") | (?P<comment>--[^\n]*|/\*.*?\*/) | (?P<cast>::)
    | :(?P<parameter>[A-Za-z_][A-Za-z_0-9]*) | (?P<percent>%)""",
    re.VERBOSE | re.DOTALL,
)


@lru_cache(maxsize=512)
def translated(sql: str) -> Any:
    """Return SQL with its `:name` parameters as psycopg has them, `%(name)s`."""

    def replace(match: re.Match[str]) -> str:
        if match["parameter"]:
            return f"%({match['parameter']})s"
        return match[0].replace("%", "%%")

    return _TOKEN.sub(replace, sql)
