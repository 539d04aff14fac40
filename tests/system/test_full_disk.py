"""A disk that really is full: a session goes on and is recorded later; and nothing starts that could not be saved.

It mounts a small file system in memory, for which it needs to be root, or to be allowed `sudo` without a password.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.contract.session_record import HistoryError
from controller.contract.session_state import SessionState
from controller.database.writer import RETRY_SECONDS
from controller.history.history_store import HistoryStore
from controller.history.session_records import SessionRecords
from controller.journal.store import Store
from controller.safety.persistence import PersistenceError
from tests.helpers.home import STATION, running_home
from tests.helpers.patience import until
from tests.helpers.stores import device

pytestmark = pytest.mark.system

SIZE = "2m"
BLOCK = 1024


def as_root(*command: str) -> None:
    subprocess.run([*(() if os.geteuid() == 0 else ("sudo", "-n")), *command], check=True)


class SmallDisk:
    """A file system of a few MB."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave no room at all."""
        with contextlib.suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(BLOCK))

    def make_room(self) -> None:
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "small"
    folder.mkdir()
    as_root("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700,uid={os.geteuid()}", "tmpfs", str(folder))
    try:
        yield SmallDisk(folder)
    finally:
        as_root("umount", "--lazy", str(folder))


async def test_a_session_goes_on_and_is_in_the_history_once_there_is_room(disk: SmallDisk) -> None:
    async with HistoryStore.opened(disk.folder / "history.db") as history:
        async with running_home(parent=True, history=history, speed=60.0, coarse=True) as house:
            await house.start("classic")
            await until(lambda: house.recorded.snapshot.step == "warm")
            await history.write()
            disk.fill()
            snapshot = await house.finished()
            assert snapshot.state is SessionState.COMPLETED
            await until(lambda: history.problem is not None)
            assert "disk is full" in str(history.problem)
            assert "make room on its disk" in str(history.problem)
            with pytest.raises(HistoryError, match="make room on its disk"):
                await history.write()
            disk.make_room()
            await until(lambda: history.problem is None, 3 * RETRY_SECONDS)
        await history.write()
        (record,) = await SessionRecords(history).sessions(STATION)
        details = await SessionRecords(history).details(record.id)
    assert record.outcome is SessionState.COMPLETED
    assert (record.volume_ml.total or 0.0) > 40
    assert details is not None
    assert [each.name for each in details.steps] == ["check", "warm", "massage", "stimulate", "express"]
    assert len({each.id for each in details.events}) == len(details.events) > 8
    assert details.curves


async def test_nothing_starts_that_could_not_be_saved(disk: SmallDisk) -> None:
    left = device("left-pump" * 400)
    async with Store.opened(disk.folder / "letdown.db") as store:
        persistence = store.persistence("home")
        await persistence.save_starting([device("right-pump")])
        persistence.save_stopped("right-pump")
        disk.fill()
        with pytest.raises(PersistenceError, match=r"disk is full.*make room on its disk; nothing was started"):
            await persistence.save_starting([left])
        disk.make_room()
        await persistence.save_starting([left])
    async with Store.opened(disk.folder / "letdown.db") as store:
        assert set(store.persistence("home").saved.running) == {left.name}
