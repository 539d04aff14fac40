"""What a device test finds out when asked for more: at the virtual device itself, and as a line for its profile."""

from __future__ import annotations

import pytest

from controller.cli.device_test import run_device_test
from controller.contract.device_test_view import DeviceTestStages, DeviceTestStep, DeviceTestView
from controller.safety.limits import OwnerLimits
from controller.service.device_tester import ServiceDeviceTester
from devices.driver.device_roles import DeviceMassager, roles_of
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.virtual.twin import Twin
from tests.helpers.home import STATION, running_home
from tests.helpers.made_up_twins import driven_twin, twin_on_air
from tests.helpers.profile_snippets import profile

PUMP = """
    commands:
      start: {payload: ["01", {level: u8, range: [1, 9]}]}
      stop: {payload: "00"}
      ask: {payload: "05", answered_by: status}
    reports:
      status: {payload: ["81", {run_state: u8, is: {0: stopped, 1: running}}, {level: u8, unknown: 0}]}
    connection: {poll: {command: ask, every_seconds: 0.5}}
"""
MASSAGER = """
    commands:
      run: {payload: "01"}
      stop: {payload: "00"}
    reports:
      status: {payload: ["81", {run_state: u8, is: {0: stopped, 1: running}}], every_seconds: 0.5}
"""


