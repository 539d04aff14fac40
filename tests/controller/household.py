"""A small household for tests: virtual devices on a virtual radio, one station, and all that it tells. No broker."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any
from unittest import mock

from bumble.device import Device

from controller.commands import Reply, parse_command
from controller.envelope import Do
from controller.events import DeviceView, Event, EventType, Guide, Item, SessionState, Snapshot, Stream
from controller.guide import Words, load_words
from controller.memory import Memory, ShortMemory
from controller.routine import Routine, load_routines
from controller.safety import Limit, OwnerLimits, Trip
from controller.service import Service
from controller.station import Station
from controller.virtual import VirtualParent
from devices.catalog import Catalog
from devices.clock import ScaledClock
from devices.errors import ProtocolError
from devices.profiles.driver import ProfileDevice
from devices.profiles.roles import ProfileMassager, ProfilePump, ProfileRole, ProfileWarmer
from devices.profiles.schema import Value
from devices.roles import RunState, Side
from devices.sighting import Sighting
from devices.virtual.air import Air, Central
from devices.virtual.duty import Result
from devices.virtual.home import DEVICES, Described, DeviceKey, VirtualHome
from devices.virtual.radio import radio_on_air

STATION = "home"
COMFORTABLE = OwnerLimits(comfort_vacuum_mmhg=150)
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


class ListedAir(Air):
    """An air that remembers its central, and its peripherals by name, so that a test can take one away."""

    def __init__(self) -> None:
        super().__init__()
        self.central: Central
        self.peripherals: dict[str, Device] = {}

    async def add_central(self, address: str | None = None) -> Central:
        self.central = await super().add_central(address)
        return self.central

    async def add_peripheral(self, name: str, address: str | None = None) -> Device:
        device = await super().add_peripheral(name, address)
        self.peripherals[name] = device
        return device


class Told:
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
        self.ended: list[tuple[str, str | None]] = []
        self.limits: list[Limit] = []
        self.uncertain: list[str] = []
        self.settled: list[str] = []
        self.outside: list[tuple[str, str | None]] = []
        self.enforced: list[tuple[str, Do, str]] = []

    def on_trip(self, trip: Trip) -> None:
        self.trips.append(trip)

    def on_ended(self, device: str, words: str | None) -> None:
        self.ended.append((device, words))

    def on_limit(self, limits: Sequence[Limit]) -> None:
        self.limits += limits

    def on_uncertain(self, device: str) -> None:
        self.uncertain.append(device)

    def on_settled(self, device: str) -> None:
        self.settled.append(device)

    def on_outside(self, device: str, words: str | None) -> None:
        self.outside.append((device, words))

    def on_enforced(self, device: str, do: Do, words: str) -> None:
        self.enforced.append((device, do, words))

    def on_changed(self) -> None:
        pass


class House:
    """A household under test. Its faults are in `break_` methods; all of them can be used while things run."""

    def __init__(
        self,
        clock: ScaledClock,
        air: ListedAir,
        home: VirtualHome,
        stream: Stream,
        station: Station,
        languages_words: Words,
    ) -> None:
        self.clock = clock
        self.air = air
        self.home = home
        self.stream = stream
        self.station = station
        self.guard = station.guard
        self.service = Service([station])
        self.words = languages_words
        self.told = Told(clock, stream)
        self.heard = Heard()
        self.guard.listeners.append(self.heard)
        self.running: asyncio.Task[None]
        self._ids = itertools.count(1)

    # What there is

    def role(self, key: str) -> ProfileRole:
        return next(role for role in self.station.roles if role.name == key)

    def pump(self, key: str = "left-pump") -> ProfilePump:
        role = self.role(key)
        assert isinstance(role, ProfilePump)
        return role

    def pumps(self, side: Side = Side.BOTH) -> list[ProfilePump]:
        return [role for role in self.station.roles if isinstance(role, ProfilePump) and role.side.covers(side)]

    @property
    def pad(self) -> ProfileWarmer:
        role = self.role("warm-pad")
        assert isinstance(role, ProfileWarmer)
        return role

    @property
    def massager(self) -> ProfileMassager:
        role = self.role("massager")
        assert isinstance(role, ProfileMassager)
        return role

    @property
    def on(self) -> set[str]:
        """Which virtual devices are on, in truth."""
        return {key for key, twin in self.home.twins.items() if twin.body.duty.on}

    @property
    def reported_off(self) -> bool:
        """Whether every device of the station says itself that it stopped."""
        return all(role.reading.run_state in (RunState.STOPPED, RunState.FAULT) for role in self.station.roles)

    def commanded(self, key: DeviceKey, *names: str) -> int:
        """How many commands of these names a device got so far."""
        return sum(message.name in names for message in self.home.twins[key].commands)

    @property
    def starts(self) -> int:
        """How often any device was told to begin."""
        return sum(self.commanded(key, "start", "set_target", "run", "resume") for key in ALL)

    # Time

    async def elapse(self, seconds: float) -> None:
        await self.clock.sleep(seconds)

    async def idle(self, seconds: float) -> None:
        """Let time pass while nothing is on, and with few reports of that."""
        with (
            mock.patch("devices.virtual.home._IDLE_TICK_SECONDS", 5.0),
            mock.patch("controller.device_views.VIEW_EVERY_SECONDS", 5.0),
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
        assert self.told.snapshot.step == step

    async def flange_on(self) -> None:
        """Say that the flange is on, where the pumps wait for that."""
        if self.told.guide.waits_for == "flange":
            assert (await self.send("start_suction")).outcome == "accepted"
            await self.elapse(0.1)

    async def sealed_at(self, mmhg: float) -> None:
        """Wait until the left pump, which has a seal, was raised to this, step by step."""
        await self.until(lambda: self.home.pumps[Side.LEFT].suction.target_mmhg == mmhg, within_seconds=200)

    async def skip_to(self, step: str) -> None:
        """Skip until a step is reached."""
        for _ in range(60):
            await self.elapse(0.5)
            if self.told.snapshot.step == step:
                return
            await self.send("skip")
        raise AssertionError(f"{step} was not reached; it is in {self.told.snapshot.step}")

    async def finished(self, *, within_seconds: float = 4000.0) -> Snapshot:
        """Wait for the session to end."""
        try:
            async with self.clock.timeout(within_seconds):
                await self.station.finished()
        except TimeoutError:
            raise AssertionError(f"it goes on after {within_seconds:g} simulated seconds") from None
        return self.told.snapshot

    # Faults

    def lose_link(self, key: DeviceKey, *, for_good: bool = False) -> None:
        """Break a device's connection; `for_good`: it cannot be found again either."""
        device = self.air.peripherals[self.home.twins[key].name]
        if for_good:
            self.air.remove(device)
        else:
            self.air.lose_link(device)

    def silence(self, key: DeviceKey, *channels: str) -> None:
        """Let a device, or some of its channels, send nothing any more. It goes on with what it does."""
        twin = self.home.twins[key]
        server = twin.server
        assert server is not None
        quiet = {twin.profile.channels[channel].characteristic for channel in channels}
        notify = server.notify

        def keep_quiet(characteristic: str, data: bytes) -> None:
            if channels and characteristic not in quiet:
                notify(characteristic, data)

        server.notify = keep_quiet  # type: ignore[method-assign]

    def break_ears(self, key: DeviceKey, *names: str) -> None:
        """Let a device take no notice of some commands, as if they never came: by default, of its stop."""
        deaf_to = set(names or ("stop", "off"))
        codec = self.home.twins[key]._codec
        decode = codec.decode_command

        def decode_command(channel: str, data: bytes) -> Any:
            message = decode(channel, data)
            if message.name in deaf_to:
                raise ProtocolError("a bit was flipped")
            return message

        codec.decode_command = decode_command  # type: ignore[method-assign]

    def before_command(self, key: DeviceKey, name: str, do: Callable[[], object]) -> None:
        """Do something when a device is about to carry out a command of this name."""
        body = self.home.twins[key].body
        command = body.command

        def carry_out(said: str, values: Mapping[str, Value]) -> Result:
            if said == name:
                do()
            return command(said, values)

        body.command = carry_out  # type: ignore[method-assign]

    def change_values(self, key: DeviceKey, **values: Value) -> None:
        """Let a device report some values of ours, whatever is true."""
        body = self.home.twins[key].body
        truth = body.values
        body.values = lambda *since: truth(*since) | values  # type: ignore[method-assign]

    def give_no_milk(self) -> None:
        """Let no pump report any let-down or flow."""
        for key in PUMPS:
            self.change_values(key, let_down=False, flow_ml_per_s=0.0)

    def press_button(self, key: DeviceKey) -> None:
        """Switch a device off at the device itself."""
        body = self.home.twins[key].body
        body.command("off" if key == "warm-pad" else "stop", {})


