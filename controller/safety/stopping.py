"""Stops devices: in order, in parallel, each with confirmation. The supervisor repeats a stop that did not work.

A stop needs nothing but the link: no store, no broker, no wall clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from controller.safety.limits import RELEASE_MMHG, VENT_SECONDS
from devices.errors import DeviceError, LinkLostError, UncertainError
from devices.roles import Capability, Pump, Role, RunState
from devices.support.clock import Clock, give_way
from devices.support.spans import span

_LOGGER = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_TURNS_AFTER_PUMPS = 3  # of the event loop: in these, the stops of pumps are written and sent
TURNS_TO_STOP = 8  # of the event loop: in these, the stops of all devices are written and sent
_ORDER = {"pump": 0, "warmer": 1, "massager": 2}

# stopped: it confirmed that; unconfirmed: sent, and it cannot confirm; uncertain: it did not confirm though it can;
# unreachable: not connected, and not known to run; uncontrolled: it cannot be stopped from here, and may run
Stopped = Literal["stopped", "unconfirmed", "uncertain", "unreachable", "uncontrolled"]


class StopTasks:
    """Stops devices in tasks of their own, which no caller's cancellation ends.

    `on_result(device, result)`: called with the result of each stop. `is_uncertain(device)`: whether it did not confirm
    an earlier stop; then being out of reach does not confirm it either.
    """

    def __init__(
        self, clock: Clock, on_result: Callable[[str, Stopped], None], is_uncertain: Callable[[str], bool]
    ) -> None:
        self._clock = clock
        self._on_result = on_result
        self._is_uncertain = is_uncertain
        self._tasks: dict[str, asyncio.Task[Stopped]] = {}
        self._repeated: set[asyncio.Task[Stopped]] = set()

    def begin(self, devices: Sequence[Role], *, repeat: bool = False) -> dict[str, asyncio.Task[Stopped]]:
        """Begin to stop devices: pumps first, then heat, then vibration; each writes its stop before it waits.

        A stop in progress is joined; `repeat`: and written once more, for a further stop command.
        """
        stoppable = [device for device in devices if device.can_stop]
        in_order = sorted(stoppable, key=lambda each: _ORDER[each.role])
        return {device.name: self._begin(device, repeat) for device in in_order}

    async def results(self, tasks: Mapping[str, asyncio.Task[Stopped]]) -> dict[str, Stopped]:
        """Wait for stops that have begun, and return what each device confirmed."""
        results = await asyncio.shield(asyncio.gather(*tasks.values()))
        return dict(zip(tasks, results, strict=True))

    def in_progress(self, device: str) -> bool:
        """Return whether a stop of this device has no result yet."""
        task = self._tasks.get(device)
        return task is not None and not task.done()

    async def wait_for_stops(self) -> None:
        """Wait until every stop in progress has its result."""
        if pending := [task for task in self._tasks.values() if not task.done()]:
            await asyncio.wait(pending)

    def discard(self, device: str) -> None:
        """Report no result of a stop in progress: the person confirmed that the device is off."""
        self._tasks.pop(device, None)

    def _begin(self, device: Role, repeat: bool = False) -> asyncio.Task[Stopped]:
        task = self._tasks.get(device.name)
        if task is None or task.done():
            task = asyncio.create_task(self._stop(device), name=f"stop {device.name}")
            self._tasks[device.name] = task
        elif repeat:
            repeated = asyncio.create_task(self._result(device), name=f"stop {device.name} once more")
            self._repeated.add(repeated)
            repeated.add_done_callback(self._repeated.discard)
        return task

    async def _stop(self, device: Role) -> Stopped:
        if device.role != "pump":  # a pump's stop leaves first
            await give_way(_TURNS_AFTER_PUMPS)
        with span("stop device", device=device.name, role=device.role) as stopping:
            result = await self._result(device)
            stopping.note(result=result)
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
            # Logged as a warning once: what is repeated every few seconds must not fill the log.
            _LOGGER.log(logging.DEBUG if uncertain else logging.WARNING, "%s", error)
            return "uncertain"
        return "stopped" if Capability.REPORTS_STATE in device.capabilities else "unconfirmed"

    async def _released(self, pump: Pump, *, was_off: bool) -> None:
        """Wait until the pump measures that the vacuum is released: a valve may be stuck, whatever state it reports.

        Measurements from before the stop do not count. A pump that measures only while it runs is believed without
        one, and so is one that reported to be off before (`was_off`). Raise `UncertainError` after 2 s.
        """
        end_seconds = self._clock.now() + VENT_SECONDS
        while (vacuum_mmhg := pump.reading.vacuum_mmhg) is None or vacuum_mmhg >= RELEASE_MMHG:
            if not pump.connected or (was_off and vacuum_mmhg is None):
                return  # it reported that it stopped
            if self._clock.now() >= end_seconds:
                if vacuum_mmhg is None and not pump.reports_at_rest("vacuum_mmhg"):
                    return
                why = "no longer reports its vacuum" if vacuum_mmhg is None else "its vacuum is not released"
                raise UncertainError(f"{pump.name} reports that it stopped, but {why}")
            await self._clock.sleep(_POLL_SECONDS)


async def stop_unasked(device: Role) -> None:
    """Stop a device that does not report whether it runs, and ignore errors."""
    if device.can_stop:
        with contextlib.suppress(DeviceError):
            await device.stop()
