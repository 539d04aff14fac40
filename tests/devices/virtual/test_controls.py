"""Runs started or changed at a device's own controls: without a lease, and limited only by the unit's own range."""

from __future__ import annotations

import pytest

from devices.roles import Phase, RunState
from devices.virtual.tuya_body import TuyaBody
from tests.helpers.profile_snippets import profile
from tests.helpers.pump_ranges import pump_ranges
from tests.helpers.twins import LEVELS, START, WARM, body, driven

every_pump = pytest.mark.parametrize("pump", ["open-pump", "text-pump", "kindly-cuddle"])
leased_pumps = pytest.mark.parametrize("pump", ["open-pump", "text-pump"])
every_pad = pytest.mark.parametrize("pad", ["open-warm-pad", "text-warm-pad", "kiturami-kdm-851", "heating-mat"])
every_massager = pytest.mark.parametrize("massager", ["open-massager", "text-massager", "lovense"])


@every_pump
def test_a_pump_that_is_switched_on_at_its_button_runs_without_a_lease_until_its_button(pump: str) -> None:
    unit = body(pump)
    unit.press_start(180)
    assert unit.run.state == "running"
    unit.advance(600)
    assert unit.suction.running
    assert unit.suction.target_mmhg == 180
    assert unit.suction.phase is Phase.EXPRESSION
    assert unit.values()["lease_left_seconds"] is None or pump != "open-pump"
    unit.lose_link()
    assert unit.run.on
    unit.press_off()
    unit.advance(602)
    assert not unit.run.on
    assert unit.suction.vacuum_mmhg == 0


@leased_pumps
def test_a_run_started_at_its_button_ends_at_the_longest_run_too(pump: str) -> None:
    unit = body(pump)
    unit.press_start(180)
    unit.advance(1800)
    assert unit.run.on
    unit.advance(1801)
    assert not unit.run.on
    assert unit.run.record_end == "duration_ended"


@leased_pumps
def test_what_a_command_started_keeps_its_lease_when_its_vacuum_is_changed_at_the_pump(pump: str) -> None:
    unit = body(pump)
    unit.command("start", START)
    unit.advance(3)
    unit.run.changed.clear()
    unit.press_vacuum(220)
    assert unit.run.changed == {"changed_setting"}
    unit.advance(8)
    assert unit.suction_mmhg > 180
    unit.advance(12)
    assert not unit.run.on
    assert unit.run.record_end == "lease_expired"


@leased_pumps
def test_a_renewal_adds_no_lease_to_a_run_started_at_the_button(pump: str) -> None:
    unit = body(pump)
    unit.press_start(180)
    unit.command("renew", {"lease_seconds": 10})
    unit.advance(60)
    assert unit.run.on


@leased_pumps
def test_a_stop_ends_it_and_the_next_start_has_a_lease_again(pump: str) -> None:
    unit = body(pump)
    unit.press_start(180)
    unit.command("stop", {})
    assert not unit.run.on
    unit.command("start", START)
    unit.advance(12)
    assert not unit.run.on


@every_pump
def test_nothing_but_its_own_range_limits_what_is_set_at_a_pump(pump: str) -> None:
    unit = body(pump)
    unit.press_start(999, phase=Phase.STIMULATION)
    assert unit.suction.target_mmhg == 250
    unit.press_vacuum(-5)
    assert unit.suction.target_mmhg == 0


@every_pump
def test_a_product_has_its_own_range(pump: str) -> None:
    name, ranges = next((name, each) for name, each in pump_ranges().items() if each.vacuum(Phase.EXPRESSION)[0] > 0)
    unit = body(pump)
    unit.ranges = ranges
    unit.press_start(999)
    assert unit.suction.target_mmhg == ranges.vacuum(Phase.EXPRESSION)[1], name
    unit.press_vacuum(0)
    assert unit.suction.target_mmhg == ranges.vacuum(Phase.EXPRESSION)[0]


@leased_pumps
def test_a_paused_pump_does_not_pull_when_its_vacuum_is_changed_and_goes_on_at_its_button(pump: str) -> None:
    unit = body(pump)
    unit.command("start", START)
    unit.advance(2)
    unit.command("pause", {})
    unit.press_vacuum(180)
    unit.advance(5)
    assert unit.suction.vacuum_mmhg == 0
    unit.press_start(180)
    unit.advance(7)
    assert unit.run.state == "running"
    assert unit.suction_mmhg > 140


