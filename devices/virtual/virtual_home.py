"""Virtual devices that share one simulated mother, and the loop that advances them.

`Home` has any devices; `VirtualHome` has those of the demo: two pumps, a warm compress and a massager.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from devices.bthome.bthome_model import BthomeModel
from devices.driver.device_model import DeviceModel
from devices.profiles.catalog import Catalog
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.sensor_roles import Placed
from devices.support.clock import Clock, give_way
from devices.tuya.tuya_model import TuyaModel
from devices.virtual.body_for import Embody, embody, parts_of
from devices.virtual.breast import Mother
from devices.virtual.open_devices import MassagerBody, PadBody, PumpBody
from devices.virtual.simple_bodies import SimpleWarmer
from devices.virtual.simple_pump import SimplePump
from devices.virtual.thermometer_body import ThermometerBody
from devices.virtual.transports import Air, open_peripheral_host
from devices.virtual.twin import Twin

if TYPE_CHECKING:
    from devices.virtual.bthome_thermometer import BthomeThermometerTwin
    from devices.virtual.bthome_twin import BthomeTwin
    from devices.virtual.tuya_twin import TuyaTwin

_TICK_SECONDS = 0.2  # while anything runs
_IDLE_TICK_SECONDS = 1.0
_DAY_SECONDS = 86_400  # how long a device runs whose product publishes no limit of its own
# Event loop cycles for requests that are on the air when the home ends: Bumble (0.0.236) answers each in a task of its
# own, and asyncio warns of a coroutine that was never started.
_LATE_REQUEST_CYCLES = 20

DeviceKey = Literal["left-pump", "right-pump", "warm-pad", "massager"]


class DescribedDevice(NamedTuple):
    """One virtual device, as an owner would configure it.

    `tuya`: the credentials of a Tuya device; `bthome`: the settings of a BTHome device.
    """

    key: str
    profile: str
    advertised_name: str
    side: Side
    tuya: Mapping[str, object] | None = None
    bthome: Mapping[str, object] | None = None


DEVICES = (
    DescribedDevice("left-pump", "open-pump", "Letdown Pump L", Side.LEFT),
    DescribedDevice("right-pump", "open-pump", "Letdown Pump R", Side.RIGHT),
    DescribedDevice("warm-pad", "open-warm-pad", "Letdown Pad", Side.BOTH),
    DescribedDevice("massager", "open-massager", "Letdown Massager", Side.BOTH),
)


class Home:
    """The virtual devices by key, and the mother that they act on. The same seed gives the same milk exactly.

    `buttons`, `bthome_thermometers`: those that only advertise.
    `embody`: what gives a device its body.
    """

    def __init__(
        self,
        clock: Clock,
        catalog: Catalog,
        devices: Sequence[DescribedDevice],
        seed: int,
        embody: Embody = embody,
    ) -> None:
        self.mother = Mother(seed, at_seconds=clock.now())
        self.devices = tuple(devices)
        self.twins: dict[str, Twin | TuyaTwin] = {}
        self.buttons: dict[str, BthomeTwin] = {}
        self.bthome_thermometers: dict[str, BthomeThermometerTwin] = {}
        self._clock = clock
        self._ticked_at_seconds = clock.now()
        for each in devices:
            profile = catalog.get(each.profile)
            if isinstance(profile, Profile):
                body = embody(profile, each.side, self.mother, seed)
                self.twins[each.key] = Twin(profile, body, each.advertised_name, clock.now)
            elif isinstance(profile, TuyaModel) and each.tuya is not None:
                self.twins[each.key] = _tuya_twin(profile, each, clock)
            elif isinstance(profile, BthomeModel) and "thermometer" in profile.roles:
                self.bthome_thermometers[each.key] = _bthome_thermometer(profile, each, clock, seed)
            elif isinstance(profile, BthomeModel) and "button" in profile.roles:
                self.buttons[each.key] = _bthome_twin(profile, each, clock, seed)
            else:  # missing, or of another driver
                raise LookupError(f"there is no virtual device for the profile {each.profile}")
        bodies = [part for twin in self.twins.values() if isinstance(twin, Twin) for part in parts_of(twin.body)]
        self._pumps = [body for body in bodies if isinstance(body, PumpBody | SimplePump)]
        self._pads = [body for body in bodies if isinstance(body, PadBody | SimpleWarmer)]
        thermometers = [body for body in bodies if isinstance(body, ThermometerBody)]
        for body in (*thermometers, *(twin.body for twin in self.bthome_thermometers.values())):
            body.attach(partial(self._warmth_celsius, body.side))

    @property
    def _on_air(self) -> Mapping[str, Twin | TuyaTwin | BthomeTwin]:
        """Everything that has a radio: what acts on the mother, and what only advertises."""
        return {**self.twins, **self.buttons, **self.bthome_thermometers}

    @property
    def keys(self) -> Sequence[str]:
        """The keys of all devices."""
        return [*self._on_air]

    def profile_of(self, key: str) -> DeviceModel:
        """Return the model of a device."""
        return self._on_air[key].profile

    @contextlib.asynccontextmanager
    async def on_air(self, air: Air, first_number: int = 1) -> AsyncIterator[dict[str, str]]:
        """Serve all devices on a virtual radio inside the block, at addresses that end in numbers from the first.

        Yield the addresses by key.
        """
        addresses = {key: f"F0:1E:7D:00:00:{number:02X}" for number, key in enumerate(self._on_air, first_number)}
        for key, twin in self._on_air.items():
            await twin.serve(await air.add_peripheral(twin.name, addresses[key]))
        async with self._running():
            yield addresses

    @contextlib.asynccontextmanager
    async def on_real_air(self, transport: str, key: str) -> AsyncIterator[str]:
        """Serve one device through the Bluetooth controller at `transport` (such as `usb:0`); yield its address."""
        twin = self._on_air[key]
        async with open_peripheral_host(transport, twin.name) as device:
            await twin.serve(device)
            async with self._running():
                yield str(device.random_address).partition("/")[0]

    @contextlib.asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._run(), name="virtual home")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            for twin in self._on_air.values():
                if twin.server is not None:
                    await twin.server.stop()
            await give_way(_LATE_REQUEST_CYCLES)

    async def _run(self) -> None:
        while True:
            self.tick()
            busy = any(twin.busy for twin in self.twins.values())
            await self._clock.sleep(_TICK_SECONDS if busy else _IDLE_TICK_SECONDS)

    def tick(self) -> None:
        """Advance everything to now: first the mother, under the vacuum of the pumps, then each device."""
        now_seconds = self._clock.now()
        self.mother.advance(now_seconds, self._suction_mmhg())
        elapsed_seconds = now_seconds - self._ticked_at_seconds
        self._ticked_at_seconds = now_seconds
        for body in self._pads:
            if body.run.on:
                self.mother.warm(elapsed_seconds, body.side, body.pad.skin_celsius)
        for twin in self._on_air.values():
            twin.tick()

    def _warmth_celsius(self, side: Side, placed: Placed) -> float | None:
        """Return the temperature of the warmest compress of a side, or of the skin under it; `None` without one."""
        pads = [body.pad for body in self._pads if body.side.covers(side)]
        found = [pad.surface_celsius if placed is Placed.PAD else pad.skin_celsius for pad in pads]
        return max(found, default=None)

    def _suction_mmhg(self) -> dict[Side, float]:
        """Return the peak vacuum on each breast that has a pump, in mmHg."""
        found: dict[Side, float] = {}
        for body in self._pumps:
            for side in (Side.LEFT, Side.RIGHT):
                if body.side.covers(side):
                    found[side] = max(found.get(side, 0.0), body.suction_mmhg)
        return found


def _tuya_twin(profile: TuyaModel, described: DescribedDevice, clock: Clock) -> TuyaTwin:
    from devices.tuya.tuya_credentials import TuyaCredentials  # here, because cryptography takes its time
    from devices.virtual.tuya_body import TuyaBody
    from devices.virtual.tuya_twin import TuyaTwin

    body = TuyaBody(None, int(profile.limits.run_seconds or _DAY_SECONDS))
    credentials = TuyaCredentials.model_validate(described.tuya)
    return TuyaTwin(profile, body, described.advertised_name, clock.now, credentials=credentials)


def _bthome_twin(profile: BthomeModel, described: DescribedDevice, clock: Clock, seed: int) -> BthomeTwin:
    from devices.virtual.bthome_twin import BthomeTwin  # here, because cryptography takes its time

    return BthomeTwin(profile, described.advertised_name, clock.now, described.bthome, seed=seed)


def _bthome_thermometer(
    profile: BthomeModel, described: DescribedDevice, clock: Clock, seed: int
) -> BthomeThermometerTwin:
    from devices.virtual.bthome_thermometer import BthomeThermometerTwin  # here, because cryptography takes its time

    name, settings, side = described.advertised_name, described.bthome, described.side
    return BthomeThermometerTwin(profile, name, clock.now, settings, side=side, seed=seed)


class VirtualHome(Home):
    """The home of the demo."""

    def __init__(self, clock: Clock, catalog: Catalog, seed: int) -> None:
        super().__init__(clock, catalog, DEVICES, seed)
        bodies = [twin.body for twin in self.twins.values()]
        self.pumps = {body.side: body for body in bodies if isinstance(body, PumpBody)}
        self.pad = next(body for body in bodies if isinstance(body, PadBody))
        self.massager = next(body for body in bodies if isinstance(body, MassagerBody))
