"""Two stations of one person share what the person may get; two persons share nothing."""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator

import pytest

from controller.contract.events import EndReason
from controller.contract.stream import Stream
from controller.safety.limits import OwnerLimits
from controller.safety.persistence import InMemoryPersistence
from controller.service.body import Body
from controller.service.station import RefusedStartError, Station
from devices.driver.base import DeviceOptions
from devices.driver.device_roles import roles_of
from devices.profiles.profile_device import ProfileDevice
from devices.roles import Side
from devices.support.clock import ScaledClock
from devices.virtual.virtual_home import DEVICES, VirtualHome
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.home import Recorder, _ended, _is, _profile, catalog, routines, words
from tests.helpers.home_faults import ListedAir

OWNER = OwnerLimits(comfort_vacuum_mmhg=150, vibration=True)


class Two:
    """Two stations: the left pump and the pad at `bed`, the right pump and the massager at `chair`."""

    def __init__(self, clock: ScaledClock, home: VirtualHome, stations: list[Station], recorded: Recorder) -> None:
        self.clock, self.home, self.recorded = clock, home, recorded
        self.bed, self.chair = stations

    @property
    def on(self) -> set[str]:
        return {key for key, twin in self.home.twins.items() if twin.body.run.on}


@contextlib.asynccontextmanager
async def two(*, shared: bool) -> AsyncIterator[Two]:
    import asyncio

    clock, air, stream = ScaledClock(math.inf), ListedAir(), Stream()
    async with contextlib.AsyncExitStack() as stack:
        with clock.held():
            home = VirtualHome(clock, catalog(), 2)
            await stack.enter_async_context(home.on_air(air))
            radio = await stack.enter_async_context(radio_on_air(clock, air))
            places = {"bed": ("left-pump", "warm-pad"), "chair": ("right-pump", "massager")}
            drivers = {
                name: [
                    ProfileDevice(radio, clock, _profile(each), DeviceOptions(each.key, each.side, _is(each)))
                    for each in DEVICES
                    if each.key in keys
                ]
                for name, keys in places.items()
            }
            roles = {name: [role for each in found for role in roles_of(each)] for name, found in drivers.items()}
            everything = [role for found in roles.values() for role in found]
            common = {"clock": clock, "owner": OWNER, "persistence": InMemoryPersistence()}
            body = Body("anna", roles=everything, questions=tuple(words().questions), **common)
            stations = [
                Station(
                    name,
                    stream=stream,
                    devices=drivers[name],
                    roles=roles[name],
                    routines=routines(),
                    words=words(),
                    body=body if shared else None,
                    **common,
                )
                for name in places
            ]
            for station in stations:
                stack.push_async_callback(_ended, asyncio.create_task(station.run()))
            async with asyncio.timeout(10):
                while not all(each.link.connected for found in drivers.values() for each in found):  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
        await clock.sleep(4)
        yield Two(clock, home, stations, Recorder(clock, stream))


async def test_one_person_has_one_session_at_a_time() -> None:
    async with two(shared=True) as both:
        both.bed.start("milk", Side.LEFT, no_symptoms=True)
        with pytest.raises(RefusedStartError, match=r"session_running_at \(station bed\)"):
            both.chair.start("milk", Side.RIGHT, no_symptoms=True)
        await both.bed.stop(EndReason.STOP)


async def test_two_persons_do_not_disturb_each_other() -> None:
    async with two(shared=False) as both:
        both.bed.start("milk", Side.LEFT, no_symptoms=True)
        both.chair.start("milk", Side.RIGHT, no_symptoms=True)
        await both.clock.sleep(45)
        assert both.on == {"left-pump", "right-pump"}
        await both.bed.stop(EndReason.STOP)
        assert both.on == {"right-pump"}
        await both.chair.stop(EndReason.STOP)


async def test_pain_at_one_station_stops_what_the_person_has_on_at_the_other() -> None:
    async with two(shared=True) as both:
        both.bed.start("milk", Side.LEFT, no_symptoms=True)
        await both.clock.sleep(45)
        assert both.on == {"left-pump"}
        results = await both.chair.stop(EndReason.PAIN)
        assert both.on == set()
        assert set(results) == {"left-pump", "right-pump", "warm-pad", "massager"}


async def test_a_symptom_and_a_lower_cap_at_one_station_hold_at_the_other() -> None:
    async with two(shared=True) as both:
        both.bed.start("everything", Side.LEFT, no_symptoms=True)
        both.chair.set_start_defaults(comfort_vacuum_mmhg=70)
        assert both.bed.guard.owner.comfort_vacuum_mmhg == 70
        both.chair.body.answer("lump", True)
        assert both.bed.guard.symptoms == {"lump"}
        await both.bed.stop(EndReason.STOP)


@pytest.mark.system
async def test_two_stations_give_no_more_than_one() -> None:
    """Vibration: 5 min in any 35, wherever it is switched on."""
    async with two(shared=True) as both:
        used_seconds = 0.0
        for _ in range(4):
            both.chair.start("duct-vibration", Side.RIGHT, no_symptoms=True)
            for _ in range(420):
                await both.clock.sleep(1)
                used_seconds += both.home.massager.run.on
                if not both.chair.running:
                    break
            await both.chair.stop(EndReason.STOP)
        assert 200 < used_seconds <= 301