def test_a_resumed_pump_has_the_same_error_as_before() -> None:
    unit = body("text-pump")
    unit.command("start", START)
    rate_cpm = unit.suction.rate_cpm
    for name in ("pause", "resume", "pause", "resume"):
        unit.command(name, {})
    assert unit.suction.rate_cpm == rate_cpm


@pytest.mark.parametrize(("vacuum_mmhg", "level", "does_mmhg"), [(10, 1, 60), (95, 2, 100), (250, 3, 140)])
def test_a_pump_with_levels_is_set_to_one_of_them(vacuum_mmhg: float, level: int, does_mmhg: float) -> None:
    unit = body(profile(LEVELS))
    unit.press_start(vacuum_mmhg)
    assert unit.suction.target_mmhg == does_mmhg
    assert unit.values()["level"] == level


@every_pad
def test_a_compress_that_is_switched_on_at_its_button_runs_without_a_lease_until_its_button(pad: str) -> None:
    unit = body(pad)
    unit.press_on(39)
    unit.advance(600)
    unit.lose_link()
    assert unit.run.on
    assert unit.pad.target_celsius == 39
    unit.press_off()
    assert not unit.run.on
    assert unit.pad.target_celsius is None


@pytest.mark.parametrize(("pad", "highest_celsius"), [("open-warm-pad", 42), ("kiturami-kdm-851", 50), ("joyhub", 42)])
def test_its_button_reaches_the_highest_temperature_of_the_unit(pad: str, highest_celsius: float) -> None:
    unit = body(pad)
    unit = unit.parts[1] if pad == "joyhub" else unit
    unit.press_on(99)
    assert unit.pad.target_celsius == highest_celsius


@pytest.mark.parametrize("pad", ["open-warm-pad", "text-warm-pad"])
def test_its_target_is_changed_while_a_command_runs_it(pad: str) -> None:
    unit = body(pad)
    unit.command("set_target", WARM)
    unit.advance(5)
    unit.press_on(42)
    assert unit.pad.target_celsius == 42
    unit.advance(12)
    assert not unit.run.on


@every_massager
def test_a_massager_that_is_switched_on_at_its_button_runs_without_a_lease_until_its_button(massager: str) -> None:
    unit = body(massager)
    unit.press_on(2)
    unit.advance(500)
    unit.lose_link()
    assert unit.values()["intensity"] == 1
    unit.press_on(0.5)
    assert unit.values()["intensity"] == 0.5
    unit.press_off()
    assert not unit.run.on
    assert unit.values()["intensity"] == 0


@pytest.mark.parametrize("intensity", [0.2, 1])
def test_a_massager_that_is_only_on_or_off_runs_at_full(intensity: float) -> None:
    unit = body("htk-breast-massager")
    unit.command("run", {"side": "both"})
    assert unit.intensity == 1
    unit.press_off()
    unit.press_on(intensity)
    assert unit.intensity == 1


@pytest.mark.parametrize("device", ["open-pump", "text-pump"])
def test_with_a_fault_it_is_not_switched_on(device: str) -> None:
    unit = body(device)
    unit.run.fault = "leak"
    unit.press_start(100)
    assert not unit.run.on
    assert not unit.suction.running


def test_a_tuya_device_has_its_own_controls_too() -> None:
    unit = TuyaBody()
    unit.advance(1)
    unit.press_on("expression", expression_level=4)
    unit.advance(600)
    assert unit.run.running
    assert unit.level == 4
    unit.press(expression_level=7)
    assert unit.level == 7
    unit.press_off()
    assert not unit.run.on


@pytest.mark.parametrize("pump", ["open-pump", "text-pump"])
async def test_the_controller_is_notified_at_once(pump: str) -> None:
    async with driven(pump) as (driver, twin, clock):
        await clock.sleep(2)
        assert driver.values["run_state"] == RunState.STOPPED
        twin.body.press_start(120)
        await clock.sleep(1.1)  # an idle twin looks at itself once a second
        assert driver.values["run_state"] == RunState.RUNNING
        twin.body.press_off()
        await clock.sleep(0.3)
        assert driver.values["run_state"] == RunState.STOPPED
