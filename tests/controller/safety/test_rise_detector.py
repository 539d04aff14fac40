"""A compress that gets warmer than skin makes it: by the lowest temperature of the last minute, however it moves."""

from __future__ import annotations

import math

from hypothesis import example, given
from hypothesis import strategies as st

from controller.safety.limits import RISE_CELSIUS, RISE_SECONDS, SKIN_CELSIUS
from controller.safety.trip_rules import RiseDetector
from devices.roles import RunState, WarmerReading

Measured = list[tuple[float, float]]  # seconds since the one before, °C

_CELSIUS = st.floats(SKIN_CELSIUS - 4, SKIN_CELSIUS + 5) | st.sampled_from([SKIN_CELSIUS, SKIN_CELSIUS + RISE_CELSIUS])


def rises_of(measured: Measured, state: RunState = RunState.STOPPED) -> list[bool]:
    detector, now_seconds, found = RiseDetector(), 0.0, []
    for seconds, celsius in measured:
        now_seconds += seconds
        found.append(detector.rises(WarmerReading(run_state=state, surface_celsius=celsius), now_seconds))
    return found


@given(st.lists(st.tuples(st.floats(0, RISE_SECONDS / 2), _CELSIUS), max_size=30))
@example([(0.0, 40.0), (1.0, 36.0), (1.0, 37.0), (1.0, 37.5)])
def test_the_lowest_of_the_last_minute_counts(measured: Measured) -> None:
    expected, now_seconds = [], 0.0
    seen: Measured = []
    for seconds, celsius in measured:
        now_seconds += seconds
        seen.append((now_seconds, celsius))
        lowest = min(each for at, each in seen if now_seconds - at <= RISE_SECONDS)
        expected.append(celsius >= SKIN_CELSIUS and celsius >= lowest + RISE_CELSIUS)
    assert rises_of(measured) == expected


def test_what_is_no_number_hides_no_rise() -> None:
    assert rises_of([(0.0, 40.0), (1.0, math.nan), (1.0, 36.0), (1.0, math.nan), (1.0, 37.5)])[-1]


def test_it_begins_anew_where_the_state_changes() -> None:
    detector = RiseDetector()
    detector.rises(WarmerReading(run_state=RunState.RUNNING, surface_celsius=36.0), 0.0)
    assert not detector.rises(WarmerReading(run_state=RunState.STOPPED, surface_celsius=38.0), 1.0)
    assert not detector.rises(WarmerReading(run_state=RunState.STOPPED, surface_celsius=None), 2.0)
    assert not detector.rises(WarmerReading(run_state=RunState.STOPPED, surface_celsius=40.0), 3.0)
