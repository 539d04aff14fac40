"""A pump that is lost while two run: both stop, unless the owner chose that the other one goes on."""

from __future__ import annotations

import pytest

from controller.contract.events import SessionState
from devices.roles import RunState
from tests.helpers.home import COMFORTABLE, running_home


async def test_a_lost_pump_stops_both_unless_the_owner_chose_otherwise() -> None:
    async with running_home() as house:
        await house.reach("express", "milk")
        house.lose_link("left-pump")
        await house.elapse(1)
        assert house.on == set()
        assert house.guard.trip is not None


@pytest.mark.system
async def test_where_the_owner_chose_so_the_other_pump_goes_on_and_the_lost_one_never_does() -> None:
    owner = COMFORTABLE.model_copy(update={"go_on_with_one_pump": True})
    async with running_home(owner=owner) as house:
        await house.reach("express", "milk")
        house.lose_link("left-pump")
        await house.elapse(1)
        assert house.on == {"right-pump"}
        assert house.recorded.snapshot.uncertain == ("left-pump",)
        assert house.recorded.guide.words == house.words.message("uncertain", device="left-pump")
        starts = house.commanded("left-pump", "start")
        await house.until(lambda: house.pump("left-pump").connected, within_seconds=20)
        await house.elapse(5)
        assert house.on == {"right-pump"}
        assert house.recorded.snapshot.uncertain == ()
        assert house.commanded("left-pump", "start") == starts
        assert house.pump("left-pump").reading.run_state is RunState.STOPPED
        assert (await house.send("vacuum_down")).outcome == "accepted"
        snapshot = await house.finished()
        assert snapshot.state is SessionState.COMPLETED


async def test_when_the_second_pump_is_lost_too_everything_stops() -> None:
    owner = COMFORTABLE.model_copy(update={"go_on_with_one_pump": True})
    async with running_home(owner=owner) as house:
        await house.reach("express", "milk")
        house.lose_link("left-pump", for_good=True)
        await house.elapse(1)
        house.lose_link("right-pump", for_good=True)
        snapshot = await house.finished()
        assert snapshot.state is SessionState.TRIPPED
        assert snapshot.uncertain == ("left-pump", "right-pump")
