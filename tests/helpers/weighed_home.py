"""A home with a pump that measures nothing, and a scale under its bottle, on a virtual radio."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from controller.contract.events import EndReason, Snapshot
from controller.contract.stream import Stream
from controller.safety.persistence import InMemoryPersistence
from controller.service.station import Station
from controller.session.routine import Routine
from controller.session.step_context import Signal
from devices.bluetooth.advertisement import ByAddress, ByName, Wanted
from devices.bluetooth.radio import Radio
from devices.driver.base import DeviceOptions
from devices.profiles.codec import DecodedMessage
from devices.profiles.profile_device import ProfileDevice
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.support.clock import ScaledClock
from devices.virtual.breast import Breast
from devices.virtual.scale_body import ScaleBody
from devices.virtual.transports import Air
from devices.virtual.virtual_home import DescribedDevice, Home
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.home import COMFORTABLE, STATION, Recorder, catalog, routines, words

AT_REST_SECONDS = 5.0  # a bottle that was just moved is weighed again after so long
PUMP = DescribedDevice("pump", "kindly-cuddle", "Cuddle", Side.LEFT)
SCALE = DescribedDevice("scale", "decent-scale", "Decent Scale", Side.LEFT)
UNTIL_DRY = Routine.model_validate(
    {
        "id": "until-dry",
        "name": {"en": "Until dry"},
        "summary": {"en": "The pump, until no milk flows."},
        "steps": [
            "check",
            {"stimulate": {"at_most_seconds": 180}},
            {"express": {"minutes": 8, "until_dry_minutes": 1}},
        ],
    }
)
TARED = DescribedDevice("scale", "bookoo-mini-scale", "Bookoo", Side.LEFT)  # the one with a command for zero


class WeighedHome:
    """One session at a time, on the left breast."""

    def __init__(
        self, clock: ScaledClock, home: Home, stream: Stream, station: Station, air: Air, radio: Radio
    ) -> None:
        self.air = air
        self.radio = radio
        self.clock = clock
        self.home = home
        self.station = station
        self.stream = stream
        self.recorded = Recorder(clock, stream)
        self.let_down_seconds: float | None = None  # of the virtual mother, by the clock
        self.disturbances: list[tuple[float, float]] = []  # from when to when, by the clock
        self._lifted_at_ml: float | None = None  # the milk when the bottle was lifted that is away

    @property
    def scale(self) -> ScaleBody:
        body: Any = self.home.twins["scale"].body
        assert isinstance(body, ScaleBody)
        return body

    @property
    def breast(self) -> Breast:
        return self.home.mother.left

    async def disconnect_scale(self, seconds: float, *, zero_lost: bool) -> None:
        """Let the scale be gone for so long. `zero_lost`: it was switched off, and calls what lies on it then 0."""
        server = self.home.twins["scale"].server
        assert server is not None
        await server.stop()
        await self.clock.sleep(seconds)
        if zero_lost:
            self.scale.command("tare", {})
        await server.start()

    @property
    def weighable_ml(self) -> float:
        """The milk, in mL, that the bottle had when it last stood on the scale."""
        return self.breast.volume_ml if self._lifted_at_ml is None else self._lifted_at_ml

    @property
    def weighed_flow_ml_per_s(self) -> float | None:
        """The flow that the session knows of; `None`: unknown."""
        assert self.station.session is not None
        return self.station.session.context.measurements.scales.slow_flow_ml_per_s

    @property
    def scale_commands(self) -> list[DecodedMessage]:
        """The commands that the scale got so far."""
        return self.home.twins["scale"].commands

    def disturbed_until(self, seconds: float) -> float:
        """Return until when a disturbance lasted that began up to then, or shortly after; 0 where there was none."""
        return max((end for begin, end in self.disturbances if begin <= seconds + 3), default=0.0)

    async def until_step(self, step: str, seconds: float) -> None:
        """Wait until a step has run for so long."""
        while self.recorded.snapshot.step != step:
            await self.clock.sleep(0.5)
        await self.clock.sleep(seconds)

    async def pause(self, seconds: float) -> None:
        """Pause the session for so long."""
        assert self.station.session is not None
        self.station.session.signal(Signal.PAUSE)
        await self.clock.sleep(seconds)
        self.station.session.signal(Signal.RESUME)

    async def watch_breast(self) -> None:
        """Note when the milk of the virtual mother lets down, until cancelled."""
        while not self.breast.let_down:
            await self.clock.sleep(0.1)
        self.let_down_seconds = self.clock.now()

    async def disturb(self, seed: int) -> None:
        """Bump the table and lift the bottle now and then, for long only after suction began, until cancelled."""
        source = random.Random(seed)
        while True:
            await self.clock.sleep(source.uniform(20, 90))
            long = source.random() < 0.3 and self.recorded.snapshot.step in ("stimulate", "express")
            began_seconds, seconds = self.clock.now(), source.uniform(20, 90) if long else source.uniform(0.4, 8)
            self.disturbances.append((began_seconds, began_seconds + seconds))
            if not long and source.random() < 0.5:
                self.scale.bump(source.choice((-1, 1)) * source.uniform(8, 150), seconds / 4)
            else:
                self._lifted_at_ml = self.breast.volume_ml
                self.scale.lift()
                await self.clock.sleep(seconds)
                self.scale.put_back()
                await self.clock.sleep(AT_REST_SECONDS)
                self._lifted_at_ml = None

    async def run(self, routine: str, *watching: Callable[[], Any]) -> Snapshot:
        """Run a session to its end, with what happens meanwhile."""
        tasks = [asyncio.create_task(each()) for each in watching]
        try:
            self.station.start(routine, Side.LEFT, no_symptoms=True)
            async with self.clock.timeout(4000):
                await self.station.finished()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self.recorded.snapshot


@contextlib.asynccontextmanager
async def weighed_home(
    seed: int = 2,
    *,
    devices: Sequence[DescribedDevice] = (PUMP, SCALE),
    may_control_scale: bool = True,
    absent: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[WeighedHome]:
    """Yield such a home whose devices are connected and idle.

    `absent`: further devices of the station that are not on the air, their profiles by their addresses.
    """
    clock, air, stream = ScaledClock(math.inf), Air(), Stream()
    async with contextlib.AsyncExitStack() as stack:
        with clock.held():
            home = Home(clock, catalog(), devices, seed)
            await stack.enter_async_context(home.on_air(air))
            radio = await stack.enter_async_context(radio_on_air(clock, air))

            def opened(key: str, profile_id: str, side: Side, wanted: Wanted) -> ProfileDevice:
                profile = catalog().get(profile_id)
                assert isinstance(profile, Profile)
                allowed = profile.roles != ("scale",) or may_control_scale
                return ProfileDevice(radio, clock, profile, DeviceOptions(key, side, wanted, may_control=allowed))

            near = [opened(each.key, each.profile, each.side, ByName(each.advertised_name)) for each in devices]
            away = [opened(name, name, Side.LEFT, ByAddress(address.lower())) for address, name in absent.items()]

            station = Station(
                STATION,
                clock=clock,
                stream=stream,
                devices=[*near, *away],
                owner=COMFORTABLE,
                routines=routines() | {UNTIL_DRY.id: UNTIL_DRY},
                words=words(),
                persistence=InMemoryPersistence(),
            )
            house = WeighedHome(clock, home, stream, station, air, radio)
            running = asyncio.create_task(station.run())
            async with asyncio.timeout(10):
                while not all(device.link.connected for device in near):  # noqa: ASYNC110 - links have no event
                    await asyncio.sleep(0.001)
        await clock.sleep(1)
        try:
            yield house
        finally:
            if station.running:
                await station.stop(EndReason.CANCELLED)
                await station.finished()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
