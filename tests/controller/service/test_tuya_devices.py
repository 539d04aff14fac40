"""A whole session with each shipped device that speaks Tuya, through its real bytes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from controller.contract.events import DeviceView, EndReason, SessionState
from controller.contract.stream import Stream
from controller.contract.words import load_words
from controller.safety.limits import OwnerLimits
from controller.safety.persistence import InMemoryPersistence
from controller.service.device_publisher import DevicePublisher
from controller.service.station import Station
from controller.session.routine import MassageStep, Routine, load_routines
from devices.driver.vocabulary import START_VERB, RoleName
from devices.roles import RunState, Side
from devices.tuya.datapoints import DataPoint, DpType
from devices.tuya.tuya_model import TuyaModel
from tests.helpers.home import Recorder
from tests.helpers.home import catalog as shipped
from tests.helpers.sampling import sampled
from tests.helpers.tuya_links import Bench, bench

TUYA = [(profile.id, role) for profile in shipped() if isinstance(profile, TuyaModel) for role in profile.roles]
STEPS: dict[RoleName, str] = {"pump": "express", "warmer": "warm", "massager": "massage"}


def classic() -> Routine:
    """Return `classic` with vibration at the most that is ever used: the lowest speed of the chair is a third."""
    routine = load_routines()["classic"]
    steps = tuple(
        step.model_copy(update={"vibration": 0.33}) if isinstance(step, MassageStep) else step for step in routine.steps
    )
    return routine.model_copy(update={"steps": steps})


@contextlib.asynccontextmanager
async def station_with(b: Bench) -> AsyncIterator[tuple[Station, Recorder]]:
    """Yield a station with the device of a bench, supervised; the bench keeps its link."""
    stream = Stream()
    recorded = Recorder(b.clock, stream)
    owner = OwnerLimits(comfort_vacuum_mmhg=150, vibration=True, heat_without_temperature=True)
    station = Station(
        "home",
        clock=b.clock,
        stream=stream,
        devices=[b.device],
        owner=owner,
        routines={"classic": classic()},
        words=load_words("en"),
        persistence=InMemoryPersistence(),
    )
    DevicePublisher(station.name, station.roles, b.clock, stream)  # publishes each change, without its `run`
    supervising = asyncio.create_task(station.guard.run())
    try:
        yield station, recorded
    finally:
        supervising.cancel()


def written(b: Bench) -> list[str]:
    return [name for name, _ in b.twin.writes]


@pytest.mark.system
@pytest.mark.parametrize(("name", "role"), sampled(TUYA, keep=lambda each: each[0] == "tuya-warmer"))
async def test_a_classic_session_completes(name: str, role: RoleName) -> None:
    async with bench(name) as b, station_with(b) as (station, recorded):
        await b.connected()
        before = len(written(b))
        station.start("classic", Side.LEFT, no_symptoms=True)
        await b.until(lambda: b.twin.body.run.on, at_most_seconds=1800)
        assert recorded.snapshot.step in (STEPS[role], "stimulate")
        assert set(b.device.model.tuya.verbs) >= {START_VERB[role]}
        assert len(written(b)) > before
        await b.until(lambda: not station.running, at_most_seconds=3900)
        assert recorded.snapshot.state is SessionState.COMPLETED, recorded.snapshot.reason
        step = next(step for step in recorded.snapshot.steps if step.name == STEPS[role])
        assert step.outcome == "done"
        assert not b.twin.body.run.on
        assert {item.confidence for _, item in recorded.items if isinstance(item, DeviceView)} == {"unverified"}


@pytest.mark.system
@pytest.mark.parametrize(("name", "role"), sampled(TUYA, keep=lambda each: each[1] == "warmer"))
async def test_pain_stops_it_within_a_second_and_it_says_so_itself(name: str, role: RoleName) -> None:
    async with bench(name) as b, station_with(b) as (station, recorded):
        await b.connected()
        station.start("classic", Side.LEFT, no_symptoms=True)
        await b.until(lambda: b.twin.body.run.on, at_most_seconds=1800)
        began = b.clock.now()
        results = await station.stop(EndReason.PAIN)
        assert set(results.values()) == {"stopped"}
        assert not b.twin.body.run.on
        assert b.clock.now() - began <= 1
        await station.finished()
        assert recorded.snapshot.state is SessionState.STOPPED
        assert {each.reading.run_state for each in station.roles} == {RunState.STOPPED}
        await b.clock.sleep(600)
        assert not b.twin.body.run.on


@pytest.mark.system
async def test_a_pump_whose_reports_make_no_sense_is_stopped_after_ten_seconds() -> None:
    async with bench() as b, station_with(b) as (station, recorded):
        await b.connected()
        station.start("classic", Side.LEFT, no_symptoms=True)
        await b.until(lambda: b.twin.body.run.on, at_most_seconds=1800)
        await b.clock.sleep(30)
        assert b.twin.body.run.on
        b.twin.faults.says = {"status": DataPoint(105, DpType.RAW, b"")}
        began_seconds = b.clock.now()
        await b.until(lambda: not b.twin.body.run.on, at_most_seconds=15)
        assert b.clock.now() - began_seconds >= 5  # one bad report is no reason
        await station.finished()
        assert recorded.snapshot.state is SessionState.TRIPPED
        await b.clock.sleep(600)
        assert not b.twin.body.run.on


@pytest.mark.parametrize("celsius", [43.5, 60.0])
async def test_a_compress_that_says_it_is_set_too_high_is_stopped(celsius: float) -> None:
    async with bench("tuya-warmer") as b, station_with(b) as (station, _):
        await b.connected()
        station.start("classic", Side.LEFT, no_symptoms=True)
        await b.until(lambda: b.twin.body.run.on, at_most_seconds=1800)
        await b.clock.sleep(10)
        b.twin.faults.deaf_to = {"target_celsius"}  # it cannot be lowered
        b.twin.body.press(target_celsius=celsius)
        await b.until(lambda: not b.twin.body.run.on, at_most_seconds=30)
