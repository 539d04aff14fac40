"""One home, and the lives of the controller in it: each begins with what the last one kept, however it ended.

Like `household`, but the controller may crash here: from one moment to the next it does nothing more, and nobody says
goodbye to the devices.
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

from controller.body import Body
from controller.events import Event, EventType, Item, Stream
from controller.memory import Answers, Chosen, CutOff, Identity, NotKeptError, Remembered, Use
from controller.safety import OwnerLimits, Trip
from controller.station import Station
from devices.clock import ScaledClock
from devices.profiles.driver import ProfileDevice
from devices.profiles.roles import roles_of
from devices.virtual.controller import AirController
from devices.virtual.home import DEVICES, VirtualHome
from devices.virtual.radio import radio_on_air
from tests.controller.household import STATION, House, ListedAir, _is, _profile, catalog, routines, words
from tests.controller.mishaps import Mishaps

FIRST_DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)
_IDLE_TICK_SECONDS = 20.0
_NIGHT_TICK_SECONDS = 300.0
_NIGHT_SECONDS = 4 * 3600.0  # so much time or more is let pass with few reports


class LifeClock:
    """The clock of one life of the controller: when that ends, whoever waits on it waits for ever."""

    def __init__(self, clock: ScaledClock) -> None:
        self._clock = clock
        self._holds: list[contextlib.ExitStack] = []
        self.over = False

    def now(self) -> float:
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        await self._while_alive()
        await self._clock.sleep(seconds)
        await self._while_alive()

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

    async def _while_alive(self) -> None:
        if self.over:
            await asyncio.get_running_loop().create_future()


class Disk:
    """What outlives the controller. `full`: nothing can be started that must be kept first."""

    def __init__(self, clock: ScaledClock) -> None:
        self.clock = clock
        self.full = False
        self.turns = 0  # of the loop, which keeping takes
        self.lives = 0
        self.running: dict[str, Identity] = {}
        self.trip: Trip | None = None
        self.answers = Answers()
        self.answered_at_seconds = 0.0
        self.uses: dict[tuple[int, int], tuple[frozenset[str], float, float]] = {}  # by life and number, in clock time
        self.chosen = Chosen()
        self.session: CutOff | None = None

    def use(self, budget: str, began_seconds: float, ended_seconds: float) -> None:
        """Note that something was on, as an earlier life of the controller would have."""
        self.uses[-1, len(self.uses)] = frozenset({budget}), began_seconds, ended_seconds

    def remembered(self) -> Remembered:
        """Return what a controller that begins now is told."""
        now_seconds = self.clock.now()
        left_seconds = max(0.0, self.answers.day_left_seconds - (now_seconds - self.answered_at_seconds))
        return Remembered(
            running=dict(self.running),
            trip=self.trip,
            answers=self.answers.model_copy(update={"day_left_seconds": left_seconds}),
            uses=tuple(
                Use(budgets=budgets, began_seconds_ago=now_seconds - began, ended_seconds_ago=now_seconds - ended)
                for budgets, began, ended in self.uses.values()
            ),
            chosen=self.chosen,
            cut_off=self.session,
        )


class RecordingMemory:
    """A `Memory` that keeps everything on a `Disk`: in order, and what nobody waits for a moment later."""

    def __init__(self, disk: Disk) -> None:
        self.remembered = disk.remembered()
        self._disk = disk
        self._life = disk.lives
        self._waiting: list[tuple[float, Callable[[], object]]] = []
        self._over = False
        disk.lives += 1
        disk.session = None  # the next life ends what the last one left open

    @property
    def trouble(self) -> str | None:
        return "the disk is full" if self._disk.full else None

    async def starting(self, devices: Iterable[Identity]) -> None:
        if self._over or self._disk.full:
            raise NotKeptError("the disk is full; nothing was started")
        names = {device.name: device for device in devices}
        self._say(lambda: self._disk.running.update(names))
        for _ in range(self._disk.turns):
            await asyncio.sleep(0)
        self.flush()

    def doubted(self, device: Identity) -> None:
        self._say(lambda: self._disk.running.update({device.name: device}))

    def stopped(self, device: str) -> None:
        self._say(lambda: self._disk.running.pop(device, None))

    def tripped(self, trip: Trip | None) -> None:
        self._say(lambda: setattr(self._disk, "trip", trip))

    def answered(self, answers: Answers) -> None:
        now_seconds = self._disk.clock.now()

        def keep() -> None:
            self._disk.answers, self._disk.answered_at_seconds = answers, now_seconds

        self._say(keep)

    def chose(self, chosen: Chosen) -> None:
        self._say(lambda: setattr(self._disk, "chosen", chosen))

    def used(self, number: int, budgets: frozenset[str], began_seconds_ago: float, ended_seconds_ago: float) -> None:
        now_seconds = self._disk.clock.now()
        use = budgets, now_seconds - began_seconds_ago, now_seconds - ended_seconds_ago
        self._say(lambda: self._disk.uses.update({(self._life, number): use}))

    def hear(self, item: Item) -> None:
        """Take in the sessions, as the real store does from the stream."""
        if not isinstance(item, Event):
            return
        if item.type is EventType.SESSION_STARTED and item.session_id is not None:
            began = CutOff(session_id=item.session_id, routine=item.data["routine"], side=item.data["side"])
            self._say(lambda: setattr(self._disk, "session", began))
        elif item.type is EventType.SESSION_FINISHED:
            self._say(lambda: setattr(self._disk, "session", None))

    def flush(self, *, until_seconds: float = math.inf) -> None:
        """Have kept what was said up to a time."""
        while self._waiting and self._waiting[0][0] <= until_seconds:
            self._waiting.pop(0)[1]()

    def end(self, *, lose_the_last: bool) -> None:
        """Keep nothing more. `lose_the_last`: what was said in this very moment is not on the disk yet."""
        self.flush(until_seconds=self._disk.clock.now() - 0.02 if lose_the_last else math.inf)
        self._waiting.clear()
        self._over = True

    def _say(self, change: Callable[[], object]) -> None:
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
        self.mishaps: dict[str, Mishaps] = {}
        self.house: House | None = None
        self.memory = RecordingMemory(self.disk)
        self.disk_changed_at_seconds = -math.inf
        self.jump_seconds = 0.0  # by how much somebody has set the wall clock
        self._stack = contextlib.AsyncExitStack()
        self._life: LifeClock | None = None
        self._radio: list[AirController] = []
        self._crashed: list[object] = []  # held, so that no garbage collector ends what hangs in it, whenever it likes

    async def open(self) -> None:
        """Switch the devices on."""
        for key, twin in self.home.twins.items():
            twin._read = partial(self._read, key, twin._read)  # type: ignore[method-assign]
        await self._stack.enter_async_context(self.home.on_air(self.air))
        for key, twin in self.home.twins.items():
            self.mishaps[key] = Mishaps(key, twin, self.clock, self.air, self.air.peripherals[twin.name])

    def fill_disk(self, full: bool) -> None:
        """Fill the disk, or make room again."""
        if full is not self.disk.full:
            self.disk.full, self.disk_changed_at_seconds = full, self.clock.now()

    def wall(self) -> datetime:
        """Return what the wall clock shows."""
        return FIRST_DAY + timedelta(seconds=self.clock.now() + self.jump_seconds)

    def _read(self, key: str, truth: Callable[[str], bytes], channel: str) -> bytes:
        return self.mishaps[key].read(channel, truth)

    async def begin_life(self, *watchers: Callable[[Item], None]) -> House:
        """Start the controller, with what the last one kept."""
        self._life = clock = LifeClock(self.clock)
        before = set(self.air._members)
        stream = Stream()
        self.memory = RecordingMemory(self.disk)
        for watcher in (self.memory.hear, *watchers):
            stream.subscribe(watcher)
        self._crashed.append(asyncio.all_tasks())
        with self.clock.held():
            radio = await self._stack.enter_async_context(radio_on_air(clock, self.air))
            self._radio = [each for each in self.air._members if each not in before]
            devices = [
                ProfileDevice(radio, clock, name=each.key, side=each.side, profile=_profile(each), wanted=_is(each))
                for each in DEVICES
            ]
            roles = tuple(role for device in devices for role in roles_of(device))
            body = Body(
                STATION,
                clock=clock,
                roles=roles,
                owner=self.owner,
                memory=self.memory,
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
                memory=self.memory,
                body=body,
                roles=roles,
            )
            house = House(self.clock, self.air, self.home, stream, station, words())
            house.running = asyncio.create_task(station.run())
        self.house = house
        return house

    def crash(self, *, lose_the_last: bool = False) -> None:
        """End the controller from one moment to the next: nothing that it did goes on, and its radio falls silent."""
        assert self._life is not None
        assert self.house is not None
        self._life.end()
        self.house.stream._watchers.clear()
        self.memory.end(lose_the_last=lose_the_last)
        self._crashed += [self.house, asyncio.all_tasks()]
        for controller in self._radio:
            self.air.remove_controller(controller)
        self.house = None

    async def idle(self, seconds: float) -> None:
        """Let time pass with few reports while nothing is on."""
        tick_seconds = _NIGHT_TICK_SECONDS if seconds >= _NIGHT_SECONDS else _IDLE_TICK_SECONDS
        slow = ["devices.virtual.home._IDLE_TICK_SECONDS", "controller.device_views.VIEW_EVERY_SECONDS"]
        if self.house is not None and not self.house.station.running:  # else something may start
            slow += ["controller.supervisor.LOOK_EVERY_SECONDS", "controller.station._HEALTH_EVERY_SECONDS"]
        with contextlib.ExitStack() as stack:
            for each in slow:
                stack.enter_context(mock.patch(each, tick_seconds))
            await self.clock.sleep(seconds)
        await self.clock.sleep(tick_seconds)  # until everything reports as usual again

    async def close(self) -> None:
        """End everything, with whatever the lives that crashed left hanging."""
        if self.house is not None:
            self.crash()
        # Bumble's own are let finish: one that is cancelled before it begins leaves a coroutine that nobody awaited.
        tasks = asyncio.all_tasks() - {asyncio.current_task()} - AsyncRunner.running_tasks
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await self._stack.aclose()
