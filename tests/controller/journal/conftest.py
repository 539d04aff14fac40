"""Stores for tests: an empty one, what a crash would leave of it, and a disk that does not do what it should."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from controller.journal import store_files, timestamp
from controller.journal.opening import open_file
from controller.journal.store import Store
from tests.helpers.stores import Clocks


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store, made once."""
    path = tmp_path_factory.mktemp("store") / "empty.db"
    opened = open_file(path, timestamp.now())
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
    from tests.helpers.stores import LEFT, RIGHT, say_all

    async def remember() -> None:
        async with Store.opened(path) as store:
            say_all(store.persistence("home"))
            await store.persistence("home").save_starting([LEFT])
            await store.persistence("bedroom").save_starting([RIGHT])

    asyncio.run(remember())
    return path


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store say at once that another program writes, and not wait for it."""
    monkeypatch.setattr(store_files, "BUSY_SECONDS", 0)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store wait for another program that writes, as for a disk that does not answer."""
    monkeypatch.setattr(store_files, "BUSY_SECONDS", 60)
