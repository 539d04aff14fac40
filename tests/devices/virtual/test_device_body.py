"""Virtual devices with faulty firmware, one fault at a time."""

from __future__ import annotations

import pytest

from devices.errors import RefusedError
from devices.virtual.tuya_body import TuyaBody
from tests.helpers.profile_snippets import profile
from tests.helpers.twins import LEVELS, RUN, START, WARM, body, driven

DEVICES = [
    ("open-pump", "start", "stop", START),
    ("text-pump", "start", "stop", START),
    ("open-warm-pad", "set_target", "off", WARM),
    ("text-warm-pad", "set_target", "off", WARM),
    ("open-massager", "run", "stop", RUN),
    ("text-massager", "run", "stop", RUN),
]
every_device = pytest.mark.parametrize(("device", "start", "stop", "values"), DEVICES)
every_pump = pytest.mark.parametrize("pump", ["open-pump", "text-pump"])


@every_device
def test_an_ignored_command_is_acknowledged_without_effect(device: str, start: str, stop: str, values: dict) -> None:
    unit = body(device)
    unit.ignores = {start}
    assert unit.command(start, values).result == "accepted"
    assert not unit.run.on
    unit.ignores = {stop, "renew"}
    unit.command(start, values)
    assert unit.command(stop, {}).result == "accepted"
    assert unit.run.on
    unit.advance(8)
    assert unit.command("renew", {"lease_seconds": 10}).result == "accepted"
    unit.advance(12)
    assert not unit.run.on


@every_device
def test_it_starts_again_by_itself_after_each_stop(device: str, start: str, stop: str, values: dict) -> None:
    unit = body(device)
    unit.restarts_after_stop_seconds = 5
    unit.advance(20)
    assert not unit.run.on  # it was not stopped
    unit.command(start, values)
    for now_seconds in (30, 60):
        unit.advance(now_seconds)
        unit.command(stop, {})
        unit.advance(now_seconds + 4.9)
        assert not unit.run.on
        unit.advance(now_seconds + 5)
        assert unit.run.running
        assert not unit.run.leased


def test_a_pump_that_starts_again_pulls_as_before() -> None:
    for pump in ("open-pump", "text-pump"):
        unit = body(pump)
        unit.restarts_after_stop_seconds = 5
        unit.command("start", START)
        rate_cpm = unit.suction.rate_cpm
        unit.command("stop", {})
        unit.advance(10)
        assert (unit.suction.target_mmhg, unit.suction.rate_cpm) == (100, rate_cpm)


def test_a_tuya_device_starts_again_too() -> None:
    unit = TuyaBody()
    unit.restarts_after_stop_seconds = 5
    unit.advance(1)
    unit.press_on()
    unit.write("stop", {"stop": True})
    unit.advance(5.9)
    assert not unit.run.on
    unit.advance(6)
    assert unit.run.on


@every_pump
async def test_a_pump_refuses_a_vacuum_below_its_lowest_and_changes_nothing(pump: str) -> None:
    async with driven(pump) as (driver, twin, _):
        twin.body.least_mmhg = 40
        with pytest.raises(RefusedError, match=r"answered start with (out of range|refused)"):
            await driver.command("start", START | {"vacuum_mmhg": 39}, undone_by="stop")
        assert not twin.body.run.on
        await driver.command("start", START | {"vacuum_mmhg": 40}, undone_by="stop")
        await driver.command("adjust", START | {"vacuum_mmhg": 100})
        with pytest.raises(RefusedError, match=r"answered adjust with (out of range|refused)"):
            await driver.command("adjust", START | {"vacuum_mmhg": 20})
        assert twin.body.suction.target_mmhg == 100


def test_a_level_may_be_too_low_too() -> None:
    unit = body(profile(LEVELS))
    unit.least_mmhg = 100
    assert unit.command("start", {"level": 1}).result == "refused"
    assert not unit.run.on
    assert unit.command("start", {"level": 2}).result == "accepted"


@every_pump
async def test_a_pump_may_refuse_to_be_adjusted(pump: str) -> None:
    async with driven(pump) as (driver, twin, _):
        twin.body.refuses_adjust = True
        await driver.command("start", START, undone_by="stop")
        with pytest.raises(RefusedError, match=r"answered adjust with (not applicable|refused)"):
            await driver.command("adjust", START | {"vacuum_mmhg": 80})
        assert twin.body.suction.target_mmhg == 100
