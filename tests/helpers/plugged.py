"""A plug of one kind on a message bus, and the driver's device that runs it: in simulated time, without a broker."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from devices.driver.base import DeviceOptions
from devices.driver.device_roles import DeviceWarmer, roles_of
from devices.driver.registry import load_model
from devices.plugs.plug_device import PlugDevice
from devices.plugs.plug_kinds import plug_kind
from devices.plugs.plug_model import PlugModel
from devices.plugs.plug_settings import PlugSettings
from devices.roles import Side
from devices.support.clock import ScaledClock
from devices.support.shipped import SHIPPED
from tests.helpers.message_bus import MessageBus
from tests.helpers.plug_simulators import KINDS, SimulatedPlug

LEASE_SECONDS = 10


@dataclass
class Plugged:
    clock: ScaledClock
    bus: MessageBus
    plug: SimulatedPlug
    device: PlugDevice
    role: DeviceWarmer

    async def until(self, done: Callable[[], bool], within_seconds: float = 60.0) -> None:
        end_seconds = self.clock.now() + within_seconds
        while not done():
            assert self.clock.now() < end_seconds, (self.device.link.state, self.device.link.problem)
            await self.clock.sleep(0.05)

    async def connected(self) -> None:
        await self.until(lambda: self.device.link.connected)

    async def switch_on(self) -> None:
        await self.role.set_target(40, 300, LEASE_SECONDS)

    def switch_ons(self) -> list[tuple[str, str, int]]:
        """Return what was published that could switch a plug on."""
        words = ('"on":true', '"ON"', "onWithTimedOff")
        return [each for each in self.bus.published if any(word in each[1] for word in words) or each[1] == "ON"]


@contextlib.asynccontextmanager
async def plugged(profile: str, *, runs: bool = True, **attributes: Any) -> AsyncIterator[Plugged]:
    """Open a device and its plug. `attributes`: of the plug, set before it is asked anything."""
    clock, bus = ScaledClock(math.inf), MessageBus()
    model = load_model(SHIPPED / "profiles" / f"{profile}.yaml")
    assert isinstance(model, PlugModel)
    plug = KINDS[profile](clock, bus.send)
    for name, value in attributes.items():
        setattr(plug, name, value)
    bus.plug = plug
    plug.introduce()
    options = DeviceOptions("warm-plug", Side.BOTH, wanted=lambda _: False)
    kind = plug_kind(model.plug.kind, PlugSettings(topic=plug.topic), "letdown-test")
    device = PlugDevice(clock, model, options, kind, bus.open)
    (role,) = roles_of(device)
    assert isinstance(role, DeviceWarmer)
    task = asyncio.create_task(device.run()) if runs else None
    try:
        yield Plugged(clock, bus, plug, device, role)
    finally:
        plug.close()
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
