"""A test home in which the controller can crash and restart: each run begins with what the last one saved.

Like `tests.helpers.home`, but a crash ends the controller from one moment to the next, without a disconnect.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from unittest import mock

from bumble.utils import AsyncRunner

from controller.contract.events import Event, EventType, Item
from controller.contract.stream import Stream
from controller.safety.limits import OwnerLimits, Trip
from controller.safety.persistence import (
    DeviceIdentity,
    EnergyUse,
    InterruptedSession,
    PersistenceError,
    SavedAnswers,
    SavedStartDefaults,
    SavedState,
)
from controller.service.body import Body
from controller.service.station import Station
from devices.driver.base import DeviceOptions
from devices.driver.device_roles import roles_of
from devices.profiles.profile_device import ProfileDevice
from devices.support.clock import ScaledClock
from devices.virtual.air_controller import AirController
from devices.virtual.virtual_home import DEVICES, VirtualHome
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.home import STATION, RunningHome, _is, _profile, catalog, routines, words
from tests.helpers.home_faults import ListedAir
from tests.helpers.random_sessions.faults import DeviceFaults

FIRST_DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)
_IDLE_TICK_SECONDS = 20.0
_NIGHT_TICK_SECONDS = 300.0
_NIGHT_SECONDS = 4 * 3600.0  # so much time or more is let pass with few reports


class RunClock:
    """The clock of one run of the controller: after its end, a task that waits on it waits for ever."""

    def __init__(self, clock: ScaledClock) -> None:
        self._clock = clock
        self._holds: list[contextlib.ExitStack] = []
        self.over = False

    def now(self) -> float:
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        await self._while_running()
        await self._clock.sleep(seconds)
        await self._while_running()

    @contextlib.asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncIterator[asyncio.Timeout]:
        async with asyncio.timeout(None) as bound:

            async def expire() -> None:
                await self.sleep(seconds)
                bound.reschedule(asyncio.get_running_loop().time())

            timer = asyncio.create_task(expire())
            try:
                yield bound
            finally:
                timer.cancel()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        stack = contextlib.ExitStack()
        if not self.over:
            stack.enter_context(self._clock.held())
        self._holds.append(stack)
        try:
            yield
        finally:
            self._holds.remove(stack)
            stack.close()

    def end(self) -> None:
        self.over = True
        for stack in self._holds:
            stack.close()

    async def _while_running(self) -> None:
        if self.over:
            await asyncio.get_running_loop().create_future()


class Disk:
    """What outlives the controller. `full`: nothing can be saved, so nothing may start."""

    def __init__(self, clock: ScaledClock) -> None:
        self.clock = clock
        self.full = False
        self.turns = 0  # of the event loop that saving takes
        self.controller_runs = 0
        self.running: dict[str, DeviceIdentity] = {}
        self.trip: Trip | None = None
        self.answers = SavedAnswers()
        self.answered_at_seconds = 0.0
        self.uses: dict[tuple[int, int], tuple[frozenset[str], float, float]] = {}  # by run and number, in clock time
        self.chosen = SavedStartDefaults()
        self.session: InterruptedSession | None = None

    def use(self, budget: str, began_seconds: float, ended_seconds: float) -> None:
        """Save that an energy was on, as an earlier run of the controller would have."""
        self.uses[-1, len(self.uses)] = frozenset({budget}), began_seconds, ended_seconds

    def saved(self) -> SavedState:
        """Return the state that a controller that starts now finds."""
        now_seconds = self.clock.now()
        left_seconds = max(0.0, self.answers.day_left_seconds - (now_seconds - self.answered_at_seconds))
        return SavedState(
            running=dict(self.running),
            trip=self.trip,
            answers=self.answers.model_copy(update={"day_left_seconds": left_seconds}),
            energy_uses=tuple(
                EnergyUse(budgets=budgets, began_seconds_ago=now_seconds - began, ended_seconds_ago=now_seconds - ended)
                for budgets, began, ended in self.uses.values()
            ),
            start_defaults=self.chosen,
            interrupted=self.session,
        )


class DiskPersistence:
    """A `Persistence` on a `Disk`: saves in order, and a moment later what is not awaited."""

    def __init__(self, disk: Disk) -> None:
        self.saved = disk.saved()
        self._disk = disk
        self._run_number = disk.controller_runs
        self._waiting: list[tuple[float, Callable[[], object]]] = []
        self._over = False
        disk.controller_runs += 1
        disk.session = None  # the next run ends the session that the last one left open

    @property
    def problem(self) -> str | None:
        return "the disk is full" if self._disk.full else None

    async def save_starting(self, devices: Iterable[DeviceIdentity]) -> None:
        if self._over or self._disk.full:
            raise PersistenceError("the disk is full; nothing was started")
        names = {device.name: device for device in devices}
        self._queue(lambda: self._disk.running.update(names))
        for _ in range(self._disk.turns):
            await asyncio.sleep(0)
        self.flush()

    def save_uncertain(self, device: DeviceIdentity) -> None:
        self._queue(lambda: self._disk.running.update({device.name: device}))

    def save_stopped(self, device: str) -> None:
        self._queue(lambda: self._disk.running.pop(device, None))

    def save_trip(self, trip: Trip | None) -> None:
        self._queue(lambda: setattr(self._disk, "trip", trip))

    def save_answers(self, answers: SavedAnswers) -> None:
        now_seconds = self._disk.clock.now()

        def keep() -> None:
            self._disk.answers, self._disk.answered_at_seconds = answers, now_seconds

        self._queue(keep)

    def save_start_defaults(self, chosen: SavedStartDefaults) -> None:
        self._queue(lambda: setattr(self._disk, "chosen", chosen))

    def save_energy_use(
        self, number: int, budgets: frozenset[str], began_seconds_ago: float, ended_seconds_ago: float
    ) -> None:
        now_seconds = self._disk.clock.now()
        use = budgets, now_seconds - began_seconds_ago, now_seconds - ended_seconds_ago
        self._queue(lambda: self._disk.uses.update({(self._run_number, number): use}))

    def on_item(self, item: Item) -> None:
        """Save the sessions, as the real store does from the stream."""
        if not isinstance(item, Event):
            return
        if item.type is EventType.SESSION_STARTED and item.session_id is not None:
            began = InterruptedSession(session_id=item.session_id, routine=item.data.routine, side=item.data.side)
            self._queue(lambda: setattr(self._disk, "session", began))
        elif item.type is EventType.SESSION_FINISHED:
            self._queue(lambda: setattr(self._disk, "session", None))

    def flush(self, *, until_seconds: float = math.inf) -> None:
        """Save what was queued up to a time."""
        while self._waiting and self._waiting[0][0] <= until_seconds:
            self._waiting.pop(0)[1]()

    def end(self, *, lose_the_last: bool) -> None:
        """Save nothing more. `lose_the_last`: what was queued in this very moment is not on the disk yet."""
        self.flush(until_seconds=self._disk.clock.now() - 0.02 if lose_the_last else math.inf)
        self._waiting.clear()
        self._over = True

    def _queue(self, change: Callable[[], object]) -> None:
        if not self._over:
            self._waiting.append((self._disk.clock.now(), change))


class World:
    """A home whose devices can fail, and the controller that runs there now, if any: `house`."""

    def __init__(self, owner: OwnerLimits, seed: int) -> None:
        self.owner = owner
        self.clock = ScaledClock(math.inf)
        self.air = ListedAir()
        self.home = VirtualHome(self.clock, catalog(), seed)
        self.disk = Disk(self.clock)
        self.faults: dict[str, DeviceFaults] = {}
        self.house: RunningHome | None = None
        self.persistence = DiskPersistence(self.disk)
        self.disk_changed_at_seconds = -math.inf
        self.jump_seconds = 0.0  # by how much somebody has set the wall clock
        self._stack = contextlib.AsyncExitStack()
        self._run_clock: RunClock | None = None
        self._radio: list[AirController] = []
        self._crashed: list[object] = []  # referenced, so that the garbage collector does not end what hangs in it

    async def open(self) -> None:
        """Switch the devices on."""
        for key, twin in self.home.twins.items():
            twin._read = partial(self._read, key, twin._read)  # type: ignore[method-assign]
        await self._stack.enter_async_context(self.home.on_air(self.air))
        for key, twin in self.home.twins.items():
            self.faults[key] = DeviceFaults(key, twin, self.clock, self.air, self.air.peripherals[twin.name])

    def fill_disk(self, full: bool) -> None:
        """Fill the disk, or make room again."""
        if full is not self.disk.full:
            self.disk.full, self.disk_changed_at_seconds = full, self.clock.now()

    def wall(self) -> datetime:
        """Return what the wall clock shows."""
        return FIRST_DAY + timedelta(seconds=self.clock.now() + self.jump_seconds)

    def _read(self, key: str, truth: Callable[[str], bytes], channel: str) -> bytes:
        return self.faults[key].read(channel, truth)

    async def start_controller(self, *subscribers: Callable[[Item], None]) -> RunningHome:
        """Start the controller, with what the last run saved."""
        self._run_clock = clock = RunClock(self.clock)
        before = set(self.air._members)
        stream = Stream()
        self.persistence = DiskPersistence(self.disk)
        for subscriber in (self.persistence.on_item, *subscribers):
            stream.subscribe(subscriber)
        self._crashed.append(asyncio.all_tasks())
        with self.clock.held():
            radio = await self._stack.enter_async_context(radio_on_air(clock, self.air))
            self._radio = [each for each in self.air._members if each not in before]
            devices = [
                ProfileDevice(radio, clock, _profile(each), DeviceOptions(each.key, each.side, _is(each)))
                for each in DEVICES
            ]
            roles = tuple(role for device in devices for role in roles_of(device))
            body = Body(
                STATION,
                clock=clock,
                roles=roles,
                owner=self.owner,
                persistence=self.persistence,
                questions=tuple(words().questions),
                now=self.wall,
            )
            station = Station(
                STATION,
                clock=clock,
                stream=stream,
                devices=devices,
                owner=self.owner,
                routines=routines(),
                words=words(),
                persistence=self.persistence,
                body=body,
                roles=roles,
            )
            house = RunningHome(self.clock, self.air, self.home, stream, station, words())
            house.running = asyncio.create_task(house.run_station())
        self.house = house
        return house

    def crash(self, *, lose_the_last: bool = False) -> None:
        """End the controller from one moment to the next: its tasks and its radio do nothing more."""
        assert self._run_clock is not None
        assert self.house is not None
        self._run_clock.end()
        self.house.stream._callbacks.clear()
        self.house.stream._by_kind.clear()
        self.persistence.end(lose_the_last=lose_the_last)
        self._crashed += [self.house, asyncio.all_tasks()]
        for controller in self._radio:
            self.air.remove_controller(controller)
        self.house = None

    async def idle(self, seconds: float) -> None:
        """Let time pass with few reports while nothing is on."""
        tick_seconds = _NIGHT_TICK_SECONDS if seconds >= _NIGHT_SECONDS else _IDLE_TICK_SECONDS
        slow = [
            "devices.virtual.virtual_home._IDLE_TICK_SECONDS",
            "controller.service.device_publisher.VIEW_EVERY_SECONDS",
        ]
        if self.house is not None and not self.house.station.running:  # else something may start
            slow += [
                "controller.safety.supervisor.CHECK_EVERY_SECONDS",
                "controller.service.station_reporter._PROBLEMS_EVERY_SECONDS",
            ]
        with contextlib.ExitStack() as stack:
            for each in slow:
                stack.enter_context(mock.patch(each, tick_seconds))
            await self.clock.sleep(seconds)
        await self.clock.sleep(tick_seconds)  # until everything reports as usual again

    async def close(self) -> None:
        """End everything, with whatever the runs that crashed left hanging."""
        if self.house is not None:
            self.crash()
        # Bumble's own may finish: one that is cancelled before it begins leaves a coroutine that was never awaited.
        tasks = asyncio.all_tasks() - {asyncio.current_task()} - AsyncRunner.running_tasks
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await self._stack.aclose()
