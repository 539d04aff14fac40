"""Only a start needs the store. Stopping works whatever is wrong, and whatever is remembered."""

from __future__ import annotations

import pytest

from controller.contract.events import EndReason
from controller.safety.limits import OwnerLimits
from controller.safety.persistence import DeviceIdentity, InMemoryPersistence, SavedState
from devices.roles import Side
from devices.virtual.virtual_home import VirtualHome
from tests.helpers.home import ALL, running_home

PROBLEM = "the store at /var/lib/letdown.db cannot be written: its disk is full; make room on its disk"
WILLING = OwnerLimits(comfort_vacuum_mmhg=150, vibration=True)


def everything_on(home: VirtualHome) -> None:
    for pump in home.pumps.values():
        pump.press_start(120)
    home.pad.press_on(40)
    home.massager.press_on(0.3)


@pytest.mark.parametrize("problem", [None, PROBLEM])
async def test_on_first_contact_whatever_runs_is_stopped_whatever_was_saved(problem: str | None) -> None:
    async with running_home(
        owner=WILLING, persistence=InMemoryPersistence(problem=problem), before=everything_on
    ) as house:
        await house.until(lambda: not house.on, within_seconds=4)
        assert {house.commanded(key, "stop", "off") > 0 for key in ALL} == {True}


async def test_a_pump_that_cannot_be_stopped_at_first_contact_is_uncertain() -> None:
    async with running_home(before=lambda home: home.pumps[Side.LEFT].press_start(120)) as house:
        house.break_ears("left-pump")
        await house.elapse(4)
        assert house.recorded.snapshot.uncertain == ("left-pump",) or not house.on


async def test_without_a_store_nothing_starts_and_everything_stops_and_it_is_shown() -> None:
    async with running_home(owner=WILLING, persistence=InMemoryPersistence(problem=PROBLEM)) as house:
        await house.elapse(2)
        assert house.recorded.snapshot.problem_details == (PROBLEM,)
        assert "Stopping still works" in house.recorded.snapshot.problems[0]
        assert house.recorded.snapshot.problem
        assert house.recorded.guide.words == house.words.message("store_trouble")
        for action in ("stop", "pain"):
            assert (await house.send(action)).outcome == "accepted"
        reply = await house.send("start", routine="milk", no_symptoms=True)
        assert reply.outcome == "refused"
        assert (reply.keys, reply.detail) == (("store_unusable",), PROBLEM)
        await house.elapse(60)
        assert house.starts == 0


async def test_a_store_that_fails_after_the_start_of_a_session_keeps_its_devices_off() -> None:
    persistence = InMemoryPersistence()
    async with running_home(owner=WILLING, persistence=persistence) as house:
        await house.start("milk")
        persistence.problem = PROBLEM
        snapshot = await house.finished()
        assert snapshot.state == "failed"
        assert snapshot.reason is EndReason.NOTHING_STARTED
        assert "nothing can be saved" in (snapshot.reason_words or "")
        assert house.starts == 0


async def test_a_problem_of_the_store_that_is_over_is_shown_no_more() -> None:
    persistence = InMemoryPersistence(problem=PROBLEM)
    async with running_home(persistence=persistence) as house:
        await house.elapse(2)
        persistence.problem = None
        await house.elapse(2)
        assert house.recorded.snapshot.problems == ()
        await house.start("milk")
        await house.skip_to("stimulate")
        await house.flange_on()
        await house.until(lambda: house.on, within_seconds=3)


async def test_a_store_that_fails_in_mid_session_keeps_no_stop_from_working() -> None:
    persistence = InMemoryPersistence()
    async with running_home(persistence=persistence) as house:
        await house.reach("express")
        persistence.problem = PROBLEM
        assert (await house.send("pain")).outcome == "accepted"
        assert not house.on


async def test_a_device_out_of_reach_for_good_keeps_everything_off_until_it_is_acknowledged() -> None:
    gone = DeviceIdentity(name="old-pump", profile="open-pump", address="AA:BB:CC:DD:EE:FF")
    async with running_home(persistence=InMemoryPersistence(SavedState(running={"old-pump": gone}))) as house:
        await house.elapse(2)
        assert house.recorded.snapshot.uncertain == ("old-pump",)
        assert (await house.send("start", routine="milk", no_symptoms=True)).outcome == "refused"
        assert (await house.send("acknowledge")).outcome == "accepted"
        assert (await house.send("start", routine="milk", no_symptoms=True)).outcome == "accepted"
