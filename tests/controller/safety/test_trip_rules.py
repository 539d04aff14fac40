"""The rules that trip: each at its threshold, just below and just above, in value and in time."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.safety.limits import TripKind
from controller.safety.trip_rules import (
    FrozenRule,
    JumpRule,
    ReleaseRule,
    StandstillRule,
    TemperatureRule,
    TripRule,
    VacuumRule,
    WarmingRule,
    check_fault,
    check_plausible,
    rules_for,
)
from devices.roles import (
    MassagerReading,
    PumpReading,
    Reading,
    RunState,
    WarmerReading,
)
from tests.helpers.still import StillPad, StillPump


def kind_of(found: tuple[TripKind, str] | None) -> TripKind | None:
    return found[0] if found else None


def first_found(device: StillPump) -> tuple[TripKind, str] | None:
    """Return what the first of a device's rules says that says anything."""
    return next((found for rule in rules_for(device, 0.0) if (found := rule(device.reading, 0.0))), None)


# Vacuum


@pytest.mark.parametrize("field", ["vacuum_mmhg", "peak_vacuum_mmhg"])
@pytest.mark.parametrize(
    ("mmhg", "trips"), [(250.0, False), (270.0, False), (299.9, False), (300.0, True), (420.0, True)]
)
def test_three_hundred_trip_at_once(field: str, mmhg: float, trips: bool) -> None:
    found = VacuumRule().check(PumpReading.model_validate({field: mmhg}), 0)
    assert (kind_of(found) is TripKind.VACUUM) is trips


@pytest.mark.parametrize("mmhg", [270.1, 299.9])
def test_more_than_270_trips_after_one_cycle_and_not_before(mmhg: float) -> None:
    rule, reading = VacuumRule(), PumpReading(vacuum_mmhg=mmhg, rate_cpm=60)
    assert rule.check(reading, 10.0) is None
    assert rule.check(reading, 10.7) is None
    assert kind_of(rule.check(reading, 11.0)) is TripKind.VACUUM


def test_a_cycle_lasts_as_long_as_the_pump_reports() -> None:
    rule, reading = VacuumRule(), PumpReading(vacuum_mmhg=280, rate_cpm=30)
    assert rule.check(reading, 0) is None
    assert rule.check(reading, 1.5) is None
    assert kind_of(rule.check(reading, 2.0)) is TripKind.VACUUM


def test_a_pump_that_does_not_report_its_rate_counts_as_the_slowest() -> None:
    rule, reading = VacuumRule(), PumpReading(vacuum_mmhg=280)
    assert rule.check(reading, 0) is None
    assert rule.check(reading, 2.2) is None
    assert kind_of(rule.check(reading, 3.0)) is TripKind.VACUUM


def test_270_itself_is_within_what_a_device_may_be_off() -> None:
    rule = VacuumRule()
    assert all(rule.check(PumpReading(vacuum_mmhg=270), float(seconds)) is None for seconds in range(60))


def test_one_short_peak_above_270_does_not_trip() -> None:
    rule = VacuumRule()
    readings = [280.0, 200.0, 280.0, 200.0]
    assert all(
        rule.check(PumpReading(vacuum_mmhg=mmhg, rate_cpm=60), i * 0.9) is None for i, mmhg in enumerate(readings)
    )


def test_a_pump_whose_every_cycle_peaks_above_270_trips() -> None:
    """What a pump reports five times a second: the peak of each fifth of a second, low while it lets go."""
    rule, found = VacuumRule(), None
    for tick in range(100):
        peak = 285.0 if tick % 5 < 3 else 25.0
        found = found or rule.check(PumpReading(vacuum_mmhg=peak, peak_vacuum_mmhg=peak, rate_cpm=60), tick * 0.2)
    assert kind_of(found) is TripKind.VACUUM


# Release


@pytest.mark.parametrize(
    ("mmhg", "after_seconds", "trips"),
    [(59.9, 60.0, False), (60.0, 3.9, False), (60.0, 4.0, True), (150.0, 3.9, False), (150.0, 4.0, True)],
)
def test_suction_that_does_not_fall_below_60_for_four_seconds_trips(
    mmhg: float, after_seconds: float, trips: bool
) -> None:
    rule = ReleaseRule(now_seconds=100.0)
    found = rule.check(PumpReading(vacuum_mmhg=mmhg, residual_vacuum_mmhg=mmhg), 100.0 + after_seconds)
    assert (kind_of(found) is TripKind.NO_RELEASE) is trips


