"""Testing a device of the running service: inside the guard, never beside a session, and any stop ends it."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace
from typing import Any

import pytest

from controller.contract.device_test_view import DeviceTestView
from controller.contract.events import EventType
from controller.safety.limits import LEASE_SECONDS, OwnerLimits
from controller.safety.message import KeyedMessage, message
from controller.service import role_test
from controller.service.device_tester import ServiceDeviceTester, _named
from controller.service.role_test import RUN_SECONDS
from devices.roles import Capability, PumpReading, RunState
from devices.support.clock import Clock, ScaledClock
from tests.helpers.home import COMFORTABLE, STATION, DeviceKey, RunningHome, running_home
from tests.helpers.sampling import sampled

ALLOWING = OwnerLimits(comfort_vacuum_mmhg=150, vibration=True)


class Testing:
    """A tester of a test home, and what it published."""

    __test__ = False

    def __init__(self, house: RunningHome) -> None:
        self.house = house
        self.views: list[DeviceTestView] = []
        stations = {STATION: house.station}
        self.tester = ServiceDeviceTester(stations, house.clock, house.stream, house.service.closing_refusal)
        house.stream.subscribe(self.views.append, DeviceTestView)

    def start(self, device: str = "left-pump", station: str = STATION) -> KeyedMessage | None:
        return self.tester.start(station, device)

    @property
    def steps(self) -> list[str]:
        return [step.kind for step in self.views[-1].steps]

    @property
    def state(self) -> str:
        return self.views[-1].state

    async def ended(self) -> str:
        await self.house.until(lambda: not self.house.station.body.testing, within_seconds=60)
        return self.state

    async def reach(self, step: str) -> None:
        await self.house.until(lambda: self.views and step in self.steps, within_seconds=60)


@pytest.mark.parametrize(
    ("device", "steps"),
    [
        ("left-pump", ["reads", "runs", "adjusted", "paused", "resumed", "off"]),
        ("warm-pad", ["reads", "runs", "off"]),
        ("massager", ["reads", "runs", "off"]),
    ],
)
async def test_every_command_is_tried_and_the_device_confirms_that_it_is_off(
    device: DeviceKey, steps: list[str]
) -> None:
    async with running_home(owner=ALLOWING) as house:
        testing = Testing(house)
        assert testing.start(device) is None
        await house.until(lambda: house.on == {device}, within_seconds=RUN_SECONDS)
        assert await testing.ended() == "passed"
        assert testing.steps == steps
        assert testing.views[-1].steps[-1].stopped == "stopped"
        assert house.on == set()
        assert house.reported_off


@pytest.mark.system
async def test_it_runs_at_the_lowest_setting_and_everything_expires() -> None:
    async with running_home(owner=ALLOWING) as house:
        testing = Testing(house)
        for device in ("left-pump", "warm-pad", "massager"):
            testing.start(device)
            assert await testing.ended() == "passed"
        values = [
            next(each.values for each in house.home.twins[device].commands if each.name == name)
            for device, name in (("left-pump", "start"), ("warm-pad", "set_target"), ("massager", "run"))
        ]
    assert values[0]["vacuum_mmhg"] <= 40
    assert values[1]["celsius"] == 36
    assert values[2]["intensity"] <= 0.1
    for each in values:
        assert 0 < each["lease_seconds"] <= LEASE_SECONDS
        assert each.get("duration_seconds", 1) <= 2 * RUN_SECONDS + 3


@pytest.mark.system
@pytest.mark.parametrize(
    ("action", "step"),
    sampled(
        itertools.product(("stop", "pain"), ("reads", "runs", "paused")),
        keep=lambda each: each in (("stop", "reads"), ("stop", "runs"), ("pain", "paused")),
    ),
)
async def test_a_stop_ends_it_at_once_and_nothing_is_sent_after_it(action: str, step: str) -> None:
    async with running_home() as house:
        testing = Testing(house)
        testing.start()
        await testing.reach(step)
        reply = await house.send(action)
        assert reply.devices is not None
        assert reply.devices["left-pump"] == "stopped"
        assert await testing.ended() == "stopped"
        starts = house.starts
        await house.elapse(20)
        assert house.starts == starts
        assert house.on == set()
        assert testing.steps[-1] == "interrupted"
        assert house.guard.must_stay_off  # as after any stop


@pytest.mark.system
async def test_no_session_starts_meanwhile_and_one_may_start_afterwards() -> None:
    async with running_home() as house:
        testing = Testing(house)
        testing.start()
        await testing.reach("runs")
        reply = await house.send("start")
        assert (reply.outcome, reply.keys) == ("refused", ("test_running",))
        assert "start" not in house.recorded.snapshot.allowed_actions
        assert testing.start("warm-pad") == message("test_running")
        assert await testing.ended() == "passed"
        assert "start" in house.recorded.snapshot.allowed_actions
        assert (await house.send("start")).outcome == "accepted"


@pytest.mark.system
async def test_it_is_refused_during_a_session_and_the_session_goes_on() -> None:
    async with running_home() as house:
        testing = Testing(house)
        await house.reach("warm")
        assert testing.start() == message("session_running")
        await house.elapse(2)
        assert testing.views == []
        assert house.on == {"warm-pad"}
        assert house.recorded.snapshot.running


async def test_it_is_refused_for_what_is_not_there_or_not_connected() -> None:
    async with running_home() as house:
        testing = Testing(house)
        assert testing.start("nothing") == message("no_such_device", device="nothing")
        assert testing.start(station="elsewhere") == message("no_such_device", device="left-pump")
        house.lose_link("left-pump", for_good=True)
        await house.elapse(1)
        assert testing.start() == message("device_not_connected", device="left-pump")
        assert testing.views == []


@pytest.mark.system
async def test_a_trip_must_be_acknowledged_first() -> None:
    async with running_home() as house:
        testing = Testing(house)
        await house.reach("warm")
        house.lose_link("warm-pad", for_good=True)
        await house.recorded.event(EventType.TRIP, within_seconds=30)
        await house.finished()
        refused = testing.start()
        assert refused is not None
        assert refused.key == "stopped_by_trip"


async def test_it_is_refused_while_the_service_ends_or_takes_new_settings_over() -> None:
    async with running_home() as house:
        testing = Testing(house)
        house.service.wind_down()
        assert testing.start() == message("new_settings")


@pytest.mark.system
async def test_new_settings_wait_for_its_end() -> None:
    async with running_home() as house:
        testing = Testing(house)
        testing.start()
        await testing.reach("runs")
        await house.station.finished()
        assert testing.state == "passed"


@pytest.mark.system
async def test_the_limits_of_the_day_hold_for_it_too() -> None:
    async with running_home(owner=COMFORTABLE) as house:  # vibration is off
        testing = Testing(house)
        testing.start("massager")
        assert await testing.ended() == "failed"
        assert testing.views[-1].steps[1].why == message("vibration_off")
        await house.send("start")
        await house.send("answer", question="lump", value=True)
        await house.send("stop")
        await house.finished()
        testing.start("warm-pad")
        assert await testing.ended() == "failed"
        assert testing.views[-1].steps[1].why == message("no_heat_with_symptoms")
        assert house.starts == 0


async def test_a_link_that_is_lost_in_it_trips_and_stops_everything() -> None:
    async with running_home() as house:
        testing = Testing(house)
        testing.start()
        await house.elapse(2)
        house.lose_link("left-pump", for_good=True)
        assert await testing.ended() == "failed"
        assert house.guard.trip is not None
        await house.until(lambda: not house.on, within_seconds=30)


@pytest.mark.system
async def test_its_time_counts_against_the_budget() -> None:
    async with running_home() as house:
        testing, before = Testing(house), house.guard.today.left_seconds["suction"]
        testing.start()
        await testing.ended()
        assert before - 20 < house.guard.today.left_seconds["suction"] < before - RUN_SECONDS


@pytest.mark.system
async def test_after_it_a_device_may_be_used_by_hand_again() -> None:
    async with running_home() as house:
        testing = Testing(house)
        testing.start()
        assert await testing.ended() == "passed"
        assert not house.guard.must_stay_off


async def test_what_fails_inside_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_home() as house:
        testing, sleep = Testing(house), house.clock.sleep

        async def fail(clock: Clock, seconds: float) -> None:
            if seconds == RUN_SECONDS:
                raise ZeroDivisionError
            await sleep(seconds)

        monkeypatch.setattr(type(house.clock), "sleep", fail)
        testing.start()
        assert await testing.ended() == "failed"
        assert house.on == set()


def test_a_device_with_several_roles_is_tested_whole_or_by_one_of_them() -> None:
    roles = [SimpleNamespace(name=f"both-{role}", device_name="both") for role in ("pump", "warmer")]
    station: Any = SimpleNamespace(roles=roles)
    assert _named(station, "both") == roles
    assert _named(station, "both-warmer") == roles[1:]
    assert _named(station, "other") == []


async def test_a_pump_that_takes_a_pause_for_a_stop_is_not_started_again_once_its_block_is_over() -> None:
    """Such a pump reports `stopped`, so that its block ends: a resume would run it with nothing that limits it."""
    sent: list[str] = []

    async def send(name: str) -> None:
        sent.append(name)
        if name == "pause":
            run.over = True

    pump = SimpleNamespace(
        name="pump",
        capabilities=frozenset({Capability.PAUSE}),
        reading=PumpReading(run_state=RunState.STOPPED),
        adjust=lambda _setting, _seconds: send("adjust"),
        pause=lambda: send("pause"),
        resume=lambda: send("resume"),
    )
    run: Any = SimpleNamespace(pumps=(pump,), over=False, setting=None, may_pause=False, timer_seconds=lambda _: 9)
    kinds: list[str] = []
    await role_test._test_adjust_and_pause(run, ScaledClock(math.inf), lambda step: kinds.append(step.kind))
    assert sent == ["adjust", "pause"]
    assert kinds == ["adjusted", "paused"]
