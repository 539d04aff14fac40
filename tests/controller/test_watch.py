"""The rules that trip: each at its threshold, just below and just above, in value and in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest

from controller.safety import TripKind
from controller.watch import (
    FaultRule,
    ReleaseRule,
    SettingRule,
    StandstillRule,
    TemperatureRule,
    VacuumRule,
    Watch,
    rules_for,
)
from devices.roles import (
    Capability,
    DeviceLimits,
    MassagerReading,
    PumpReading,
    PumpSetting,
    Reading,
    RunState,
    Side,
    WarmerReading,
)


class StillPump:
    """A pump that says what a test lets it say."""

    role: Literal["pump"] = "pump"
    name = "left-pump"
    side = Side.LEFT
    capabilities = frozenset({Capability.START, Capability.REPORTS_REGULARLY})
    limits = DeviceLimits()
    on_link_loss: Literal["stops"] = "stops"
    max_level: int | None = None

    def __init__(self) -> None:
        self.reading = PumpReading()
        self.connected = True
        self.age_seconds: float | None = 0.0

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        return lambda: None

    async def renew(self, lease_seconds: float) -> None: ...

    async def stop(self) -> None: ...

    async def start(self, setting: PumpSetting, duration_seconds: float, lease_seconds: float) -> None: ...

    async def adjust(self, setting: PumpSetting) -> None: ...

    async def pause(self) -> None: ...

    async def resume(self) -> None: ...


def kind_of(found: tuple[TripKind, str] | None) -> TripKind | None:
    return found[0] if found else None


# Vacuum


@pytest.mark.parametrize("field", ["vacuum_mmhg", "peak_vacuum_mmhg"])
@pytest.mark.parametrize(
    ("mmhg", "trips"), [(250.0, False), (270.0, False), (299.9, False), (300.0, True), (420.0, True)]
)
def test_three_hundred_trip_at_once(field: str, mmhg: float, trips: bool) -> None:
    found = VacuumRule().look(PumpReading.model_validate({field: mmhg}), 0)
    assert (kind_of(found) is TripKind.VACUUM) is trips


@pytest.mark.parametrize("mmhg", [270.1, 299.9])
def test_more_than_270_trips_after_one_cycle_and_not_before(mmhg: float) -> None:
    rule, reading = VacuumRule(), PumpReading(vacuum_mmhg=mmhg, rate_cpm=60)
    assert rule.look(reading, 10.0) is None
    assert rule.look(reading, 10.7) is None
    assert kind_of(rule.look(reading, 11.0)) is TripKind.VACUUM


def test_a_cycle_lasts_as_long_as_the_pump_says() -> None:
    rule, reading = VacuumRule(), PumpReading(vacuum_mmhg=280, rate_cpm=30)
    assert rule.look(reading, 0) is None
    assert rule.look(reading, 1.5) is None
    assert kind_of(rule.look(reading, 2.0)) is TripKind.VACUUM


def test_a_pump_that_does_not_tell_its_rate_is_taken_for_the_slowest() -> None:
    rule, reading = VacuumRule(), PumpReading(vacuum_mmhg=280)
    assert rule.look(reading, 0) is None
    assert rule.look(reading, 2.2) is None
    assert kind_of(rule.look(reading, 3.0)) is TripKind.VACUUM


def test_270_itself_is_within_what_a_device_may_be_off() -> None:
    rule = VacuumRule()
    assert all(rule.look(PumpReading(vacuum_mmhg=270), float(seconds)) is None for seconds in range(60))


def test_one_short_peak_above_270_does_not_trip() -> None:
    rule = VacuumRule()
    readings = [280.0, 200.0, 280.0, 200.0]
    assert all(
        rule.look(PumpReading(vacuum_mmhg=mmhg, rate_cpm=60), i * 0.9) is None for i, mmhg in enumerate(readings)
    )


def test_a_pump_whose_every_cycle_peaks_above_270_trips() -> None:
    """What a pump reports five times a second: the peak of each fifth of a second, low while it lets go."""
    rule, found = VacuumRule(), None
    for tick in range(100):
        peak = 285.0 if tick % 5 < 3 else 25.0
        found = found or rule.look(PumpReading(vacuum_mmhg=peak, peak_vacuum_mmhg=peak, rate_cpm=60), tick * 0.2)
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
    found = rule.look(PumpReading(vacuum_mmhg=mmhg), 100.0 + after_seconds)
    assert (kind_of(found) is TripKind.NO_RELEASE) is trips


def test_each_release_starts_the_four_seconds_anew() -> None:
    rule = ReleaseRule(now_seconds=0.0)
    for cycle in range(5):
        at = cycle * 4.0
        assert rule.look(PumpReading(vacuum_mmhg=150, residual_vacuum_mmhg=150), at + 3.0) is None
        assert rule.look(PumpReading(vacuum_mmhg=150, residual_vacuum_mmhg=20), at + 4.0) is None


# Heat


@pytest.mark.parametrize(
    ("celsius", "trips"), [(42.9, False), (43.0, False), (43.9, False), (44.0, True), (60.0, True)]
)
def test_forty_four_degrees_trip_at_once(celsius: float, trips: bool) -> None:
    found = TemperatureRule().look(WarmerReading(surface_celsius=celsius), 0)
    assert (kind_of(found) is TripKind.TEMPERATURE) is trips


@pytest.mark.parametrize(
    ("celsius", "for_seconds", "trips"),
    [(42.99, 3600.0, False), (43.0, 4.9, False), (43.0, 5.0, True), (43.9, 4.9, False), (43.9, 5.0, True)],
)
def test_forty_three_degrees_trip_after_five_seconds(celsius: float, for_seconds: float, trips: bool) -> None:
    rule, reading = TemperatureRule(), WarmerReading(surface_celsius=celsius)
    assert rule.look(reading, 7.0) is None
    assert (kind_of(rule.look(reading, 7.0 + for_seconds)) is TripKind.TEMPERATURE) is trips


def test_cooling_below_43_starts_the_five_seconds_anew() -> None:
    rule = TemperatureRule()
    assert rule.look(WarmerReading(surface_celsius=43.5), 0) is None
    assert rule.look(WarmerReading(surface_celsius=42.9), 4) is None
    assert rule.look(WarmerReading(surface_celsius=43.5), 5) is None
    assert rule.look(WarmerReading(surface_celsius=43.5), 9.9) is None
    assert kind_of(rule.look(WarmerReading(surface_celsius=43.5), 10)) is TripKind.TEMPERATURE


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
    found = FaultRule().look(reading, 0)
    assert found is not None
    assert found == (TripKind.DEVICE_FAULT, f"the device reports {words}")


@pytest.mark.parametrize("run_state", [state for state in RunState if state is not RunState.FAULT])
def test_no_other_state_is_a_fault(run_state: RunState) -> None:
    assert FaultRule().look(PumpReading(run_state=run_state), 0) is None


# What is unknown


@pytest.mark.parametrize("reading", [PumpReading(), WarmerReading(), MassagerReading()])
@pytest.mark.parametrize("rule", [VacuumRule(), ReleaseRule(0.0), TemperatureRule(), FaultRule()])
def test_an_unknown_reading_never_trips_a_rule_about_values(
    reading: Reading, rule: VacuumRule | ReleaseRule | TemperatureRule | FaultRule
) -> None:
    assert all(rule.look(reading, float(seconds)) is None for seconds in range(100))


@pytest.mark.parametrize(("age_seconds", "trips"), [(0.0, False), (9.9, False), (10.0, True), (60.0, True)])
def test_ten_seconds_of_silence_trip(age_seconds: float, trips: bool) -> None:
    pump = StillPump()
    watch = Watch(pump, now_seconds=0.0)
    pump.age_seconds = age_seconds
    trip = watch.look(5.0)
    assert (trip is not None and trip.kind is TripKind.STALE) is trips


@pytest.mark.parametrize(("after_seconds", "trips"), [(9.9, False), (10.0, True)])
def test_a_device_that_never_said_anything_is_stale_ten_seconds_after_its_start(
    after_seconds: float, trips: bool
) -> None:
    pump = StillPump()
    pump.age_seconds = None
    trip = Watch(pump, now_seconds=100.0).look(100.0 + after_seconds)
    assert (trip is not None and trip.kind is TripKind.STALE) is trips


def test_a_device_that_never_says_anything_by_itself_is_not_stale() -> None:
    pump = StillPump()
    pump.capabilities = frozenset({Capability.START})
    pump.age_seconds = 3600.0
    assert Watch(pump, now_seconds=0.0).look(60.0) is None


def test_a_lost_link_trips_even_if_the_last_word_is_fresh() -> None:
    pump = StillPump()
    watch = Watch(pump, now_seconds=0.0)
    assert watch.look(1.0) is None
    pump.connected = False
    trip = watch.look(1.1)
    assert trip is not None
    assert trip.kind is TripKind.LINK_LOST
    assert trip.device == "left-pump"


# Its own stop


def test_a_device_that_ran_and_says_it_stopped_has_stopped_itself() -> None:
    pump = StillPump()
    watch = Watch(pump, now_seconds=0.0)
    for run_state, itself in (
        (RunState.STOPPED, False),  # not begun yet
        (RunState.RUNNING, False),
        (RunState.UNKNOWN, False),  # it did not say
        (RunState.PAUSED, True),
        (RunState.STOPPED, True),
    ):
        pump.reading = PumpReading(run_state=run_state)
        assert watch.stopped_itself() is itself


def test_each_role_gets_the_rules_of_its_energy() -> None:
    kinds = {type(rule) for rule in rules_for(StillPump(), 0.0)}
    assert kinds == {FaultRule, VacuumRule, ReleaseRule, StandstillRule, SettingRule}


# A sensor that stands still


def standing(vacuum_mmhg: float | None) -> PumpReading:
    return PumpReading(run_state=RunState.RUNNING, vacuum_mmhg=vacuum_mmhg, peak_vacuum_mmhg=vacuum_mmhg)


def test_a_vacuum_that_stays_the_same_for_ten_seconds_trips_and_not_before() -> None:
    rule = StandstillRule(0.0)
    assert rule.look(standing(31.4), 0.0) is None
    assert rule.look(standing(31.4), 9.9) is None
    found = rule.look(standing(31.4), 10.0)
    assert found is not None
    assert found[0] is TripKind.STALE


def test_a_vacuum_that_comes_and_goes_never_stands_still() -> None:
    rule = StandstillRule(0.0)
    assert all(rule.look(standing(20.0 + second % 2), float(second)) is None for second in range(60))


def test_a_pump_that_measures_no_vacuum_cannot_stand_still() -> None:
    rule = StandstillRule(0.0)
    assert all(rule.look(standing(None), float(second)) is None for second in range(60))


# A device that says it is set to more than is ever allowed


@pytest.mark.parametrize(
    ("reading", "kind"),
    [
        (WarmerReading(target_celsius=42.5), TripKind.TEMPERATURE),
        (PumpReading(target_vacuum_mmhg=251), TripKind.VACUUM),
    ],
)
def test_a_device_set_above_the_hard_limit_trips_after_five_seconds(reading: Reading, kind: TripKind) -> None:
    rule = SettingRule()
    assert rule.look(reading, 0.0) is None
    assert rule.look(reading, 4.9) is None
    found = rule.look(reading, 5.0)
    assert found is not None
    assert found[0] is kind


@pytest.mark.parametrize(
    "reading", [WarmerReading(target_celsius=42), PumpReading(target_vacuum_mmhg=250), PumpReading()]
)
def test_a_device_set_to_the_limit_or_to_nothing_known_never_trips(reading: Reading) -> None:
    rule = SettingRule()
    assert all(rule.look(reading, float(second)) is None for second in range(60))


def test_a_target_that_is_corrected_in_time_is_no_reason() -> None:
    rule = SettingRule()
    assert rule.look(WarmerReading(target_celsius=50), 0.0) is None
    assert rule.look(WarmerReading(target_celsius=40), 3.0) is None
    assert rule.look(WarmerReading(target_celsius=50), 6.0) is None
