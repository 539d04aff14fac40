"""A store whose files are deleted, moved or replaced while it is used keeps nothing: it is seen, and nothing starts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.database import writer
from controller.journal import journal_target
from controller.journal.store import Store
from controller.safety.persistence import PersistenceError
from tests.helpers.stores import LEFT, RIGHT, TRIP, after_a_crash, names, saved, until

GONE = (
    "the store at {path} was deleted, replaced or moved while Letdown runs; "
    "see for yourself that every device is off, and restart Letdown to begin a new one"
)


@pytest.fixture
def path(path: Path) -> Path:
    """Where a store is, in a folder of its own."""
    folder = path.with_name("state")
    folder.mkdir()
    return Path(shutil.move(path, folder))


def folder_is_deleted(path: Path) -> None:
    shutil.rmtree(path.parent)


def folder_is_moved(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


def folder_is_made_anew(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.mkdir()
    path.touch()


def file_is_deleted(path: Path) -> None:
    path.unlink()


def file_is_replaced_by_its_copy(path: Path) -> None:
    copy = shutil.copy(path, path.with_name("copy"))
    os.replace(copy, path)  # noqa: PTH105


def log_is_deleted(path: Path) -> None:
    path.with_name("letdown.db-wal").unlink()


def lock_is_deleted(path: Path) -> None:
    path.with_name("letdown.db.lock").unlink()


WAYS: list[Callable[[Path], None]] = [
    folder_is_deleted,
    folder_is_moved,
    folder_is_made_anew,
    file_is_deleted,
    file_is_replaced_by_its_copy,
    log_is_deleted,
    lock_is_deleted,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_nothing_starts_when_it_is_gone(path: Path, way: Callable[[Path], None]) -> None:
    async with Store.opened(path) as store:
        persistence = store.persistence("home")
        await persistence.save_starting([LEFT])
        way(path)
        for _ in range(2):
            with pytest.raises(PersistenceError) as refused:
                await persistence.save_starting([RIGHT])
            assert str(refused.value) == f"{GONE.format(path=path)}; nothing was started"
            assert store.problem == persistence.problem == GONE.format(path=path)


@pytest.mark.parametrize("way", [folder_is_deleted, file_is_replaced_by_its_copy], ids=lambda way: way.__name__)
async def test_it_is_seen_when_nothing_is_written(
    path: Path, way: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(journal_target, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.01)
    async with Store.opened(path) as store:
        await store.persistence("home").save_starting([])
        way(path)
        await until(lambda: store.problem is not None)
        assert store.problem == GONE.format(path=path)
        assert caplog.messages == [f"{GONE.format(path=path)}; until that is done, nothing starts"]


async def test_it_is_seen_when_it_goes_before_the_first_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = journal_target.database_of

    def too_late(*args: object, **options: object) -> object:
        file_is_deleted(path)
        return connect(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(journal_target, "database_of", too_late)
    async with Store.opened(path) as store:
        with pytest.raises(PersistenceError, match="was deleted"):
            await store.persistence("home").save_starting([LEFT])
    assert names(path.parent) == {"letdown.db.lock"}, "it must not come back empty"


async def test_when_it_comes_back_everything_is_written_to_it(path: Path) -> None:
    elsewhere = path.parent.with_name("elsewhere")
    async with Store.opened(path) as store:
        persistence = store.persistence("home")
        await persistence.save_starting([LEFT])
        folder_is_moved(path)
        persistence.save_trip(TRIP)
        with pytest.raises(PersistenceError):
            await persistence.save_starting([RIGHT])
        elsewhere.rename(path.parent)
        await persistence.save_starting([])
        assert store.problem is None
        crashed = after_a_crash(path)
    known = await saved(crashed)
    assert (known.running, known.trip) == ({"left-pump": LEFT}, TRIP)


async def test_a_new_store_in_its_place_is_left_alone(path: Path) -> None:
    async with Store.opened(path) as store:
        await store.persistence("home").save_starting([LEFT])
        folder_is_deleted(path)
        async with Store.opened(path) as other:
            await other.persistence("home").save_starting([RIGHT])
            with pytest.raises(PersistenceError):
                await store.persistence("home").save_starting([])
            store.persistence("home").save_trip(TRIP)
            await store.close()
            await other.persistence("home").save_starting([LEFT])
            assert other.problem is None
            crashed = after_a_crash(path)
    known = await saved(crashed)
    assert known.running == {"left-pump": LEFT, "right-pump": RIGHT}
    assert known.trip is None
