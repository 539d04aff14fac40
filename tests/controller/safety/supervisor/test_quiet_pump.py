"""A pump that measures only while it runs has stopped when it says so; one that goes on measuring a vacuum has not."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from controller.safety.guard import Guard
from controller.safety.limits import OwnerLimits
from controller.safety.persistence import InMemoryPersistence
from devices.driver.base import DeviceOptions
from devices.driver.device_roles import DevicePump, roles_of
from devices.errors import UncertainError
from devices.profiles.catalog import Catalog
from devices.profiles.profile_device import ProfileDevice
from devices.roles import Phase, PumpSetting, RunState, Side
from devices.support.clock import ScaledClock
from devices.virtual.simple_pump import SimplePump
from devices.virtual.transports import Air
from devices.virtual.twin import Twin
from devices.virtual.virtual_home import DescribedDevice, Home
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.home import Heard
from tests.helpers.profile_snippets import profile

PROFILE = """
    channels:
      tx: {service: "ffb0", characteristic: "ffb1", write: both}
      rx: {service: "ffb0", characteristic: "ffb2", notify: true}
    commands:
      start: {payload: ["01", {vacuum_mmhg: u8, range: [0, 250]}]}
      adjust: {payload: ["02", {vacuum_mmhg: u8, range: [0, 250]}]}
      stop: {payload: "00"}
    reports:
      state: {payload: ["a0", {run_state: u8, is: {0: stopped, 1: running}}], every_seconds: 1}
      vacuum: {payload: ["a1", {vacuum_mmhg: u8}], every_seconds: 0.2}
    limits: {vacuum_mmhg: 250}
"""
TOGETHER = """
    channels:
      tx: {service: "ffb0", characteristic: "ffb1", write: both}
      rx: {service: "ffb0", characteristic: "ffb2", notify: true}
    commands:
      start: {payload: ["01", {vacuum_mmhg: u8, range: [0, 250]}]}
      adjust: {payload: ["02", {vacuum_mmhg: u8, range: [0, 250]}]}
      stop: {payload: "00"}
    reports:
      state: {payload: ["a0", {run_state: u8, is: {0: stopped, 1: running}}, {vacuum_mmhg: u8}], every_seconds: 0.2}
    limits: {vacuum_mmhg: 250}
