"""Opening a store that can be used: for its owner only, and by one controller only."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.journal.store import Store
from controller.journal.store_errors import InUseError
from controller.journal.store_files import database_of
from tests.helpers.stores import LEFT, TRIP, after_a_crash, names, saved, say_all


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


async def test_what_is_made_is_for_its_owner_only(tmp_path: Path, open_umask: None) -> None:
    path = tmp_path / "state" / "letdown" / "letdown.db"
    async with Store.opened(path) as store:
        await store.persistence("home").save_starting([LEFT])
        assert names(path.parent) > {"letdown.db", "letdown.db-wal", "letdown.db.lock"}
        assert {oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()} == {oct(0o600)}
    for folder in (path.parent, path.parent.parent):
        assert oct(folder.stat().st_mode & 0o777) == oct(0o700)


@pytest.mark.parametrize("name", ["letdown.db", "50% of it?.db", "a #b&mode=ro.db", ":memory:"])
async def test_a_file_may_be_called_anything(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(name)
    async with Store.opened(path) as store:
        say_all(store.persistence("home"))
    assert (await saved(path)).trip == TRIP
    assert names(tmp_path) == {name, f"{name}.lock"}


async def test_a_commit_waits_for_the_disk(path: Path) -> None:
    with contextlib.closing(database_of(path)) as database, database.writing() as transaction:
        for pragma, value in {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}.items():
            assert transaction.read(f"PRAGMA {pragma}") == [{pragma: value}]


async def test_two_controllers_do_not_use_one_store(path: Path) -> None:
    async with Store.opened(path) as store:
        with pytest.raises(InUseError, match=f"^the store at {path} is in use: another controller uses it; end that"):
            await Store.open(path)
        await store.persistence("home").save_starting([LEFT])
    assert (await saved(path)).running == {"left-pump": LEFT}


async def test_files_that_others_could_use_are_made_private_which_is_said(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Store.opened(path) as store:
        await store.persistence("home").save_starting([LEFT])
        crashed = after_a_crash(path)
    crashed.with_name("letdown.db.lock").touch()
    for file in crashed.parent.iterdir():
        file.chmod(0o666)
    caplog.clear()
    async with Store.opened(crashed) as store:
        assert store.persistence("home").saved.running == {"left-pump": LEFT}
        assert {oct(file.stat().st_mode & 0o777) for file in crashed.parent.iterdir()} == {oct(0o600)}
    for name in ("letdown.db", "letdown.db-wal", "letdown.db.lock"):
        assert f"others could read or write {crashed.with_name(name)}; now only its owner can" in caplog.text
    caplog.clear()
    await saved(crashed)
    assert caplog.text == ""
