"""Before suction there is time to put the flange on, and without a seal nothing pulls for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from controller.contract.events import EventType, SessionState
from controller.safety.limits import OwnerLimits
from devices.roles import Side
from tests.helpers.home import COMFORTABLE, PUMPS, RunningHome, running_home
from tests.helpers.sampling import sampled

ASKS = COMFORTABLE.model_copy(update={"start_suction": "ask"})


async def at_the_flange(house: RunningHome) -> None:
    """Start a session that comes to suction at once."""
    house.give_no_milk()
    await house.start("milk")
    assert house.recorded.snapshot.step == "stimulate"
    assert house.recorded.guide.waits_for == "flange"


def left(house: RunningHome) -> float | None:
    return house.recorded.snapshot.suction_starts_in_seconds


# The countdown


@pytest.mark.system
async def test_suction_begins_thirty_seconds_after_the_last_step_and_nothing_before() -> None:
    async with running_home() as house:
        await at_the_flange(house)
        assert left(house) == pytest.approx(30, abs=1)
        assert house.recorded.guide.title == house.words.messages["flange_title"]
        assert house.recorded.guide.template == house.words.messages["flange_countdown"]
        assert house.recorded.guide.seconds == 30
        for second in range(1, 29):
            await house.elapse(1)
            assert left(house) == pytest.approx(30 - second, abs=1.5)
            assert house.recorded.guide.seconds_left == pytest.approx(30 - second, abs=1.5)
            assert house.on == set()
        assert house.starts == 0
        await house.until(lambda: house.on == set(PUMPS), within_seconds=3)
        assert left(house) is None
        assert house.recorded.guide.waits_for is None
        assert (house.recorded.guide.template or "").startswith(house.words.steps["stimulate"].with_device)


@pytest.mark.system
async def test_between_two_steps_of_suction_the_flange_stays_on() -> None:
    async with running_home() as house:
        house.give_no_milk()
        await house.reach("stimulate", "milk")
        await house.send("skip")
        await house.until(lambda: house.recorded.snapshot.step == "express", within_seconds=3)
        await house.until(lambda: house.on == set(PUMPS), within_seconds=2)


async def test_after_a_rest_there_is_time_to_put_the_flange_on_again() -> None:
    async with running_home(devices=["left-pump"], coarse=True) as house:
        await house.reach("express", "power-pumping")
        await house.send("skip")
        await house.until(lambda: house.recorded.snapshot.step == "rest", within_seconds=3)
        starts = house.starts
        await house.send("skip")
        await house.until(lambda: house.recorded.snapshot.step == "express", within_seconds=3)
        assert house.recorded.guide.waits_for == "flange"
        await house.elapse(25)
        assert house.starts == starts
        await house.until(lambda: house.on == {"left-pump"}, within_seconds=8)


async def test_without_a_pump_nobody_waits_for_a_flange() -> None:
    async with running_home(devices=["warm-pad"]) as house:
        await house.start("milk")
        assert house.recorded.guide.template == house.words.steps["stimulate"].by_hand
        assert left(house) is None
        assert not house.recorded.snapshot.waits_for_flange


# What the person says


async def test_start_suction_starts_at_once() -> None:
    async with running_home() as house:
        await at_the_flange(house)
        await house.elapse(5)
        assert (await house.send("start_suction")).outcome == "accepted"
        await house.until(lambda: house.on == set(PUMPS), within_seconds=1)


@pytest.mark.system
async def test_not_yet_holds_the_pumps_until_the_person_starts_them() -> None:
    async with running_home() as house:
        await at_the_flange(house)
        await house.elapse(25)
        assert (await house.send("not_yet")).outcome == "accepted"
        await house.elapse(1)
        assert left(house) is None
        assert house.recorded.snapshot.waits_for_flange
        assert house.recorded.guide.waits_for == "flange"
        assert house.recorded.guide.template == house.words.messages["flange_waiting"]
        assert house.recorded.guide.answer_by is not None
        await house.send("not_yet")
        await house.elapse(300)
        assert house.starts == 0
        await house.send("start_suction")
        await house.until(lambda: house.on == set(PUMPS), within_seconds=1)
        assert not house.recorded.snapshot.waits_for_flange


@pytest.mark.system
async def test_an_owner_who_wants_to_be_asked_sees_no_countdown() -> None:
    async with running_home(owner=ASKS) as house:
        await at_the_flange(house)
        assert left(house) is None
        assert house.recorded.snapshot.waits_for_flange
        await house.elapse(120)
        assert house.starts == 0
        await house.send("start_suction")
        await house.until(lambda: house.on == set(PUMPS), within_seconds=1)


@pytest.mark.system
async def test_who_never_says_that_the_flange_is_on_ends_the_session_with_nothing_ever_on() -> None:
    async with running_home(owner=ASKS, coarse=True) as house:
        await at_the_flange(house)
        await house.idle(590)
        assert house.station.running
        snapshot = await house.finished(within_seconds=15)
        assert snapshot.state is SessionState.STOPPED
        assert house.starts == 0


@pytest.mark.parametrize("owner", [COMFORTABLE, ASKS], ids=["countdown", "asked"])
async def test_skip_at_the_flange_goes_on_without_this_suction(owner: OwnerLimits) -> None:
    async with running_home(owner=owner) as house:
        await at_the_flange(house)
        await house.elapse(5)
        await house.send("skip")
        await house.elapse(1)
        assert house.recorded.snapshot.step == "express"
        assert house.recorded.guide.waits_for == "flange"  # it is still not on
        assert house.starts == 0


@pytest.mark.system
async def test_after_a_pause_the_countdown_begins_anew() -> None:
    async with running_home() as house:
        await at_the_flange(house)
        await house.elapse(20)
        await house.send("pause")
        await house.elapse(60)
        assert house.recorded.snapshot.state is SessionState.PAUSED
        assert left(house) is None
        assert (await house.send("start_suction")).outcome == "refused"
        assert house.starts == 0
        await house.send("resume")
        await house.elapse(25)
        assert house.recorded.snapshot.state is SessionState.RUNNING
        assert house.starts == 0
        await house.until(lambda: house.on == set(PUMPS), within_seconds=8)


@pytest.mark.system
async def test_not_yet_is_not_forgotten_over_a_pause() -> None:
    async with running_home() as house:
        await at_the_flange(house)
        await house.send("not_yet")
        await house.send("pause")
        await house.elapse(5)
        await house.send("resume")
        await house.elapse(60)
        assert house.recorded.snapshot.waits_for_flange
        assert house.starts == 0


@pytest.mark.system
@pytest.mark.parametrize(
    ("owner", "action"),
    sampled(
        [
            pytest.param(owner, action, id=f"{name}-{action}")
            for owner, name in ((COMFORTABLE, "countdown"), (ASKS, "asked"))
            for action in ("stop", "pain")
        ],
        keep=lambda each: each in ((COMFORTABLE, "pain"), (ASKS, "stop")),
    ),
)
async def test_stop_and_pain_at_the_flange_end_it_with_nothing_ever_on(owner: OwnerLimits, action: str) -> None:
    async with running_home(owner=owner) as house:
        await at_the_flange(house)
        await house.elapse(29)
        assert (await house.send(action)).outcome == "accepted"
        snapshot = await house.finished(within_seconds=1)
        assert snapshot.reason == action
        assert snapshot.suction_starts_in_seconds is None
        assert not snapshot.waits_for_flange
        await house.elapse(120)
        assert house.starts == 0


@pytest.mark.system
async def test_a_symptom_at_the_flange_ends_it_with_nothing_ever_on() -> None:
    async with running_home() as house:
        await at_the_flange(house)
        await house.send("answer", question="fever", value=True)
        await house.finished(within_seconds=1)
        await house.elapse(60)
        assert house.starts == 0


# The seal


def take_off(house: RunningHome) -> None:
    for pump in house.home.pumps.values():
        pump.suction.leak = 1.0


def put_on(house: RunningHome) -> None:
    for pump in house.home.pumps.values():
        pump.suction.leak = 0.0


async def most_until(house: RunningHome, condition: Callable[[], object], *, within_seconds: float) -> float:
    """Return the most that any pump was set to until a condition holds."""
    most = 0.0
    watching = asyncio.create_task(house.until(condition, within_seconds=within_seconds))
    while not watching.done():
        most = max(most, *(pump.suction.target_mmhg for pump in house.home.pumps.values()))
        await house.elapse(0.1)
    await watching
    return most


@pytest.mark.system
async def test_without_any_seal_the_pumps_are_gentle_for_a_minute_and_then_the_person_is_asked() -> None:
    async with running_home() as house:
        take_off(house)
        house.give_no_milk()
        await house.reach("stimulate", "milk", run_seconds=0)
        began = house.clock.now()
        assert await most_until(house, lambda: not house.on, within_seconds=64) <= 40
        assert house.clock.now() - began == pytest.approx(60, abs=3)
        await house.elapse(1)
        snapshot = house.recorded.snapshot
        assert snapshot.state is SessionState.RUNNING
        assert snapshot.step == "stimulate"
        assert snapshot.trip is None
        assert snapshot.waits_for_flange
        assert house.recorded.guide.template == house.words.messages["flange_waiting"]
        assert house.recorded.events(EventType.TRIP) == []
        starts = house.starts
        await house.elapse(120)
        assert house.starts == starts
        assert house.on == set()


@pytest.mark.system
async def test_a_missing_seal_is_shown_and_no_longer_once_it_is_there() -> None:
    async with running_home() as house:
        take_off(house)
        house.give_no_milk()
        await house.reach("stimulate", "milk", run_seconds=8)
        assert house.recorded.guide.words == house.words.messages["no_seal"]
        assert house.recorded.guide.title == house.words.steps["stimulate"].title
        put_on(house)
        await house.elapse(3)
        assert (house.recorded.guide.template or "").startswith(house.words.steps["stimulate"].with_device)


@pytest.mark.system
async def test_with_the_seal_back_it_starts_again_with_the_time_that_is_left() -> None:
    async with running_home() as house:
        house.give_no_milk()
        await house.reach("stimulate", "milk", run_seconds=20)
        take_off(house)
        await house.until(lambda: not house.on, within_seconds=70)
        await house.elapse(30)
        put_on(house)
        assert (await house.send("start_suction")).outcome == "accepted"
        await house.until(lambda: house.on == set(PUMPS), within_seconds=1)
        assert house.home.pumps[Side.LEFT].suction.target_mmhg <= 40
        await house.elapse(1)
        assert (house.recorded.guide.template or "").startswith(house.words.steps["stimulate"].with_device)
        assert house.recorded.guide.seconds == pytest.approx(40, abs=4)  # of 120, 20 and 60 are over
        await house.until(lambda: house.recorded.snapshot.step == "express", within_seconds=45)
        assert house.guard.trip is None


@pytest.mark.system
async def test_a_flange_that_comes_off_for_a_moment_ends_nothing() -> None:
    async with running_home() as house:
        house.give_no_milk()
        await house.reach("express", "milk", run_seconds=20)
        take_off(house)
        await house.elapse(30)
        put_on(house)
        await house.elapse(5)
        assert house.on == set(PUMPS)
        assert house.recorded.snapshot.trip is None
        assert house.recorded.snapshot.step == "express"
