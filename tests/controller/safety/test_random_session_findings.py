"""Failures that random sessions found (`test_random_sessions`), each as the shortest way to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from controller.contract.events import EndReason, EventType
from controller.safety.limits import BUDGETS, OwnerLimits
from devices.roles import Phase, PumpSetting, Side
from tests.helpers.home import COMFORTABLE, PUMPS, RunningHome, running_home
from tests.helpers.random_sessions.crashes import World
from tests.helpers.used_energy import used_seconds

pytestmark = pytest.mark.system

SUCTION_SECONDS = BUDGETS["suction"][0].most_seconds
VIBRATION_SECONDS = BUDGETS["vibration"][0].most_seconds
STOP = b"\x0f"  # how the packet of every stop begins
SETTING = PumpSetting(phase=Phase.EXPRESSION, vacuum_mmhg=100, rate_cpm=54)


@contextlib.asynccontextmanager
async def world(owner: OwnerLimits = COMFORTABLE) -> AsyncIterator[World]:
    """Yield a home whose controller runs, and may crash."""
    it = World(owner, seed=2)
    await it.open()
    try:
        await live(it)
        yield it
    finally:
        await it.close()


async def live(it: World) -> RunningHome:
    """Let the controller begin, and find its devices."""
    house = await it.start_controller()
    await house.elapse(1)
    return house


async def test_a_session_that_publishes_its_end_published_its_beginning() -> None:
    async with running_home() as house:
        stopping = asyncio.create_task(house.station.stop(EndReason.STOP))  # its turn comes before the session's own
        house.station.start("classic", Side.BOTH, no_symptoms=True)
        await stopping
        await house.elapse(1)
        began = [event.session_id for event in house.recorded.events(EventType.SESSION_STARTED)]
        ended = [event.session_id for event in house.recorded.events(EventType.SESSION_FINISHED)]
        assert began == ended


async def test_a_vacuum_lowered_to_nothing_is_no_sensor_that_stands_still() -> None:
    async with running_home() as house:
        await house.reach("stimulate", "milk")
        reply = await house.send("set_vacuum", mmhg=0)
        assert reply.outcome == "accepted"
        await house.elapse(15)
        assert house.guard.trip is None


async def test_a_doubt_that_comes_back_after_an_acknowledgement_outlives_a_crash() -> None:
    async with world() as it:
        house = it.house
        assert house is not None
        await house.reach("express", "milk", run_seconds=35)  # so that there is a vacuum to hold
        it.faults["right-pump"].inject("stuck valve")
        await house.until(lambda: house.guard.uncertain, within_seconds=10)
        assert (await house.send("acknowledge")).outcome == "failed"  # it says itself that it pulls
        it.faults["right-pump"].inject("out of reach")
        await house.elapse(1)
        assert (await house.send("acknowledge")).outcome == "accepted"
        assert house.guard.uncertain == ()
        it.faults["right-pump"].repair("out of reach")
        await house.until(lambda: house.guard.uncertain == ("right-pump",), within_seconds=60)
        it.crash()
        house = await it.start_controller()
        assert house.guard.uncertain == ("right-pump",)


async def test_suction_that_a_crash_cut_off_did_not_rest_while_it_was_on() -> None:
    async with world() as it:
        house = it.house
        assert house is not None
        await house.reach("express", "power-pumping")
        await house.elapse(320)  # more than the rest that starts suction anew
        assert house.on == set(PUMPS)
        it.crash()
        house = await live(it)
        await house.until(lambda: not house.guard.uncertain, within_seconds=10)
        house.guard.begin_session(frozenset())
        async with house.guard.suction(house.pumps(), SETTING, at_most_seconds=SUCTION_SECONDS) as run:
            assert run.seconds <= SUCTION_SECONDS - 320


async def test_a_stop_that_is_asked_for_again_is_written_again_at_once() -> None:
    async with running_home() as house:
        await house.reach("stimulate", "milk")
        house.break_ears("left-pump")
        first = asyncio.create_task(house.send("stop"))
        await house.elapse(1.2)  # both of its packets were lost, and it waits for the pump to say that it stopped
        written = house.home.twins["left-pump"].written
        before = len(written)
        again = asyncio.create_task(house.send("stop"))
        await house.elapse(0.01)
        assert any(data.startswith(STOP) for _, data in written[before:])
        await asyncio.gather(first, again)


async def test_raising_begins_where_a_lowering_that_was_never_answered_may_have_left_the_pump() -> None:
    async with running_home(owner=OwnerLimits(comfort_vacuum_mmhg=250)) as house:
        pump = house.home.pumps[Side.LEFT]
        await house.reach("express", "milk", run_seconds=45)
        assert pump.suction.target_mmhg >= 120
        house.silence("left-pump", "control")
        assert (await house.send("set_vacuum", mmhg=60)).outcome == "failed"
        assert pump.suction.target_mmhg == 60
        del house.home.twins["left-pump"].server.__dict__["notify"]  # it is heard again
        await house.elapse(8.5)
        await house.send("vacuum_up")
        assert pump.suction.target_mmhg == 80


async def test_suction_that_began_late_is_not_raised_early() -> None:
    async with running_home() as house:
        pump = house.home.pumps[Side.LEFT]
        house.break_ears("warm-pad")  # it is off, and its answer is waited for
        stopping = asyncio.create_task(house.send("stop"))
        await house.elapse(0.1)
        await house.start("milk")
        await house.flange_on()
        await house.until(lambda: pump.run.running, within_seconds=6)
        await stopping
        began_seconds = house.clock.now()
        before_mmhg = pump.suction.target_mmhg
        while pump.suction.target_mmhg == before_mmhg:
            await house.send("vacuum_up")
            await house.elapse(0.05)
        assert house.clock.now() - began_seconds >= 9.9


async def test_a_run_that_began_after_a_doubt_was_settled_is_not_ended_by_a_stop_of_before() -> None:
    async with world() as it:
        house = it.house
        assert house is not None
        await house.reach("stimulate", "milk", run_seconds=0)
        it.faults["left-pump"].inject("misses stop")
        assert (await house.send("stop")).outcome == "failed"
        it.faults["left-pump"].repair("misses stop")
        assert (await house.send("stop")).outcome == "accepted"
        assert house.guard.uncertain == ()
        await house.reach("stimulate", "milk", run_seconds=0)
        await house.elapse(4)
        assert house.on == set(PUMPS)


async def test_a_pump_that_does_not_let_go_is_still_in_doubt_when_it_cannot_be_reached() -> None:
    async with world() as it:
        house = it.house
        assert house is not None
        await house.reach("express", "milk", run_seconds=35)  # so that there is a vacuum to hold
        it.faults["right-pump"].inject("stuck valve")
        await house.until(lambda: house.guard.uncertain, within_seconds=10)
        it.faults["right-pump"].inject("out of reach")
        await house.elapse(1)
        reply = await house.send("stop")
        assert house.guard.uncertain == ("right-pump",)
        assert reply.outcome == "failed"


async def test_time_that_is_used_up_ends_a_step_and_is_no_trip() -> None:
    async with world() as it:
        it.crash()
        it.disk.use("suction", it.clock.now() - SUCTION_SECONDS + 20, it.clock.now())
        house = await live(it)
        await house.start("milk")
        await house.flange_on()
        await house.elapse(15)
        assert house.on == set(PUMPS)
        await house.elapse(15)
        assert house.on == set()
        assert house.guard.trip is None


async def test_vibration_that_is_used_up_leaves_the_massage_to_the_hands() -> None:
    async with world(OwnerLimits(vibration=True)) as it:
        it.crash()
        it.disk.use("vibration", it.clock.now() - VIBRATION_SECONDS + 20, it.clock.now())
        house = await live(it)
        await house.reach("massage", "classic")
        assert house.on == {"massager"}
        await house.elapse(25)
        assert house.on == set()
        assert house.guard.trip is None
        assert house.recorded.snapshot.step == "massage"


async def test_after_a_pause_the_pumps_begin_as_gently_as_at_first() -> None:
    async with running_home() as house:
        await house.reach("stimulate", "milk", run_seconds=14)
        await house.send("pause")
        await house.elapse(4)  # the flange may have been taken off
        await house.send("resume")
        await house.elapse(1)
        starts = [each.values["vacuum_mmhg"] for each in house.home.twins["left-pump"].commands if each.name == "start"]
        assert starts == [40, 40]


async def test_a_symptom_while_the_massager_runs_is_what_the_person_is_told() -> None:
    async with running_home(owner=OwnerLimits(vibration=True)) as house:
        await house.reach("massage")
        assert house.on == {"massager"}
        await house.send("answer", question="lump", value=True)
        snapshot = await house.finished()
        assert snapshot.reason == EndReason.SYMPTOM
        assert house.recorded.guide.words == house.words.message("symptom")


async def test_a_pump_that_is_stopped_because_the_other_was_switched_off_did_nothing_wrong() -> None:
    async with running_home() as house:
        await house.reach("express", "milk")
        house.press_button("left-pump")
        await house.finished()
        assert house.on == set()
        assert house.recorded.events(EventType.ENFORCED) == []


async def test_a_device_that_fell_silent_while_it_pulled_is_off_when_the_person_says_so() -> None:
    async with running_home() as house:
        pump = house.pump("left-pump")
        await house.reach("express", "milk", run_seconds=35)
        await house.until(lambda: (pump.reading.vacuum_mmhg or 0) > 60, within_seconds=5)
        house.silence("left-pump")
        await house.until(lambda: house.guard.uncertain == ("left-pump",), within_seconds=20)
        await house.elapse(15)
        assert (await house.send("acknowledge")).outcome == "accepted"
        await house.elapse(30)
        assert house.guard.uncertain == ()


async def test_heat_that_cannot_be_stopped_counts_as_used() -> None:
    async with running_home() as house:
        before_seconds = used_seconds(house.guard._budgets, "heat", 3000)
        house.break_ears("warm-pad")
        await house.send("stop")  # from now on, nothing may be switched on by hand
        house.home.pad.press_on(40)
        await house.elapse(30)
        assert house.on == {"warm-pad"}
        assert used_seconds(house.guard._budgets, "heat", 3000) >= before_seconds + 25


async def test_the_person_is_not_told_that_a_device_is_watched_when_it_is_switched_off_again_and_again() -> None:
    async with running_home() as house:
        await house.reach("stimulate", "milk")
        house.home.pumps[Side.LEFT].restarts_after_stop_seconds = 2.0
        await house.send("stop")
        await house.until(lambda: house.recorded.events(EventType.RUNS_OUTSIDE), within_seconds=5)
        assert house.recorded.guide.words == house.words.message("switched_on_again", device="left-pump")


async def test_a_pump_is_not_raised_by_more_than_a_step_because_the_other_was_set_higher_at_the_pump() -> None:
    async with running_home() as house:
        left, right = house.home.pumps[Side.LEFT], house.home.pumps[Side.RIGHT]
        await house.reach("express", "milk")
        left.suction.leak = 1.0  # it has no seal, so neither is raised
        await house.elapse(10)
        left.suction.leak = 0.0
        right.press_vacuum(60)
        await house.until(lambda: house.recorded.snapshot.target_vacuum_mmhg == 60, within_seconds=5)
        before_mmhg = left.suction.target_mmhg
        await house.elapse(12)
        await house.send("set_vacuum", mmhg=150)
        await house.elapse(1)
        assert left.suction.target_mmhg <= before_mmhg + 20


async def test_a_pump_that_refuses_to_come_down_does_not_let_the_other_be_raised_at_once() -> None:
    async with running_home() as house:
        left, right = house.home.pumps[Side.LEFT], house.home.pumps[Side.RIGHT]
        await house.start("milk", "right")
        await house.flange_on()
        await house.elapse(1)
        await house.send("stop")
        right.least_mmhg = 60.0
        await house.start("milk")
        await house.flange_on()
        # The right pump had a seal a moment ago, and begins at more than the left one, which has none yet.
        assert (left.suction.target_mmhg, right.suction.target_mmhg) == (40, 70)
        for _ in range(40):
            await house.elapse(0.1)
            assert left.suction.target_mmhg == 40
        assert not house.on  # the right one has not followed