@contextlib.asynccontextmanager
async def household(
    *,
    owner: OwnerLimits = COMFORTABLE,
    devices: Iterable[DeviceKey] = ALL,
    language: str = "en",
    parent: bool = False,
    seed: int = 2,
    speed: float = math.inf,
    coarse: bool = False,
    memory: Memory | None = None,
    serve: bool = False,
    before: Callable[[VirtualHome], None] = lambda _: None,
) -> AsyncIterator[House]:
    """Yield a household whose devices are connected and idle. `coarse`: for long runs, fewer reports in a second.

    `serve`: the whole service runs, and ends when `house.running` is cancelled; else the station runs alone.
    `before`: what is done at the devices before the controller starts.
    """
    clock, air, stream = ScaledClock(speed), ListedAir(), Stream()
    configured = [each for key in devices for each in DEVICES if each.key == key]
    async with contextlib.AsyncExitStack() as stack:
        if coarse:
            stack.enter_context(mock.patch("devices.virtual.home._TICK_SECONDS", 1.0))
            stack.enter_context(mock.patch("devices.virtual.home._IDLE_TICK_SECONDS", 0.4))
        with clock.held():  # reaching the devices takes real time, and none of the simulated
            home = VirtualHome(clock, catalog(), seed)
            before(home)
            await stack.enter_async_context(home.on_air(air))
            radio = await stack.enter_async_context(radio_on_air(clock, air))
            station = Station(
                STATION,
                clock=clock,
                stream=stream,
                devices=[
                    ProfileDevice(radio, clock, name=each.key, side=each.side, profile=_profile(each), wanted=_is(each))
                    for each in configured
                ],
                owner=owner,
                routines=routines(),
                words=words(language),
                memory=memory or ShortMemory(),
            )
            house = House(clock, air, home, stream, station, words(language))
            if parent:
                stream.subscribe(VirtualParent(station, clock, home.mother).watch)
            house.running = asyncio.create_task(house.service.run() if serve else station.run())
            stack.push_async_callback(_ended, house.running)
            async with asyncio.timeout(10):
                while not all(device.link.connected for device in station.devices):  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
        await clock.sleep(1)
        try:
            yield house
        finally:  # nothing of a test that failed may live on
            async with asyncio.timeout(5):
                if station.running:
                    await station.stop("the test is over")
                    await station.finished()


def _profile(described: Described) -> Any:
    profile = catalog().get(described.profile)
    assert profile is not None
    return profile


def _is(described: Described) -> Callable[[Sighting], bool]:
    return lambda sighting: sighting.name == described.advertised_name


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
