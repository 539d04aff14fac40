"""Today's limits hold for what is set at the device itself, in a session and outside of one."""

from __future__ import annotations

import pytest

from controller.contract.events import EventType
from controller.safety.limits import VACUUM_TOLERANCE_MMHG, OwnerLimits
from devices.roles import Side
from tests.helpers.home import ALL, PUMPS, RunningHome, running_home

CAPPED = OwnerLimits(comfort_vacuum_mmhg=100, heat_celsius=38, vibration=True)


def actions(house: RunningHome) -> list[object]:
    return [event.data.action for event in house.recorded.events(EventType.ENFORCED)]


async def test_a_pump_raised_at_its_button_in_a_session_is_lowered_within_a_second() -> None:
    async with running_home(owner=CAPPED, devices=PUMPS) as house:
        await house.reach("express", "milk", run_seconds=15)
        left = house.home.pumps[Side.LEFT]
        left.press_vacuum(250)
        assert await house.until(lambda: left.suction.target_mmhg <= 100, within_seconds=2) <= 1.2
        await house.elapse(10)
        assert house.on == set(PUMPS)
        assert actions(house) == ["lower"]


async def test_a_pump_that_does_not_come_down_is_stopped_within_3_s() -> None:
    async with running_home(owner=CAPPED, devices=PUMPS) as house:
        await house.reach("express", "milk", run_seconds=15)
        left = house.home.pumps[Side.LEFT]
        left.refuses_adjust = True
        left.press_vacuum(250)
        assert await house.until(lambda: not house.on, within_seconds=5) <= 4.2
        assert actions(house)[0] == "lower"
        assert actions(house)[-1] == "stop"
        snapshot = await house.finished(within_seconds=10)
        assert snapshot.trip is None
        assert "left-pump was stopped" in (snapshot.reason_words or "")


async def test_less_at_the_button_is_less_and_what_is_shown_is_what_the_pump_reports() -> None:
    async with running_home(owner=OwnerLimits(comfort_vacuum_mmhg=150), devices=["left-pump"]) as house:
        await house.reach("express", run_seconds=33)  # between two raises
        before_mmhg = house.recorded.snapshot.target_vacuum_mmhg
        left = house.home.pumps[Side.LEFT]
        left.press_vacuum(60)
        await house.elapse(30)
        assert before_mmhg > 60
        assert left.suction.target_mmhg == 60
        assert house.recorded.snapshot.target_vacuum_mmhg == 60
        await house.send("vacuum_up")
        assert left.suction.target_mmhg == 80


@pytest.mark.parametrize("in_session", [True, False])
async def test_a_compress_turned_up_at_its_button_is_lowered_within_a_second(in_session: bool) -> None:
    async with running_home(owner=CAPPED, devices=ALL) as house:
        if in_session:
            await house.reach("warm", run_seconds=5)
        house.home.pad.press_on(42)
        await house.until(lambda: (house.home.pad.pad.target_celsius or 0) <= 38, within_seconds=2.5)
        assert "lower" in actions(house)


async def test_a_massager_turned_up_at_its_button_is_lowered_within_a_second() -> None:
    async with running_home(owner=CAPPED, devices=ALL) as house:
        await house.reach("massage", run_seconds=3)
        house.home.massager.press_on(1.0)
        await house.until(lambda: house.home.massager.values()["intensity"] <= 1 / 3, within_seconds=2.5)


@pytest.mark.parametrize("symptom", [False, True])
async def test_a_pump_used_by_hand_keeps_to_todays_limits(symptom: bool) -> None:
    owner = OwnerLimits(comfort_vacuum_mmhg=150)
    async with running_home(owner=owner, devices=PUMPS) as house:
        await house.elapse(2)
        if symptom:
            await house.send("answer", question="lump", value=True)
        left = house.home.pumps[Side.LEFT]
        left.press_start(250)
        most = 100 if symptom else 150
        assert await house.until(lambda: left.suction.target_mmhg <= most, within_seconds=2.5) <= 2.2
        await house.elapse(20)
        assert house.on == {"left-pump"}  # it is its owner's to use
        assert actions(house) == ["lower"]


@pytest.mark.parametrize("rate_cpm", [1.0, 0.0, 20.0, 254.0])
async def test_no_reported_rate_makes_too_much_vacuum_last(rate_cpm: float) -> None:
    async with running_home(owner=OwnerLimits(comfort_vacuum_mmhg=250), devices=["left-pump"]) as house:
        await house.reach("express", "milk", run_seconds=1)
        left = house.home.pumps[Side.LEFT]
        house.change_values("left-pump", rate_cpm=rate_cpm)
        left.suction.overpressure = 290 - left.suction.target_mmhg - left.suction.unit_error.vacuum_mmhg
        left.refuses_adjust = True
        await house.until(lambda: not house.on, within_seconds=5)


async def test_a_unit_that_pulls_more_than_it_is_set_to_is_set_lower_and_does_not_trip() -> None:
    async with running_home(owner=OwnerLimits(comfort_vacuum_mmhg=250), devices=["left-pump"]) as house:
        await house.reach("express", run_seconds=1)
        left = house.home.pumps[Side.LEFT]
        left.suction.unit_error = type(left.suction.unit_error)(20.0, 0.0)
        left.press_vacuum(250)
        await house.elapse(60)
        assert house.recorded.snapshot.trip is None
        assert house.on == {"left-pump"}
        assert left.suction.cycle_peak_mmhg < 265


@pytest.mark.parametrize("by_hand", [False, True])
async def test_a_pump_that_pulls_far_more_than_it_reports_is_detected_though_it_releases_in_each_cycle(
    by_hand: bool,
) -> None:
    async with running_home(owner=OwnerLimits(comfort_vacuum_mmhg=180), devices=["left-pump"]) as house:
        left = house.home.pumps[Side.LEFT]
        if by_hand:
            await house.elapse(2)
            left.press_start(60)
        else:
            await house.reach("express", run_seconds=15)
        left.suction.overpressure = 240 - left.suction.target_mmhg - left.suction.unit_error.vacuum_mmhg
        await house.elapse(6)
        assert left.suction_mmhg <= 180 + VACUUM_TOLERANCE_MMHG
        assert house.recorded.snapshot.trip is None
