"""A whole session with each shipped device, through its real bytes; whatever happens, nothing is left on."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import cache
from unittest import mock

import pytest

from controller.cli.virtual_parent import VirtualParent
from controller.contract.events import EndReason, EventType, SessionState
from controller.contract.stream import Stream
from controller.contract.words import Words, load_words
from controller.safety.limits import VIBRATION_INTENSITY, OwnerLimits
from controller.safety.persistence import InMemoryPersistence
from controller.service.station import Station
from controller.session.routine import Routine, load_routines
from devices.driver.vocabulary import START_VERB, STOP_VERB, RoleName
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.support.clock import ScaledClock
from devices.virtual.body_for import parts_of
from devices.virtual.device_run import ACCEPTED
from devices.virtual.transports import Air
from devices.virtual.twin import Twin
from devices.virtual.virtual_home import Home
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.home import Recorder
from tests.helpers.sampling import sampled
from tests.helpers.shipped_profiles import PROFILES, catalog, described, device_for

_KEY = "device"
_ON_AIR_SECONDS = 3.0  # until a stop has arrived, was repeated, and the vacuum has let go
_STEPS: dict[RoleName, set[str]] = {"pump": {"stimulate", "express"}, "warmer": {"warm"}, "massager": {"massage"}}

# The owner of these devices has turned on all that is off until it is asked for.
_ALLOWED = OwnerLimits(comfort_vacuum_mmhg=150, vibration=True, heat_without_temperature=True)

_TOO_STRONG = [
    profile
    for profile in PROFILES
    if "massager" in profile.roles and profile.least_settings("massager")["least_intensity"] > VIBRATION_INTENSITY
]
_USED = [profile for profile in PROFILES if profile not in _TOO_STRONG]
_ROLES = [pytest.param(profile, role, id=f"{profile.id}-{role}") for profile in _USED for role in profile.energy_roles]

# By what they can confirm and how they are stopped; makers differ in bytes only.
_KINDS = {
    (role, "run_state" in profile.reported, bool(profile.commands[STOP_VERB[role]].sequence), profile.roles): profile
    for profile in _USED
    for role in profile.energy_roles
}
one_of_each_kind = pytest.mark.parametrize(
    ("profile", "role"),
    [pytest.param(profile, kind[0], id=f"{profile.id}-{kind[0]}") for kind, profile in _KINDS.items()],
)


@cache
def words() -> Words:
    return load_words("en")


@cache
def routines() -> dict[str, Routine]:
    return load_routines()


@dataclass
class Place:
    """A station with one device, its twin, and all that is told."""

    clock: ScaledClock
    air: Air
    home: Home
    station: Station
    recorded: Recorder

    @property
    def twin(self) -> Twin:
        return self.home.twins[_KEY]

    @property
    def on(self) -> bool:
        """Whether anything of the device is on, in truth."""
        return any(part.run.on for part in parts_of(self.twin.body))

    def is_on(self, role: RoleName) -> bool:
        parts = parts_of(self.twin.body)
        return parts[self.twin.profile.roles.index(role)].run.on

    async def until_on(self, role: RoleName) -> None:
        for _ in range(20_000):
            if self.is_on(role):
                return
            await self.clock.sleep(0.1)
        raise AssertionError(f"no {role} was started; it is in {self.recorded.snapshot.step}")

    def told_it(self, verb: str) -> list[int]:
        """Where in the log of commands a verb stands."""
        return [at for at, message in enumerate(self.twin.commands) if message.name == verb]


@contextlib.asynccontextmanager
async def place_with(profile: Profile) -> AsyncIterator[Place]:
    """Yield a place whose device is connected and idle, and a virtual parent who follows the guide."""
    clock, air, stream = ScaledClock(math.inf), Air(), Stream()
    each = described(profile, _KEY, _side(profile))
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(mock.patch("devices.virtual.virtual_home._TICK_SECONDS", 0.5))
        with clock.held():
            home = Home(clock, catalog(), [each], seed=2)
            await stack.enter_async_context(home.on_air(air))
            radio = await stack.enter_async_context(radio_on_air(clock, air))
            device = device_for(radio, clock, each)
            station = Station(
                "home",
                clock=clock,
                stream=stream,
                devices=[device],
                owner=_ALLOWED,
                routines=routines(),
                words=words(),
                persistence=InMemoryPersistence(),
            )
            recorded = Recorder(clock, stream)
            stream.subscribe(VirtualParent(station, clock, home.mother).watch)
            running = asyncio.create_task(station.run())
            stack.push_async_callback(_ended, running)
        async with clock.timeout(30):
            while not device.link.connected:
                await clock.sleep(0.1)
        await clock.sleep(1)
        yield Place(clock, air, home, station, recorded)
        if station.running:
            await station.stop(EndReason.CANCELLED)
            await station.finished()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def published_bytes(profile: Profile, verb: str) -> Iterator[tuple[str | None, bytes]]:
    """Yield (channel, bytes) of the file's examples of a command that is always the same on the wire."""
    if profile.frame is not None and "counter" in profile.frame.layout:
        return
    for example in profile.examples:
        if example.send is None or verb not in example.send or example.send[verb]:
            continue
        if example.writes:
            yield from example.writes
        elif example.text is not None:
            yield None, example.text.encode()
        elif example.bytes_ is not None:
            yield None, example.bytes_


