"""Stopping devices: in order, side by side, and each confirmed. It is the supervisor that repeats a stop.

A stop needs nothing but the link: no store, no broker, no clock that somebody sets.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Literal

from controller import safety
from devices.clock import Clock
from devices.errors import DeviceError, LinkLostError, UncertainError
from devices.roles import Capability, Pump, Role, RunState

_LOGGER = logging.getLogger(__name__)

_LOOK_SECONDS = 0.1
_ORDER = {"pump": 0, "warmer": 1, "massager": 2}

# stopped: it said so itself; unconfirmed: told, and it cannot say; uncertain: it should have said so; unreachable: not
# connected, and not running as far as is known; uncontrolled: it cannot be told from here, and may run
Stopped = Literal["stopped", "unconfirmed", "uncertain", "unreachable", "uncontrolled"]


class Stopping:
    """Stops devices in tasks that nobody's cancellation ends.

    `on_result(device, result)`: what came of each stop. `is_uncertain(device)`: whether it is known not to have
    confirmed an earlier one: silence does not settle that.
    """

    def __init__(
        self, clock: Clock, on_result: Callable[[str, Stopped], None], is_uncertain: Callable[[str], bool]
    ) -> None:
        self._clock = clock
        self._on_result = on_result
        self._is_uncertain = is_uncertain
        self._tasks: dict[str, asyncio.Task[Stopped]] = {}
        self._again: set[asyncio.Task[Stopped]] = set()

    def begin(self, devices: Sequence[Role], *, anew: bool = False) -> dict[str, asyncio.Task[Stopped]]:
        """Begin to stop devices: pumps first, then heat, then vibration; each writes its stop before it waits.

        A stop that is under way is joined; `anew`: and written once more, because somebody asked once more.
        """
        stoppable = [device for device in devices if device.can_stop]
        in_order = sorted(stoppable, key=lambda each: _ORDER[each.role])
        return {device.name: self._begin(device, anew) for device in in_order}

    async def results(self, devices: Sequence[Role], *, anew: bool = False) -> dict[str, Stopped]:
        """Stop devices, and return what each confirmed."""
        tasks = self.begin(devices, anew=anew)
        results = await asyncio.shield(asyncio.gather(*tasks.values()))
        return dict(zip(tasks, results, strict=True))

    def under_way(self, device: str) -> bool:
        """Say whether a stop of this device has no result yet."""
        task = self._tasks.get(device)
        return task is not None and not task.done()

    async def settled(self) -> None:
        """Wait until every stop that is under way has its result."""
        if under_way := [task for task in self._tasks.values() if not task.done()]:
            await asyncio.wait(under_way)

    def forget(self, device: str) -> None:
        """Report nothing of a stop that is under way: the person has seen to it."""
        self._tasks.pop(device, None)

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
        if self._tasks.get(device.name) is asyncio.current_task():
            self._on_result(device.name, result)
        return result

    async def _result(self, device: Role) -> Stopped:
        uncertain = self._is_uncertain(device.name)
        was_off = device.reading.run_state is RunState.STOPPED and not uncertain
        try:
            await device.stop()
            if device.role == "pump" and Capability.REPORTS_VACUUM in device.capabilities:
                await self._released(device, was_off=was_off)
        except LinkLostError:
            return "uncertain" if uncertain else "unreachable"
        except DeviceError as error:
            # Said once: what is tried again every few seconds must not fill the log.
            _LOGGER.log(logging.DEBUG if uncertain else logging.WARNING, "%s", error)
            return "uncertain"
        return "stopped" if Capability.REPORTS_STATE in device.capabilities else "unconfirmed"

    async def _released(self, pump: Pump, *, was_off: bool) -> None:
        """Wait until it measures that the vacuum is released: a valve may be stuck, whatever the pump says of itself.

        What it measured before it stopped says nothing. One that measures only while it runs has its word to go by, and
        so has one that `was_off` before, by what it said.
        """
        end_seconds = self._clock.now() + safety.VENT_SECONDS
        while (vacuum_mmhg := pump.reading.vacuum_mmhg) is None or vacuum_mmhg >= safety.RELEASE_MMHG:
            if not pump.connected or (was_off and vacuum_mmhg is None):
                return  # it said that it stopped
            if self._clock.now() >= end_seconds:
                if vacuum_mmhg is None and not pump.tells_at_rest("vacuum_mmhg"):
                    return
                shows = "does not say its vacuum any more" if vacuum_mmhg is None else "its vacuum is not released"
                raise UncertainError(f"{pump.name} says it stopped, but {shows}")
            await self._clock.sleep(_LOOK_SECONDS)


async def stop_unasked(device: Role) -> None:
    """Stop a device that cannot say whether it runs, and expect no answer."""
    if device.can_stop:
        with contextlib.suppress(DeviceError):
            await device.stop()