class TriedDevice:
    """A test of one device with some stages: what was shown, its steps, and its twin."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self.passed = False
        self.lines: list[str] = []
        self.steps: list[DeviceTestStep] = []
        self.on_at: list[tuple[str, bool]] = []

    def step(self, step: DeviceTestStep) -> None:
        self.steps.append(step)
        self.on_at.append((step.kind, self.twin.body.run.on))

    @property
    def kinds(self) -> list[str]:
        return [each.kind for each in self.steps]

    def one(self, kind: str) -> DeviceTestStep:
        (found,) = [each for each in self.steps if each.kind == kind]
        return found


async def try_out(described: Profile, **stages: object) -> TriedDevice:
    async def agree(question: str) -> bool:
        done.lines.append(question)
        return True

    async with twin_on_air(described) as (device, twin, clock):
        done = TriedDevice(twin)
        wanted = DeviceTestStages.model_validate(stages)
        done.passed = await run_device_test(device, clock, done.lines.append, agree, stages=wanted, on_step=done.step)
        assert not twin.body.run.on  # whatever was found out
    return done


async def test_nothing_more_is_tried_than_is_asked_for() -> None:
    done = await try_out(profile(PUMP))
    assert done.passed
    assert not {"stopped_again", "link_dropped", "waits"} & set(done.kinds)
    assert "Keep device off your body" in done.lines[0]


async def test_a_repeated_stop_leaves_it_off_and_answering() -> None:
    done = await try_out(profile(PUMP), repeated_stop=True)
    assert done.passed
    assert done.kinds[-2:] == ["stopped_again", "stopped_again"]
    assert all(step.stopped == "stopped" for step in done.steps[-2:])
    assert [each.name for each in done.twin.commands].count("stop") >= 2 * 3  # each is sent twice
    assert "then stop it three times" in " ".join(done.lines)


async def test_a_pump_whose_stop_toggles_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    described = profile(PUMP)
    async with twin_on_air(described) as (device, twin, clock):
        command, stops = twin.body.command, []

        def toggle(name, values):  # the last write of the first repeated stop starts it
            stops.append(name == "stop")
            return command("start" if name == "stop" and sum(stops) == 6 else name, {"level": 1, **values})

        monkeypatch.setattr(twin.body, "command", toggle)
        done = TriedDevice(twin)

        async def agree(_: str) -> bool:
            return True

        stages = DeviceTestStages(repeated_stop=True)
        passed = await run_device_test(device, clock, done.lines.append, agree, stages=stages, on_step=done.step)
        assert not passed
        assert done.kinds.count("runs_again") == 1
        assert any("it RUNS after a stop" in line for line in done.lines)


@pytest.mark.parametrize(("what", "line"), [("stops", "on_link_loss: stops"), ("continues", "on_link_loss: continues")])
@pytest.mark.parametrize(("snippet", "role"), [(PUMP, "pump"), (MASSAGER, "massager")])
async def test_what_it_does_without_a_link_is_read_before_it_is_stopped(
    snippet: str, role: str, what: str, line: str
) -> None:
    done = await try_out(profile(snippet + f"    on_link_loss: {what}\n", role), link_loss=True)
    assert done.passed
    found = done.one("link_loss")
    assert found.profile_line == line
    assert found.seconds is not None
    assert 0 < found.seconds < 10
    assert done.kinds[-1] == "off"
    assert done.steps[-1].stopped == "stopped"
    assert dict(done.on_at)["link_dropped"]  # it ran when its link was dropped
    assert any(f"write into its profile: {line}" in each for each in done.lines)


async def test_of_one_that_does_not_report_its_state_nothing_is_claimed() -> None:
    mute = """
        commands: {run: {payload: "01"}, stop: {payload: "00"}}
        on_link_loss: continues
    """
    done = await try_out(profile(mute, "massager"), link_loss=True, own_timer_minutes=1)
    assert done.one("link_loss").profile_line is None
    assert any("look at it yourself" in line for line in done.lines)
    assert done.one("not_tried").why is not None
    assert not done.twin.body.run.on


async def test_a_test_that_is_stopped_while_it_looks_ends_the_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with driven_twin(profile(MASSAGER + "    on_link_loss: continues\n", "massager")) as (device, twin, clock):
        (role,) = roles_of(device)
        assert isinstance(role, DeviceMassager)
        await role.run(1.0, 60, 10, Side.BOTH)
        assert twin.body.run.on
        monkeypatch.setattr(twin, "_send", lambda *_, **__: None)  # it reports nothing, so the look goes on
        with device.dropped_link() as found:
            while device.link.connected or twin.server is None or not twin.server.connected:
                await clock.sleep(0.05)
            await clock.sleep(0.3)
            assert not found.looked
            assert twin.body.run.on
        given_up = clock.now()
        while twin.body.run.on:
            await clock.sleep(0.02)
        assert clock.now() - given_up < 0.3


@pytest.mark.system
@pytest.mark.parametrize("seconds", [300, 95])
async def test_its_own_timer_is_waited_for(seconds: int) -> None:
    done = await try_out(profile(PUMP + f"    own_timer_seconds: {seconds}\n"), own_timer_minutes=6)
    assert done.passed
    found = done.one("own_timer").profile_line
    assert found is not None
    name, _, value = found.partition(": ")
    assert name == "own_timer_seconds"
    assert abs(int(value) - seconds) <= (0 if seconds % 60 == 0 else 3)
    assert done.kinds.count("waits") == seconds // 60 + 1
    assert done.kinds[-1] == "off"


@pytest.mark.system
async def test_one_without_a_timer_is_stopped_when_the_time_is_over() -> None:
    done = await try_out(profile(PUMP), own_timer_minutes=2)
    assert done.passed
    assert done.one("no_own_timer").seconds == 120
    assert done.steps[-1].stopped == "stopped"


async def test_where_a_time_is_sent_with_each_start_it_is_not_tried() -> None:
    timed = PUMP.replace("range: [1, 9]}]", "range: [1, 9]}, {duration_minutes: u8}]")
    done = await try_out(profile(timed), own_timer_minutes=2)
    assert done.passed
    why = done.one("not_tried").why
    assert why is not None
    assert why.key == "test_timer_is_sent"
    assert "waits" not in done.kinds


@pytest.mark.system
async def test_in_the_service_its_trip_is_lifted_once_the_stop_is_confirmed() -> None:
    async with running_home(owner=OwnerLimits(comfort_vacuum_mmhg=150, vibration=True)) as house:
        views: list[DeviceTestView] = []
        tester = ServiceDeviceTester({STATION: house.station}, house.clock, house.stream, house.service.closing_refusal)
        house.stream.subscribe(views.append, DeviceTestView)
        assert tester.start(STATION, "left-pump", DeviceTestStages(link_loss=True, repeated_stop=True)) is None
        await house.until(lambda: house.guard.trip is not None, within_seconds=60)
        await house.until(lambda: not house.station.body.testing, within_seconds=120)
        assert views[-1].state == "passed"
        found = [each.profile_line for each in views[-1].steps if each.kind == "link_loss"]
        assert found == ["on_link_loss: stops"]
        assert house.guard.trip is None
        assert house.guard.blocked_reason is None
        assert house.on == set()


async def test_after_a_stop_that_is_not_confirmed_nothing_more_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    async with twin_on_air(profile(PUMP)) as (device, twin, clock):
        monkeypatch.setattr(twin.body, "_end", lambda _reason: None)  # it ignores every stop
        done = TriedDevice(twin)

        async def agree(_: str) -> bool:
            return True

        stages = DeviceTestStages(repeated_stop=True, link_loss=True, own_timer_minutes=1)
        assert not await run_device_test(device, clock, done.lines.append, agree, stages=stages, on_step=done.step)
        assert not {"stopped_again", "link_dropped", "waits"} & set(done.kinds)
        assert any("switch it off at its button" in line for line in done.lines)
