"""Devices that are on though no block started them: watched, held to today's limits, or stopped."""

from __future__ import annotations

from typing import Any

import pytest

from controller.safety.envelope import Correction
from controller.safety.limits import Energy, OwnerLimits, TripKind
from devices.roles import Side
from tests.helpers.guarded import ON, WILLING, block, everything_on
from tests.helpers.home import RunningHome, running_home
from tests.helpers.sampling import sampled
from tests.helpers.used_energy import used_seconds

WATCHES = OwnerLimits(comfort_vacuum_mmhg=150, vibration=True)
STOPS = WATCHES.model_copy(update={"manual_use": "stop"})


def body(house: RunningHome, key: str = "left-pump") -> Any:
    return house.home.twins[key].body  # type: ignore[index]


def used_in_an_hour(house: RunningHome, budget: str) -> float:
    return used_seconds(house.guard._budgets, budget, 3600)


async def test_a_pump_that_is_used_by_hand_is_reported_counted_and_left_alone() -> None:
    async with running_home(owner=WATCHES) as house:
        pump = body(house)
        pump.press_start(140)
        await house.elapse(60)
        assert pump.suction.target_mmhg == 140
        assert [device for device, words in house.heard.outside if words] == ["left-pump"]
        assert house.recorded.snapshot.running_outside == ("left-pump",)
        assert used_in_an_hour(house, "suction") == pytest.approx(60, abs=2)
        assert house.heard.enforced == []
        pump.press_off()
        await house.elapse(2)
        assert house.heard.outside[-1] == ("left-pump", None)
        assert house.recorded.snapshot.running_outside == ()


async def test_a_pump_that_is_set_too_high_by_hand_is_lowered_within_three_seconds() -> None:
    async with running_home(owner=WATCHES) as house:
        pump = body(house)
        pump.press_start(220)
        await house.until(lambda: pump.suction.target_mmhg <= 150, within_seconds=3)
        await house.elapse(10)
        assert pump.run.on
        assert {do for _, do, _ in house.heard.enforced} == {Correction.LOWER}


@pytest.mark.parametrize("fault", ["ignores", "refuses"])
async def test_a_pump_that_cannot_be_lowered_is_stopped_after_three_seconds(fault: str) -> None:
    async with running_home(owner=WATCHES) as house:
        pump = body(house)
        if fault == "ignores":
            pump.ignores = frozenset({"adjust"})
        else:
            pump.refuses_adjust = True
        pump.press_start(220)
        await house.until(lambda: not pump.run.on, within_seconds=6)
        assert [do for _, do, _ in house.heard.enforced][-1] is Correction.STOP


async def test_a_compress_that_is_set_too_warm_by_hand_is_set_lower() -> None:
    async with running_home(owner=OwnerLimits(heat_celsius=38)) as house:
        body(house, "warm-pad").press_on(42)
        await house.until(lambda: (house.home.pad.pad.target_celsius or 0) <= 38, within_seconds=3)


@pytest.mark.parametrize("key", ["warm-pad", "massager"])
async def test_on_a_day_with_symptoms_heat_and_vibration_by_hand_are_stopped(key: str) -> None:
    async with running_home(owner=WATCHES) as house:
        house.guard.symptoms = frozenset({"fever"})
        body(house, key).press_on(40 if key == "warm-pad" else 0.3)
        await house.until(lambda: not house.on, within_seconds=3)


@pytest.mark.system
async def test_suction_by_hand_ends_with_its_budget() -> None:
    async with running_home(owner=WATCHES, devices=["left-pump"], coarse=True) as house:
        body(house).press_start(100)
        await house.elapse(1790)
        assert house.on == {"left-pump"}
        await house.until(lambda: not house.on, within_seconds=20)
        assert house.heard.enforced[-1][1] is Correction.STOP


async def test_too_much_vacuum_by_hand_trips_and_stops_everything() -> None:
    async with running_home(owner=WATCHES) as house:
        body(house).press_start(140)
        body(house, "right-pump").press_start(100)
        await house.elapse(3)
        body(house).suction.overpressure = 200
        await house.until(lambda: not house.on, within_seconds=3)
        assert [trip.kind for trip in house.heard.trips] == [TripKind.VACUUM]


# What must be off


async def test_where_the_owner_wants_no_manual_use_it_is_stopped_and_reported_once() -> None:
    async with running_home(owner=STOPS) as house:
        body(house).press_start(60)
        await house.until(lambda: not house.on, within_seconds=2)
        await house.elapse(5)
        assert [(device, do) for device, do, _ in house.heard.enforced] == [("left-pump", Correction.STOP)]


async def test_what_is_switched_on_by_hand_during_a_session_is_stopped() -> None:
    async with running_home(owner=WATCHES) as house:
        await house.reach("massage")
        body(house, "warm-pad").press_on(38)
        await house.until(lambda: "warm-pad" not in house.on, within_seconds=2)
        assert house.station.running


@pytest.mark.system
@pytest.mark.parametrize("action", sampled(["stop", "pain"], keep=lambda each: each == "pain"))
async def test_what_comes_back_after_stop_or_pain_is_stopped_again_for_fifteen_minutes(action: str) -> None:
    async with running_home(owner=WATCHES) as house:
        await house.reach("express")
        await house.send(action)
        await house.finished(within_seconds=3)
        for pause_seconds in (10, 400, 480):  # all within 900 s
            await house.idle(pause_seconds)
            body(house).press_start(60)
            await house.until(lambda: not house.on, within_seconds=3)
        await house.idle(30)
        body(house).press_start(60)
        await house.elapse(10)
        assert house.on == {"left-pump"}


@pytest.mark.system
async def test_a_device_that_ignores_its_stop_is_stopped_again_every_three_seconds_and_counts() -> None:
    async with running_home(owner=STOPS) as house:
        pump = body(house)
        pump.ignores = frozenset({"stop"})
        pump.press_start(60)
        await house.elapse(31)
        assert house.on == {"left-pump"}
        assert 15 <= house.commanded("left-pump", "stop") <= 22  # about ten times, and each is written twice
        assert house.guard.uncertain == ("left-pump",)
        assert len(house.heard.enforced) == 1  # then it is uncertain, and said to be
        assert used_in_an_hour(house, "suction") == pytest.approx(31, abs=3)
        pump.ignores = frozenset()
        await house.until(lambda: not house.on, within_seconds=6)
        await house.elapse(3)
        assert house.guard.uncertain == ()


@pytest.mark.system
async def test_the_end_of_a_block_is_no_excess() -> None:
    async with running_home(owner=WILLING) as house:
        for energy in Energy:
            async with block(house, energy):
                await house.elapse(10)
            await house.elapse(5)
        async with everything_on(house):
            await house.elapse(15)
        await house.elapse(5)
        assert house.heard.enforced == []
        assert house.heard.outside == []
        assert house.guard.running_outside == ()


async def test_nothing_starts_beside_what_somebody_switched_on_by_hand() -> None:
    async with running_home(owner=WATCHES) as house:
        body(house, "warm-pad").press_on(38)
        await house.elapse(3)
        reply = await house.send("start", routine="milk", no_symptoms=True)
        assert reply.outcome == "accepted"  # in a session what is on by hand is stopped first
        await house.until(lambda: house.on == set(), within_seconds=3)
        await house.flange_on()
        await house.until(lambda: house.on == ON[Energy.SUCTION], within_seconds=40)
        assert house.home.pumps[Side.LEFT].suction.target_mmhg == 40
