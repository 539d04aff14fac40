"""The rules that trip: each at its threshold, just below and just above, in value and in time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

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
from devices.virtual.thermal import Pad, PadModel
from tests.helpers.sampling import sampled
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


# A temperature that jumps


Told = Iterable[tuple[float, float]]  # seconds, and the surface then


def kinds_of(
    rule: JumpRule | WarmingRule | FrozenRule, told: Told, *, target_celsius: float | None = 40.0
) -> list[TripKind | None]:
    return [
        kind_of(rule.check(WarmerReading(surface_celsius=celsius, target_celsius=target_celsius), seconds))
        for seconds, celsius in told
    ]


@pytest.mark.parametrize(
    ("then", "after_seconds", "trips"),
    [
        (37.0, 1.0, False),
        (37.1, 1.0, True),
        (26.9, 1.0, True),
        (37.1, 5.0, True),
        (38.0, 6.0, False),
        (39.1, 7.0, True),
    ],
)
def test_more_than_five_degrees_faster_than_one_a_second_trip(then: float, after_seconds: float, trips: bool) -> None:
    told = [(0.0, 31.0), (1.0, 32.0), (1.0 + after_seconds, then)]
    assert (kinds_of(JumpRule(), told)[-1] is TripKind.IMPLAUSIBLE) is trips


def test_a_first_temperature_may_be_from_long_ago() -> None:
    assert kinds_of(JumpRule(), [(0.0, 22.0), (1.0, 34.0), (2.0, 34.1)]) == [None, None, None]


def test_one_garbled_temperature_after_a_long_standstill_trips_on_its_way_back() -> None:
    told = [*((float(second), 38.0) for second in range(60)), (60.0, 5.0), (61.0, 38.0)]
    assert kinds_of(JumpRule(), told)[-2:] == [None, TripKind.IMPLAUSIBLE]


@given(st.floats(15, 43), st.lists(st.tuples(st.floats(0.1, 20), st.floats(-1, 1)), max_size=50))
def test_no_temperature_that_moves_slower_than_a_degree_a_second_is_a_jump(
    celsius: float, moves: list[tuple[float, float]]
) -> None:
    seconds, told = 0.0, [(0.0, celsius)]
    for lasting, slope in moves:
        seconds, celsius = seconds + lasting, celsius + 0.999 * slope * lasting
        told.append((seconds, celsius))
    assert set(kinds_of(JumpRule(), told)) == {None}


# A compress that does not get warmer


def steady(celsius: float, seconds: float, began: float = 0.0) -> list[tuple[float, float]]:
    return [(began + second, celsius) for second in range(math.ceil(seconds))] + [(began + seconds, celsius)]


@pytest.mark.parametrize(
    ("celsius", "for_seconds", "trips"),
    [(37.0, 119.9, False), (37.0, 120.0, True), (20.0, 120.0, True), (37.01, 3600.0, False), (45.0, 3600.0, False)],
)
def test_a_compress_three_degrees_below_its_target_must_get_warmer(
    celsius: float, for_seconds: float, trips: bool
) -> None:
    assert (kinds_of(WarmingRule(), steady(celsius, for_seconds))[-1] is TripKind.STALE) is trips


@pytest.mark.parametrize(("by_celsius", "trips"), [(0.99, True), (1.0, False)])
def test_one_degree_more_is_warmer(by_celsius: float, trips: bool) -> None:
    told = [*steady(30.0, 60), *steady(30.0 + by_celsius, 60, began=60)]
    assert (kinds_of(WarmingRule(), told)[-1] is TripKind.STALE) is trips


def test_a_compress_whose_noise_is_all_that_moves_trips_too() -> None:
    told = [(float(second), 30 + 0.4 * math.sin(second)) for second in range(130)]
    assert TripKind.STALE in kinds_of(WarmingRule(), told)


def test_a_compress_that_was_near_its_target_has_the_whole_time_again() -> None:
    told = [*steady(36.0, 100), *steady(38.0, 1, began=101), *steady(36.0, 119, began=103)]
    assert set(kinds_of(WarmingRule(), told)) == {None}


def test_a_compress_that_does_not_report_its_target_is_not_expected_to_warm() -> None:
    assert set(kinds_of(WarmingRule(), steady(24.0, 3600), target_celsius=None)) == {None}


# A temperature sensor that stands still


def fine_steps(at_celsius: float, step_celsius: float) -> list[tuple[float, float]]:
    return [(-2.0, at_celsius - 2 * step_celsius), (-1.0, at_celsius - step_celsius), (0.0, at_celsius)]


@pytest.mark.parametrize(
    ("celsius", "step_celsius", "for_seconds", "trips"),
    [
        (30.0, 0.1, 59.9, False),
        (30.0, 0.1, 60.0, True),
        (30.0, 0.499, 60.0, True),
        (30.0, 0.5, 3600.0, False),  # for the rule above
        (30.0, 1.0, 3600.0, False),
        (37.0, 0.1, 60.0, True),
        (37.1, 0.1, 3600.0, False),  # near its target
    ],
)
def test_a_fine_sensor_shows_within_a_minute_that_its_compress_warms(
    celsius: float, step_celsius: float, for_seconds: float, trips: bool
) -> None:
    told = [*fine_steps(celsius, step_celsius), *steady(celsius, for_seconds)]
    assert (kinds_of(FrozenRule(-2.0), told)[-1] is TripKind.STALE) is trips


def test_a_target_that_is_raised_gives_a_still_sensor_a_minute_to_follow() -> None:
    rule = FrozenRule(-2.0)
    kinds_of(rule, [*fine_steps(36.0, 0.1), *steady(36.0, 300)], target_celsius=36)
    assert set(kinds_of(rule, steady(36.0, 59, began=300), target_celsius=40)) == {None}
    assert kinds_of(rule, [(360.0, 36.0)], target_celsius=40) == [TripKind.STALE]


def to_and_fro(turns: int, *, by_celsius: float = 0.3, within_seconds: float = 30.0) -> list[tuple[float, float]]:
    """Return readings that turn back so often within that time, of which the last is at 0 s. A step is 0.1."""
    every_seconds = within_seconds / (turns - 1)
    swings = [((turn - turns + 1) * every_seconds, 40 + by_celsius * (turn % 2 == 0)) for turn in range(turns)]
    return [(-1000.0, 40.1), (-999.0, 40.0), *swings]


@pytest.mark.parametrize(
    ("told", "for_seconds", "trips"),
    [
        (to_and_fro(8), 14.9, False),
        (to_and_fro(8), 15.0, True),
        (to_and_fro(8, within_seconds=30.1), 3600.0, False),
        (to_and_fro(7), 3600.0, False),
        (to_and_fro(8, by_celsius=0.1), 3600.0, False),  # by a single step
    ],
)
def test_a_restless_sensor_that_stands_still_for_fifteen_seconds_trips(
    told: list[tuple[float, float]], for_seconds: float, trips: bool
) -> None:
    kinds = kinds_of(FrozenRule(-1000.0), [*told, *steady(told[-1][1], for_seconds)])
    assert (kinds[-1] is TripKind.STALE) is trips


@given(st.lists(st.tuples(st.sampled_from([-1, 0, 1]), st.integers(1, 300)), max_size=100))
def test_a_sensor_in_whole_degrees_near_its_target_never_trips(moves: list[tuple[int, int]]) -> None:
    seconds, celsius, told = 0.0, 40, []
    for move, lasting in moves:
        celsius = min(42, max(38, celsius + move))
        told += steady(celsius, lasting, began=seconds)
        seconds += lasting + 1
    assert set(kinds_of(FrozenRule(0.0), told)) <= {None}


# The same on a pad that warms and cools


def shown_by(
    pad: Pad, seconds: float, *, step_celsius: float, smoothed_seconds: float = 0.0
) -> Iterator[tuple[float, float]]:
    """Yield what a sensor of these steps shows every second, smoothed over so many."""
    smooth_celsius: float | None = None
    for second in range(round(seconds)):
        pad.advance(second)
        raw_celsius = pad.read_celsius()
        if smooth_celsius is None or not smoothed_seconds:
            smooth_celsius = raw_celsius
        smooth_celsius += (raw_celsius - smooth_celsius) * -math.expm1(-1 / (smoothed_seconds or 1))
        yield float(second), round(round(smooth_celsius / step_celsius) * step_celsius, 6)


def pad_of(*, sigma_celsius: float = 0.2, heating_tau_s: float = 90.0, target_celsius: float = 40.0) -> Pad:
    pad = Pad(1, model=PadModel(sensor_sigma_celsius=sigma_celsius, heating_tau_s=heating_tau_s))
    pad.set_target(target_celsius)
    return pad


@pytest.mark.parametrize(
    "step_celsius", sampled([0.01, 0.1, 0.25, 1 / 1.8, 1.0], keep=lambda each: each in (0.01, 1.0))
)
@pytest.mark.parametrize("smoothed_seconds", [0.0, 5.0, 30.0])
@pytest.mark.parametrize("sigma_celsius", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("heating_tau_s", sampled([90.0, 300.0], keep=lambda each: each == 90.0))
def test_nothing_trips_while_a_sound_pad_warms_and_stays_warm_for_a_quarter_of_an_hour(
    step_celsius: float, smoothed_seconds: float, sigma_celsius: float, heating_tau_s: float
) -> None:
    pad = pad_of(sigma_celsius=sigma_celsius, heating_tau_s=heating_tau_s)
    rules = rules_for(StillPad(), 0.0)
    for seconds, celsius in shown_by(pad, 1500, step_celsius=step_celsius, smoothed_seconds=smoothed_seconds):
        reading = WarmerReading(surface_celsius=celsius, target_celsius=40)
        assert [rule(reading, seconds) for rule in rules] == [None] * len(rules)


@pytest.mark.parametrize("target_celsius", [38.0, 40.0, 41.0])
@pytest.mark.parametrize("step_celsius", [0.01, 0.1])
@pytest.mark.parametrize("tells_target", [True, False])
def test_a_pad_that_runs_away_behind_a_frozen_sensor_trips_before_44_degrees(
    target_celsius: float, step_celsius: float, tells_target: bool
) -> None:
    pad = pad_of(target_celsius=target_celsius)
    rules, found = rules_for(StillPad(), 0.0), None
    for seconds, celsius in shown_by(pad, 500, step_celsius=step_celsius):
        reading = WarmerReading(surface_celsius=celsius, target_celsius=target_celsius if tells_target else None)
        found = next((found for rule in rules if (found := rule(reading, seconds))), None)
        if found or pad.surface_celsius >= 44:
            break
        pad.frozen_sensor = pad.runaway = seconds >= 400
    assert kind_of(found) is TripKind.STALE
    assert pad.surface_celsius < 44
