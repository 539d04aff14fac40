"""A whole session with each shipped device that speaks Tuya, through its real bytes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from controller.events import DeviceView, SessionState, Stream
from controller.guide import load_words
from controller.memory import ShortMemory
from controller.routine import MassageStep, Routine, load_routines
from controller.safety import OwnerLimits
from controller.station import Station
from devices.catalog import Catalog
from devices.profiles.vocabulary import START_VERB, Role
from devices.roles import RunState, Side
from devices.tuya.datapoints import DataPoint, Kind
from tests.controller.household import Told
from tests.devices.tuya.bench import Bench, bench

TUYA = [(profile.id, role) for profile in Catalog.load() if profile.tuya for role in profile.roles]
every_role = pytest.mark.parametrize(("name", "role"), TUYA)
STEPS: dict[Role, str] = {"pump": "express", "warmer": "warm", "massager": "massage"}


def classic() -> Routine:
    """Return `classic` with vibration at the most that is ever used: the lowest speed of the chair is a third."""
    routine = load_routines()["classic"]
    steps = tuple(
        step.model_copy(update={"vibration": 0.33}) if isinstance(step, MassageStep) else step for step in routine.steps
    )
    return routine.model_copy(update={"steps": steps})


@contextlib.asynccontextmanager
async def station_with(b: Bench) -> AsyncIterator[tuple[Station, Told]]:
    """Yield a station with the device of a bench, supervised; the bench keeps its link."""
    stream = Stream()
    told = Told(b.clock, stream)
    owner = OwnerLimits(comfort_vacuum_mmhg=150, vibration=True, heat_without_temperature=True)
    station = Station(
        "home",
        clock=b.clock,
        stream=stream,
        devices=[b.device],
        owner=owner,
        routines={"classic": classic()},
        words=load_words("en"),
        memory=ShortMemory(),
    )
    supervising = asyncio.create_task(station.guard.run())
    try:
        yield station, told
    finally:
        supervising.cancel()


def written(b: Bench) -> list[str]:
    return [name for name, _ in b.twin.writes]


@every_role
async def test_a_classic_session_completes(name: str, role: Role) -> None:
    async with bench(name) as b, station_with(b) as (station, told):
        await b.connected()
        before = len(written(b))
        station.start("classic", Side.LEFT, no_symptoms=True)
        await b.until(lambda: b.twin.body.duty.on, at_most_seconds=1800)
        assert told.snapshot.step in (STEPS[role], "stimulate")
        assert set(b.device.profile.tuya.verbs) >= {START_VERB[role]}
        assert len(written(b)) > before
        await b.until(lambda: not station.running, at_most_seconds=3900)
        assert told.snapshot.state is SessionState.COMPLETED, told.snapshot.reason
        step = next(step for step in told.snapshot.steps if step.name == STEPS[role])
        assert step.outcome == "done"
        assert not b.twin.body.duty.on
        assert {item.confidence for _, item in told.items if isinstance(item, DeviceView)} == {"unverified"}


@every_role
async def test_pain_stops_it_within_a_second_and_it_says_so_itself(name: str, role: Role) -> None:
    async with bench(name) as b, station_with(b) as (station, told):
        await b.connected()
        station.start("classic", Side.LEFT, no_symptoms=True)
        await b.until(lambda: b.twin.body.duty.on, at_most_seconds=1800)
        began = b.clock.now()
        results = await station.stop("pain")
        assert set(results.values()) == {"stopped"}
        assert not b.twin.body.duty.on
        assert b.clock.now() - began <= 1
        await station.finished()
        assert told.snapshot.state is SessionState.STOPPED
        assert {each.reading.run_state for each in station.roles} == {RunState.STOPPED}
        await b.clock.sleep(600)
        assert not b.twin.body.duty.on


async def test_a_pump_whose_reports_make_no_sense_is_stopped_after_ten_seconds() -> None:
    async with bench() as b, station_with(b) as (station, told):
        await b.connected()
        station.start("classic", Side.LEFT, no_symptoms=True)
        await b.until(lambda: b.twin.body.duty.on, at_most_seconds=1800)
        await b.clock.sleep(30)
        assert b.twin.body.duty.on
        b.twin.faults.says = {"status": DataPoint(105, Kind.RAW, b"")}
        began_seconds = b.clock.now()
        await b.until(lambda: not b.twin.body.duty.on, at_most_seconds=15)
        assert b.clock.now() - began_seconds >= 5  # one bad report is no reason
        await station.finished()
        assert told.snapshot.state is SessionState.TRIPPED
        await b.clock.sleep(600)
        assert not b.twin.body.duty.on


@pytest.mark.parametrize("celsius", [43.5, 60.0])
async def test_a_compress_that_says_it_is_set_too_high_is_stopped(celsius: float) -> None:
    async with bench("tuya-warmer") as b, station_with(b) as (station, _):
        await b.connected()
        station.start("classic", Side.LEFT, no_symptoms=True)
        await b.until(lambda: b.twin.body.duty.on, at_most_seconds=1800)
        await b.clock.sleep(10)
        b.twin.faults.deaf_to = {"target_celsius"}  # it cannot be lowered
        b.twin.body.press(target_celsius=celsius)
        await b.until(lambda: not b.twin.body.duty.on, at_most_seconds=30)
