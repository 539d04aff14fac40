"""Whole sessions in which nothing goes wrong: any shipped devices, any comfort cap, ordinary noise, one seed each.

Whatever trips here would stop a session that is well. Sessions run on the virtual radio, faster than real time.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from controller.cli.virtual_parent import VirtualParent
from controller.contract.events import EventType, SessionState
from controller.contract.stream import Stream
from controller.contract.words import load_words
from controller.safety.limits import OwnerLimits
from controller.safety.persistence import InMemoryPersistence
from controller.service.station import Station
from controller.session.routine import load_routines
from devices.bluetooth.advertisement import Advertisement
from devices.bluetooth.radio import Radio
from devices.driver.base import BaseDevice, DeviceOptions
from devices.driver.vocabulary import RoleName
from devices.profiles.profile_device import ProfileDevice
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.support.clock import Clock, ScaledClock
from devices.tuya.tuya_device import TuyaDevice
from devices.tuya.tuya_model import TuyaModel
from devices.virtual.transports import Air
from devices.virtual.tuya_body import TuyaBody
from devices.virtual.tuya_twin import TuyaTwin
from devices.virtual.virtual_home import DescribedDevice, Home
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.home import Recorder
from tests.helpers.home import catalog as shipped
from tests.helpers.shipped_profiles import catalog as catalog_without_tuya
from tests.helpers.tuya_links import credentials

_TICK_SECONDS = 0.2
_LONGEST_SECONDS = 4500.0
_AFTERWARDS_SECONDS = 3.0
_CONNECTING_SECONDS = 60.0


@dataclass(frozen=True)
class Plan:
    """What one session is made of. A pump is there twice, one for each side; the others serve both sides."""

    routine: str = "classic"
    pump: str | None = "open-pump"
    warmer: str | None = None
    massager: str | None = None
    comfort_vacuum_mmhg: float | None = 150
    seed: int = 1
    side: Side = Side.BOTH
    vibration_at_full: bool = False

    def __str__(self) -> str:
        """Print what differs from session to session."""
        devices = ", ".join(name for name in (self.pump, self.warmer, self.massager) if name)
        return f"{self.routine}, {self.side}, {devices or 'no device'}, {self.comfort_vacuum_mmhg}, {self.seed}"

    @property
    def devices(self) -> tuple[DescribedDevice, ...]:
        """The devices, each advertising its key."""
        wanted = [("left-pump", self.pump, Side.LEFT), ("right-pump", self.pump, Side.RIGHT)]
        wanted += [("warmer", self.warmer, Side.BOTH)]
        if self.massager != self.warmer:  # else one device is both
            wanted += [("massager", self.massager, Side.BOTH)]
        return tuple(DescribedDevice(key, profile, key, side) for key, profile, side in wanted if profile is not None)


@dataclass(frozen=True)
class Outcome:
    """How a session ended: its last state, the reason given, what tripped, and which devices were left on."""

    state: SessionState
    reason: str | None
    trips: tuple[str, ...]
    left_on: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        """Whether it went from its beginning to its end."""
        return self.state is SessionState.COMPLETED and not self.trips and not self.left_on


@cache
def all_profiles() -> dict[str, Profile]:
    """Return every shipped profile by its id; templates have made-up UUIDs."""
    return {profile.id: profile for profile in (*shipped(), *catalog_without_tuya())}


def profiles_with(role: RoleName) -> list[str]:
    """Return the ids of the profiles that can be started in a role, and have a virtual device."""
    return sorted(
        profile.id
        for profile in all_profiles().values()
        if role in profile.roles and profile.starts(role) and profile.bluetooth
    )


def sampled(count: int, seed: int) -> Iterator[Plan]:
    """Yield plans that between them meet every device and every routine, and caps from 60 to 250 mmHg."""
    draw = random.Random(f"healthy sessions {seed}")
    routines = sorted(load_routines())
    pumps, warmers, massagers = (profiles_with(role) for role in ("pump", "warmer", "massager"))
    for number in range(count):
        yield Plan(
            routine=routines[number % len(routines)],
            pump=pumps[number // 2 % len(pumps)],
            warmer=warmers[number % len(warmers)],
            massager=massagers[number % len(massagers)],
            comfort_vacuum_mmhg=draw.choice([None, 60, 100, 120, 150, 180, 200, 250]),
            seed=draw.randrange(1_000_000),
            side=draw.choice([Side.BOTH, Side.BOTH, Side.LEFT, Side.RIGHT]),
            vibration_at_full=True,  # so that a massager that is only on or off is met, too
        )


async def run_session(plan: Plan, watch: Callable[[Station], object] = lambda _station: None) -> Outcome:
    """Run a whole session as fast as the machine can, and say how it ended. `watch` is given the station before."""
    clock, air, stream = ScaledClock(math.inf), Air(), Stream()
    async with contextlib.AsyncExitStack() as stack:
        with clock.held():  # finding the devices takes real time
            home, tuya = _twins(plan, clock)
            await stack.enter_async_context(home.on_air(air))
            await stack.enter_async_context(_ticked(tuya, air, clock))
            radio = await stack.enter_async_context(radio_on_air(clock, air))
            station = Station(
                "home",
                clock=clock,
                stream=stream,
                devices=[_driver(each, radio, clock) for each in plan.devices],
                owner=OwnerLimits(
                    comfort_vacuum_mmhg=plan.comfort_vacuum_mmhg,
                    vibration=True,
                    vibration_at_full=plan.vibration_at_full,
                    heat_without_temperature=True,
                ),
                routines=load_routines(),
                words=load_words("en"),
                persistence=InMemoryPersistence(),
            )
            recorded = Recorder(clock, stream)
            stream.subscribe(VirtualParent(station, clock, home.mother).watch)
            running = asyncio.create_task(station.run())
            stack.push_async_callback(_ended, running)
            async with asyncio.timeout(30):
                while any(device.link.advertisement is None for device in station.devices):  # noqa: ASYNC110 - links have no event
                    await asyncio.sleep(0.001)
        async with clock.timeout(_CONNECTING_SECONDS):
            while not all(device.link.connected for device in station.devices):
                await clock.sleep(0.1)
        await clock.sleep(1)
        watch(station)
        station.start(plan.routine, plan.side, no_symptoms=False)
        async with clock.timeout(_LONGEST_SECONDS):
            await station.finished()
        await clock.sleep(_AFTERWARDS_SECONDS)
        twins = {**home.twins, **{twin.name: twin for twin in tuya}}
        return Outcome(
            state=recorded.snapshot.state,
            reason=recorded.snapshot.reason,
            trips=tuple(str(event.data) for event in recorded.events(EventType.TRIP)),
            left_on=tuple(name for name, twin in twins.items() if twin.body.run.on),
        )


def _twins(plan: Plan, clock: Clock) -> tuple[Home, list[TuyaTwin]]:
    plain = [each for each in plan.devices if isinstance(all_profiles()[each.profile], Profile)]
    tuya = [
        TuyaTwin(all_profiles()[each.profile], TuyaBody(), each.advertised_name, clock.now, credentials=credentials())
        for each in plan.devices
        if each not in plain
    ]
    return Home(clock, catalog_without_tuya(), plain, plan.seed), tuya


@contextlib.asynccontextmanager
async def _ticked(twins: list[TuyaTwin], air: Air, clock: Clock) -> AsyncIterator[None]:
    """Serve twins that speak Tuya, and let time pass for them."""
    for twin in twins:
        await twin.serve(await air.add_peripheral(twin.name))

    async def tick() -> None:
        while True:
            for twin in twins:
                twin.tick()
            await clock.sleep(_TICK_SECONDS)

    ticking = asyncio.create_task(tick())
    try:
        yield
    finally:
        await _ended(ticking)
        for twin in twins:
            if twin.server is not None:
                await twin.server.stop()


def _driver(each: DescribedDevice, radio: Radio, clock: Clock) -> BaseDevice:
    profile = all_profiles()[each.profile]

    def wanted(advertisement: Advertisement) -> bool:
        return advertisement.name == each.advertised_name

    if isinstance(profile, TuyaModel):
        own, now = credentials(), _simulated_time(clock)
        return TuyaDevice(radio, clock, profile, DeviceOptions(each.key, each.side, wanted), own, now)
    return ProfileDevice(radio, clock, profile, DeviceOptions(each.key, each.side, wanted))


def _simulated_time(clock: Clock) -> Callable[[], datetime]:
    """Return a wall clock that goes as fast as the simulation: the twins keep the time that they get."""
    began, began_seconds = datetime.now(UTC), clock.now()
    return lambda: began + timedelta(seconds=clock.now() - began_seconds)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
