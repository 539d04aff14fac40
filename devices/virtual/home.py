"""A virtual home: two pumps, a warm compress and a massager on one mother, and the clockwork that drives them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal, NamedTuple

from devices.catalog import Catalog
from devices.clock import Clock
from devices.roles import Side
from devices.virtual.air import Air, open_peripheral_host
from devices.virtual.bodies import MassagerBody, PadBody, PumpBody
from devices.virtual.breast import Mother
from devices.virtual.duty import Body
from devices.virtual.twin import Twin

_TICK_SECONDS = 0.2  # while anything runs
_IDLE_TICK_SECONDS = 1.0

DeviceKey = Literal["left-pump", "right-pump", "warm-pad", "massager"]


class Described(NamedTuple):
    """One virtual device, as an owner would configure it."""

    key: DeviceKey
    profile: str
    advertised_name: str
    side: Side


DEVICES = (
    Described("left-pump", "open-pump", "Letdown Pump L", Side.LEFT),
    Described("right-pump", "open-pump", "Letdown Pump R", Side.RIGHT),
    Described("warm-pad", "open-warm-pad", "Letdown Pad", Side.BOTH),
    Described("massager", "open-massager", "Letdown Massager", Side.BOTH),
)


class VirtualHome:
    """The twins, by their keys, and the mother they serve. The same seed gives the same milk, to the last drop."""

    def __init__(self, clock: Clock, catalog: Catalog, seed: int) -> None:
        self.mother = Mother(seed, at_seconds=clock.now())
        self.pumps = {
            Side.LEFT: PumpBody(Side.LEFT, self.mother.left, seed),
            Side.RIGHT: PumpBody(Side.RIGHT, self.mother.right, seed),
        }
        self.pad = PadBody(seed)
        self.massager = MassagerBody()
        self._clock = clock
        self._ticked_at_seconds = clock.now()
        bodies: dict[DeviceKey, Body] = {
            "left-pump": self.pumps[Side.LEFT],
            "right-pump": self.pumps[Side.RIGHT],
            "warm-pad": self.pad,
            "massager": self.massager,
        }
        self.twins: dict[DeviceKey, Twin] = {}
        for each in DEVICES:
            profile = catalog.get(each.profile)
            if profile is None:
                raise LookupError(f"the profile {each.profile} is not shipped with this installation")
            self.twins[each.key] = Twin(profile, bodies[each.key], each.advertised_name, clock.now)

    @contextlib.asynccontextmanager
    async def on_air(self, air: Air, first_number: int = 1) -> AsyncIterator[None]:
        """Serve all devices on a virtual radio inside the block, at addresses that end in numbers from the first."""
        for number, twin in enumerate(self.twins.values(), first_number):
            await twin.serve(await air.add_peripheral(twin.name, f"F0:1E:7D:00:00:{number:02X}"))
        async with self._running():
            yield

    @contextlib.asynccontextmanager
    async def on_real_air(self, transport: str, key: DeviceKey) -> AsyncIterator[None]:
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

    async def _run(self) -> None:
        while True:
            self.tick()
            busy = any(twin.busy for twin in self.twins.values())
            await self._clock.sleep(_TICK_SECONDS if busy else _IDLE_TICK_SECONDS)

    def tick(self) -> None:
        """Advance everything to now: first the mother, under what the pumps do, then each device."""
        now_seconds = self._clock.now()
        self.mother.advance(now_seconds, {side: body.suction_mmhg for side, body in self.pumps.items()})
        elapsed_seconds = now_seconds - self._ticked_at_seconds
        self._ticked_at_seconds = now_seconds
        if self.pad.duty.on:
            self.mother.warm(elapsed_seconds, Side.BOTH, self.pad.pad.skin_celsius)
        for twin in self.twins.values():
            twin.tick()
