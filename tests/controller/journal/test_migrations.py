"""Files of earlier versions get the tables of new ones, keep what was in them, and are copied before they are changed.

`earlier` has the tables as each version made them, with Alembic.
"""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import date
from pathlib import Path

import pytest

from controller.database.sqlite_database import SqliteDatabase
from controller.journal import opening, tables
from controller.journal.opening import open_file
from controller.journal.store import Store
from controller.journal.tables import REVISION, Table
from controller.safety.persistence import DeviceIdentity, InterruptedSession, SavedAnswers
from devices.roles import Side
from tests.helpers.stores import TRIP, Clocks, content, earlier_store, names, opened_in_trouble, run, saved

REVISIONS = ("0001", "0002", "0003", "0004")
BEGAN = "'2026-03-01T02:00:00.000000+00:00'"


def schema(path: Path) -> dict[str, str]:
    """Return the SQL of each table, and the revision, without white space."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        found = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    return {"revision": revision} | {name: "".join(sql.split()).replace('"', "") for name, sql in found}


@pytest.mark.parametrize("revision", REVISIONS)
async def test_an_earlier_file_gets_the_very_tables_of_a_new_one(revision: str, empty: Path, tmp_path: Path) -> None:
    path = earlier_store(tmp_path / "letdown.db", revision)
    assert schema(path) != schema(empty)
    await saved(path)
    assert schema(path) == schema(empty)
    assert schema(path)["revision"] == REVISION


def test_the_tables_have_the_columns_that_are_written(empty: Path) -> None:
    written = [each for each in vars(tables).values() if isinstance(each, Table)]
    assert len(written) > 5
    with contextlib.closing(sqlite3.connect(empty)) as connection:
        for table in written:
            columns = connection.execute(f"SELECT name, pk FROM pragma_table_info('{table.name}')").fetchall()
            assert {name for name, _ in columns} == {*table.key, *table.others}
            assert {name for name, key in columns if key} == set(table.key)


def fill(path: Path) -> None:
    """Let it have something of everything that each version had."""
    if "0004" not in schema(path)["revision"]:
        run(path, f"INSERT INTO running VALUES ('home', 'left-pump', {BEGAN})")
        run(path, "INSERT INTO answers VALUES ('home', '2026-03-01', '{\"lump\": true}')")
        for budget, used, minutes in [("suction", 600, 20), ("heat", 300, 10), ("hot", 120, 10), ("vibration", 60, 45)]:
            at = f"'2026-03-01T02:{minutes}:00.000000+00:00'"
            run(path, f"INSERT INTO used VALUES ('home', '{budget}', {used}, {at})")
        run(path, f"INSERT INTO used VALUES ('home', 'light', 5, {BEGAN})")  # of which nobody knows anything
    run(path, f"INSERT INTO trip VALUES ('home', 'vacuum', 'left-pump', '310 mmHg', {BEGAN})")
    for number, outcome in (("0", "'completed'"), ("1", "NULL"), ("2", "NULL")):
        values = f"'s{number}', 'home', 'a', 'left', '2026-03-01T0{number}:00:00.000000+00:00', {outcome}"
        run(path, f"INSERT INTO session (id, station, routine, side, began_at, outcome) VALUES ({values})")


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
async def test_an_earlier_file_is_brought_up_to_date_with_what_is_in_it(
    tmp_path: Path, revision: str, clocks: Clocks
) -> None:
    path = earlier_store(tmp_path / "letdown.db", revision)
    fill(path)
    known = await saved(path, clocks=clocks)
    assert known.running == {"left-pump": DeviceIdentity(name="left-pump", profile="")}
    assert known.trip == TRIP
    assert known.answers == SavedAnswers(on=date(2026, 3, 1), values={"lump": True})
    assert sorted((sorted(use.budgets), use.began_seconds_ago, use.ended_seconds_ago) for use in known.energy_uses) == [
        (["heat"], 1200 + 300, 1200),
        (["heat", "hot"], 1200 + 120, 1200),
        (["suction"], 600 + 600, 600),
        (["vibration"], 0 + 60, 0),  # it was to go on until later
    ]
    assert known.interrupted == InterruptedSession(session_id="s2", routine="a", side=Side.LEFT)
    assert await saved(path, clocks=clocks) == known


@pytest.mark.parametrize("revision", REVISIONS)
async def test_earlier_sessions_are_there_until_they_are_taken_over(tmp_path: Path, revision: str) -> None:
    path = earlier_store(tmp_path / "letdown.db", revision)
    fill(path)
    for _ in range(2):
        async with Store.opened(path) as store:
            ends = {row["id"]: (row["outcome"], row["reason"]) for row in store.earlier_sessions}
            assert ends == {"s0": ("completed", None)} | dict.fromkeys(("s1", "s2"), ("failed", "cut_off"))
    async with Store.opened(path) as store:
        store.forget_earlier_sessions()
    async with Store.opened(path) as store:
        assert store.earlier_sessions == []


@pytest.mark.parametrize("revision", REVISIONS)
async def test_it_is_copied_before_it_is_changed_for_its_owner_only(tmp_path: Path, revision: str) -> None:
    path = earlier_store(tmp_path / "letdown.db", revision)
    fill(path)
    before = schema(path)
    await saved(path)
    backup = tmp_path / f"letdown.db.backup-{revision}"
    assert schema(backup) == before
    assert oct(backup.stat().st_mode & 0o777) == oct(0o600)
    kept = content(backup)
    await saved(path)
    assert content(backup) == kept
    assert names(tmp_path) == {"letdown.db", "letdown.db.lock", backup.name}


async def test_a_file_that_cannot_be_copied_is_not_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = earlier_store(tmp_path / "letdown.db", "0003")
    fill(path)
    before = content(path)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(opening, "back_up", refuse)
    trouble, known = await opened_in_trouble(path)
    assert "No space left on device); make room on its disk" in trouble
    assert known.trip == TRIP
    assert known.interrupted is not None
    assert known.interrupted.session_id == "s2"
    assert content(path) == before


async def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = earlier_store(tmp_path / "letdown.db", "0001")
    fill(path)
    run(path, "ALTER TABLE used RENAME TO lost")
    before = schema(path)
    trouble, known = await opened_in_trouble(path)
    assert "no such table: used" in trouble
    assert known.trip == TRIP
    assert schema(path) == before


async def test_a_new_file_needs_no_copy(tmp_path: Path) -> None:
    await saved(tmp_path / "letdown.db")
    assert names(tmp_path) == {"letdown.db", "letdown.db.lock"}


def test_what_earlier_versions_look_at_says_that_a_file_is_newer(empty: Path) -> None:
    # An earlier version knows revisions up to 0004; of any other, it says that a newer version wrote the file.
    with SqliteDatabase(empty).reading() as transaction:
        ((_, revision),) = transaction.read("SELECT * FROM alembic_version")[0].items()
    assert revision == REVISION > "0004"


def test_a_copy_has_what_is_only_in_the_write_ahead_log(tmp_path: Path, clocks: Clocks) -> None:
    path = earlier_store(tmp_path / "letdown.db", "0004")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"INSERT INTO trip VALUES ('home', 'vacuum', 'left-pump', '310 mmHg', {BEGAN})")
        opened = open_file(path, clocks())
        assert opened.lock is not None
        opened.lock.release()
    with contextlib.closing(sqlite3.connect(tmp_path / "letdown.db.backup-0004")) as connection:
        assert connection.execute("SELECT count(*) FROM trip").fetchone() == (1,)