@pytest.mark.system
@pytest.mark.parametrize(("profile", "role"), sampled(_ROLES, keep=lambda each: each[0].id == "lovense"))
async def test_a_classic_session_completes(profile: Profile, role: RoleName) -> None:
    async with place_with(profile) as place:
        place.station.start("classic", _side(profile), no_symptoms=False)
        async with place.clock.timeout(4000):
            await place.station.finished()
        snapshot = place.recorded.snapshot
        assert snapshot.state is SessionState.COMPLETED, snapshot.reason
        assert not place.recorded.events(EventType.TRIP)
        await place.clock.sleep(_ON_AIR_SECONDS)
        assert not place.on

        start, stop = START_VERB[role], STOP_VERB[role]
        assert place.told_it(start)
        assert place.told_it(stop)
        assert max(place.told_it(stop)) > max(place.told_it(start))
        by_hand = {step.name for step in snapshot.steps if step.by_hand}
        if role != "massager":  # hands massage anyway
            assert not by_hand & _STEPS[role]
        for verb in (start, stop):
            for channel, data in published_bytes(profile, verb):
                assert (channel, data) in place.twin.written or (
                    channel is None and data in [written for _, written in place.twin.written]
                )


@pytest.mark.system
@pytest.mark.parametrize("profile", _TOO_STRONG, ids=lambda profile: profile.id)
async def test_a_massager_that_cannot_be_set_weak_enough_is_not_started(profile: Profile) -> None:
    async with place_with(profile) as place:
        place.station.start("classic", _side(profile), no_symptoms=False)
        async with place.clock.timeout(4000):
            await place.station.finished()
        assert place.recorded.snapshot.state is SessionState.COMPLETED, place.recorded.snapshot.reason
        assert not place.told_it(START_VERB["massager"])


def test_one_that_is_only_on_or_off_is_among_those() -> None:
    assert [profile.id for profile in _TOO_STRONG] == ["htk-breast-massager"]


@pytest.mark.system
@pytest.mark.parametrize(
    ("profile", "role"), sampled(_ROLES, keep=lambda each: each[0].id in {profile.id for profile in _KINDS.values()})
)
async def test_pain_in_the_middle_of_a_step_leaves_nothing_on(profile: Profile, role: RoleName) -> None:
    async with place_with(profile) as place:
        place.station.start("classic", _side(profile), no_symptoms=True)
        await place.until_on(role)
        await place.clock.sleep(2)
        results = await place.station.stop(EndReason.PAIN)
        await place.station.finished()
        await place.clock.sleep(_ON_AIR_SECONDS)
        assert not place.on
        assert place.recorded.snapshot.state is SessionState.STOPPED
        assert set(results.values()) <= {"stopped", "uncertain", "unconfirmed"}
        for _ in range(20):  # and nothing comes back by itself
            await place.clock.sleep(10)
            assert not place.on


@pytest.mark.system
@one_of_each_kind
async def test_a_device_that_is_deaf_to_its_stop_is_not_said_to_have_stopped(profile: Profile, role: RoleName) -> None:
    async with place_with(profile) as place:
        body, stop = place.twin.body, STOP_VERB[role]
        parts = {stop, *(step.command for step in profile.commands[stop].sequence)}
        command = body.command
        place.station.start("classic", _side(profile), no_symptoms=True)
        await place.until_on(role)
        await place.clock.sleep(2)
        body.command = lambda name, values: ACCEPTED if name in parts else command(name, values)  # type: ignore[method-assign]
        results = await place.station.stop(EndReason.PAIN)
        assert place.is_on(role)
        assert "stopped" not in {result for name, result in results.items() if name in (_KEY, f"{_KEY}-{role}")}
        body.command = command  # type: ignore[method-assign]


def _side(profile: Profile) -> Side:
    return Side.LEFT if profile.sides == "one" else Side.BOTH
