"""One device under the supervisor's eyes: what trips it in a block, when it has a seal, and when it ended by itself."""

from __future__ import annotations

import pytest

from controller.safety.blocks import EnergyBlock
from controller.safety.limits import ABOVE_WARM_SECONDS, OwnerLimits, Reason, Trip, TripKind
from controller.safety.watched_device import WatchedDevice
from devices.roles import Capability, PumpReading, RunState, WarmerReading
from tests.helpers.still import StillClock, StillPad, StillPump


class NoFurtherLimits:
    """What holds for a block: what an owner who says nothing allows."""

    owner = OwnerLimits()
    has_symptoms = False
    hot_seconds = ABOVE_WARM_SECONDS

    def pump_layers(self, pump: str) -> list[Reason]:
        return []


def in_block(device: StillPump, *, now_seconds: float = 0.0, seconds: float = 600.0) -> WatchedDevice:
    """Return a device whose block began and started at this time."""
    watched = WatchedDevice(device, now_seconds)
    block = EnergyBlock(StillClock(now_seconds), NoFurtherLimits(), [device], seconds)
    block.energy = watched.energy
    watched.enter_block(block)
    watched.started(now_seconds)
    return watched


def kind_of(trip: Trip | None) -> TripKind | None:
    return None if trip is None else trip.kind


@pytest.mark.parametrize(("age_seconds", "trips"), [(0.0, False), (9.9, False), (10.0, True), (60.0, True)])
def test_ten_seconds_of_silence_trip(age_seconds: float, trips: bool) -> None:
    pump = StillPump()
    pump.age_seconds = age_seconds
    assert (kind_of(in_block(pump).trip(5.0)) is TripKind.STALE) is trips


@pytest.mark.parametrize(("after_seconds", "trips"), [(9.9, False), (10.0, True)])
def test_a_device_that_never_said_anything_is_stale_ten_seconds_after_its_start(
    after_seconds: float, trips: bool
) -> None:
    pump = StillPump()
    pump.age_seconds = None
    watched = in_block(pump, now_seconds=100.0)
    watched.leased_until_seconds = 200.0
    assert (kind_of(watched.trip(100.0 + after_seconds)) is TripKind.STALE) is trips


def test_a_device_that_never_says_anything_by_itself_is_not_stale() -> None:
    pump = StillPump()
    pump.capabilities = frozenset({Capability.START})
    pump.age_seconds = 3600.0
    assert in_block(pump).trip(5.0) is None


def test_a_lost_link_trips_even_if_the_last_word_is_fresh() -> None:
    pump = StillPump()
    watched = in_block(pump)
    assert watched.trip(1.0) is None
    pump.connected = False
    trip = watched.trip(1.1)
    assert kind_of(trip) is TripKind.LINK_LOST
    assert trip is not None
    assert trip.device == "left-pump"


@pytest.mark.parametrize(("after_seconds", "trips"), [(9.9, False), (10.0, True)])
def test_a_lease_that_nobody_renewed_for_ten_seconds_trips(after_seconds: float, trips: bool) -> None:
    assert (kind_of(in_block(StillPump()).trip(after_seconds)) is TripKind.LEASE) is trips


@pytest.mark.parametrize(("after_seconds", "trips"), [(31.9, False), (32.0, True)])
def test_a_block_that_is_on_two_seconds_longer_than_it_may_trips(after_seconds: float, trips: bool) -> None:
    watched = in_block(StillPump(), seconds=30)
    watched.leased_until_seconds = 1000.0
    assert (kind_of(watched.trip(after_seconds)) is TripKind.TIME) is trips


def test_outside_of_a_block_only_what_hurts_trips() -> None:
    pump = StillPump()
    watched = WatchedDevice(pump, 0.0)
    pump.age_seconds, pump.connected = 60.0, False
    pump.reading = PumpReading(run_state=RunState.RUNNING, fault="battery")
    assert watched.trip(0.0) is None
    assert watched.manual_use_trip(0.0) is None
    pump.reading = PumpReading(run_state=RunState.RUNNING, vacuum_mmhg=300, fault="battery")
    assert kind_of(watched.manual_use_trip(1.0)) is TripKind.VACUUM


