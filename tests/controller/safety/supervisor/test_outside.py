"""Outside of a block, a device that runs is always reported; and stopped, whenever it is not its owner's to use."""

from __future__ import annotations

import pytest

from controller.contract.events import EventType
from controller.safety.limits import HELD_OFF_SECONDS, OwnerLimits
from devices.roles import Side
from tests.helpers.home import RunningHome, running_home
from tests.helpers.sampling import sampled

WILLING = OwnerLimits(comfort_vacuum_mmhg=150, vibration=True)
STRICT = WILLING.model_copy(update={"manual_use": "stop"})
PRESSES = {
    "left-pump": lambda house: house.home.pumps[Side.LEFT].press_start(100),
    "warm-pad": lambda house: house.home.pad.press_on(40),
    "massager": lambda house: house.home.massager.press_on(0.2),
}
every_device = pytest.mark.parametrize("key", list(PRESSES))


def reported(house: RunningHome, key: str) -> bool:
    return key in house.recorded.snapshot.running_outside


@every_device
async def test_manual_use_is_reported_and_left_alone(key: str) -> None:
    async with running_home(owner=WILLING) as house:
        await house.elapse(2)
        PRESSES[key](house)
        await house.until(lambda: reported(house, key), within_seconds=2.5)
        await house.elapse(30)
        assert house.on == {key}
        (event,) = house.recorded.events(EventType.RUNS_OUTSIDE)
        assert (event.data.device, event.data.on) == (key, True)
        assert key in house.recorded.guide.words
        house.press_button(key)
        await house.until(lambda: not reported(house, key), within_seconds=2.5)
        assert house.recorded.events(EventType.RUNS_OUTSIDE)[-1].data.on is False


@every_device
async def test_with_manual_use_stop_it_is_stopped(key: str) -> None:
    async with running_home(owner=STRICT) as house:
        await house.elapse(2)
        PRESSES[key](house)
        await house.until(lambda: not house.on, within_seconds=3.5)
        assert house.recorded.events(EventType.RUNS_OUTSIDE)


@every_device
async def test_in_a_session_it_is_stopped(key: str) -> None:
    async with running_home(owner=WILLING) as house:
        await house.reach("rest")
        PRESSES[key](house)
        await house.until(lambda: not house.on, within_seconds=3.5)
        assert house.recorded.events(EventType.RUNS_OUTSIDE)


@pytest.mark.system
@pytest.mark.parametrize(
    ("key", "action"),
    sampled(
        [(key, action) for key in PRESSES for action in ("stop", "pain")],
        keep=lambda each: each in (("left-pump", "pain"), ("warm-pad", "stop")),
    ),
)
async def test_after_stop_and_pain_it_is_stopped_for_a_while_again_and_again(key: str, action: str) -> None:
    async with running_home(owner=WILLING) as house:
        await house.reach("rest")
        await house.send(action)
        for seconds in (0, 25, HELD_OFF_SECONDS - 65):
            await house.idle(seconds)
            await house.elapse(5)  # until the device reports at its usual pace again
            PRESSES[key](house)
            await house.until(lambda: not house.on, within_seconds=3.5)
        await house.idle(55)
        await house.elapse(5)
        PRESSES[key](house)
        await house.elapse(10)
        assert house.on == {key}  # it is its owner's again


async def test_a_pump_that_starts_again_after_each_stop_is_stopped_each_time() -> None:
    async with running_home(owner=WILLING) as house:
        await house.reach("express", "milk")
        left = house.home.pumps[Side.LEFT]
        left.restarts_after_stop_seconds = 5
        await house.send("stop")
        on_seconds = 0.0
        for _ in range(600):
            await house.elapse(0.1)
            on_seconds += 0.1 if left.run.on else 0.0
            assert on_seconds < 60 / 5 * 2
        assert house.commanded("left-pump", "stop") >= 8
        assert house.recorded.events(EventType.RUNS_OUTSIDE)


@every_device
async def test_acknowledging_hides_nothing_that_still_runs(key: str) -> None:
    async with running_home(owner=WILLING) as house:
        await house.reach("rest")
        house.break_ears(key)
        PRESSES[key](house)
        await house.send("stop")
        assert key in house.recorded.snapshot.uncertain
        reply = await house.send("acknowledge")
        assert reply.outcome == "failed"
        assert key in reply.reasons[0]
        assert key in house.recorded.snapshot.uncertain
        assert house.recorded.snapshot.problem
        reply = await house.send("start", routine="milk", no_symptoms=True)
        assert reply.outcome == "refused"


@every_device
async def test_starting_a_session_first_stops_what_is_used_by_hand(key: str) -> None:
    async with running_home(owner=WILLING) as house:
        await house.elapse(2)
        PRESSES[key](house)
        await house.elapse(5)
        await house.send("start", routine="milk", no_symptoms=True)
        await house.until(lambda: not house.on, within_seconds=3)


@pytest.mark.system
async def test_a_pad_that_is_still_warm_is_not_on() -> None:
    async with running_home(owner=WILLING) as house:
        await house.reach("warm", run_seconds=100)
        await house.send("stop")
        await house.elapse(120)
        assert house.home.pad.pad.surface_celsius > 30
        assert house.recorded.snapshot.running_outside == ()
        assert not house.recorded.events(EventType.RUNS_OUTSIDE)


@pytest.mark.system
async def test_a_pad_that_heats_and_reports_that_it_is_off_is_detected_and_stopped() -> None:
    async with running_home(owner=WILLING) as house:
        await house.reach("warm", run_seconds=100)
        await house.send("stop")
        await house.elapse(30)
        house.home.pad.pad.set_target(42)
        await house.until(lambda: reported(house, "warm-pad"), within_seconds=60)
        await house.until(lambda: house.home.pad.pad.target_celsius is None, within_seconds=5)


async def test_a_pump_that_reports_a_stop_and_still_pulls_is_reported() -> None:
    async with running_home(owner=WILLING) as house:
        await house.elapse(2)
        left = house.home.pumps[Side.LEFT]
        left.press_start(120)
        await house.until(lambda: left.suction.vacuum_mmhg > 100, within_seconds=5)
        left.suction.stuck = True
        left.press_off()
        await house.elapse(3)
        assert reported(house, "left-pump")


async def test_too_much_by_hand_trips() -> None:
    async with running_home(owner=OwnerLimits(comfort_vacuum_mmhg=250)) as house:
        await house.elapse(2)
        left = house.home.pumps[Side.LEFT]
        left.suction.overpressure = 120
        left.press_start(240)
        await house.until(lambda: not house.on, within_seconds=3)
        assert house.recorded.snapshot.trip is not None


async def test_use_by_hand_counts_and_ends_with_the_budget() -> None:
    async with running_home(owner=WILLING, coarse=True, devices=["massager"]) as house:
        await house.elapse(2)
        house.home.massager.press_on(0.2)
        await house.elapse(290)
        assert house.on == {"massager"}
        await house.until(lambda: not house.on, within_seconds=20)
        house.home.massager.press_on(0.2)
        await house.until(lambda: not house.on, within_seconds=5)
