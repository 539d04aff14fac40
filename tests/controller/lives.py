"""One home, and the lives of the controller in it: each begins with what the last one kept, however it ended.

Like `household`, but the controller may crash here: from one moment to the next it does nothing more, and nobody says
goodbye to the devices.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from unittest import mock

from bumble.utils import AsyncRunner

from controller.events import Event, EventType, Item, Stream
from controller.memory import CutOff, NotKeptError, Remembered, Used
from controller.safety import OwnerLimits, Trip
from controller.station import Station
from devices.clock import ScaledClock
from devices.profiles.driver import ProfileDevice
from devices.virtual.controller import AirController
from devices.virtual.home import DEVICES, VirtualHome
from devices.virtual.radio import radio_on_air
from tests.controller.household import STATION, House, ListedAir, _is, _profile, catalog, routines, words
from tests.controller.mishaps import Mishaps

FIRST_DAY = datetime(2026, 3, 1, 12)
_IDLE_TICK_SECONDS = 20.0


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
    """What outlives the controller. `day`: how many days have passed, for the questions of the day."""

    def __init__(self, clock: ScaledClock) -> None:
        self.clock = clock
        self.full = False
        self.turns = 0  # of the loop, which keeping takes
        self.running: set[str] = set()
        self.trip: Trip | None = None
        self.answers: dict[str, bool] = {}
        self.answered_on: date | None = None
        self.used: dict[str, tuple[float, float]] = {}
        self.session: CutOff | None = None

    def remembered(self) -> Remembered:
        """What a controller that begins now is told."""
        now_seconds = self.clock.now()
        used = {
            name: Used(used_seconds=used_seconds, rested_seconds=max(0.0, now_seconds - at_seconds))
            for name, (used_seconds, at_seconds) in self.used.items()
        }
        return Remembered(
            running=frozenset(self.running),
            trip=self.trip,
            answers=dict(self.answers),
            answered_on=self.answered_on,
            used=used,
            cut_off=self.session,
        )


class RecordingMemory:
    """A `Memory` that keeps everything on a `Disk`: in order, and what nobody waits for a moment later."""

    def __init__(self, disk: Disk) -> None:
        self.remembered = disk.remembered()
        self._disk = disk
        self._waiting: list[tuple[float, Callable[[], None]]] = []
        self._over = False
        disk.session = None  # the next life ends what the last one left open

    async def starting(self, devices: Sequence[str]) -> None:
        if self._over or self._disk.full:
            raise NotKeptError("the disk is full; nothing was started")
        self._say(lambda: self._disk.running.update(devices))
        for _ in range(self._disk.turns):
            await asyncio.sleep(0)
        self.flush()

    def doubted(self, device: str) -> None:
        self._say(lambda: self._disk.running.add(device))

    def stopped(self, device: str) -> None:
        self._say(lambda: self._disk.running.discard(device))

    def tripped(self, trip: Trip | None) -> None:
        self._say(lambda: setattr(self._disk, "trip", trip))

    def answered(self, on: date, answers: Mapping[str, bool]) -> None:
        kept = dict(answers)

        def keep() -> None:
            self._disk.answers, self._disk.answered_on = kept, on

        self._say(keep)

    def used(self, budget: str, used_seconds: float, *, ahead_seconds: float = 0.0) -> None:
        at_seconds = self._disk.clock.now() + ahead_seconds
        self._say(lambda: self._disk.used.update({budget: (used_seconds, at_seconds)}))

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

    def _say(self, change: Callable[[], None]) -> None:
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
        self.day = 0
        self._stack = contextlib.AsyncExitStack()
        self._patched = contextlib.ExitStack()
        self._life: LifeClock | None = None
        self._radio: list[AirController] = []
        self._crashed: list[object] = []  # held, so that no garbage collector ends what hangs in it, whenever it likes

    async def open(self) -> None:
        """Switch the devices on."""
        world = self

        class Calendar(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return FIRST_DAY.replace(tzinfo=tz) + timedelta(days=world.day)

        self._patched.enter_context(mock.patch("controller.station.datetime", Calendar))
        for key, twin in self.home.twins.items():
            twin._read = partial(self._read, key, twin._read)  # type: ignore[method-assign]
        await self._stack.enter_async_context(self.home.on_air(self.air))
        for key, twin in self.home.twins.items():
            self.mishaps[key] = Mishaps(key, twin, self.clock, self.air, self.air.peripherals[twin.name])

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
            station = Station(
                STATION,
                clock=clock,
                stream=stream,
                devices=[
                    ProfileDevice(radio, clock, name=each.key, side=each.side, profile=_profile(each), wanted=_is(each))
                    for each in DEVICES
                ],
                owner=self.owner,
                routines=routines(),
                words=words(),
                memory=self.memory,
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
        with (
            mock.patch("devices.virtual.home._IDLE_TICK_SECONDS", _IDLE_TICK_SECONDS),
            mock.patch("controller.station._VIEW_EVERY_SECONDS", _IDLE_TICK_SECONDS),
        ):
            await self.clock.sleep(seconds)
        await self.clock.sleep(_IDLE_TICK_SECONDS)  # until everything reports as usual again

    async def close(self) -> None:
        """End everything, with whatever the lives that crashed left hanging."""
        if self.house is not None:
            self.crash()
        self._patched.close()
        # Bumble's own are let finish: one that is cancelled before it begins leaves a coroutine that nobody awaited.
        tasks = asyncio.all_tasks() - {asyncio.current_task()} - AsyncRunner.running_tasks
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await self._stack.aclose()
