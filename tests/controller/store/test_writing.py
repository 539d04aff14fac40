"""When the store cannot be written: nothing starts, it is said once, and nothing is lost while the process lives."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from controller.memory import NotKeptError, Remembered
from controller.store import engine, writer
from controller.store.store import Store
from tests.controller.store.conftest import after_a_crash, settled, written_by_another
from tests.controller.store.test_memory import ANSWERS, HOT, LEFT, RIGHT, TRIP, device, remembered, say_all

LOCKED = "the store at {path} cannot be used (database is locked); close the other program that has it open"


async def until(true: Callable[[], bool]) -> None:
    """Wait for what the writer's thread does."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def nothing_waits(store: Store) -> bool:
    assert store._writer is not None
    return not store._writer._waiting


def lengths(known: Remembered) -> list[float]:
    """Return how long each stretch of use is."""
    return [round(use.began_seconds_ago - use.ended_seconds_ago, 3) for use in known.uses]


async def test_nothing_is_started_that_cannot_be_kept(path: Path, impatient: None) -> None:
    async with Store.opened(path) as store:
        memory = store.memory("home")
        await memory.starting([LEFT])
        assert store.trouble is None
        with written_by_another(path):
            with pytest.raises(NotKeptError) as refused:
                await memory.starting([LEFT, RIGHT])
            trouble = LOCKED.format(path=path)
            assert str(refused.value) == f"{trouble}; nothing was started"
            assert store.trouble == memory.trouble == trouble
        await memory.starting([])
        assert store.trouble is None
        assert memory.trouble is None
        crashed = after_a_crash(path)
    assert (await remembered(crashed)).running == {"left-pump": LEFT}, (
        "what ran before does still; the other was not started"
    )


async def test_what_could_not_be_written_is_written_with_the_next(path: Path, impatient: None) -> None:
    async with Store.opened(path) as store:
        memory = store.memory("home")
        await memory.starting([LEFT, RIGHT])
        with written_by_another(path):
            say_all(memory)
            memory.stopped("left-pump")
            with pytest.raises(NotKeptError):
                await memory.starting([])
            memory.used(1, HOT, 61, 0)  # what is newer than what waits
        await memory.starting([])
        crashed = after_a_crash(path)
    known = await remembered(crashed)
    assert known.running == {"right-pump": RIGHT}
    assert (known.trip, known.answers.on) == (TRIP, ANSWERS.on)
    assert lengths(known) == [120.5, 61]


async def test_what_was_said_while_a_write_failed_is_newer_than_what_it_wrote(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.5)
    async with Store.opened(path) as store:
        memory = store.memory("home")
        await memory.starting([])
        with written_by_another(path):
            memory.used(1, HOT, 60, 0)
            memory.tripped(TRIP)
            await until(lambda: nothing_waits(store))  # it is being written
            memory.used(1, HOT, 61, 0)
            memory.tripped(None)
            with pytest.raises(NotKeptError):
                await memory.starting([])
        await memory.starting([])
    known = await remembered(path)
    assert (lengths(known), known.trip) == ([61], None)


async def test_what_an_earlier_controller_started_is_not_forgotten_when_nothing_starts(
    path: Path, impatient: None
) -> None:
    async with Store.opened(path) as store:
        await store.memory("home").starting([LEFT])
    async with Store.opened(path) as store:
        with written_by_another(path), pytest.raises(NotKeptError):
            await store.memory("home").starting([LEFT])
    assert (await remembered(path)).running == {"left-pump": LEFT}


async def test_it_is_tried_again_without_any_next(path: Path, impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "AGAIN_SECONDS", 0.01)
    async with Store.opened(path) as store:
        memory = store.memory("home")
        with written_by_another(path):
            memory.tripped(TRIP)
            with pytest.raises(NotKeptError):
                await memory.starting([])
        await until(lambda: store.trouble is None)
        crashed = after_a_crash(path)
    assert (await remembered(crashed)).trip == TRIP


async def test_a_trouble_is_logged_once_and_so_is_its_end(
    path: Path, impatient: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="controller.store")
    async with Store.opened(path) as store:
        memory = store.memory("home")
        for _ in range(2):
            with written_by_another(path):
                for _ in range(3):
                    with pytest.raises(NotKeptError):
                        await memory.starting([])
            await memory.starting([])
            await memory.starting([])
    said = [record.getMessage() for record in caplog.records]
    assert said == 2 * [
        f"{LOCKED.format(path=path)}; until that is done, nothing starts",
        f"the store at {path} can be written again",
    ]


