"""What the profile language can say, at both ends: the driver, and the twin that is made from the same file."""

from __future__ import annotations

import pytest

from devices.driver.device_roles import DevicePump, roles_of
from devices.errors import RefusedError
from devices.roles import Phase, PumpSetting, RunState
from tests.helpers.made_up_twins import driven_twin
from tests.helpers.profile_snippets import profile
from tests.helpers.sampling import sampled

PUMP = """
    frame: {layout: [opcode, payload]}
    commands:
      start: {opcode: "10", payload: [{level: u8}, {duration_minutes: u8}]}
      adjust: {opcode: "11", payload: [{level: u8}, {duration_minutes: u8}]}
      pause: {opcode: "12"}
      resume: {opcode: "13"}
      ask: {opcode: "20", answered_by: [status, charge]}
      stop: {opcode: "0f"}
    reports:
      done: {opcode: command + 80, payload: [{code: u8, is: {0: ok, 9: never}}]}
      failed: {opcode: command + c0, payload: [{error: u8, is: {7: not_now}}]}
      status:
        opcode: "30"
        payload: [{running: bool}, {level: u8, unknown: 0}, {paused: bool}]
        derived:
          run_state: [{paused: true, is: paused}, {running: true, is: running}, {running: false, is: stopped}]
      charge: {opcode: "31", payload: [{battery_percent: u8}]}
    answer: {report: done, result: code, accepted: ok, refused_by: failed}
    connection: {poll: {command: ask, every_seconds: 0.5}}
    own_timer_seconds: 1800
"""
SETTING = PumpSetting(phase=Phase.EXPRESSION, level=2)


@pytest.fixture
def described():
    return profile(PUMP)


async def test_a_state_in_two_bytes_arrives_as_the_twin_is(described) -> None:
    async with driven_twin(described) as (device, twin, clock):
        (pump,) = roles_of(device)
        assert isinstance(pump, DevicePump)
        await pump.start(SETTING, 600, 10)
        for change, state in (
            (pump.pause, RunState.PAUSED),
            (pump.resume, RunState.RUNNING),
            (pump.stop, RunState.STOPPED),
        ):
            await change()
            await clock.sleep(1)
            assert twin.body.run.state == state
            assert pump.reading.run_state is state
        assert device.dropped_packets == 0


async def test_an_error_frame_with_the_opcode_of_the_command_refuses_it(described) -> None:
    async with driven_twin(described) as (device, twin, _):
        with pytest.raises(RefusedError, match="device refused pause with not now"):
            await device.command("pause", {})
        assert not twin.body.run.on


async def test_without_such_a_frame_the_result_refuses() -> None:
    async with driven_twin(profile(PUMP.replace(", refused_by: failed", ""))) as (device, _, _clock):
        with pytest.raises(RefusedError, match="device answered pause with never"):
            await device.command("pause", {})


async def test_a_poll_that_several_reports_answer_keeps_all_of_them_fresh(described) -> None:
    async with driven_twin(described) as (device, _, clock):
        await clock.sleep(10)
        age_seconds = device.state.age_seconds(["run_state", "level", "battery_percent"])
        assert age_seconds is not None
        assert age_seconds < 1


@pytest.mark.system
@pytest.mark.parametrize(
    ("left_seconds", "minutes"), sampled([(603, 11), (59, 1), (3, 1)], keep=lambda each: each == (603, 11))
)
async def test_a_change_says_what_is_left_of_the_run_in_whole_minutes(
    described, left_seconds: float, minutes: int
) -> None:
    async with driven_twin(described) as (device, twin, clock):
        (pump,) = roles_of(device)
        assert isinstance(pump, DevicePump)
        await pump.start(SETTING, 1200, 10)
        await clock.sleep(1)
        await pump.adjust(SETTING, left_seconds)
        sent = next(each.values for each in twin.commands if each.name == "adjust")
        assert sent["duration_minutes"] == minutes
        await clock.sleep(minutes * 60 - 2)
        assert twin.body.run.on
        await clock.sleep(3)
        assert not twin.body.run.on  # the device's own timer is the second net
