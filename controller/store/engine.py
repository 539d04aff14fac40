"""How the file is connected to: in plain steps while it is opened, and beside the event loop from then on."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import aiosqlite
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from controller.store.connected import Connected

# A row must be on the disk before a pump starts: so a commit waits for the disk, which WAL alone would not. WAL lets
# others read while it is written.
PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON")
BUSY_SECONDS = 0.5  # how long another program that writes is waited for


def engine_of(path: Path) -> Engine:
    """Return what opens the file."""
    engine = create_engine("sqlite://", creator=lambda: _connect(path), poolclass=NullPool, hide_parameters=True)
    event.listen(engine, "begin", _begin)
    return engine


def async_engine_of(path: Path) -> AsyncEngine:
    """Return what writes to the file: one connection, in a thread of its own."""

    async def connect() -> aiosqlite.Connection:
        connection = Connected(lambda: _connect(path), iter_chunk_size=64)
        connection._thread.daemon = True  # a disk that hangs does not hold up the end of the process
        return await connection

    url = URL.create("sqlite+aiosqlite", database=str(path.absolute()))
    engine = create_async_engine(url, async_creator=connect, pool_size=1, max_overflow=0, hide_parameters=True)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path.absolute(), timeout=BUSY_SECONDS, isolation_level=None)
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
