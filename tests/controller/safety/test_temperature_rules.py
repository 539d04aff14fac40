"""The rules about how a temperature moves: jumps, a compress that does not get warmer, a sensor that stands still."""

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
    WarmingRule,
    rules_for,
)
from devices.roles import (
    WarmerReading,
)
from devices.virtual.thermal import Pad, PadModel
from tests.helpers.sampling import sampled
from tests.helpers.still import StillPad

# A temperature that jumps


Reported = Iterable[tuple[float, float]]  # seconds, and the surface then


def _reading(celsius: float, target_celsius: float | None) -> WarmerReading:
    return WarmerReading(surface_celsius=celsius, target_celsius=target_celsius)


def kinds_of(
    rule: JumpRule | WarmingRule | FrozenRule, reported: Reported, *, target_celsius: float | None = 40.0
) -> list[TripKind | None]:
    return [
        found[0] if (found := rule.check(_reading(celsius, target_celsius), seconds)) else None
        for seconds, celsius in reported
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
    reported = [(0.0, 31.0), (1.0, 32.0), (1.0 + after_seconds, then)]
    assert (kinds_of(JumpRule(), reported)[-1] is TripKind.IMPLAUSIBLE) is trips


def test_a_first_temperature_may_be_from_long_ago() -> None:
    assert kinds_of(JumpRule(), [(0.0, 22.0), (1.0, 34.0), (2.0, 34.1)]) == [None, None, None]


def test_one_garbled_temperature_after_a_long_standstill_trips_on_its_way_back() -> None:
    reported = [*((float(second), 38.0) for second in range(60)), (60.0, 5.0), (61.0, 38.0)]
    assert kinds_of(JumpRule(), reported)[-2:] == [None, TripKind.IMPLAUSIBLE]


@given(st.floats(15, 43), st.lists(st.tuples(st.floats(0.1, 20), st.floats(-1, 1)), max_size=50))
def test_no_temperature_that_moves_slower_than_a_degree_a_second_is_a_jump(
    celsius: float, moves: list[tuple[float, float]]
) -> None:
    seconds, reported = 0.0, [(0.0, celsius)]
    for lasting, slope in moves:
        seconds, celsius = seconds + lasting, celsius + 0.999 * slope * lasting
        reported.append((seconds, celsius))
    assert set(kinds_of(JumpRule(), reported)) == {None}


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
    reported = [*steady(30.0, 60), *steady(30.0 + by_celsius, 60, began=60)]
    assert (kinds_of(WarmingRule(), reported)[-1] is TripKind.STALE) is trips


def test_a_compress_whose_noise_is_all_that_moves_trips_too() -> None:
    reported = [(float(second), 30 + 0.4 * math.sin(second)) for second in range(130)]
    assert TripKind.STALE in kinds_of(WarmingRule(), reported)


def test_a_compress_that_was_near_its_target_has_the_whole_time_again() -> None:
    reported = [*steady(36.0, 100), *steady(38.0, 1, began=101), *steady(36.0, 119, began=103)]
    assert set(kinds_of(WarmingRule(), reported)) == {None}


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
    reported = [*fine_steps(celsius, step_celsius), *steady(celsius, for_seconds)]
    assert (kinds_of(FrozenRule(-2.0), reported)[-1] is TripKind.STALE) is trips


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
    ("reported", "for_seconds", "trips"),
    [
        (to_and_fro(8), 14.9, False),
        (to_and_fro(8), 15.0, True),
        (to_and_fro(8, within_seconds=30.1), 3600.0, False),
        (to_and_fro(7), 3600.0, False),
        (to_and_fro(8, by_celsius=0.1), 3600.0, False),  # by a single step
    ],
)
def test_a_restless_sensor_that_stands_still_for_fifteen_seconds_trips(
    reported: list[tuple[float, float]], for_seconds: float, trips: bool
) -> None:
    kinds = kinds_of(FrozenRule(-1000.0), [*reported, *steady(reported[-1][1], for_seconds)])
    assert (kinds[-1] is TripKind.STALE) is trips


@given(st.lists(st.tuples(st.sampled_from([-1, 0, 1]), st.integers(1, 300)), max_size=100))
def test_a_sensor_in_whole_degrees_near_its_target_never_trips(moves: list[tuple[int, int]]) -> None:
    seconds, celsius, reported = 0.0, 40, []
    for move, lasting in moves:
        celsius = min(42, max(38, celsius + move))
        reported += steady(celsius, lasting, began=seconds)
        seconds += lasting + 1
    assert set(kinds_of(FrozenRule(0.0), reported)) <= {None}


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
    assert found is not None
    assert found[0] is TripKind.STALE
    assert pad.surface_celsius < 44
