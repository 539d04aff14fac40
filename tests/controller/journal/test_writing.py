"""When the store cannot be written: nothing starts, it is said once, and nothing is lost while the process lives."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from controller.database import writer
from controller.database.database import Statement
from controller.journal import store_files
from controller.journal.store import Store
from controller.safety.persistence import PersistenceError, SavedState
from tests.helpers.stores import (
    ANSWERS,
    HOT,
    LEFT,
    RIGHT,
    TRIP,
    after_a_crash,
    device,
    saved,
    say_all,
    settled,
    until,
    written_by_another,
)

LOCKED = "the store at {path} cannot be used (database is locked); close the other program that has it open"


def nothing_waits(store: Store) -> bool:
    assert store._writer is not None
    return not store._writer._pending


def lengths(known: SavedState) -> list[float]:
    """Return how long each stretch of use is."""
    return [round(use.began_seconds_ago - use.ended_seconds_ago, 3) for use in known.energy_uses]


async def test_nothing_is_started_that_cannot_be_kept(path: Path, impatient: None) -> None:
    async with Store.opened(path) as store:
        persistence = store.persistence("home")
        await persistence.save_starting([LEFT])
        assert store.problem is None
        with written_by_another(path):
            with pytest.raises(PersistenceError) as refused:
                await persistence.save_starting([LEFT, RIGHT])
            trouble = LOCKED.format(path=path)
            assert str(refused.value) == f"{trouble}; nothing was started"
            assert store.problem == persistence.problem == trouble
        await persistence.save_starting([])
        assert store.problem is None
        assert persistence.problem is None
        crashed = after_a_crash(path)
    assert (await saved(crashed)).running == {"left-pump": LEFT}, (
        "what ran before does still; the other was not started"
    )


async def test_what_could_not_be_written_is_written_with_the_next(path: Path, impatient: None) -> None:
    async with Store.opened(path) as store:
        persistence = store.persistence("home")
        await persistence.save_starting([LEFT, RIGHT])
        with written_by_another(path):
            say_all(persistence)
            persistence.save_stopped("left-pump")
            with pytest.raises(PersistenceError):
                await persistence.save_starting([])
            persistence.save_energy_use(1, HOT, 61, 0)  # what is newer than what waits
        await persistence.save_starting([])
        crashed = after_a_crash(path)
    known = await saved(crashed)
    assert known.running == {"right-pump": RIGHT}
    assert (known.trip, known.answers.on) == (TRIP, ANSWERS.on)
    assert lengths(known) == [120.5, 61]


@pytest.mark.system
async def test_what_was_said_while_a_write_failed_is_newer_than_what_it_wrote(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_files, "BUSY_SECONDS", 0.5)
    async with Store.opened(path) as store:
        persistence = store.persistence("home")
        await persistence.save_starting([])
        with written_by_another(path):
            persistence.save_energy_use(1, HOT, 60, 0)
            persistence.save_trip(TRIP)
            await until(lambda: nothing_waits(store))  # it is being written
            persistence.save_energy_use(1, HOT, 61, 0)
            persistence.save_trip(None)
            with pytest.raises(PersistenceError):
                await persistence.save_starting([])
        await persistence.save_starting([])
    known = await saved(path)
    assert (lengths(known), known.trip) == ([61], None)


async def test_what_an_earlier_controller_started_is_not_forgotten_when_nothing_starts(
    path: Path, impatient: None
) -> None:
    async with Store.opened(path) as store:
        await store.persistence("home").save_starting([LEFT])
    async with Store.opened(path) as store:
        with written_by_another(path), pytest.raises(PersistenceError):
            await store.persistence("home").save_starting([LEFT])
    assert (await saved(path)).running == {"left-pump": LEFT}


async def test_it_is_tried_again_without_any_next(path: Path, impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.01)
    async with Store.opened(path) as store:
        persistence = store.persistence("home")
        with written_by_another(path):
            persistence.save_trip(TRIP)
            with pytest.raises(PersistenceError):
                await persistence.save_starting([])
        await until(lambda: store.problem is None)
        crashed = after_a_crash(path)
    assert (await saved(crashed)).trip == TRIP


async def test_a_trouble_is_logged_once_and_so_is_its_end(
    path: Path, impatient: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="controller")
    async with Store.opened(path) as store:
        persistence = store.persistence("home")
        for _ in range(2):
            with written_by_another(path):
                for _ in range(3):
                    with pytest.raises(PersistenceError):
                        await persistence.save_starting([])
            await persistence.save_starting([])
            await persistence.save_starting([])
    said = [record.getMessage() for record in caplog.records]
    assert said == 2 * [
        f"{LOCKED.format(path=path)}; until that is done, nothing starts",
        f"the store at {path} can be written again",
    ]


async def test_a_disk_that_does_not_answer_starts_nothing_and_holds_up_nobody(
    path: Path, patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Store.opened(path) as store:
        persistence = store.persistence("home")
        await persistence.save_starting([])
        with written_by_another(path), monkeypatch.context() as patch:
            patch.setattr(writer, "FLUSH_SECONDS", 0.05)
            with pytest.raises(
                PersistenceError, match=r"\(its disk has .* 0.05 s\); check its disk; nothing was started$"
            ):
                await persistence.save_starting([LEFT])
            assert store.problem is not None
        await persistence.save_starting([])
        assert store.problem is None
    assert await saved(path) == SavedState()


async def test_a_start_that_is_given_up_takes_nothing_back_that_another_start_keeps(path: Path, patient: None) -> None:
    async with Store.opened(path) as store:
        persistence = store.persistence("home")
        await persistence.save_starting([])
        with written_by_another(path):
            first = asyncio.create_task(persistence.save_starting([LEFT]))
            await settled()
            await until(lambda: nothing_waits(store))  # it is being written
            second = asyncio.create_task(persistence.save_starting([LEFT]))
            await settled()
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            await settled()
        await second
        crashed = after_a_crash(path)
    assert (await saved(crashed)).running == {"left-pump": LEFT}


async def test_a_start_that_is_given_up_started_nothing(path: Path) -> None:
    async with Store.opened(path) as store:
        persistence = store.persistence("home")
        with written_by_another(path):
            starting = asyncio.create_task(persistence.save_starting([LEFT]))
            await settled()
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
    assert await saved(path) == SavedState()


async def test_a_doubt_is_not_forgotten_with_a_start_that_is_given_up(path: Path) -> None:
    async with Store.opened(path) as store:
        persistence = store.persistence("home")
        with written_by_another(path):
            starting = asyncio.create_task(persistence.save_starting([LEFT, RIGHT, device("warm-pad")]))
            await settled()
            persistence.save_uncertain(LEFT)
            persistence.save_stopped("right-pump")
            persistence.save_uncertain(RIGHT)
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
    assert (await saved(path)).running == {"left-pump": LEFT, "right-pump": RIGHT}


async def test_a_full_disk_starts_nothing_until_there_is_room(path: Path) -> None:
    long_name = "left-pump" * 2000
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    async with Store.opened(path) as store:
        persistence = store.persistence("home")
        await room_for(pages, store)
        persistence.save_trip(TRIP)
        with pytest.raises(
            PersistenceError, match=r"\(database or disk is full\); make room on its disk; nothing was st"
        ):
            await persistence.save_starting([device(long_name)])
        await room_for(10_000, store)
        await persistence.save_starting([device(long_name)])
    known = await saved(path)
    assert (known.running.keys(), known.trip) == ({long_name}, TRIP)


async def room_for(pages: int, store: Store) -> None:
    """Let the disk be so large, before anything that waits is written."""
    it = store._writer
    assert it is not None
    with it._lock:
        it._pending = {("room",): Statement(f"PRAGMA max_page_count = {pages}")} | it._pending
    assert await it.flush() is None


async def test_what_is_only_noted_waits_for_nothing(path: Path, patient: None) -> None:
    async with Store.opened(path) as store:
        persistence = store.persistence("home")
        await persistence.save_starting([])
        with written_by_another(path):
            began_seconds = time.monotonic()
            say_all(persistence)
            assert time.monotonic() - began_seconds < 5
        await persistence.save_starting([])
        crashed = after_a_crash(path)
    assert (await saved(crashed)).trip == TRIP


async def test_closing_writes_what_waits(path: Path) -> None:
    store = await Store.open(path)
    say_all(store.persistence("home"))
    await store.close()
    assert (await saved(path)).trip == TRIP


async def test_closing_does_not_wait_for_ever(
    path: Path, patient: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer, "CLOSE_SECONDS", 0.05)
    store = await Store.open(path)
    await store.persistence("home").save_starting([])
    with written_by_another(path):
        say_all(store.persistence("home"))
        async with asyncio.timeout(10):
            await store.close()
    assert f"the store at {path} was closed before everything was saved" in caplog.text
    async with Store.opened(path) as other:
        await other.persistence("home").save_starting([])  # what was given up does not come after it
    assert await saved(path) == SavedState()


def test_a_process_ends_though_its_last_write_was_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CLOSE_SECONDS", 0.01)

    async def controller() -> None:
        store = await Store.open(path)
        await store.persistence("home").save_starting([])
        with written_by_another(path):
            say_all(store.persistence("home"))
            await store.close()

    thread = threading.Thread(target=lambda: asyncio.run(controller()), daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()


async def test_closing_says_what_could_not_be_kept(
    path: Path, impatient: None, caplog: pytest.LogCaptureFixture
) -> None:
    store = await Store.open(path)
    await store.persistence("home").save_starting([])
    with written_by_another(path):
        store.persistence("home").save_trip(TRIP)
        await store.close()
    assert f"the store at {path} was closed before everything was saved" in caplog.text


async def test_after_it_was_closed_nothing_starts(path: Path) -> None:
    async with Store.opened(path) as store:
        persistence = store.persistence("home")
    with pytest.raises(PersistenceError, match=r"is closed; restart Letdown; nothing was started$"):
        await persistence.save_starting([LEFT])