async def test_a_disk_that_does_not_answer_starts_nothing_and_holds_up_nobody(
    path: Path, patient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Store.opened(path) as store:
        memory = store.memory("home")
        await memory.starting([])
        with written_by_another(path), monkeypatch.context() as patch:
            patch.setattr(writer, "KEPT_SECONDS", 0.05)
            with pytest.raises(NotKeptError, match=r"\(its disk has .* 0.05 s\); see whether .*; nothing was started$"):
                await memory.starting([LEFT])
            assert store.trouble is not None
        await memory.starting([])
        assert store.trouble is None
    assert await remembered(path) == Remembered()


async def test_a_start_that_is_given_up_takes_nothing_back_that_another_start_keeps(path: Path, patient: None) -> None:
    async with Store.opened(path) as store:
        memory = store.memory("home")
        await memory.starting([])
        with written_by_another(path):
            first = asyncio.create_task(memory.starting([LEFT]))
            await settled()
            await until(lambda: nothing_waits(store))  # it is being written
            second = asyncio.create_task(memory.starting([LEFT]))
            await settled()
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            await settled()
        await second
        crashed = after_a_crash(path)
    assert (await remembered(crashed)).running == {"left-pump": LEFT}


async def test_a_start_that_is_given_up_started_nothing(path: Path) -> None:
    async with Store.opened(path) as store:
        memory = store.memory("home")
        with written_by_another(path):
            starting = asyncio.create_task(memory.starting([LEFT]))
            await settled()
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
    assert await remembered(path) == Remembered()


async def test_a_doubt_is_not_forgotten_with_a_start_that_is_given_up(path: Path) -> None:
    async with Store.opened(path) as store:
        memory = store.memory("home")
        with written_by_another(path):
            starting = asyncio.create_task(memory.starting([LEFT, RIGHT, device("warm-pad")]))
            await settled()
            memory.doubted(LEFT)
            memory.stopped("right-pump")
            memory.doubted(RIGHT)
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
    assert (await remembered(path)).running == {"left-pump": LEFT, "right-pump": RIGHT}


async def test_a_full_disk_starts_nothing_until_there_is_room(path: Path) -> None:
    long_name = "left-pump" * 2000
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    async with Store.opened(path) as store:
        memory = store.memory("home")
        await room_for(pages, store)
        memory.tripped(TRIP)
        with pytest.raises(NotKeptError, match=r"\(database or disk is full\); make room on its disk; nothing was st"):
            await memory.starting([device(long_name)])
        await room_for(10_000, store)
        await memory.starting([device(long_name)])
    known = await remembered(path)
    assert (known.running.keys(), known.trip) == ({long_name}, TRIP)


async def room_for(pages: int, store: Store) -> None:
    """Let the disk be so large, before anything that waits is written."""
    it = store._writer
    assert it is not None
    with it._lock:
        it._waiting = {("room",): text(f"PRAGMA max_page_count = {pages}")} | it._waiting
    assert await it.kept() is None


async def test_what_is_only_noted_waits_for_nothing(path: Path, patient: None) -> None:
    async with Store.opened(path) as store:
        memory = store.memory("home")
        await memory.starting([])
        with written_by_another(path):
            began_seconds = time.monotonic()
            say_all(memory)
            assert time.monotonic() - began_seconds < 5
        await memory.starting([])
        crashed = after_a_crash(path)
    assert (await remembered(crashed)).trip == TRIP


async def test_closing_writes_what_waits(path: Path) -> None:
    store = await Store.open(path)
    say_all(store.memory("home"))
    await store.close()
    assert (await remembered(path)).trip == TRIP


async def test_closing_does_not_wait_for_ever(
    path: Path, patient: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer, "CLOSE_SECONDS", 0.05)
    store = await Store.open(path)
    await store.memory("home").starting([])
    with written_by_another(path):
        say_all(store.memory("home"))
        async with asyncio.timeout(10):
            await store.close()
    assert f"the store at {path} was closed before everything was kept" in caplog.text
    async with Store.opened(path) as other:
        await other.memory("home").starting([])  # what was given up does not come after it
    assert await remembered(path) == Remembered()


def test_a_process_ends_though_its_last_write_was_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "CLOSE_SECONDS", 0.01)

    async def controller() -> None:
        store = await Store.open(path)
        await store.memory("home").starting([])
        with written_by_another(path):
            say_all(store.memory("home"))
            await store.close()

    thread = threading.Thread(target=lambda: asyncio.run(controller()), daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()


async def test_closing_says_what_could_not_be_kept(
    path: Path, impatient: None, caplog: pytest.LogCaptureFixture
) -> None:
    store = await Store.open(path)
    await store.memory("home").starting([])
    with written_by_another(path):
        store.memory("home").tripped(TRIP)
        await store.close()
    assert f"the store at {path} was closed before everything was kept" in caplog.text


async def test_after_it_was_closed_nothing_starts(path: Path) -> None:
    async with Store.opened(path) as store:
        memory = store.memory("home")
    with pytest.raises(NotKeptError, match=r"is closed; restart Letdown; nothing was started$"):
        await memory.starting([LEFT])