@pytest.mark.parametrize(("every_seconds", "trips_after_seconds"), [(0.1, 4.0), (0.15, 4.0), (0.5, 40.0), (1.0, 40.0)])
def test_a_pump_that_is_read_too_rarely_to_see_its_release_has_more_time(
    every_seconds: float, trips_after_seconds: float
) -> None:
    rule, steps = ReleaseRule(now_seconds=0.0), round(60 / every_seconds)
    trips = (
        step * every_seconds for step in range(steps) if rule.check(PumpReading(vacuum_mmhg=150), step * every_seconds)
    )
    assert next(trips) == pytest.approx(trips_after_seconds, abs=every_seconds)


def test_each_release_starts_the_four_seconds_anew() -> None:
    rule = ReleaseRule(now_seconds=0.0)
    for cycle in range(5):
        at = cycle * 4.0
        assert rule.check(PumpReading(vacuum_mmhg=150, residual_vacuum_mmhg=150), at + 3.0) is None
        assert rule.check(PumpReading(vacuum_mmhg=150, residual_vacuum_mmhg=20), at + 4.0) is None


# Heat


@pytest.mark.parametrize(
    ("celsius", "trips"), [(42.9, False), (43.0, False), (43.9, False), (44.0, True), (60.0, True)]
)
def test_forty_four_degrees_trip_at_once(celsius: float, trips: bool) -> None:
    found = TemperatureRule().check(WarmerReading(surface_celsius=celsius), 0)
    assert (kind_of(found) is TripKind.TEMPERATURE) is trips


@pytest.mark.parametrize(
    ("celsius", "for_seconds", "trips"),
    [(42.99, 3600.0, False), (43.0, 4.9, False), (43.0, 5.0, True), (43.9, 4.9, False), (43.9, 5.0, True)],
)
def test_forty_three_degrees_trip_after_five_seconds(celsius: float, for_seconds: float, trips: bool) -> None:
    rule, reading = TemperatureRule(), WarmerReading(surface_celsius=celsius)
    assert rule.check(reading, 7.0) is None
    assert (kind_of(rule.check(reading, 7.0 + for_seconds)) is TripKind.TEMPERATURE) is trips


def test_cooling_below_43_starts_the_five_seconds_anew() -> None:
    rule = TemperatureRule()
    assert rule.check(WarmerReading(surface_celsius=43.5), 0) is None
    assert rule.check(WarmerReading(surface_celsius=42.9), 4) is None
    assert rule.check(WarmerReading(surface_celsius=43.5), 5) is None
    assert rule.check(WarmerReading(surface_celsius=43.5), 9.9) is None
    assert kind_of(rule.check(WarmerReading(surface_celsius=43.5), 10)) is TripKind.TEMPERATURE


# Faults


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (PumpReading(run_state=RunState.FAULT), "a fault"),
        (PumpReading(run_state=RunState.RUNNING, fault="no_release"), "no release"),
        (WarmerReading(fault="overheat"), "overheat"),
        (MassagerReading(run_state=RunState.FAULT, fault="sensor"), "sensor"),
    ],
)
def test_any_fault_that_a_device_reports_trips(reading: Reading, words: str) -> None:
    found = check_fault(reading, 0)
    assert found is not None
    assert found == (TripKind.DEVICE_FAULT, f"the device reports {words}")


@pytest.mark.parametrize("run_state", [state for state in RunState if state is not RunState.FAULT])
def test_no_other_state_is_a_fault(run_state: RunState) -> None:
    assert check_fault(PumpReading(run_state=run_state), 0) is None


# What is unknown


@pytest.mark.parametrize("reading", [PumpReading(), WarmerReading(), MassagerReading()])
@pytest.mark.parametrize("device", [StillPump(), StillPad()], ids=["pump", "pad"])
def test_an_unknown_reading_never_trips_a_rule_about_values(reading: Reading, device: StillPump) -> None:
    rules = rules_for(device, 0.0)
    assert all(rule(reading, float(seconds)) is None for seconds in range(200) for rule in rules)


