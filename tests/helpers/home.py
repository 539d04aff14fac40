"""The test home: virtual devices on a virtual radio, one station, and a record of all that it publishes. No broker."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import cache
from typing import Any
from unittest import mock

from controller.cli.virtual_parent import VirtualParent
from controller.contract.commands import Reply, parse_command
from controller.contract.events import DeviceView, EndReason, Event, EventType, Guide, Item, SessionState, Snapshot
from controller.contract.session_record import History
from controller.contract.stream import Stream
from controller.contract.words import Words, load_words
from controller.history.history_store import HistoryStore
from controller.history.session_recorder import SessionRecorder
from controller.history.session_records import SessionRecords
from controller.safety.envelope import Correction
from controller.safety.limits import Limit, OwnerLimits, Trip
from controller.safety.message import KeyedMessage
from controller.safety.persistence import InMemoryPersistence, Persistence
from controller.service.device_publisher import DevicePublisher
from controller.service.service import Service
from controller.service.station import Station
from controller.session.routine import Routine, load_routines
from devices.bluetooth.advertisement import Advertisement
from devices.bluetooth.radio import Radio
from devices.driver.base import BaseDevice, DeviceOptions
from devices.driver.device_roles import DeviceMassager, DevicePump, DeviceRole, DeviceWarmer
from devices.profiles.catalog import Catalog
from devices.profiles.profile_device import ProfileDevice
from devices.roles import RunState, Side
from devices.support.clock import ScaledClock
from devices.virtual.virtual_home import DEVICES, DescribedDevice, DeviceKey, VirtualHome
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.home_faults import HomeFaults, ListedAir

STATION = "home"
COMFORTABLE = OwnerLimits(comfort_vacuum_mmhg=150)
_TICK_SECONDS = 0.5  # devices that run report twice a second
_FINE_TICK_SECONDS = 0.2  # as in a demo
ALL: tuple[DeviceKey, ...] = ("left-pump", "right-pump", "warm-pad", "massager")
PUMPS: tuple[DeviceKey, ...] = ("left-pump", "right-pump")

# All kinds of step, short enough that a test may walk through them.
EVERYTHING = Routine.model_validate(
    {
        "id": "everything",
        "name": {"en": "Everything"},
        "summary": {"en": "Every kind of step."},
        "steps": [
            "check",
            {"warm": {"minutes": 2}},
            {"massage": {"techniques": ["spiral", "roll"], "seconds_each": 30, "vibration": 0.2}},
            {"stimulate": {"at_most_seconds": 60}},
            {"express": {"minutes": 5}},
            {"rest": {"minutes": 1}},
            {"prompt": {"words": "drink"}},
        ],
    }
)
STEPS = tuple(step.kind for step in EVERYTHING.steps)
MILK = Routine.model_validate(
    {
        "id": "milk",
        "name": {"en": "Milk"},
        "summary": {"en": "Only the pump."},
        "steps": ["check", {"stimulate": {"at_most_seconds": 120}}, {"express": {"minutes": 1}}],
    }
)


@cache
def catalog() -> Catalog:
    return Catalog.load()


@cache
def routines() -> dict[str, Routine]:
    return load_routines() | {each.id: each for each in (EVERYTHING, MILK)}


@cache
def words(language: str = "en") -> Words:
    return load_words(language)


class Recorder:
    """Everything that came through the stream, with the simulated time at which it came."""

    def __init__(self, clock: ScaledClock, stream: Stream) -> None:
        self.items: list[tuple[float, Item]] = []
        self._clock = clock
        self._waiting: list[tuple[EventType, asyncio.Future[Event]]] = []
        stream.subscribe(self._watch)

    def _watch(self, item: Item) -> None:
        self.items.append((self._clock.now(), item))
        if isinstance(item, Event):
            for kind, future in self._waiting:
                if item.type is kind and not future.done():
                    future.set_result(item)

    def events(self, *kinds: EventType) -> list[Event]:
        """All events, or those of some kinds."""
        return [item for _, item in self.items if isinstance(item, Event) and (not kinds or item.type in kinds)]

    def at(self, wanted: Item) -> float:
        """When an item came."""
        return next(seconds for seconds, item in self.items if item is wanted)

    @property
    def snapshots(self) -> list[Snapshot]:
        return [item for _, item in self.items if isinstance(item, Snapshot)]

    @property
    def snapshot(self) -> Snapshot:
        return next(item for _, item in reversed(self.items) if isinstance(item, Snapshot))

    def guides(self, since: float = 0.0) -> list[Guide]:
        """All guidance since a time, without that which only counts seconds."""
        shown = [
            item.model_copy(update={"seconds_left": None})
            for seconds, item in self.items
            if isinstance(item, Guide) and seconds >= since
        ]
        return [guide for guide, _ in itertools.groupby(shown)]

    @property
    def guide(self) -> Guide:
        return next(item for _, item in reversed(self.items) if isinstance(item, Guide))

    def device(self, name: str) -> DeviceView:
        return next(item for _, item in reversed(self.items) if isinstance(item, DeviceView) and item.device == name)

    @property
    def states(self) -> list[SessionState]:
        """The states, each once until it changed."""
        return [state for state, _ in itertools.groupby(snapshot.state for snapshot in self.snapshots)]

    async def event(self, kind: EventType, *, within_seconds: float) -> Event:
        """Wait for the next event of a kind."""
        future: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        entry = (kind, future)
        self._waiting.append(entry)
        try:
            async with self._clock.timeout(within_seconds):
                return await future
        except TimeoutError:
            raise AssertionError(f"no {kind} within {within_seconds:g} simulated seconds") from None
        finally:
            self._waiting.remove(entry)


class Heard:
    """A listener of the guard that notes everything."""

    def __init__(self) -> None:
        self.trips: list[Trip] = []
        self.ended: list[tuple[str, KeyedMessage | None]] = []
        self.limits: list[Limit] = []
        self.uncertain: list[str] = []
        self.settled: list[str] = []
        self.outside: list[tuple[str, KeyedMessage | None]] = []
        self.enforced: list[tuple[str, Correction, KeyedMessage]] = []

    def on_trip(self, trip: Trip) -> None:
        self.trips.append(trip)

    def on_run_ended(self, device: str, why: KeyedMessage | None) -> None:
        self.ended.append((device, why))

    def on_limited(self, limits: Sequence[Limit]) -> None:
        self.limits += limits

    def on_stop_uncertain(self, device: str) -> None:
        self.uncertain.append(device)

    def on_stop_confirmed(self, device: str) -> None:
        self.settled.append(device)

    def on_running_outside(self, device: str, how: KeyedMessage | None) -> None:
        self.outside.append((device, how))

    def on_corrected(self, device: str, correction: Correction, why: KeyedMessage) -> None:
        self.enforced.append((device, correction, why))

    def on_setting_changed(self) -> None:
        pass


class RunningHome(HomeFaults):
    """The test home. All of its faults can be used while things run."""

    def __init__(
        self,
        clock: ScaledClock,
        air: ListedAir,
        home: VirtualHome,
        stream: Stream,
        station: Station,
        languages_words: Words,
        history: History | None = None,
    ) -> None:
        super().__init__(air, home)
        self.clock = clock
        self.stream = stream
        self.station = station
        self.guard = station.guard
        self.service = Service([station], history=history)
        self.publisher = DevicePublisher(station.name, station.roles, clock, stream)
        self.words = languages_words
        self.recorded = Recorder(clock, stream)
        self.heard = Heard()
        self.guard.listeners.append(self.heard)
        self.running: asyncio.Task[None]
        self._ids = itertools.count(1)

    async def run_station(self) -> None:
        """Run the station and publish its devices, without the service, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.station.run())
            group.create_task(self.publisher.run())

    # What there is

    def role(self, key: str) -> DeviceRole:
        return next(role for role in self.station.roles if role.name == key)

    def pump(self, key: str = "left-pump") -> DevicePump:
        role = self.role(key)
        assert isinstance(role, DevicePump)
        return role

    def pumps(self, side: Side = Side.BOTH) -> list[DevicePump]:
        return [role for role in self.station.roles if isinstance(role, DevicePump) and role.side.covers(side)]

    @property
    def pad(self) -> DeviceWarmer:
        role = self.role("warm-pad")
        assert isinstance(role, DeviceWarmer)
        return role

    @property
    def massager(self) -> DeviceMassager:
        role = self.role("massager")
        assert isinstance(role, DeviceMassager)
        return role

    @property
    def on(self) -> set[str]:
        """Which virtual devices are on, in truth."""
        return {key for key, twin in self.home.twins.items() if twin.body.run.on}

    @property
    def reported_off(self) -> bool:
        """Whether every device of the station says itself that it stopped."""
        return all(role.reading.run_state in (RunState.STOPPED, RunState.FAULT) for role in self.station.roles)

    def commanded(self, key: DeviceKey, *names: str) -> int:
        """How many commands of these names a device got so far."""
        return sum(message.name in names for message in self.home.twins[key].commands)

    @property
    def starts(self) -> int:
        """How often any device got a start command."""
        return sum(self.commanded(key, "start", "set_target", "run", "resume") for key in ALL)

    # Time

    async def elapse(self, seconds: float) -> None:
        await self.clock.sleep(seconds)

    async def idle(self, seconds: float) -> None:
        """Let time pass while nothing is on, and with few reports of that."""
        with (
            mock.patch("devices.virtual.virtual_home._IDLE_TICK_SECONDS", 5.0),
            mock.patch("controller.service.device_publisher.VIEW_EVERY_SECONDS", 5.0),
        ):
            await self.clock.sleep(seconds)

    async def until(self, condition: Callable[[], object], *, within_seconds: float) -> float:
        """Wait until a condition holds, looking ten times a simulated second. Return how long it took."""
        began_seconds = self.clock.now()
        while not condition():
            if self.clock.now() - began_seconds >= within_seconds:
                raise AssertionError(f"not within {within_seconds:g} simulated seconds")
            await self.clock.sleep(0.1)
        return self.clock.now() - began_seconds

    # What the person does

    async def send(
        self,
        action: str,
        *,
        id: str | None = None,  # noqa: A002 - the name of the field
        retained: bool = False,
        session: str | None = None,
        expires: str | None = None,
        **args: Any,
    ) -> Reply:
        """Send a command the way it comes in from outside: as bytes."""
        data = {
            "id": id or f"test-{next(self._ids)}",
            "action": action,
            "args": args,
            "session": session,
            "expires": expires,
        }
        command, checked = parse_command(json.dumps(data).encode())
        return await self.service.handle(STATION, command, checked, retained=retained)

    async def start(self, routine: str = "everything", side: str = "both", *, no_symptoms: bool = True) -> Reply:
        reply = await self.send("start", routine=routine, side=side, no_symptoms=no_symptoms)
        assert reply.outcome == "accepted", reply
        await self.elapse(0.1)
        return reply

    async def reach(self, step: str, routine: str = "everything", *, run_seconds: float = 3.0) -> None:
        """Start a session and skip to a step; let it run for a moment."""
        await self.start(routine, no_symptoms=step != "check")
        await self.skip_to(step)
        if step in ("stimulate", "express"):
            await self.flange_on()
        await self.elapse(run_seconds)
        assert self.recorded.snapshot.step == step

    async def flange_on(self) -> None:
        """Say that the flange is on, where the pumps wait for that."""
        if self.recorded.guide.waits_for == "flange":
            assert (await self.send("start_suction")).outcome == "accepted"
            await self.elapse(0.1)

    async def sealed_at(self, mmhg: float) -> None:
        """Wait until the left pump, which has a seal, was raised to this, step by step."""
        await self.until(lambda: self.home.pumps[Side.LEFT].suction.target_mmhg == mmhg, within_seconds=200)

    async def skip_to(self, step: str) -> None:
        """Skip until a step is reached."""
        for _ in range(60):
            await self.elapse(0.5)
            if self.recorded.snapshot.step == step:
                return
            await self.send("skip")
        raise AssertionError(f"{step} was not reached; it is in {self.recorded.snapshot.step}")

    async def finished(self, *, within_seconds: float = 4000.0) -> Snapshot:
        """Wait for the session to end."""
        try:
            async with self.clock.timeout(within_seconds):
                await self.station.finished()
        except TimeoutError:
            raise AssertionError(f"it goes on after {within_seconds:g} simulated seconds") from None
        return self.recorded.snapshot


