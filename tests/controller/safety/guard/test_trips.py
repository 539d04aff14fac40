"""A trip ends everything, stays, and must be acknowledged."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from controller.safety.guard import HaltedError
from controller.safety.limits import Energy, OwnerLimits, TripKind
from controller.safety.message import NotAllowedError
from devices.roles import Side
from devices.virtual.virtual_home import DeviceKey
from tests.helpers.guarded import ON, WILLING, block, everything_on
from tests.helpers.home import RunningHome, running_home
from tests.helpers.sampling import sampled


async def let_go(house: RunningHome) -> None:
    """Wait for a moment in which the left pump, if it runs, has just said that it let go."""
    await house.until(lambda: (house.pump().reading.vacuum_mmhg or 0) < 40, within_seconds=20)


def overpressure(house: RunningHome) -> None:
    house.home.pumps[Side.LEFT].suction.overpressure = 280


def stuck_valve(house: RunningHome) -> None:
    house.home.pumps[Side.RIGHT].suction.stuck = True


def runaway(house: RunningHome) -> None:
    house.home.pad.pad.runaway = True


def silent(house: RunningHome) -> None:
    house.silence("left-pump")


def out_of_reach(house: RunningHome) -> None:
    house.lose_link("warm-pad")


def own_fault(house: RunningHome) -> None:
    house.home.massager.run.fault = "motor"


def deaf_to_renewals(house: RunningHome) -> None:
    house.break_ears("right-pump", "renew")


@pytest.mark.system
@pytest.mark.parametrize(
    ("fault", "kinds", "device", "within_seconds"),
    sampled(
        [
            (overpressure, {TripKind.VACUUM}, "left-pump", 3),
            (stuck_valve, {TripKind.NO_RELEASE}, "right-pump", 7),
            (runaway, {TripKind.TEMPERATURE}, "warm-pad", 110),
            (silent, {TripKind.STALE, TripKind.LEASE}, "left-pump", 10),
            (out_of_reach, {TripKind.LINK_LOST}, "warm-pad", 1),
            (own_fault, {TripKind.DEVICE_FAULT}, "massager", 2),
            (deaf_to_renewals, {TripKind.LEASE}, "right-pump", 11),
        ],
        keep=lambda each: each[0] is not runaway,
    ),
)
async def test_a_trip_stops_all_within_a_second_stays_and_must_be_acknowledged(
    fault: Callable[[RunningHome], None], kinds: set[TripKind], device: str, within_seconds: float
) -> None:
    async with running_home(owner=WILLING) as house:
        async with everything_on(house):
            await house.sealed_at(100)
            await let_go(house)
            fault(house)
            await house.until(lambda: house.heard.trips, within_seconds=within_seconds)
            assert await house.until(lambda: not house.on, within_seconds=1) <= 1
            for energy in Energy:
                with pytest.raises(NotAllowedError, match="stopped_by_trip"):
                    await block(house, energy).__aenter__()
        (trip,) = house.heard.trips
        assert trip.kind in kinds
        assert trip.device == device
        assert trip.detail
        assert house.guard.trip == trip
        starts = house.starts
        await house.idle(60)
        assert house.on == set()
        assert house.starts == starts
        with pytest.raises(NotAllowedError, match="stopped_by_trip"):
            await block(house, Energy.SUCTION).__aenter__()
        house.guard.acknowledge()
        assert house.guard.trip is None


async def test_after_an_acknowledgement_things_may_begin_again() -> None:
    async with running_home() as house:
        async with block(house, Energy.SUCTION):
            house.lose_link("left-pump")
            await house.elapse(1)
        assert house.guard.trip is not None
        await house.until(lambda: house.pump("left-pump").connected, within_seconds=20)
        house.guard.acknowledge()
        house.guard.begin_session(frozenset())
        async with block(house, Energy.SUCTION):
            assert house.on == ON[Energy.SUCTION]


async def test_after_everything_was_stopped_nothing_begins_until_a_new_session_does() -> None:
    async with running_home() as house:
        await house.guard.stop_all()
        with pytest.raises(HaltedError):
            await block(house, Energy.SUCTION).__aenter__()
        assert house.on == set()


@pytest.mark.parametrize(
    ("key", "channel", "energy"),
    [("left-pump", "measurement", Energy.SUCTION), ("warm-pad", "temperature", Energy.HEAT)],
)
async def test_a_sensor_that_stops_reporting_trips_within_ten_seconds(
    key: DeviceKey, channel: str, energy: Energy
) -> None:
    async with running_home() as house, block(house, energy, seconds=300):
        await house.elapse(10)
        await let_go(house)
        house.silence(key, channel)
        await house.elapse(12)
        assert house.guard.trip is not None


@pytest.mark.system
@pytest.mark.parametrize("after_seconds", [10, 250], ids=["while it warms", "at its target"])
async def test_a_frozen_temperature_does_not_hide_a_pad_that_runs_away(after_seconds: float) -> None:
    async with running_home() as house, block(house, Energy.HEAT, seconds=400):
        pad = house.home.pad.pad
        await house.elapse(after_seconds)
        pad.frozen_sensor = pad.runaway = True
        await house.until(lambda: not house.on, within_seconds=100)
        assert house.guard.trip is not None
        assert house.guard.trip.kind is TripKind.STALE
        assert pad.surface_celsius < 44


async def test_a_pump_that_pulls_285_in_every_cycle_trips() -> None:
    async with running_home(owner=OwnerLimits(comfort_vacuum_mmhg=250)) as house, block(house, Energy.SUCTION):
        await house.sealed_at(100)
        suction = house.home.pumps[Side.LEFT].suction
        suction.overpressure = 285 - 100 - suction.unit_error.vacuum_mmhg
        await house.until(lambda: not house.on, within_seconds=4)
        assert house.guard.trip is not None
        assert house.guard.trip.kind is TripKind.VACUUM


async def test_a_device_switched_off_at_its_button_is_reported_once_and_is_no_trip() -> None:
    async with running_home() as house:
        async with block(house, Energy.SUCTION):
            await house.elapse(5)
            house.press_button("left-pump")
            await house.elapse(2)
            assert house.heard.ended == [("left-pump", None)]
            assert house.guard.trip is None
        assert house.on == set()
        assert house.heard.ended == [("left-pump", None)]
