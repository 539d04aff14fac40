"""Only a start needs the store. Stopping works whatever is wrong, and whatever is remembered."""

from __future__ import annotations

import pytest

from controller.memory import Identity, Remembered, ShortMemory
from controller.safety import OwnerLimits
from devices.roles import Side
from devices.virtual.home import VirtualHome
from tests.controller.household import ALL, household

TROUBLE = "the store at /var/lib/letdown.db cannot be written: its disk is full; make room on its disk"
WILLING = OwnerLimits(comfort_vacuum_mmhg=150, vibration=True)


def everything_on(home: VirtualHome) -> None:
    for pump in home.pumps.values():
        pump.press_start(120)
    home.pad.press_on(40)
    home.massager.press_on(0.3)


@pytest.mark.parametrize("trouble", [None, TROUBLE])
async def test_on_first_contact_whatever_runs_is_stopped_whatever_is_remembered(trouble: str | None) -> None:
    async with household(owner=WILLING, memory=ShortMemory(trouble=trouble), before=everything_on) as house:
        await house.until(lambda: not house.on, within_seconds=4)
        assert {house.commanded(key, "stop", "off") > 0 for key in ALL} == {True}


async def test_a_pump_that_cannot_be_stopped_at_first_contact_is_uncertain() -> None:
    async with household(before=lambda home: home.pumps[Side.LEFT].press_start(120)) as house:
        house.break_ears("left-pump")
        await house.elapse(4)
        assert house.told.snapshot.uncertain == ("left-pump",) or not house.on


async def test_without_a_store_nothing_starts_and_everything_stops_and_it_is_said() -> None:
    async with household(owner=WILLING, memory=ShortMemory(trouble=TROUBLE)) as house:
        await house.elapse(2)
        assert house.told.snapshot.troubles == (TROUBLE,)
        assert house.told.snapshot.problem
        assert TROUBLE in house.told.guide.words
        for action in ("stop", "pain"):
            assert (await house.send(action)).outcome == "accepted"
        reply = await house.send("start", routine="milk", no_symptoms=True)
        assert reply.outcome == "refused"
        assert TROUBLE in reply.reasons[0]
        await house.elapse(60)
        assert house.starts == 0


async def test_a_trouble_that_comes_after_the_start_of_a_session_keeps_its_devices_off() -> None:
    memory = ShortMemory()
    async with household(owner=WILLING, memory=memory) as house:
        await house.start("milk")
        memory.trouble = TROUBLE
        snapshot = await house.finished()
        assert snapshot.state == "failed"
        assert TROUBLE in (snapshot.reason or "")
        assert house.starts == 0


async def test_a_trouble_that_is_over_is_shown_no_more() -> None:
    memory = ShortMemory(trouble=TROUBLE)
    async with household(memory=memory) as house:
        await house.elapse(2)
        memory.trouble = None
        await house.elapse(2)
        assert house.told.snapshot.troubles == ()
        await house.start("milk")
        await house.skip_to("stimulate")
        await house.flange_on()
        await house.until(lambda: house.on, within_seconds=3)


async def test_a_trouble_in_mid_session_keeps_no_stop_from_working() -> None:
    memory = ShortMemory()
    async with household(memory=memory) as house:
        await house.reach("express")
        memory.trouble = TROUBLE
        assert (await house.send("pain")).outcome == "accepted"
        assert not house.on


async def test_a_device_that_nobody_can_reach_any_more_keeps_everything_off_until_a_person_saw_to_it() -> None:
    gone = Identity(name="old-pump", profile="open-pump", address="AA:BB:CC:DD:EE:FF")
    async with household(memory=ShortMemory(Remembered(running={"old-pump": gone}))) as house:
        await house.elapse(2)
        assert house.told.snapshot.uncertain == ("old-pump",)
        assert (await house.send("start", routine="milk", no_symptoms=True)).outcome == "refused"
        assert (await house.send("acknowledge")).outcome == "accepted"
        assert (await house.send("start", routine="milk", no_symptoms=True)).outcome == "accepted"
