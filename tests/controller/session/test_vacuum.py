"""Who may raise the vacuum in a session, how quickly, and how far."""

from __future__ import annotations

import pytest

from controller.contract.events import EventType
from controller.safety.limits import OwnerLimits
from devices.roles import Side
from tests.helpers.home import RunningHome, running_home


def aim(house: RunningHome) -> float:
    left, right = (house.home.pumps[side].suction.target_mmhg for side in (Side.LEFT, Side.RIGHT))
    assert left == right == house.recorded.snapshot.target_vacuum_mmhg
    return left


@pytest.mark.system
async def test_the_person_lowers_at_once_and_nothing_climbs_again() -> None:
    async with running_home() as house:
        await house.reach("express", run_seconds=0)
        await house.sealed_at(120)
        reply = await house.send("vacuum_down")
        assert reply.outcome == "accepted"
        assert aim(house) == 100
        await house.elapse(60)
        assert aim(house) == 100
        await house.send("set_vacuum", mmhg=40)
        assert aim(house) == 40


@pytest.mark.system
async def test_raising_meets_the_pace_and_the_comfort_cap_and_says_so() -> None:
    async with running_home() as house:
        await house.reach("express", run_seconds=0)
        await house.sealed_at(100)
        await house.send("set_vacuum", mmhg=90)
        await house.elapse(11)
        assert (await house.send("vacuum_up")).outcome == "accepted"
        assert aim(house) == 110
        reply = await house.send("vacuum_up")
        assert reply.outcome == "limited"
        assert (reply.reasons, reply.keys) == (("110 mmHg: 20 mmHg at a time, the next in 10 s",), ("pace",))
        assert aim(house) == 110
        await house.elapse(3.5)
        assert (await house.send("vacuum_up")).reasons == ("110 mmHg: 20 mmHg at a time, the next in 7 s",)
        await house.elapse(6.5)
        reply = await house.send("set_vacuum", mmhg=250)
        assert reply.outcome == "limited"
        assert reply.reasons == ("130 mmHg: 20 mmHg at a time, the next in 10 s", "150 mmHg: your comfort cap")
        assert reply.keys == ("pace", "comfort_cap")
        await house.elapse(10)
        await house.send("vacuum_up")
        assert aim(house) == 150
        await house.elapse(10)
        reply = await house.send("vacuum_up")
        assert reply.reasons == ("150 mmHg: your comfort cap",)
        assert aim(house) == 150
        limited = [event for event in house.recorded.events(EventType.LIMITED) if event.data.quantity == "vacuum_mmhg"]
        assert [reason.who for reason in limited[-1].data.reasons] == ["owner"]
        assert "your comfort cap" in limited[-1].data.words
        assert [limit.quantity for limit in house.recorded.snapshot.limits] == ["vacuum_mmhg"]


@pytest.mark.system
async def test_until_there_is_a_comfort_cap_expression_stays_at_100() -> None:
    async with running_home(owner=OwnerLimits()) as house:
        await house.reach("express", run_seconds=60)
        assert aim(house) == 100


@pytest.mark.system
async def test_a_vacuum_that_the_person_chose_holds_after_a_pause() -> None:
    async with running_home() as house:
        await house.reach("express", run_seconds=0)
        await house.sealed_at(80)
        await house.send("set_vacuum", mmhg=70)
        await house.send("pause")
        await house.elapse(5)
        await house.send("resume")
        await house.sealed_at(70)
        await house.elapse(30)
        assert aim(house) == 70


@pytest.mark.system
async def test_a_lowering_that_the_pump_does_not_answer_is_not_followed_by_a_raise() -> None:
    async with running_home() as house:
        await house.reach("express", run_seconds=0)
        await house.sealed_at(120)
        codec = house.home.twins["left-pump"]._codec
        hears = codec.decode_command
        house.break_ears("left-pump", "adjust")
        await house.send("vacuum_down")
        codec.decode_command = hears  # type: ignore[method-assign]
        await house.elapse(30)
        assert not house.station.running or house.home.pumps[Side.RIGHT].suction.target_mmhg <= 100
