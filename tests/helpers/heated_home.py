"""A home with one warm compress and its thermometers, on a virtual radio. The compress may measure nothing itself."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Sequence
from typing import Any
from unittest import mock

from controller.contract.events import EndReason
from controller.contract.stream import Stream
from controller.safety.limits import OwnerLimits
from controller.safety.persistence import InMemoryPersistence
from controller.service.station import Station
from controller.session.routine import Routine
from devices.bluetooth.advertisement import Advertisement
from devices.bthome.bthome_settings import BthomeSettings
from devices.driver.base import BaseDevice, DeviceOptions
from devices.driver.registry import driver_of
from devices.profiles.catalog import Catalog
from devices.roles import Side
from devices.sensor_roles import Placed
from devices.support.clock import ScaledClock
from devices.virtual.thermal import SampledPad
from devices.virtual.thermometer_body import ThermometerBody
from devices.virtual.transports import Air
from devices.virtual.virtual_home import DescribedDevice, Home
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.home import STATION, Heard, Recorder, catalog, words
from tests.helpers.profile_snippets import profile

PAD = DescribedDevice("pad", "open-warm-pad", "Letdown Pad", Side.BOTH)
BLIND = DescribedDevice("pad", "made-up", "Made up", Side.BOTH)  # only on or off, and it says which
BTHOME = DescribedDevice("thermometer", "bthome-thermometer", "Thermo", Side.BOTH)
THERMOMETER = DescribedDevice("thermometer", "health-thermometer", "Thermo", Side.BOTH)
WARM = Routine.model_validate(
    {
        "id": "warm",
        "name": {"en": "Warm"},
        "summary": {"en": "Only warmth."},
        "steps": ["check", {"warm": {"minutes": 10}}, {"rest": {"minutes": 1}}],
    }
)
_ON_OR_OFF = """
    channels:
      tx: {service: "ffb0", characteristic: "ffb1", write: with-response}
      rx:
        service: "ffb0"
        characteristic: "ffb2"
        read: true
        notify: true
        every_seconds: 1
        fields: [{run_state: u8, is: {0: stopped, 1: running}}]
    commands: {set_target: {payload: "01"}, "off": {payload: "00"}}
    on_link_loss: stops
"""


class HeatedHome:
    """One session at a time, of warmth alone."""

    def __init__(self, clock: ScaledClock, home: Home, stream: Stream, station: Station) -> None:
        self.clock = clock
        self.home = home
        self.station = station
        self.stream = stream
        self.recorded = Recorder(clock, stream)
        self.heard = Heard()
        station.guard.listeners.append(self.heard)

    @property
    def thermometer(self) -> ThermometerBody:
        return thermometers_of(self.home)[0]

    @property
    def pad(self) -> SampledPad:
        body: Any = self.home.twins["pad"].body
        assert isinstance(body.pad, SampledPad)
        return body.pad

    @property
    def heats(self) -> bool:
        """Whether the virtual compress is on, in truth."""
        return bool(self.home.twins["pad"].body.run.on)

    @property
    def why(self) -> list[str]:
        """The keys of the reasons for which something was stopped here, and the kinds of trips."""
        return [why.key for _, _, why in self.heard.enforced] + [trip.kind.value for trip in self.heard.trips]

    def begin(self) -> None:
        """Start the session, which warms for ten minutes."""
        self.station.start(WARM.id, Side.BOTH, no_symptoms=True)

    def press(self, celsius: float = 40) -> None:
        """Switch the compress on at its own button."""
        body: Any = self.home.twins["pad"].body
        body.press_on(celsius) if hasattr(body, "press_on") else body.command("set_target", {})

    async def warm(self, *, in_session: bool, seconds: float = 60.0) -> None:
        """Let the compress heat for so long, by a session or by its own button."""
        if in_session:
            self.begin()
        else:
            self.press()
        await self.until(lambda: self.heats, within_seconds=3)
        await self.clock.sleep(seconds)
        assert self.heats, self.why

    async def until(self, condition: Any, *, within_seconds: float) -> float:
        """Wait until a condition holds. Return how long it took."""
        began_seconds = self.clock.now()
        while not condition():
            assert self.clock.now() - began_seconds < within_seconds, f"not within {within_seconds:g} s"
            await self.clock.sleep(0.1)
        return self.clock.now() - began_seconds


@contextlib.asynccontextmanager
async def heated_home(
    *devices: DescribedDevice,
    owner: OwnerLimits | None = None,
    placed: Placed = Placed.PAD,
    silent: bool = False,
    absent: Sequence[str] = (),
    seed: int = 2,
) -> AsyncIterator[HeatedHome]:
    """Yield such a home whose devices are connected and idle.

    `silent`: the thermometer says nothing from the beginning. `absent`: those in the settings that are not there.
    """
    clock, air, stream = ScaledClock(math.inf), Air(), Stream()
    profiles = Catalog([*catalog(), profile(_ON_OR_OFF, "warmer")])
    described = devices or (PAD, THERMOMETER)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(mock.patch("devices.virtual.virtual_home._TICK_SECONDS", 0.5))
        with clock.held():
            home = Home(clock, profiles, [each for each in described if each.key not in absent], seed)
            for body in thermometers_of(home):
                body.place(placed)
                body.silent = silent
            addresses = await stack.enter_async_context(home.on_air(air))
            radio = await stack.enter_async_context(radio_on_air(clock, air))

            def opened(each: DescribedDevice) -> BaseDevice:
                found = profiles.get(each.profile)
                assert found is not None
                own = None if each.bthome is None else BthomeSettings.model_validate(each.bthome)
                options = DeviceOptions(each.key, each.side, _is(addresses.get(each.key)), placed=placed, own=own)
                return driver_of(found).open_device(radio, clock, found, options)

            station = Station(
                STATION,
                clock=clock,
                stream=stream,
                devices=[opened(each) for each in described],
                owner=owner or OwnerLimits(),
                routines={WARM.id: WARM},
                words=words(),
                persistence=InMemoryPersistence(),
            )
            house = HeatedHome(clock, home, stream, station)
            running = asyncio.create_task(station.run())
            awaited = [each for each in station.devices if each.name in home.twins]  # others only advertise
            async with asyncio.timeout(10):
                while not all(each.link.connected for each in awaited):  # noqa: ASYNC110 - links have no event
                    await asyncio.sleep(0.001)
        await clock.sleep(3)
        try:
            yield house
        finally:
            if station.running:
                await station.stop(EndReason.CANCELLED)
                await station.finished()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def thermometers_of(home: Home) -> list[ThermometerBody]:
    """Return the bodies of the virtual thermometers."""
    bodies: list[Any] = [twin.body for twin in home.twins.values()]
    found = [body for body in bodies if isinstance(body, ThermometerBody)]
    return found + [twin.body for twin in home.bthome_thermometers.values()]


def _is(address: str | None) -> Any:
    def is_it(advertisement: Advertisement) -> bool:
        return address is not None and advertisement.address.lower() == address.lower()

    return is_it
