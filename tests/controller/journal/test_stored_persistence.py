"""What a body said is what it remembers, also when nobody had the time to close anything."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from controller.journal.store import Store
from controller.safety.persistence import (
    DeviceIdentity,
    EnergyUse,
    SavedAnswers,
    SavedStartDefaults,
    SavedState,
)
from tests.helpers.command_line import ROOT, environment
from tests.helpers.stores import (
    ANSWERS,
    CHOSEN,
    HOT,
    LEFT,
    RIGHT,
    SUCTION,
    TRIP,
    Clocks,
    after_a_crash,
    check_otherwise,
    device,
    run,
    saved,
    say_all,
    say_otherwise,
)


async def test_a_new_store_remembers_nothing(path: Path) -> None:
    assert await saved(path) == SavedState()


async def test_what_starts_is_on_the_disk_when_starting_returns_with_all_that_finds_it(path: Path) -> None:
    async with Store.opened(path) as store:
        await store.persistence("home").save_starting([LEFT, RIGHT])
        crashed = after_a_crash(path)
    assert (await saved(crashed)).running == {"left-pump": LEFT, "right-pump": RIGHT}


async def test_all_that_was_said_before_is_on_the_disk_too(path: Path, clocks: Clocks) -> None:
    async with Store.opened(path, clocks) as store:
        say_all(store.persistence("home"))
        await store.persistence("home").save_starting([])
        crashed = after_a_crash(path)
    assert await saved(crashed, clocks=clocks) == SavedState(
        trip=TRIP,
        answers=ANSWERS,
        energy_uses=(
            EnergyUse(budgets=SUCTION, began_seconds_ago=120.5, ended_seconds_ago=0),
            EnergyUse(budgets=HOT, began_seconds_ago=60, ended_seconds_ago=-240),
        ),
        start_defaults=CHOSEN,
    )


async def test_what_was_known_when_it_was_opened_stays_until_it_is_opened_again(path: Path) -> None:
    async with Store.opened(path) as store:
        persistence = store.persistence("home")
        await persistence.save_starting([LEFT])
        assert store.persistence("home") is persistence
        assert persistence.saved == SavedState()
    async with Store.opened(path) as store:
        persistence = store.persistence("home")
        persistence.save_stopped("left-pump")
        assert persistence.saved.running == {"left-pump": LEFT}


async def test_what_stopped_or_was_acknowledged_is_not_remembered(path: Path) -> None:
    async with Store.opened(path) as store:
        persistence = store.persistence("home")
        persistence.save_trip(TRIP)
        await persistence.save_starting([LEFT, RIGHT])
        persistence.save_stopped("left-pump")
        persistence.save_trip(None)
    assert await saved(path) == SavedState(running={"right-pump": RIGHT})
    async with Store.opened(path) as store:
        store.persistence("home").save_stopped("right-pump")  # also one that another controller started
    assert await saved(path) == SavedState()


async def test_what_was_saved_last_counts(path: Path, clocks: Clocks) -> None:
    async with Store.opened(path, clocks) as store:
        persistence = store.persistence("home")
        say_all(persistence)
        await persistence.save_starting([LEFT])
        await say_otherwise(persistence)
    check_otherwise(await saved(path, clocks=clocks))


async def test_bodies_do_not_know_of_each_other(path: Path) -> None:
    async with Store.opened(path) as store:
        for name in ("home", "work"):
            await store.persistence(name).save_starting([device(f"{name}-pump"), device("pump")])
        say_all(store.persistence("home"))
        store.persistence("work").save_energy_use(0, HOT, 1, 0)
        store.persistence("home").save_stopped("pump")
    at_work = await saved(path, "work")
    assert at_work.running.keys() == {"work-pump", "pump"}
    assert [use.budgets for use in at_work.energy_uses] == [HOT]
    assert (at_work.trip, at_work.answers, at_work.start_defaults) == (None, SavedAnswers(), SavedStartDefaults())
    at_home = await saved(path, "home")
    assert at_home.running.keys() == {"home-pump"}
    assert [use.budgets for use in at_home.energy_uses] == [SUCTION, HOT]


async def test_what_may_still_run_is_remembered_as_running(path: Path) -> None:
    async with Store.opened(path) as store:
        persistence = store.persistence("home")
        persistence.save_uncertain(LEFT)
        persistence.save_uncertain(RIGHT)
        persistence.save_stopped("right-pump")
    assert (await saved(path)).running == {"left-pump": LEFT}


@pytest.mark.parametrize("spoilt", ["uuids = 'no json'", "side = 'middle'", "uuids = '[1]'", "profile = x'ff00'"])
async def test_a_device_that_may_still_run_is_remembered_by_its_name_when_the_rest_is_spoilt(
    path: Path, spoilt: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Store.opened(path) as store:
        await store.persistence("home").save_starting([LEFT, RIGHT])
    run(path, f"UPDATE running SET {spoilt} WHERE device = 'left-pump'")
    assert (await saved(path)).running == {
        "left-pump": DeviceIdentity(name="left-pump", profile=""),
        "right-pump": RIGHT,
    }
    assert "where to find left-pump, which may still run, cannot be read from the store" in caplog.text


async def test_what_may_still_run_under_a_name_that_is_no_more_is_not_lost_sight_of(path: Path) -> None:
    async with Store.opened(path) as store:
        await store.persistence("bedroom").save_starting([LEFT])
        await store.persistence("home").save_starting([RIGHT])
    async with Store.opened(path) as store:
        assert store.orphaned_devices(["home"]) == {"bedroom": {"left-pump": LEFT}}
        assert store.orphaned_devices(["home", "bedroom"]) == {}


STARTS = """
import asyncio, sys
from pathlib import Path
from controller.contract.event_data import SessionStartedData
from controller.contract.events import Event
from controller.safety.persistence import DeviceIdentity, SavedAnswers
from controller.journal.store import Store

async def main():
    store = await Store.open(Path(sys.argv[1]))
    data = SessionStartedData(routine="classic", side="both")
    store.watch(Event(station="home", session_id="s1", type=data.type, data=data))
    store.persistence("home").save_answers(SavedAnswers(values={"lump": True}))
    device = DeviceIdentity(name="left-pump", profile="open-pump", address="f0:1e:7d:00:00:01")
    await store.persistence("home").save_starting([device])
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
    known = asyncio.run(saved(path))
    assert known.running["left-pump"].address == "f0:1e:7d:00:00:01"
    assert known.answers.values == {"lump": True}
    assert known.interrupted is not None
    assert known.interrupted.session_id == "s1"
