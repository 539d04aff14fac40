"""Stores for tests: an empty one, what a crash would leave of it, and a disk that does not do what it should."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from controller.store import engine, stamp
from controller.store.opening import open_file
from controller.store.stamp import Stamp
from controller.store.store import Store


class Clocks:
    """The clocks of a machine, which a test sets."""

    def __init__(self) -> None:
        self.now = Stamp("first boot", 5000.0, datetime(2026, 3, 1, 2, 30, tzinfo=UTC))

    def __call__(self) -> Stamp:
        return self.now

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.now = replace(self.now, monotonic_seconds=self.now.monotonic_seconds + seconds)
        self.set_wall(seconds)

    def set_wall(self, seconds: float) -> None:
        """Set the clock on the wall ahead, or back."""
        self.now = replace(self.now, wall=self.now.wall + timedelta(seconds=seconds))

    def reboot(self) -> None:
        """Start the machine anew, which takes no time."""
        self.now = replace(self.now, boot_id=f"after {self.now.boot_id}", monotonic_seconds=0.0)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store, made once."""
    path = tmp_path_factory.mktemp("store") / "empty.db"
    opened = open_file(path, stamp.now())
    assert isinstance(opened.lock, FileLock)
    opened.lock.release()
    return path


@pytest.fixture
def path(empty: Path, tmp_path: Path) -> Path:
    """Where an empty store is."""
    return Path(shutil.copy(empty, tmp_path / "letdown.db"))


@pytest.fixture
def full(empty: Path, tmp_path: Path) -> Path:
    """Where a store is in which there is something to be remembered."""
    path = Path(shutil.copy(empty, tmp_path / "letdown.db"))
    from tests.controller.store.test_memory import LEFT, RIGHT, say_all  # which imports this file

    async def remember() -> None:
        async with Store.opened(path) as store:
            say_all(store.memory("home"))
            await store.memory("home").starting([LEFT])
            await store.memory("bedroom").starting([RIGHT])

    asyncio.run(remember())
    return path


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store say at once that another program writes, and not wait for it."""
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store wait for another program that writes, as for a disk that does not answer."""
    monkeypatch.setattr(engine, "BUSY_SECONDS", 60)


def content(path: Path) -> bytes:
    """Return what is in a file."""
    return path.read_bytes()


def run(path: Path, statement: str) -> None:
    """Run a statement of SQL on a file."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def after_a_crash(path: Path) -> Path:
    """Return a copy of what is on the disk now, as it would be found if the controller ended in this moment."""
    folder = path.parent / "crashed"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in (path, path.with_name(path.name + "-wal")):
        if file.exists():
            shutil.copy(file, folder)
    return folder / path.name


@contextlib.contextmanager
def written_by_another(path: Path) -> Iterator[None]:
    """Let another program be in the middle of writing, for as long as the block lasts."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


async def settled() -> None:
    """Let everything that is ready take its turn, without any wait for the disk."""
    for _ in range(20):
        await asyncio.sleep(0)
