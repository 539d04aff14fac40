from __future__ import annotations

import statistics
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.roles import Phase
from devices.virtual.suction import SuctionUnit, UnitError, VacuumRange

EXACT = UnitError()


def running(
    phase: Phase = Phase.EXPRESSION, mmhg: float = 150, cpm: float = 54, *, error: UnitError | None = EXACT
) -> SuctionUnit:
    unit = SuctionUnit(1, unit_error=error)
    unit.start(phase, mmhg, cpm)
    return unit


def windows(unit: SuctionUnit, start: float, seconds: float, width: float) -> list[VacuumRange]:
    found = []
    for count in range(1, round(seconds / width) + 1):
        unit.advance(start + count * width)
        found.append(unit.window(start + (count - 1) * width))
    return found


@pytest.mark.parametrize(
    ("phase", "mmhg", "cpm", "residual"),
    [
        (Phase.STIMULATION, 70, 100, 10),
        (Phase.STIMULATION, 150, 125, 10),
        (Phase.EXPRESSION, 100, 54, 20),
        (Phase.EXPRESSION, 250, 54, 20),
        (Phase.EXPRESSION, 190, 90, 20),
    ],
)
def test_cycles_reach_their_target_and_come_back_to_the_residual(
    phase: Phase, mmhg: float, cpm: float, residual: float
) -> None:
    seen = windows(running(phase, mmhg, cpm), 10, 120, 2 * 60 / cpm)
    assert statistics.mean(each.peak_mmhg for each in seen) == pytest.approx(mmhg, abs=3)
    assert statistics.mean(each.residual_mmhg for each in seen) == pytest.approx(residual, abs=4)


def test_peaks_scatter_by_three_mmhg_and_are_not_lifted_by_noise() -> None:
    unit = running(cpm=60)
    seen = [each.peak_mmhg for each in windows(unit, 10, 600, 1.0)]
    assert statistics.mean(seen) == pytest.approx(150, abs=1)
    assert statistics.stdev(seen) == pytest.approx(3, abs=0.4)


def test_a_unit_has_a_constant_error() -> None:
    unit = SuctionUnit(7)
    error = unit.unit_error
    now = 0.0
    for mmhg in (80.0, 120.0, 180.0):
        unit.start(Phase.EXPRESSION, mmhg, 54)
        peaks = [each.peak_mmhg for each in windows(unit, now + 5, 120, 3.0)]
        # The highest of two or three cycles lies a little above the mean one.
        assert statistics.mean(peaks) == pytest.approx(mmhg + error.vacuum_mmhg, abs=4)
        assert unit.rate_cpm == pytest.approx(54 + error.rate_cpm)
        unit.vent()
        now += 200
        unit.advance(now)
    assert unit.unit_error == error


def test_units_differ_within_the_device_tolerance() -> None:
    errors = [SuctionUnit(seed).unit_error for seed in range(500)]
    assert all(abs(each.vacuum_mmhg) <= 20 and abs(each.rate_cpm) <= 5 for each in errors)
    assert max(each.vacuum_mmhg for each in errors) > 15
    assert min(each.vacuum_mmhg for each in errors) < -15
    assert SuctionUnit(3).unit_error == SuctionUnit(3).unit_error != SuctionUnit(4).unit_error


def test_the_rate_is_counted_in_cycles() -> None:
    unit = running(cpm=54, error=UnitError(rate_cpm=4))
    rises, above = 0, False
    for count in range(60 * 50):
        unit.advance(count / 50)
        rises += unit.vacuum_mmhg > 80 and not above
        above = unit.vacuum_mmhg > 80
    assert rises == pytest.approx(58, abs=1)


def test_vacuum_never_changes_faster_than_the_slew_cap() -> None:
    unit = running(mmhg=250, cpm=90)
    before = 0.0
    for count in range(1, 3000):
        unit.advance(count / 50)
        assert abs(unit.vacuum_mmhg - before) <= 1000 / 50 + 1e-9
        before = unit.vacuum_mmhg


def test_a_stopped_unit_is_at_ambient_within_a_second() -> None:
    unit = running(mmhg=250)
    unit.advance(10.5)
    assert unit.vacuum_mmhg > 100
    unit.vent()
    unit.advance(11.5)
    assert unit.vacuum_mmhg == 0
    assert unit.cycle_peak_mmhg == 0
    unit.advance(500)
    assert unit.window(11.5) == VacuumRange(0, 0)


