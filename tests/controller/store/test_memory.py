"""What a station said is what it remembers, also when nobody had the time to close anything."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from controller.memory import Chosen, Memory, Remembered, Used
from controller.safety import Trip, TripKind
from controller.store.store import Store
from devices.roles import Side
from tests.controller.store.conftest import Wall, after_a_crash
from tests.test_cli import ROOT, environment

TRIP = Trip(kind=TripKind.VACUUM, device="left-pump", words="310 mmHg")
DAY = date(2026, 3, 1)
CHOSEN = Chosen(routine="gentle", side=Side.LEFT, comfort_vacuum_mmhg=120)


async def remembered(path: Path, station: str = "home", wall: Wall | None = None) -> Remembered:
    async with await Store.open(path, *([wall] if wall else [])) as store:
        return store.memory(station).remembered


def say_all(memory: Memory) -> None:
    memory.tripped(TRIP)
    memory.answered(DAY, {"lump": True, "fever": False})
    memory.used("suction", 120.5)
    memory.used("heat", 60)
    memory.chose(CHOSEN)


async def test_a_new_store_remembers_nothing(path: Path) -> None:
    assert await remembered(path) == Remembered()


async def test_what_starts_is_on_the_disk_when_starting_returns(path: Path) -> None:
    async with Store.opened(path) as store:
        await store.memory("home").starting(["left-pump", "right-pump"])
        crashed = after_a_crash(path)
    assert (await remembered(crashed)).running == {"left-pump", "right-pump"}


async def test_all_that_was_said_before_is_on_the_disk_too(path: Path, wall: Wall) -> None:
    async with await Store.open(path, wall) as store:
        say_all(store.memory("home"))
        await store.memory("home").starting([])
        crashed = after_a_crash(path)
    assert await remembered(crashed, wall=wall) == Remembered(
        trip=TRIP,
        answers={"lump": True, "fever": False},
        answered_on=DAY,
        used={
            "suction": Used(used_seconds=120.5, rested_seconds=0),
            "heat": Used(used_seconds=60, rested_seconds=0),
        },
        chosen=CHOSEN,
    )


async def test_what_was_known_when_it_was_opened_stays_until_it_is_opened_again(path: Path) -> None:
    async with Store.opened(path) as store:
        memory = store.memory("home")
        await memory.starting(["left-pump"])
        assert store.memory("home") is memory
        assert memory.remembered == Remembered()
    async with Store.opened(path) as store:
        memory = store.memory("home")
        memory.stopped("left-pump")
        assert memory.remembered.running == {"left-pump"}


async def test_what_stopped_or_was_acknowledged_is_not_remembered(path: Path) -> None:
    async with Store.opened(path) as store:
        memory = store.memory("home")
        memory.tripped(TRIP)
        await memory.starting(["left-pump", "right-pump"])
        memory.stopped("left-pump")
        memory.tripped(None)
    assert await remembered(path) == Remembered(running=frozenset({"right-pump"}))
    async with Store.opened(path) as store:
        store.memory("home").stopped("right-pump")  # also one that another controller started
    assert await remembered(path) == Remembered()


async def test_the_latest_word_counts(path: Path, wall: Wall) -> None:
    async with await Store.open(path, wall) as store:
        memory = store.memory("home")
        say_all(memory)
        await memory.starting([])
        memory.tripped(TRIP.model_copy(update={"kind": TripKind.STALE}))
        memory.answered(date(2026, 3, 2), {"numb": False})
        memory.used("heat", 0)
    known = await remembered(path, wall=wall)
    assert known.trip is not None
    assert known.trip.kind is TripKind.STALE
    assert (known.answered_on, known.answers) == (date(2026, 3, 2), {"numb": False})
    assert known.used["heat"].used_seconds == 0


async def test_a_day_without_any_answer_yet_is_a_day(path: Path) -> None:
    async with Store.opened(path) as store:
        store.memory("home").answered(DAY, {})
    known = await remembered(path)
    assert (known.answered_on, known.answers) == (DAY, {})


async def test_stations_do_not_know_of_each_other(path: Path) -> None:
    async with Store.opened(path) as store:
        for name in ("home", "work"):
            await store.memory(name).starting([f"{name}-pump", "pump"])
        say_all(store.memory("home"))
        store.memory("home").stopped("pump")
    assert await remembered(path, "work") == Remembered(running=frozenset({"work-pump", "pump"}))
    assert (await remembered(path, "home")).running == {"home-pump"}


@pytest.mark.parametrize(("passed", "rested"), [(0, 0), (1799.5, 1799.5), (86400 * 3, 86400 * 3), (-1, 0), (-9e6, 0)])
async def test_rest_is_what_passed_on_the_wall_and_none_when_that_went_backwards(
    path: Path, wall: Wall, passed: float, rested: float
) -> None:
    async with await Store.open(path, wall) as store:
        store.memory("home").used("heat", 600)
    wall.move(passed)
    assert (await remembered(path, wall=wall)).used == {"heat": Used(used_seconds=600, rested_seconds=rested)}


@pytest.mark.parametrize(("passed", "rested"), [(0, 0), (899, 0), (900, 0), (900.5, 0.5), (2700, 1800), (-1, 0)])
async def test_rest_begins_when_what_was_ahead_would_have_been_over(
    path: Path, wall: Wall, passed: float, rested: float
) -> None:
    async with await Store.open(path, wall) as store:
        store.memory("home").used("suction", 1000, ahead_seconds=900)
    wall.move(passed)
    assert (await remembered(path, wall=wall)).used == {"suction": Used(used_seconds=1000, rested_seconds=rested)}


async def test_what_may_still_run_is_remembered_as_running(path: Path) -> None:
    async with Store.opened(path) as store:
        memory = store.memory("home")
        memory.doubted("left-pump")
        memory.doubted("right-pump")
        memory.stopped("right-pump")
    assert (await remembered(path)).running == {"left-pump"}


STARTS = """
import asyncio, sys
from datetime import date
from pathlib import Path
from controller.events import Event, EventType
from controller.store.store import Store

async def main():
    store = await Store.open(Path(sys.argv[1]))
    data = {"routine": "classic", "side": "both"}
    store.watch(Event(station="home", session_id="s1", type=EventType.SESSION_STARTED, data=data))
    store.memory("home").answered(date(2026, 3, 1), {"lump": True})
    await store.memory("home").starting(["left-pump"])
    print("started", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_a_controller_that_was_killed_is_known_to_have_run_what_it_started(path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STARTS, str(path)], stdout=subprocess.PIPE, env=environment(), cwd=ROOT, text=True
    )
    assert process.stdout is not None
    with process:
        try:
            assert process.stdout.readline() == "started\n"
        finally:
            process.send_signal(signal.SIGKILL)
    known = asyncio.run(remembered(path))
    assert known.running == {"left-pump"}
    assert known.answers == {"lump": True}
    assert known.cut_off is not None
    assert known.cut_off.session_id == "s1"


async def test_what_may_still_run_at_a_station_that_is_no_more_is_not_lost_sight_of(path: Path) -> None:
    async with Store.opened(path) as store:
        await store.memory("bedroom").starting(["left-pump"])
        await store.memory("home").starting(["warm-pad"])
    async with Store.opened(path) as store:
        assert store.left_behind(["home"]) == {"bedroom": {"left-pump"}}
        assert store.left_behind(["home", "bedroom"]) == {}
