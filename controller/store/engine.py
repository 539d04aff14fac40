"""How the file is connected to: the same way while it is opened, and in the writer's thread from then on."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, NullPool, Pool, create_engine, event

# A row must be on the disk before a pump starts: so a commit waits for the disk, which WAL alone would not. WAL lets
# others read while it is written.
PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")
BUSY_SECONDS = 0.5  # how long another program that writes is waited for


def engine_of(path: Path, pool: type[Pool] = NullPool) -> Engine:
    """Return what opens the file, and writes to it."""
    engine = create_engine("sqlite://", creator=lambda: _connect(path), poolclass=pool, hide_parameters=True)
    event.listen(engine, "begin", _begin)
    return engine


def _connect(path: Path) -> sqlite3.Connection:
    # Not "create": a file that was deleted while Letdown runs must not come back empty.
    address = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _begin(connection: Connection) -> None:
    """Begin by ourselves: the driver begins too late to undo a change of tables."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
