"""A store that is broken: it is left as it is, nothing starts, and what can still be read of it is known."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from controller.journal.store import Store
from controller.journal.store_errors import InUseError
from controller.safety.persistence import DeviceIdentity, SavedAnswers, SavedState
from tests.helpers.stores import LEFT, RIGHT, TRIP, after_a_crash, began, content, opened_in_trouble, run, saved

MOVE_AWAY = "see for yourself that every device is off, move {path}* away to begin a new one, and restart Letdown"


@pytest.fixture
def path(full: Path) -> Path:
    return full


# Each breaks a store. What it says, and what can still be read.


def is_text(path: Path) -> None:
    path.write_text("once upon a time\n" * 500, encoding="utf-8")


def is_cut_within_a_page(path: Path) -> None:
    os.truncate(path, 1000)


def has_a_broken_page(path: Path) -> None:
    overwrite(path, "answers")


def was_written_by_a_newer_version(path: Path) -> None:
    run(path, "UPDATE alembic_version SET version_num = '0099'")
    run(path, "ALTER TABLE running ADD COLUMN model TEXT")
    run(path, "ALTER TABLE use RENAME TO uses")


def has_a_trip_of_no_known_kind(path: Path) -> None:
    run(path, "UPDATE trip SET kind = 'boredom'")


def has_a_time_that_is_none(path: Path) -> None:
    run(path, "UPDATE use SET wall = 'yesterday' WHERE number = 1")


def has_no_revision(path: Path) -> None:
    run(path, "DELETE FROM alembic_version")


def has_lost_a_table(path: Path) -> None:
    run(path, "DROP TABLE use")


def has_answers_that_are_none(path: Path) -> None:
    run(path, "UPDATE answers SET answers = '{'")


def is_something_else(path: Path) -> None:
    path.unlink()
    run(path, "CREATE TABLE recipe (name TEXT)")


def overwrite(path: Path, table: str) -> None:
    """Overwrite the page of a table."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek(size * (page - 1))
        file.write(b"\xff" * size)


JOURNAL, TRIPPED, ANSWERED, USED, CHOSEN = "running", "trip", "answers", "uses", "chosen"
ALL = {JOURNAL, TRIPPED, ANSWERED, USED, CHOSEN}
BROKEN: dict[Callable[[Path], None], tuple[str, set[str]]] = {
    is_text: ("cannot be used (file is not a database)", set()),
    is_cut_within_a_page: ("cannot be used (", set()),
    has_a_broken_page: ("cannot be used (", ALL - {ANSWERED}),
    was_written_by_a_newer_version: ("was written by a newer version of Letdown (its tables are 0099)", ALL - {USED}),
    has_a_trip_of_no_known_kind: ("has invalid content (", ALL - {TRIPPED}),
    has_a_time_that_is_none: ("has invalid content (", ALL),  # but for the one stretch
    has_no_revision: ("has invalid content (", ALL),
    has_lost_a_table: ("cannot be used (no such table: use)", ALL - {USED}),
    has_answers_that_are_none: ("has invalid content (", ALL - {ANSWERED}),
    is_something_else: ("is a database of something else; name another file, and restart Letdown", set()),
}


@pytest.mark.parametrize("spoil", BROKEN, ids=lambda spoil: spoil.__name__)
async def test_what_is_broken_is_left_as_it_is_and_read_as_far_as_it_can_be(
    path: Path, spoil: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    spoil(path)
    before = content(path)
    what, readable = BROKEN[spoil]
    for _ in range(2):  # and it is not held after that
        caplog.clear()
        trouble, known = await opened_in_trouble(path)
        assert trouble.startswith(f"the store at {path} {what}")
        if spoil is not is_something_else:
            assert trouble.endswith(MOVE_AWAY.format(path=path))
        assert known.running == ({"left-pump": LEFT} if JOURNAL in readable else {})
        assert (known.trip == TRIP) is (TRIPPED in readable)
        assert (known.answers.on == date(2026, 3, 1)) is (ANSWERED in readable)
        assert bool(known.energy_uses) is (USED in readable)
        assert (known.start_defaults.routine == "gentle") is (CHOSEN in readable)
        errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert errors == [f"{trouble}; until then nothing starts, and nothing is saved"]
    assert content(path) == before
    for file in path.parent.glob("letdown.db*"):
        file.rename(file.with_name(f"away-{file.name}"))
    assert await saved(path) == SavedState()


async def test_devices_left_behind_are_known_from_a_broken_store_too(path: Path) -> None:
    has_lost_a_table(path)
    async with Store.opened(path) as store:
        assert store.orphaned_devices(["home"]) == {"bedroom": {"right-pump": RIGHT}}


async def test_the_journal_is_read_up_to_where_it_breaks_off(path: Path) -> None:
    devices = [DeviceIdentity(name=f"pump-{n:03}", profile="x" * 500) for n in range(100)]  # more than a page
    async with Store.opened(path) as store:
        await store.persistence("home").save_starting(devices)
    before = content(path)[: -4096 * 3]
    path.write_bytes(before)  # noqa: ASYNC240
    trouble, known = await opened_in_trouble(path)
    assert trouble.startswith(f"the store at {path} cannot be used (database disk image is malformed)")
    assert content(path) == before
    assert 10 < len(known.running) < 101


async def test_a_name_that_is_no_text_does_not_hide_what_may_still_run(path: Path) -> None:
    run(path, "UPDATE running SET advertised_name = cast(x'ff22' AS TEXT)")
    trouble, known = await opened_in_trouble(path)
    assert "cannot be used (Could not decode to UTF-8" in trouble
    assert known.running["left-pump"].address == LEFT.address


async def test_a_session_that_was_cut_off_is_known_from_a_broken_store(path: Path) -> None:
    async with Store.opened(path) as store:
        store.watch(began("s1"))
    has_a_trip_of_no_known_kind(path)
    _, known = await opened_in_trouble(path)
    assert known.interrupted is not None
    assert known.interrupted.session_id == "s1"


async def test_what_a_crash_left_in_the_log_is_read_too(path: Path) -> None:
    async with Store.opened(path) as store:
        await store.persistence("home").save_starting([RIGHT])
        crashed = after_a_crash(path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("UPDATE alembic_version SET version_num = '0099'")
        crashed = after_a_crash(path)
    assert crashed.with_name("letdown.db-wal").exists()
    _, known = await opened_in_trouble(crashed)
    assert known.running.keys() == {"left-pump", "right-pump"}


# Two controllers


@pytest.mark.parametrize("spoil", [is_text, was_written_by_a_newer_version], ids=lambda spoil: spoil.__name__)
async def test_two_controllers_do_not_use_one_broken_store_either(path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(path)
    async with Store.opened(path):
        with pytest.raises(InUseError, match="is in use: another controller uses it; end that one"):
            await Store.open(path)


async def test_a_store_without_answers_is_not_taken_for_one_with(path: Path) -> None:
    run(path, "DELETE FROM answers")
    assert (await saved(path)).answers == SavedAnswers()
