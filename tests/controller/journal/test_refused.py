"""A store that cannot be opened: the service starts all the same, starts no device, and knows what can be read."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.journal import opening, store_files
from controller.journal.timestamp import Timestamp
from controller.safety.persistence import DeviceIdentity, SavedState
from tests.helpers.stores import LEFT, TRIP, opened_in_trouble, run, saved, until

NOBODY = 65534
MAY_WRITE = (
    "name a file that the user of the controller may write, in a folder that they may write, too, and restart Letdown"
)


@pytest.fixture
def path(full: Path) -> Path:
    return full


# Where no file can be


async def test_a_folder_is_no_store(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    trouble, known = await opened_in_trouble(path)
    assert trouble == f"the store at {path} cannot be written (Is a directory); {MAY_WRITE}"
    assert known == SavedState()
    assert list(path.iterdir()) == []


async def test_a_file_is_no_folder(path: Path) -> None:
    trouble, known = await opened_in_trouble(path / "letdown.db")
    assert trouble == f"the store at {path}/letdown.db cannot be written (File exists); {MAY_WRITE}"
    assert known == SavedState()


@pytest.fixture
def as_somebody_else(path: Path) -> Iterator[Path]:
    """Yield a folder that may only be read, with a store in it, and one that may be written with one that may not."""
    folder = Path(tempfile.mkdtemp())
    shared = folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    shutil.copy(path, shared / "letdown.db")
    (shared / "letdown.db").chmod(0o444)
    shutil.copy(path, folder / "letdown.db")
    folder.chmod(0o755)
    (folder / "letdown.db").chmod(0o644)
    root = os.geteuid() == 0
    if root:  # who may write everywhere
        os.seteuid(NOBODY)
    else:
        folder.chmod(0o555)
        (folder / "letdown.db").chmod(0o444)
    yield folder
    if root:
        os.seteuid(0)
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["new.db", "further/down/new.db", "letdown.db", "shared/letdown.db"])
async def test_where_nothing_may_be_written_what_is_there_is_read(as_somebody_else: Path, name: str) -> None:
    path = as_somebody_else / name
    trouble, known = await opened_in_trouble(path)
    assert trouble == f"the store at {path} cannot be written (Permission denied); {MAY_WRITE}"
    assert known.running == ({"left-pump": LEFT} if path.exists() else {})
    assert known.trip == (TRIP if path.exists() else None)


async def test_a_store_of_an_older_version_that_may_only_be_read_says_what_may_still_run(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(path, "CREATE TABLE older AS SELECT station, device, since FROM running")
    run(path, "DROP TABLE running")
    run(path, "ALTER TABLE older RENAME TO running")
    run(path, "UPDATE alembic_version SET version_num = '0003'")
    monkeypatch.setattr(
        store_files, "PRAGMAS", (*store_files.PRAGMAS, "query_only = ON")
    )  # as on a disk that is read-only
    trouble, known = await opened_in_trouble(path)
    assert trouble == f"the store at {path} cannot be used (attempt to write a readonly database); {MAY_WRITE}"
    assert known.running == {"left-pump": DeviceIdentity(name="left-pump", profile="")}
    assert known.trip == TRIP


# Where the disk refuses


async def test_a_full_disk_leaves_nothing_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "letdown.db"
    with monkeypatch.context() as patch:
        patch.setattr(store_files, "PRAGMAS", (*store_files.PRAGMAS, "max_page_count = 4"))
        trouble, known = await opened_in_trouble(path)
        expected = "cannot be used (database or disk is full); make room on its disk, and restart Letdown"
        assert trouble == f"the store at {path} {expected}"
        assert known == SavedState()
    assert await saved(path) == SavedState()


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "(No space left on device); make room on its disk, and"),
        (OSError(errno.EROFS, os.strerror(errno.EROFS)), f"(Read-only file system); {MAY_WRITE}"),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "(Input/output error); "),
        (NotImplementedError("no locks here"), "(NotImplementedError: no locks here); "),
    ],
)
@pytest.mark.parametrize("place", ["lock_store", "create_file", "revision_of"])
async def test_whatever_the_system_refuses_is_no_reason_not_to_open(
    path: Path, place: str, error: Exception, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(opening, place, refuse)
    trouble, known = await opened_in_trouble(path)
    assert says in trouble
    assert known.running == {"left-pump": LEFT}


async def test_a_lock_that_the_system_refuses_is_none_of_another_controller(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError("no locks here")

    monkeypatch.setattr(store_files.FileLock, "acquire", refuse)
    trouble, _ = await opened_in_trouble(path)
    assert "no locks here" in trouble


async def test_a_program_that_writes_is_named_as_what_is_in_the_way(path: Path, impatient: None) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        trouble, known = await opened_in_trouble(path)
    expected = "cannot be used (database is locked); close the other program that has it open, and restart Letdown"
    assert trouble == f"the store at {path} {expected}"
    assert (known.running, known.trip) == ({"left-pump": LEFT}, TRIP)


async def test_a_disk_that_does_not_answer_is_not_waited_for_for_ever(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()
    opened: list[opening.OpenedStore] = []

    def open_late(path: Path, now: Timestamp) -> opening.OpenedStore:
        answers.wait(20)
        opened.append(open_file(path, now))
        return opened[0]

    open_file = opening.open_file
    monkeypatch.setattr(opening, "open_file", open_late)
    monkeypatch.setattr(opening, "OPENING_SECONDS", 0.05)
    trouble, known = await opened_in_trouble(path)
    expected = "cannot be used (its disk has not answered for 0.05 s); check its disk, and restart"
    assert trouble == f"the store at {path} {expected} Letdown"
    assert known == SavedState()
    answers.set()
    await until(lambda: bool(opened))
