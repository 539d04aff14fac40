"""What a body said is what it remembers, also when nobody had the time to close anything."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from controller.memory import Answers, Chosen, Identity, Memory, Remembered, Use
from controller.safety import Trip, TripKind
from controller.store import stamp
from controller.store.store import Store
from devices.roles import Side
from tests.controller.store.conftest import Clocks, after_a_crash, run
from tests.test_cli import ROOT, environment

TRIP = Trip(kind=TripKind.VACUUM, device="left-pump", words="310 mmHg")
CHOSEN = Chosen(routine="gentle", side=Side.LEFT, comfort_vacuum_mmhg=120)
ANSWERS = Answers(
    on=date(2026, 3, 1), values={"lump": True, "fever": False}, standing=frozenset({"numb"}), day_left_seconds=3600
)
SUCTION, HOT = frozenset({"suction"}), frozenset({"heat", "hot"})
LEFT = Identity(
    name="left-pump",
    profile="open-pump",
    side=Side.LEFT,
    address="f0:1e:7d:00:00:01",
    uuids={"control": ("0000fff0-0000-1000-8000-00805f9b34fb", "0000fff1-0000-1000-8000-00805f9b34fb")},
)
RIGHT = Identity(name="right-pump", profile="open-pump", side=Side.RIGHT, advertised_name="Open Pump R")


def device(name: str) -> Identity:
    return Identity(name=name, profile="open-pump", advertised_name=name)


async def remembered(path: Path, name: str = "home", clocks: Clocks | None = None) -> Remembered:
    async with Store.opened(path, clocks or stamp.now) as store:
        assert store.trouble is None
        return store.memory(name).remembered


def say_all(memory: Memory) -> None:
    memory.tripped(TRIP)
    memory.answered(ANSWERS)
    memory.used(0, SUCTION, 120.5, 0)
    memory.used(1, HOT, 60, -240)
    memory.chose(CHOSEN)


async def test_a_new_store_remembers_nothing(path: Path) -> None:
    assert await remembered(path) == Remembered()


async def test_what_starts_is_on_the_disk_when_starting_returns_with_all_that_finds_it(path: Path) -> None:
    async with Store.opened(path) as store:
        await store.memory("home").starting([LEFT, RIGHT])
        crashed = after_a_crash(path)
    assert (await remembered(crashed)).running == {"left-pump": LEFT, "right-pump": RIGHT}


async def test_all_that_was_said_before_is_on_the_disk_too(path: Path, clocks: Clocks) -> None:
    async with Store.opened(path, clocks) as store:
        say_all(store.memory("home"))
        await store.memory("home").starting([])
        crashed = after_a_crash(path)
    assert await remembered(crashed, clocks=clocks) == Remembered(
        trip=TRIP,
        answers=ANSWERS,
        uses=(
            Use(budgets=SUCTION, began_seconds_ago=120.5, ended_seconds_ago=0),
            Use(budgets=HOT, began_seconds_ago=60, ended_seconds_ago=-240),
        ),
        chosen=CHOSEN,
    )


async def test_what_was_known_when_it_was_opened_stays_until_it_is_opened_again(path: Path) -> None:
    async with Store.opened(path) as store:
        memory = store.memory("home")
        await memory.starting([LEFT])
        assert store.memory("home") is memory
        assert memory.remembered == Remembered()
    async with Store.opened(path) as store:
        memory = store.memory("home")
        memory.stopped("left-pump")
        assert memory.remembered.running == {"left-pump": LEFT}


async def test_what_stopped_or_was_acknowledged_is_not_remembered(path: Path) -> None:
    async with Store.opened(path) as store:
        memory = store.memory("home")
        memory.tripped(TRIP)
        await memory.starting([LEFT, RIGHT])
        memory.stopped("left-pump")
        memory.tripped(None)
    assert await remembered(path) == Remembered(running={"right-pump": RIGHT})
    async with Store.opened(path) as store:
        store.memory("home").stopped("right-pump")  # also one that another controller started
    assert await remembered(path) == Remembered()


async def test_the_latest_word_counts(path: Path, clocks: Clocks) -> None:
    async with Store.opened(path, clocks) as store:
        memory = store.memory("home")
        say_all(memory)
        await memory.starting([LEFT])
        memory.tripped(TRIP.model_copy(update={"kind": TripKind.STALE}))
        memory.answered(Answers(values={"numb": False}))
        memory.used(1, HOT, 90, 0)
        await memory.starting([LEFT.model_copy(update={"address": "f0:1e:7d:00:00:09"})])
    known = await remembered(path, clocks=clocks)
    assert known.trip is not None
    assert known.trip.kind is TripKind.STALE
    assert known.answers == Answers(values={"numb": False})
    assert known.uses[1] == Use(budgets=HOT, began_seconds_ago=90, ended_seconds_ago=0)
    assert known.running["left-pump"].address == "f0:1e:7d:00:00:09"


async def test_bodies_do_not_know_of_each_other(path: Path) -> None:
    async with Store.opened(path) as store:
        for name in ("home", "work"):
            await store.memory(name).starting([device(f"{name}-pump"), device("pump")])
        say_all(store.memory("home"))
        store.memory("work").used(0, HOT, 1, 0)
        store.memory("home").stopped("pump")
    at_work = await remembered(path, "work")
    assert at_work.running.keys() == {"work-pump", "pump"}
    assert [use.budgets for use in at_work.uses] == [HOT]
    assert (at_work.trip, at_work.answers, at_work.chosen) == (None, Answers(), Chosen())
    at_home = await remembered(path, "home")
    assert at_home.running.keys() == {"home-pump"}
    assert [use.budgets for use in at_home.uses] == [SUCTION, HOT]


async def test_what_may_still_run_is_remembered_as_running(path: Path) -> None:
    async with Store.opened(path) as store:
        memory = store.memory("home")
        memory.doubted(LEFT)
        memory.doubted(RIGHT)
        memory.stopped("right-pump")
    assert (await remembered(path)).running == {"left-pump": LEFT}


@pytest.mark.parametrize("spoilt", ["uuids = 'no json'", "side = 'middle'", "uuids = '[1]'", "profile = x'ff00'"])
async def test_a_device_that_may_still_run_is_remembered_by_its_name_when_the_rest_is_spoilt(
    path: Path, spoilt: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Store.opened(path) as store:
        await store.memory("home").starting([LEFT, RIGHT])
    run(path, f"UPDATE running SET {spoilt} WHERE device = 'left-pump'")
    assert (await remembered(path)).running == {
        "left-pump": Identity(name="left-pump", profile=""),
        "right-pump": RIGHT,
    }
    assert "where to find left-pump, which may still run, cannot be read from the store" in caplog.text


async def test_what_may_still_run_under_a_name_that_is_no_more_is_not_lost_sight_of(path: Path) -> None:
    async with Store.opened(path) as store:
        await store.memory("bedroom").starting([LEFT])
        await store.memory("home").starting([RIGHT])
    async with Store.opened(path) as store:
        assert store.left_behind(["home"]) == {"bedroom": {"left-pump": LEFT}}
        assert store.left_behind(["home", "bedroom"]) == {}


STARTS = """
import asyncio, sys
from pathlib import Path
from controller.events import Event, EventType
from controller.memory import Answers, Identity
from controller.store.store import Store

async def main():
    store = await Store.open(Path(sys.argv[1]))
    data = {"routine": "classic", "side": "both"}
    store.watch(Event(station="home", session_id="s1", type=EventType.SESSION_STARTED, data=data))
    store.memory("home").answered(Answers(values={"lump": True}))
    await store.memory("home").starting([Identity(name="left-pump", profile="open-pump", address="f0:1e:7d:00:00:01")])
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
    assert known.running["left-pump"].address == "f0:1e:7d:00:00:01"
    assert known.answers.values == {"lump": True}
    assert known.cut_off is not None
    assert known.cut_off.session_id == "s1"