def test_a_device_that_ran_and_reports_a_stop_has_stopped_itself() -> None:
    pump = StillPump()
    watched = in_block(pump)
    for run_state, itself in (
        (RunState.STOPPED, False),  # not begun yet
        (RunState.RUNNING, False),
        (RunState.UNKNOWN, False),  # it did not say
        (RunState.PAUSED, True),
        (RunState.STOPPED, True),
    ):
        pump.reading = PumpReading(run_state=run_state)
        watched.update(1.0)
        assert watched.ended_itself is itself


# The seal


@pytest.mark.parametrize(("mmhg", "sealed"), [(0.0, False), (19.9, False), (20.0, True), (100.0, True)])
@pytest.mark.parametrize("field", ["vacuum_mmhg", "peak_vacuum_mmhg"])
def test_twenty_mmhg_are_a_seal(field: str, mmhg: float, sealed: bool) -> None:
    pump = StillPump()
    watched = in_block(pump)
    pump.reading = PumpReading.model_validate({"run_state": RunState.RUNNING, field: mmhg})
    watched.update(100.0)
    assert watched.sealed(100.0) is sealed


@pytest.mark.parametrize(("after_seconds", "sealed"), [(5.9, True), (6.0, False)])
def test_a_seal_counts_as_lost_after_six_seconds_without_a_vacuum(after_seconds: float, sealed: bool) -> None:
    pump = StillPump()
    watched = in_block(pump)
    pump.reading = PumpReading(run_state=RunState.RUNNING, vacuum_mmhg=60)
    watched.update(100.0)
    pump.reading = PumpReading(run_state=RunState.RUNNING, vacuum_mmhg=5)
    watched.update(100.0 + after_seconds)
    assert watched.sealed(100.0 + after_seconds) is sealed


def test_what_a_pump_measured_before_its_block_is_no_seal() -> None:
    pump = StillPump()
    watched = WatchedDevice(pump, 0.0)
    pump.reading = PumpReading(run_state=RunState.RUNNING, vacuum_mmhg=60)
    watched.update(1.0)
    assert not watched.sealed(1.0)


def test_only_a_pump_that_reports_its_vacuum_can_show_a_seal() -> None:
    pump, pad = StillPump(), StillPad()
    assert not WatchedDevice(pump, 0.0).measures_vacuum
    pump.capabilities |= {Capability.REPORTS_VACUUM}
    pad.capabilities |= {Capability.REPORTS_VACUUM}
    assert WatchedDevice(pump, 0.0).measures_vacuum
    assert not WatchedDevice(pad, 0.0).measures_vacuum


# Levels, and pads that heat whatever they say


@pytest.mark.parametrize(
    ("capabilities", "max_level", "symptoms", "level"),
    [
        ({Capability.LEVELS}, None, False, 3),
        ({Capability.LEVELS}, 7, False, 7),
        ({Capability.LEVELS}, 7, True, 1),
        ({Capability.LEVELS, Capability.VACUUM_MMHG}, 7, False, None),
        ({Capability.VACUUM_MMHG}, None, False, None),
    ],
)
def test_only_a_pump_that_knows_nothing_but_levels_is_held_to_one(
    capabilities: set[Capability], max_level: int | None, symptoms: bool, level: int | None
) -> None:
    pump = StillPump()
    pump.capabilities, pump.max_level = frozenset(capabilities), max_level
    assert WatchedDevice(pump, 0.0).most_level(symptoms=symptoms) == level


def test_a_compress_that_gets_warmer_is_on_whatever_it_reports_and_one_that_cools_is_not() -> None:
    pad = StillPad()
    watched = WatchedDevice(pad, 0.0)
    for second in range(60):
        pad.reading = WarmerReading(run_state=RunState.STOPPED, surface_celsius=41 - second / 30)  # type: ignore[assignment]
        watched.update(float(second))
        assert not watched.reports_running
    for second in range(60, 120):
        pad.reading = WarmerReading(run_state=RunState.STOPPED, surface_celsius=39 + (second - 60) / 30)  # type: ignore[assignment]
        watched.update(float(second))
    assert watched.reports_running
