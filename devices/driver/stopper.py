"""How every device is stopped: at once, past everything; once more, acknowledged; and its state read back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence, Set

from devices.driver.device_connection import DeviceConnection
from devices.driver.state_cache import StateCache
from devices.errors import DeviceError, LinkLostError, ProtocolError, RefusedError, UncertainError
from devices.roles import RunState
from devices.support.clock import Clock, give_way
from devices.support.spans import span

_LOGGER = logging.getLogger(__name__)

NOT_RUNNING = (RunState.STOPPED, RunState.FAULT)
READ_BACK_SECONDS = 0.1  # how often a stop checks whether it took effect
STOP_SECONDS = 2.0  # a stop that is not confirmed by then is uncertain
# Turns of the event loop, in which the first writes to all devices leave, before the radio is busy with second ones.
_TURNS_TO_LEAVE = 6
STOP_PART_SECONDS = 0.4  # what comes first in a stop must not hold up what ends it


class Stoppable(ABC):
    """What the stopper needs of a device."""

    name: str
    link: DeviceConnection
    clock: Clock
    state: StateCache
    verbs: Set[str]
    reports_run_state: bool

    @abstractmethod
    async def write_urgently(self, verb: str) -> None:
        """Write a stop at once, ahead of everything, and wait for nothing but the radio."""

    @abstractmethod
    async def send_again(self, verb: str, within_seconds: float) -> None:
        """Send a stop and wait for its acknowledgement. The lane is held, or the connection is just being set up."""

    @abstractmethod
    async def look_before_ending(self) -> None:
        """Look at the device before what a lost link left on is ended, where somebody wants to know."""

    def mark(self) -> int:
        """Return a mark in the stream of the device's messages: here, how many were received."""
        return self.state.messages

    def reported_stopped(self, since: int) -> bool:
        """Return whether the device reported that it does not run, in a message after the mark."""
        return self.state.updated_after("run_state", since) and self.state.values.get("run_state") in NOT_RUNNING

    async def read_back_stopped(self, since: int) -> None:
        """Wait until the device reports that it does not run, in a message after the mark where it cannot be read."""
        while not self.reported_stopped(since):
            await self.clock.sleep(READ_BACK_SECONDS)


class Stopper:
    """Remembers what was started and is not known to have stopped, and stops it."""

    def __init__(self, device: Stoppable) -> None:
        self._device = device
        self._on: set[str] = set()
        self._stops: dict[str, asyncio.Task[None]] = {}

    def started(self, verb: str) -> None:
        """Remember that something begins which `verb` ends. Called before it is sent."""
        self._on.add(verb)

    async def stop(self, verb: str) -> None:
        """Stop, and confirm it; goes on even if the caller is cancelled.

        Raise `UncertainError` if not confirmed in 2 s, `LinkLostError` if the device is not connected.
        """
        task = self._stops.get(verb)
        if task is None or task.done():
            task = asyncio.create_task(self._stop(verb), name=f"stop {self._device.name}")
            task.add_done_callback(_retrieve)
            self._stops[verb] = task
        else:
            await self._urgently(verb)
        await asyncio.shield(task)

    async def end_what_runs(self) -> None:
        """End what a lost link left on, before anything else. Raise `UncertainError` if that is not confirmed."""
        for verb in list(self._on):
            await self._device.look_before_ending()
            _LOGGER.warning("%s was on before this connection: stopping it", self._device.name)
            await self._confirmed(verb)

    async def _stop(self, verb: str) -> None:
        device = self._device
        if verb not in device.verbs:
            raise UncertainError(f"{device.name} cannot be stopped from here: switch it off at its button")
        if not device.link.connected:
            if verb in self._on:
                raise UncertainError(
                    f"{device.name} was running when its link was lost: whether it stopped is not known"
                )
            raise LinkLostError(f"{device.name} is not connected, and was not running as far as is known")
        device.link.lane.clear()
        was_on = verb in self._on
        try:
            await self._confirmed(verb)
        except UncertainError as error:
            if not was_on and not device.link.connected:
                raise LinkLostError(f"{device.name} is gone, and was not running as far as is known") from error
            raise

    async def _confirmed(self, verb: str) -> None:
        device = self._device
        try:
            with span("confirm stop", device=device.name):
                async with device.clock.timeout(STOP_SECONDS):
                    mark = device.mark()
                    await self._urgently(verb)
                    await give_way(_TURNS_TO_LEAVE)
                    await self._again(verb)
                    if device.reports_run_state:
                        await device.read_back_stopped(mark)
        except (TimeoutError, ProtocolError, RefusedError, LinkLostError) as error:
            reason = str(error) or f"no answer in {STOP_SECONDS:g} s"
            raise UncertainError(f"{device.name} did not confirm that it stopped: {reason}") from None
        self._on.discard(verb)

    async def _urgently(self, verb: str) -> None:
        with contextlib.suppress(DeviceError):  # the acknowledged one follows, and is judged
            await self._device.write_urgently(verb)

    async def _again(self, verb: str) -> None:
        """Stop once more, acknowledged. The first write may have overtaken a start on its way; this one cannot."""
        device = self._device

        async def send() -> None:
            await device.send_again(verb, STOP_SECONDS / 2)

        try:
            await (device.link.lane.run(send, is_stop=True) if device.link.connected else send())
        except (UncertainError, RefusedError, LinkLostError):
            if not device.reports_run_state:
                raise  # where its state can be read back, that decides


async def every_part(
    name: str, clock: Clock, parts: Sequence[Callable[[], Awaitable[None]]], within_seconds: float
) -> None:
    """Run every part of a stop, even if those before the last fail. Raise the first error at the end."""
    *first, last = parts
    failed: DeviceError | None = None
    for part in first:
        try:
            async with clock.timeout(within_seconds):
                await part()
        except TimeoutError:
            failed = failed or UncertainError(f"{name} did not acknowledge a write")
        except DeviceError as error:
            failed = failed or error
    await last()
    if failed is not None:
        raise failed


def _retrieve(task: asyncio.Task[None]) -> None:
    """Retrieve a stop's error, so that asyncio does not log it when its caller was cancelled."""
    if not task.cancelled():
        task.exception()
