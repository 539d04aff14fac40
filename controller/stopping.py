"""Stopping devices: in order, side by side, each confirmed, and again until it is. What comes of it is said."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from controller import safety
from devices.clock import Clock
from devices.errors import DeviceError, LinkLostError, UncertainError
from devices.roles import Capability, Pump, Role

_LOGGER = logging.getLogger(__name__)

_LOOK_SECONDS = 0.1
_ORDER = {"pump": 0, "warmer": 1, "massager": 2}
AGAIN_SECONDS = 3.0  # ours: how long after a stop that was not confirmed the next one goes out

# stopped: it said so itself; unconfirmed: told, and it cannot say; uncertain: it should have said so; unreachable: not
# connected, and not running as far as is known
Stopped = Literal["stopped", "unconfirmed", "uncertain", "unreachable"]


class Stopping:
    """Stops devices in tasks that nobody's cancellation ends. `on_result(device, result)`: what came of each stop."""

    def __init__(self, clock: Clock, on_result: Callable[[str, Stopped], None]) -> None:
        self._clock = clock
        self._on_result = on_result
        self._tasks: dict[str, asyncio.Task[Stopped]] = {}
        self._again: set[asyncio.Task[Stopped]] = set()
        self._insisting: dict[str, asyncio.Task[None]] = {}

    def begin(self, devices: Sequence[Role], *, anew: bool = False) -> dict[str, asyncio.Task[Stopped]]:
        """Begin to stop devices: pumps first, then heat, then vibration; each writes its stop before it waits.

        A stop that is under way is joined; `anew`: and written once more, because somebody asked once more.
        """
        startable = [device for device in devices if Capability.START in device.capabilities]
        in_order = sorted(startable, key=lambda each: _ORDER[each.role])
        return {device.name: self._begin(device, anew) for device in in_order}

    async def results(self, devices: Sequence[Role], *, anew: bool = False) -> dict[str, Stopped]:
        """Stop devices, and return what each confirmed."""
        tasks = self.begin(devices, anew=anew)
        results = await asyncio.shield(asyncio.gather(*tasks.values()))
        return dict(zip(tasks, results, strict=True))

    async def settled(self) -> None:
        """Wait until every stop that is under way has its result."""
        if under_way := [task for task in self._tasks.values() if not task.done()]:
            await asyncio.wait(under_way)

    def insist(self, device: Role) -> None:
        """Stop a device again and again, from a moment from now on, until it is not uncertain any more."""
        if device.name not in self._insisting:
            task = asyncio.create_task(self._insist(device), name=f"insist on stopping {device.name}")
            self._insisting[device.name] = task
            task.add_done_callback(lambda _: self._insisting.pop(device.name, None))

    def give_up(self, devices: Iterable[str]) -> None:
        """Stop these no more, and say nothing of a stop that is under way: the person has seen to it."""
        for device in devices:
            self._tasks.pop(device, None)
            if task := self._insisting.get(device):
                task.cancel()

    def close(self) -> None:
        """Insist no more."""
        for task in self._insisting.values():
            task.cancel()

    async def _insist(self, device: Role) -> None:
        result: Stopped = "uncertain"
        while result == "uncertain":
            await self._clock.sleep(AGAIN_SECONDS)
            result = await asyncio.shield(self._begin(device))

    def _begin(self, device: Role, anew: bool = False) -> asyncio.Task[Stopped]:
        task = self._tasks.get(device.name)
        if task is None or task.done():
            task = asyncio.create_task(self._stop(device), name=f"stop {device.name}")
            self._tasks[device.name] = task
        elif anew:
            again = asyncio.create_task(self._result(device), name=f"stop {device.name} once more")
            self._again.add(again)
            again.add_done_callback(self._again.discard)
        return task

    async def _stop(self, device: Role) -> Stopped:
        result = await self._result(device)
        if result != "uncertain" and (insisting := self._insisting.get(device.name)):
            insisting.cancel()  # what it insisted on is done
        if self._tasks.get(device.name) is asyncio.current_task():
            self._on_result(device.name, result)
        return result

    async def _result(self, device: Role) -> Stopped:
        try:
            await device.stop()
            if device.role == "pump":
                await self._released(device)
        except LinkLostError:
            return "uncertain" if device.name in self._insisting else "unreachable"  # a doubt is not settled by silence
        except DeviceError as error:
            # Said once: what is tried again every few seconds must not fill the log.
            level = logging.DEBUG if device.name in self._insisting else logging.WARNING
            _LOGGER.log(level, "%s", error)
            return "uncertain"
        return "stopped" if Capability.REPORTS_STATE in device.capabilities else "unconfirmed"

    async def _released(self, pump: Pump) -> None:
        """Wait until the vacuum has let go. A valve may be stuck, whatever the pump says of itself."""
        end_seconds = self._clock.now() + safety.VENT_SECONDS
        while (pump.reading.vacuum_mmhg or 0.0) >= safety.RELEASE_MMHG:
            if self._clock.now() >= end_seconds:
                raise UncertainError(f"{pump.name} says it stopped, but its vacuum does not let go")
            await self._clock.sleep(_LOOK_SECONDS)