"""
SETTING = PumpSetting(phase=Phase.EXPRESSION, vacuum_mmhg=140)


@dataclass
class Bench:
    """A guard with one pump, and the pump itself."""

    clock: ScaledClock
    twin: Twin
    pump: DevicePump
    guard: Guard
    heard: Heard

    @property
    def body(self) -> SimplePump:
        assert isinstance(self.twin.body, SimplePump)
        return self.twin.body

    @property
    def stops(self) -> int:
        """How often the pump was told to stop."""
        return sum(message.name == "stop" for message in self.twin.commands)

    async def run_it(self, *, stuck: bool = False) -> None:
        """Let it run until it has a seal and pulls, and stop it in the midst of a cycle; `stuck`: then its valve is."""
        async with self.guard.suction([self.pump], SETTING, at_most_seconds=120):
            await self.clock.sleep(75)
            async with self.clock.timeout(10):
                while (self.pump.reading.vacuum_mmhg or 0.0) < 80:
                    await self.clock.sleep(0.01)
            self.body.suction.stuck = stuck

    def fall_silent(self) -> None:
        """Let it report its vacuum only while it runs, from now on."""
        send = self.twin._send

        def sparingly(name: str, *args: object, **options: object) -> None:
            if name != "vacuum" or self.body.run.running:
                send(name, *args, **options)  # type: ignore[arg-type]

        self.twin._send = sparingly  # type: ignore[method-assign]


@contextlib.asynccontextmanager
async def bench(snippet: str = PROFILE, *, at_rest: bool = False) -> AsyncIterator[Bench]:
    """Yield a bench whose pump reports its vacuum only while it runs, or also `at_rest`."""
    described = profile(snippet)
    clock, air = ScaledClock(math.inf), Air()
    home = Home(clock, Catalog([described]), [DescribedDevice("pump", described.id, "Made up", Side.LEFT)], seed=2)
    async with home.on_air(air), radio_on_air(clock, air) as radio:
        device = ProfileDevice(
            radio, clock, described, DeviceOptions("pump", Side.LEFT, lambda each: each.name == "Made up")
        )
        (pump,) = roles_of(device)
        assert isinstance(pump, DevicePump)
        guard, heard = Guard(clock, OwnerLimits(comfort_vacuum_mmhg=200), [pump], InMemoryPersistence()), Heard()
        guard.listeners.append(heard)
        tasks = [asyncio.create_task(device.run()), asyncio.create_task(guard.run())]
        bench = Bench(clock, home.twins["pump"], pump, guard, heard)
        if not at_rest:
            bench.fall_silent()
        try:
            async with clock.timeout(30):
                while not pump.connected:
                    await clock.sleep(0.1)
            await clock.sleep(4)
            guard.begin_session(frozenset())
            yield bench
        finally:
            for task in reversed(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def test_one_that_measures_only_while_it_runs_is_stopped_by_one_stop() -> None:
    async with bench() as home:
        await home.run_it()
        began_seconds = home.clock.now()
        assert not home.body.run.on
        assert home.body.suction.vacuum_mmhg < 60
        results = await home.guard.stop_all()
        assert results == {"pump": "stopped"}
        assert home.clock.now() - began_seconds < 3
        stops = home.stops
        await home.clock.sleep(60)
        assert home.stops == stops
        assert home.heard.uncertain == []
        assert home.pump.reading.run_state is RunState.STOPPED
        assert home.pump.reading.vacuum_mmhg is None  # nobody knows it now


@pytest.mark.system
async def test_it_can_be_started_again_however_long_it_reported_nothing() -> None:
    async with bench() as home:
        await home.run_it()
        await home.clock.sleep(120)
        await home.run_it()
        assert home.heard.trips == []
        assert not home.body.run.on


async def test_one_that_reports_a_stop_and_still_measures_a_vacuum_has_not_stopped() -> None:
    async with bench(at_rest=True) as home:
        with pytest.raises(UncertainError):
            await home.run_it(stuck=True)
        assert not home.body.run.on
        assert home.body.suction.vacuum_mmhg >= 60
        assert home.heard.uncertain == ["pump"]
        stops = home.stops
        await home.clock.sleep(10)
        assert home.stops >= stops + 4  # twice every three seconds
        assert (home.pump.reading.vacuum_mmhg or 0.0) >= 60
        home.body.suction.stuck = False
        await home.clock.sleep(6)
        assert home.heard.settled == ["pump"]
        assert home.body.suction.vacuum_mmhg < 60


async def test_one_that_measures_only_while_it_runs_and_sticks_shows_no_vacuum_and_is_believed() -> None:
    """What no software can see: its valve is stuck, and it measures nothing once it has stopped."""
    async with bench() as home:
        await home.run_it(stuck=True)
        assert home.body.suction.vacuum_mmhg >= 60
        assert home.pump.reading.vacuum_mmhg is None
        assert home.heard.uncertain == []


async def test_one_that_measured_at_rest_and_stops_reporting_is_not_believed() -> None:
    async with bench(at_rest=True) as home:
        home.fall_silent()
        with pytest.raises(UncertainError):
            await home.run_it(stuck=True)
        assert home.heard.uncertain == ["pump"]
        assert home.pump.reading.vacuum_mmhg is None
        assert home.guard.acknowledge()
        await home.clock.sleep(20)
        assert home.guard.uncertain == ()  # a person's word settles it


@pytest.mark.parametrize("last_mmhg", [90.0, 0.0])
async def test_what_it_reports_together_with_its_stop_counts_until_nothing_more_comes(last_mmhg: float) -> None:
    async with bench(TOGETHER) as home:
        send, said = home.twin._send, False

        def once(name: str, *args: object, **options: object) -> None:
            nonlocal said
            if home.body.run.running or not said:
                said = not home.body.run.running
                send(name, *args, **options)  # type: ignore[arg-type]

        home.twin._send = once  # type: ignore[method-assign]
        truth = home.body.values
        home.body.values = lambda *since: (
            truth(*since)
            | (  # type: ignore[method-assign]
                {} if home.body.run.running else {"vacuum_mmhg": last_mmhg}
            )
        )
        with pytest.raises(UncertainError) if last_mmhg else contextlib.nullcontext():
            await home.run_it()
        assert home.heard.uncertain == (["pump"] if last_mmhg else [])
        assert home.pump.reading.vacuum_mmhg == last_mmhg
        await home.clock.sleep(11)
        assert home.pump.reading.vacuum_mmhg is None
        assert home.pump.reading.run_state is RunState.STOPPED