def owner(rule: TripRule) -> object:
    """Return the class of a rule with state, or the rule itself."""
    return type(rule.__self__) if hasattr(rule, "__self__") else rule


def test_each_role_gets_the_rules_of_its_energy() -> None:
    pump, pad = ({owner(rule) for rule in rules_for(device, 0.0)} for device in (StillPump(), StillPad()))
    assert pump == {check_fault, check_plausible, VacuumRule, ReleaseRule, StandstillRule}
    assert pad == {check_fault, check_plausible, TemperatureRule, JumpRule, WarmingRule, FrozenRule}


# A sensor that stands still


def standing(vacuum_mmhg: float | None) -> PumpReading:
    return PumpReading(run_state=RunState.RUNNING, vacuum_mmhg=vacuum_mmhg, peak_vacuum_mmhg=vacuum_mmhg)


def test_a_vacuum_that_stays_the_same_for_ten_seconds_trips_and_not_before() -> None:
    rule = StandstillRule(0.0)
    assert rule.check(standing(31.4), 0.0) is None
    assert rule.check(standing(31.4), 9.9) is None
    found = rule.check(standing(31.4), 10.0)
    assert found is not None
    assert found[0] is TripKind.STALE


def test_a_vacuum_that_comes_and_goes_never_stands_still() -> None:
    rule = StandstillRule(0.0)
    assert all(rule.check(standing(20.0 + second % 2), float(second)) is None for second in range(60))


@pytest.mark.parametrize(("mmhg", "trips"), [(0.0, False), (19.9, False), (20.0, True)])
def test_a_vacuum_of_next_to_nothing_may_stand_still(mmhg: float, trips: bool) -> None:
    """Then the flange lies open, which is no fault of the sensor."""
    rule = StandstillRule(0.0)
    found = [kind_of(rule.check(standing(mmhg), float(second))) for second in range(60)]
    assert (TripKind.STALE in found) is trips


def test_a_pump_that_measures_no_vacuum_cannot_stand_still() -> None:
    rule = StandstillRule(0.0)
    assert all(rule.check(standing(None), float(second)) is None for second in range(60))


# A number that cannot be

VACUUMS = ["vacuum_mmhg", "peak_vacuum_mmhg", "residual_vacuum_mmhg"]
OTHERS = ["target_vacuum_mmhg", "rate_cpm"]
TEMPERATURES = ["surface_celsius", "target_celsius"]


@pytest.mark.parametrize("field", VACUUMS)
@pytest.mark.parametrize(("mmhg", "trips"), [(-30.1, True), (-30.0, False), (0.0, False), (299.0, False)])
def test_a_pump_that_blows_trips_at_once(field: str, mmhg: float, trips: bool) -> None:
    found = check_plausible(PumpReading.model_validate({field: mmhg}), 0)
    assert (kind_of(found) is TripKind.IMPLAUSIBLE) is trips


@pytest.mark.parametrize(("celsius", "trips"), [(-0.1, True), (-127.0, True), (0.0, False), (43.9, False)])
def test_a_compress_that_reports_less_than_zero_degrees_trips_at_once(celsius: float, trips: bool) -> None:
    found = check_plausible(WarmerReading(surface_celsius=celsius), 0)
    assert (kind_of(found) is TripKind.IMPLAUSIBLE) is trips


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", [*VACUUMS, *OTHERS])
@given(mmhg=st.floats(0, 400), field_beside=st.sampled_from(VACUUMS))
def test_a_number_of_a_pump_that_is_none_trips_whatever_stands_beside_it(
    field: str, number: float, mmhg: float, field_beside: str
) -> None:
    pump = StillPump()
    pump.reading = PumpReading.model_validate({field_beside: mmhg, field: number})
    found = first_found(pump)
    assert found is not None
    assert found[0] is TripKind.IMPLAUSIBLE
    assert found[1]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", TEMPERATURES)
def test_a_temperature_that_is_no_number_trips_at_once(field: str, number: float) -> None:
    pad = StillPad()
    pad.reading = WarmerReading.model_validate({"surface_celsius": 40, "target_celsius": 40, field: number})  # type: ignore[assignment]
    assert kind_of(first_found(pad)) is TripKind.IMPLAUSIBLE