def test_an_adjusted_unit_follows_within_a_cycle_and_a_stopped_one_stays_stopped() -> None:
    unit = running(Phase.STIMULATION, 70, 100)
    unit.advance(20)
    unit.adjust(phase=Phase.EXPRESSION, vacuum_mmhg=120, rate_cpm=54)
    unit.advance(23)
    assert unit.cycle_peak_mmhg == pytest.approx(120, abs=12)
    unit.vent()
    unit.adjust(vacuum_mmhg=200)
    unit.advance(40)
    assert unit.vacuum_mmhg == 0


def test_the_peak_of_a_cycle_is_steady_while_the_vacuum_swings() -> None:
    unit = running()
    unit.advance(10)
    peaks, swing = [], []
    for count in range(200):
        unit.advance(10 + count / 10)
        peaks.append(unit.cycle_peak_mmhg)
        swing.append(unit.vacuum_mmhg)
    assert min(peaks) > 135
    assert min(swing) < 40


def test_a_leaking_flange_loses_its_share() -> None:
    unit = running()
    unit.leak = 0.4
    unit.advance(10)
    assert unit.cycle_peak_mmhg == pytest.approx(90, abs=8)


def test_overpressure_comes_on_top_of_the_target() -> None:
    unit = running()
    unit.overpressure = 60
    unit.advance(10)
    assert unit.cycle_peak_mmhg == pytest.approx(210, abs=12)


def test_a_stuck_valve_does_not_release_until_it_is_repaired_not_even_when_stopped() -> None:
    unit = running()
    unit.advance(10)
    unit.stuck = True
    unit.advance(12)
    unit.advance(20)
    assert unit.window(12).residual_mmhg > 130
    unit.vent()
    unit.advance(30)
    assert unit.vacuum_mmhg > 130
    unit.stuck = False
    unit.advance(31)
    assert unit.vacuum_mmhg == 0


def test_the_size_of_steps_does_not_change_the_curve() -> None:
    fine, coarse = running(error=None), running(error=None)
    for count in range(1, 3001):
        fine.advance(count / 100)
    coarse.advance(30)
    assert fine.vacuum_mmhg == coarse.vacuum_mmhg
    assert fine.window(0) == coarse.window(0)


def test_a_window_without_a_sample_holds_the_vacuum_now() -> None:
    unit = running()
    unit.advance(5)
    assert unit.window(5) == VacuumRange(unit.vacuum_mmhg, unit.vacuum_mmhg)


def test_reading_a_window_does_not_change_the_next() -> None:
    unit = running()
    unit.advance(5)
    first = unit.window(2)
    assert first.residual_mmhg < 60
    assert first.peak_mmhg > 100
    assert unit.window(2) == first


def test_noise_does_not_take_a_unit_out_of_its_tolerance() -> None:
    unit = SuctionUnit(1, unit_error=UnitError(vacuum_mmhg=20))
    unit.start(Phase.EXPRESSION, 250, 54)
    unit.advance(60)
    assert 269 < unit.window(5).peak_mmhg <= 270


def test_invalid_values_are_refused() -> None:
    with pytest.raises(ValueError, match="vacuum"):
        running(mmhg=-1)
    with pytest.raises(ValueError, match="rate"):
        running(cpm=0)
    with pytest.raises(ValueError, match="vacuum"):
        running(mmhg=float("nan"))


@pytest.mark.system
def test_a_session_of_two_units_costs_little() -> None:
    units = [SuctionUnit(seed) for seed in (1, 2)]
    begun = time.process_time()
    for unit in units:
        unit.start(Phase.EXPRESSION, 150, 54)
        for second in range(25 * 60):
            unit.advance(second)
    assert time.process_time() - begun < 1


@given(
    seed=st.integers(0, 1000),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["start", "adjust", "vent"]),
            st.sampled_from(list(Phase)),
            st.floats(0, 300),
            st.floats(1, 125),
            st.floats(0, 5),
        ),
        max_size=12,
    ),
    leak=st.floats(0, 1),
    overpressure=st.floats(0, 100),
    stuck=st.booleans(),
)
def test_vacuum_is_never_negative_and_never_beyond_target_error_fault_and_noise(
    seed: int,
    steps: list[tuple[str, Phase, float, float, float]],
    leak: float,
    overpressure: float,
    stuck: bool,
) -> None:
    unit = SuctionUnit(seed)
    unit.leak, unit.overpressure, unit.stuck = leak, overpressure, stuck
    now, most = 0.0, 0.0
    for verb, phase, mmhg, cpm, seconds in steps:
        if verb == "vent":
            unit.vent()
        else:
            getattr(unit, verb)(phase=phase, vacuum_mmhg=mmhg, rate_cpm=cpm)
            most = max(most, mmhg)
        now += seconds
        unit.advance(now)
        window = unit.window(now - seconds)
        assert 0 <= window.residual_mmhg <= window.peak_mmhg <= most + 20 + overpressure + 6 * 3
