"""A virtual home: devices on one mother, and the clockwork that drives them.

`Home` is made of any devices; `VirtualHome` is that of the demo: two pumps, a warm compress and a massager.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Literal, NamedTuple

from devices.catalog import Catalog
from devices.clock import Clock
from devices.roles import Side
from devices.virtual.air import Air, open_peripheral_host
from devices.virtual.bodies import PadBody, PumpBody
from devices.virtual.breast import Mother
from devices.virtual.embody import embody, parts_of
from devices.virtual.massager import MassagerBody
from devices.virtual.pump_ranges import PumpRanges
from devices.virtual.simple import SimpleWarmer
from devices.virtual.simple_pump import SimplePump
from devices.virtual.twin import Twin

_TICK_SECONDS = 0.2  # while anything runs
_IDLE_TICK_SECONDS = 1.0
# Requests that are still on the air when the home ends are taken in: Bumble (0.0.236) answers each in a task of its
# own, and one that never begins is complained of by the loop's end.
_TURNS_OF_LATE_REQUESTS = 20

DeviceKey = Literal["left-pump", "right-pump", "warm-pad", "massager"]


class Described(NamedTuple):
    """One virtual device, as an owner would configure it."""

    key: str
    profile: str
    advertised_name: str
    side: Side


DEVICES = (
    Described("left-pump", "open-pump", "Letdown Pump L", Side.LEFT),
    Described("right-pump", "open-pump", "Letdown Pump R", Side.RIGHT),
    Described("warm-pad", "open-warm-pad", "Letdown Pad", Side.BOTH),
    Described("massager", "open-massager", "Letdown Massager", Side.BOTH),
)


class Home:
    """The twins, by their keys, and the mother they serve. The same seed gives the same milk, to the last drop.

    `ranges`: the product whose ranges the pumps have, where they are told their vacuum.
    """

    def __init__(
        self,
        clock: Clock,
        catalog: Catalog,
        devices: Sequence[Described],
        seed: int,
        ranges: PumpRanges | None = None,
    ) -> None:
        self.mother = Mother(seed, at_seconds=clock.now())
        self.twins: dict[str, Twin] = {}
        self._clock = clock
        self._ticked_at_seconds = clock.now()
        for each in devices:
            profile = catalog.get(each.profile)
            if profile is None:
                raise LookupError(f"the profile {each.profile} is not shipped with this installation")
            body = embody(profile, each.side, self.mother, seed, ranges)
            self.twins[each.key] = Twin(profile, body, each.advertised_name, clock.now)
        bodies = [part for twin in self.twins.values() for part in parts_of(twin.body)]
        self._pumps = [body for body in bodies if isinstance(body, PumpBody | SimplePump)]
        self._pads = [body for body in bodies if isinstance(body, PadBody | SimpleWarmer)]

    @contextlib.asynccontextmanager
    async def on_air(self, air: Air, first_number: int = 1) -> AsyncIterator[None]:
        """Serve all devices on a virtual radio inside the block, at addresses that end in numbers from the first."""
        for number, twin in enumerate(self.twins.values(), first_number):
            await twin.serve(await air.add_peripheral(twin.name, f"F0:1E:7D:00:00:{number:02X}"))
        async with self._running():
            yield

    @contextlib.asynccontextmanager
    async def on_real_air(self, transport: str, key: str) -> AsyncIterator[None]:
        """Serve one device through the Bluetooth controller at `transport` (such as `usb:0`) inside the block."""
        async with open_peripheral_host(transport, self.twins[key].name) as device:
            await self.twins[key].serve(device)
            async with self._running():
                yield

    @contextlib.asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._run(), name="virtual home")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            for twin in self.twins.values():
                if twin.server is not None:
                    await twin.server.stop()
            for _ in range(_TURNS_OF_LATE_REQUESTS):
                await asyncio.sleep(0)

    async def _run(self) -> None:
        while True:
            self.tick()
            busy = any(twin.busy for twin in self.twins.values())
            await self._clock.sleep(_TICK_SECONDS if busy else _IDLE_TICK_SECONDS)

    def tick(self) -> None:
        """Advance everything to now: first the mother, under what the pumps do, then each device."""
        now_seconds = self._clock.now()
        self.mother.advance(now_seconds, self._suction_mmhg())
        elapsed_seconds = now_seconds - self._ticked_at_seconds
        self._ticked_at_seconds = now_seconds
        for body in self._pads:
            if body.duty.on:
                self.mother.warm(elapsed_seconds, body.side, body.pad.skin_celsius)
        for twin in self.twins.values():
            twin.tick()

    def _suction_mmhg(self) -> dict[Side, float]:
        """Return the vacuum on each breast that has a pump."""
        found: dict[Side, float] = {}
        for body in self._pumps:
            for side in (Side.LEFT, Side.RIGHT):
                if body.side.covers(side):
                    found[side] = max(found.get(side, 0.0), body.suction_mmhg)
        return found


class VirtualHome(Home):
    """The home of the demo."""

    def __init__(self, clock: Clock, catalog: Catalog, seed: int) -> None:
        super().__init__(clock, catalog, DEVICES, seed)
        bodies = [twin.body for twin in self.twins.values()]
        self.pumps = {body.side: body for body in bodies if isinstance(body, PumpBody)}
        self.pad = next(body for body in bodies if isinstance(body, PadBody))
        self.massager = next(body for body in bodies if isinstance(body, MassagerBody))