@contextlib.asynccontextmanager
async def running_home(
    *,
    owner: OwnerLimits = COMFORTABLE,
    devices: Iterable[DeviceKey] = ALL,
    language: str = "en",
    parent: bool = False,
    seed: int = 2,
    speed: float = math.inf,
    coarse: bool = False,
    persistence: Persistence | None = None,
    serve: bool = False,
    history: HistoryStore | None = None,
    before: Callable[[VirtualHome], None] = lambda _: None,
    also: Callable[[Radio, ScaledClock, ListedAir, VirtualHome], Awaitable[BaseDevice]] | None = None,
) -> AsyncIterator[RunningHome]:
    """Yield a test home whose devices are connected and idle. `coarse`: for long runs, fewer reports in a second.

    `serve`: the whole service runs, and ends when `house.running` is cancelled; else the station runs alone.
    `history`: where its sessions are recorded, and may be edited.
    `before`: what is done at the devices before the controller starts. `also`: opens one more device.
    """
    clock, air, stream = ScaledClock(speed), ListedAir(), Stream()
    configured = [each for key in devices for each in DEVICES if each.key == key]
    async with contextlib.AsyncExitStack() as stack:
        tick_seconds = 1.0 if coarse else _TICK_SECONDS
        stack.enter_context(mock.patch("devices.virtual.virtual_home._TICK_SECONDS", tick_seconds))
        if coarse:
            stack.enter_context(mock.patch("devices.virtual.virtual_home._IDLE_TICK_SECONDS", 0.4))
        with clock.held():  # reaching the devices takes real time, and none of the simulated
            home = VirtualHome(clock, catalog(), seed)
            before(home)
            await stack.enter_async_context(home.on_air(air))
            radio = await stack.enter_async_context(radio_on_air(clock, air))
            more = [] if also is None else [await also(radio, clock, air, home)]
            station = Station(
                STATION,
                clock=clock,
                stream=stream,
                devices=[
                    ProfileDevice(radio, clock, _profile(each), DeviceOptions(each.key, each.side, _is(each)))
                    for each in configured
                ]
                + more,
                owner=owner,
                routines=routines(),
                words=words(language),
                persistence=persistence or InMemoryPersistence(),
            )
            records = None if history is None else SessionRecords(history)
            house = RunningHome(clock, air, home, stream, station, words(language), records)
            if history is not None:
                SessionRecorder(history, clock.now).subscribe(stream)
            if parent:
                stream.subscribe(VirtualParent(station, clock, home.mother).watch)
            house.running = asyncio.create_task(house.service.run([house.publisher]) if serve else house.run_station())
            stack.push_async_callback(_ended, house.running)
            async with asyncio.timeout(10):
                while not all(role.connected for role in station.roles):  # noqa: ASYNC110 - links have no event
                    await asyncio.sleep(0.001)
        await clock.sleep(1)
        try:
            yield house
        finally:  # nothing of a test that failed may live on
            async with asyncio.timeout(5):
                if station.running:
                    await station.stop(EndReason.CANCELLED)
                    await station.finished()


@contextlib.asynccontextmanager
async def fine_home(**more: Any) -> AsyncIterator[RunningHome]:
    """Yield a test home as `running_home` does, whose devices report five times a second, as in a demo."""
    with mock.patch("tests.helpers.home._TICK_SECONDS", _FINE_TICK_SECONDS):
        async with running_home(**more) as house:
            yield house


def _profile(described: DescribedDevice) -> Any:
    profile = catalog().get(described.profile)
    assert profile is not None
    return profile


def _is(described: DescribedDevice) -> Callable[[Advertisement], bool]:
    return lambda advertisement: advertisement.name == described.advertised_name


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
