"""Lowering always works: whatever a pump answers, it comes down, or it is stopped. Judged by the pump itself."""

from __future__ import annotations

import pytest

from controller.safety.limits import OwnerLimits
from devices.driver.device_roles import DevicePump
from devices.roles import Side
from devices.virtual.open_devices import PumpBody
from tests.helpers.home import PUMPS, RunningHome, running_home

WILLING = OwnerLimits(comfort_vacuum_mmhg=250)


def pump(house: RunningHome, side: Side = Side.LEFT) -> PumpBody:
    return house.home.pumps[side]


async def at_200(house: RunningHome) -> None:
    """Bring the pumps to 200 mmHg in expression."""
    await house.reach("express", "milk", run_seconds=1)
    for body in house.home.pumps.values():
        body.press_vacuum(200)
    await house.until(lambda: house.recorded.snapshot.target_vacuum_mmhg == 200, within_seconds=5)
    await house.elapse(4)
    assert pump(house).suction.target_mmhg == 200


async def test_less_than_the_pumps_minimum_is_its_minimum_where_the_profile_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running_home(owner=WILLING, devices=PUMPS) as house:
        await at_200(house)
        limits = house.pump().limits.model_copy(update={"least_vacuum_mmhg": 40.0})
        monkeypatch.setattr(DevicePump, "limits", property(lambda _: limits))
        for body in house.home.pumps.values():
            body.least_mmhg = 40
        reply = await house.send("set_vacuum", mmhg=0)
        assert reply.outcome == "limited"
        assert (reply.keys[0], reply.reasons[0]) == ("device_least", "40 mmHg: it cannot be set any lower")
        await house.elapse(1)
        assert {body.suction.target_mmhg for body in house.home.pumps.values()} == {40}


async def test_a_refused_lowering_stops_the_pump_within_3_s() -> None:
    async with running_home(owner=WILLING, devices=PUMPS) as house:
        await at_200(house)
        for body in house.home.pumps.values():
            body.least_mmhg = 40  # and its profile does not know
        await house.send("set_vacuum", mmhg=0)
        assert await house.until(lambda: not house.on, within_seconds=4.5) <= 4.5
        assert house.recorded.snapshot.trip is None
        assert "is allowed now" in (house.recorded.snapshot.reason_words or "")


@pytest.mark.parametrize("later", [("set_vacuum", {"mmhg": 150}), ("set_vacuum", {"mmhg": 100}), ("vacuum_down", {})])
async def test_a_refused_change_restricts_no_later_request(later: tuple[str, dict[str, float]]) -> None:
    async with running_home(owner=WILLING, devices=PUMPS) as house:
        await at_200(house)
        for body in house.home.pumps.values():
            body.least_mmhg = 40
        assert (await house.send("set_vacuum", mmhg=0)).outcome == "refused"
        action, args = later
        reply = await house.send(action, **args)
        assert reply.outcome == "accepted", reply
        await house.elapse(1)
        assert {body.suction.target_mmhg for body in house.home.pumps.values()} == {args.get("mmhg", 180)}
        await house.elapse(10)
        assert house.on == set(PUMPS)


async def test_a_change_that_is_acknowledged_and_not_carried_out_is_detected() -> None:
    async with running_home(owner=WILLING, devices=PUMPS) as house:
        await at_200(house)
        pump(house).ignores = frozenset({"adjust"})
        assert (await house.send("set_vacuum", mmhg=100)).outcome == "accepted"
        await house.until(lambda: not house.on, within_seconds=5)


async def test_a_lower_cap_holds_for_a_pump_that_refuses_it() -> None:
    async with running_home(owner=WILLING, devices=PUMPS) as house:
        await at_200(house)
        pump(house).refuses_adjust = True
        await house.send("set_start_defaults", comfort_vacuum_mmhg=70)
        await house.until(lambda: not house.on, within_seconds=5)


async def test_a_lower_cap_holds_at_once_for_one_that_follows() -> None:
    async with running_home(owner=WILLING, devices=PUMPS) as house:
        await at_200(house)
        await house.send("set_start_defaults", comfort_vacuum_mmhg=70)
        await house.elapse(1)
        assert {body.suction.target_mmhg for body in house.home.pumps.values()} == {70}
        await house.elapse(20)
        assert house.on == set(PUMPS)
        assert house.recorded.snapshot.target_vacuum_mmhg == 70


async def test_a_change_whose_confirmation_was_lost_restricts_no_later_lowering() -> None:
    async with running_home(owner=WILLING, devices=PUMPS) as house:
        await at_200(house)
        house.silence("left-pump", "control")
        assert (await house.send("set_vacuum", mmhg=150)).outcome == "failed"
        for mmhg in (120, 100):
            await house.send("set_vacuum", mmhg=mmhg)
            await house.elapse(2.5)
            assert pump(house).suction.target_mmhg <= mmhg or "left-pump" not in house.on
