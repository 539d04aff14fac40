"""What every driver's device is made of: a link, the last reported values, commands in turn, and a stop past them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from devices.bluetooth.advertisement import Advertisement
from devices.bluetooth.link import Link
from devices.bluetooth.radio import Radio
from devices.driver.broker_access import BrokerAccess
from devices.driver.device_connection import DeviceConnection
from devices.driver.device_model import DeviceModel
from devices.driver.state_cache import StateCache
from devices.driver.stopper import READ_BACK_SECONDS, Stoppable, Stopper
from devices.driver.vocabulary import Value
from devices.errors import DeviceError, LinkLostError, RefusedError
from devices.roles import RunState, Side
from devices.sensor_roles import Placed
from devices.support.clock import Clock

_LOGGER = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0  # what reports its state by itself does so at least every second or two


@dataclass
class FoundAfterLoss:
    """What a device reported after its link was dropped on purpose, and before it was stopped.

    `looked`: whether there was a connection again. `run_state`: unknown where it did not report any. `given_up`: set
    when the test has ended, so that its stop does not wait.
    """

    looked: bool = False
    run_state: RunState = RunState.UNKNOWN
    after_seconds: float = 0.0
    given_up: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True)
class DeviceOptions:
    """One device in the owner's settings.

    `wanted`: which advertisement is this device's. `may_control`: False for an unverified model that its owner has not
    allowed to be controlled, which is then only read. `max_level`: the highest level that the owner allows. `uuids`:
    (service, characteristic) of each channel that the model leaves to its owner. `placed`: where a thermometer is.
    `own`: the settings of its driver. `broker`: where a device that is reached through a broker is.
    """

    name: str
    side: Side
    wanted: Callable[[Advertisement], bool]
    may_control: bool = True
    max_level: int | None = None
    uuids: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    placed: Placed = Placed.PAD
    own: BaseModel | None = None
    broker: BrokerAccess | None = None


class BaseDevice(Stoppable):
    """One device. `device_roles.roles_of` gives its roles; a driver adds how verbs and values become bytes.

    It implements `_set_up`, `_carry_out`, `write_urgently` and `send_again`. `link` is a Bluetooth link, or the
    `connection` that a driver outside Bluetooth passes instead of a radio.
    """

    model: DeviceModel
    link: DeviceConnection

    def __init__(self, radio: Radio | None, clock: Clock, model: DeviceModel, options: DeviceOptions) -> None:
        self.name = options.name
        self.side = options.side
        self.placed = options.placed
        self.model = model
        self.may_control = options.may_control
        self.max_level = options.max_level
        self.clock = clock
        self.state = StateCache(clock)
        self.link = self._make_link(radio, options)
        self.reports_run_state = "run_state" in model.reported  # once: a stop asks for it
        self.verbs = model.verbs
        self._stopper = Stopper(self)
        self._tasks: set[asyncio.Task[None]] = set()
        self._found_after_loss: FoundAfterLoss | None = None
        self._dropped_at_seconds = 0.0
        self._withholds_renewals = False
        # In a fleet: whether the device is certainly still ours. Looked at directly before each command but a stop.
        self.may_drive: Callable[[], bool] = lambda: True

    async def run(self) -> None:
        """Keep the device connected, until cancelled."""
        try:
            await self.link.run()
        finally:
            self._on_disconnected()

    @property
    def values(self) -> Mapping[str, Value]:
        """The last value of everything that the device reported on this connection, by name."""
        return self.state.values

    async def command(self, verb: str, values: Mapping[str, Value], *, undone_by: str | None = None) -> None:
        """Carry out a verb in its turn, and wait for the device's answer where its protocol has one.

        `undone_by` is the verb that ends what this one begins: after a lost link it is sent before anything else.
        Raise `RefusedError`, `UncertainError` or `LinkLostError`.
        """
        if not self.may_control:
            raise RefusedError(
                f"the profile of {self.name} is unverified; allow_unverified: true lets it be controlled"
            )

        async def send() -> None:
            if not self.link.connected:
                raise LinkLostError(f"{self.name} is not connected")
            await self._check(verb, values)
            if not self.may_drive():
                raise RefusedError(f"{self.name} is only stopped: another controller may have its station by now")
            if undone_by is not None:
                self._stopper.started(undone_by)
            await self._carry_out(verb, values, undone_by)

        await self.link.lane.run(send)

    async def renew(self, values: Mapping[str, Value]) -> None:
        """Renew the lease of what runs, where the model has one."""
        if "renew" in self.verbs and not self._withholds_renewals:
            await self.command("renew", values)

    def assume_running(self, verb: str) -> None:
        """Assume that what this verb ends is running: it is sent before anything else, once there is a connection."""
        self._stopper.started(verb)

    async def stop(self, verb: str) -> None:
        """Send a stop past everything, then again behind whatever was in flight, and read back that it took effect.

        Goes on even if the caller is cancelled. Raise `UncertainError` if not confirmed in 2 s, `LinkLostError`.
        """
        await self._stopper.stop(verb)

    @contextlib.contextmanager
    def dropped_link(self) -> Iterator[FoundAfterLoss]:
        """Drop the link, and read the device when it is connected again, before it is stopped.

        For a test, with the device off the body: each stop after a lost link is otherwise sent without delay.
        """
        found = self._found_after_loss = FoundAfterLoss()
        self._dropped_at_seconds = self.clock.now()
        self.link.drop()
        try:
            yield found
        finally:
            found.given_up.set()  # a stop does not wait for the look
            self._found_after_loss = None

    @contextlib.contextmanager
    def withheld_renewals(self) -> Iterator[None]:
        """Renew no lease in the block, as if the controller were gone. For a test, off the body."""
        self._withholds_renewals = True
        try:
            yield
        finally:
            self._withholds_renewals = False

    async def look_before_ending(self) -> None:
        """Note whether the device still runs, where its link was dropped on purpose and that is still to be known."""
        found = self._found_after_loss
        if found is None or found.looked:
            return
        look, given_up = asyncio.create_task(self._await_run_state()), asyncio.create_task(found.given_up.wait())
        try:
            await asyncio.wait({look, given_up}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            look.cancel()
            given_up.cancel()
        state = self.values.get("run_state")
        found.run_state = RunState(state) if isinstance(state, str) else RunState.UNKNOWN
        found.after_seconds = self.clock.now() - self._dropped_at_seconds
        found.looked = True

    async def _await_run_state(self) -> None:
        with contextlib.suppress(DeviceError, TimeoutError):
            async with self.clock.timeout(_LOOK_SECONDS):
                await self._ask_run_state()
                while "run_state" not in self.values:
                    await self.clock.sleep(READ_BACK_SECONDS)

    # What a driver adds

    @abstractmethod
    async def _set_up(self) -> None:
        """Prepare a new connection, before any command may pass. Call `_stopper.end_what_runs` as early as possible.

        Where it raises a `DeviceError`, the connection is given up and tried again later.
        """

    @abstractmethod
    async def _carry_out(self, verb: str, values: Mapping[str, Value], undone_by: str | None) -> None:
        """Send a verb, and wait for its answer. The lane is held."""

    # What a driver may change

    def _make_link(self, radio: Radio | None, options: DeviceOptions) -> DeviceConnection:
        """Return the connection to the device."""
        if radio is None:
            raise TypeError("a device needs a radio, or a connection of its own")
        return Link(radio, self.clock, options.name, options.wanted, self._set_up, self._on_link_change)

    async def _ask_run_state(self) -> None:
        """Ask the device whether it runs, where it does not report that by itself. Raise `DeviceError`."""

    async def _check(self, verb: str, values: Mapping[str, Value]) -> None:
        """Raise `RefusedError` for what must not or cannot be sent, before it counts as started."""

    @property
    def dropped_packets(self) -> int:
        """How many packets could not be decoded, and were dropped."""
        return 0

    # The connection

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the commands, until it is done or the link is lost. Its errors are only logged."""
        task = asyncio.create_task(self._logged(work), name=f"connection of {self.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # of a task that was cancelled before it began

    async def _logged(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except DeviceError as error:
            _LOGGER.debug("%s: %s", self.name, error)

    def _on_disconnected(self) -> None:
        """End what belongs to a connection. May be called when there was none."""
        for task in self._tasks:
            task.cancel()

    def _on_link_change(self) -> None:
        if not self.link.connected:
            self.state.clear()
            self._on_disconnected()
        self.state.notify()
