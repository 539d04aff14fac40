"""No counter makes the controller invent milk, and a well-behaved one loses none."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.session.milk_counter import COUNTER_STEP_ML, MAX_FLOW_ML_PER_S, MilkCounter
from devices.roles import PumpReading, RunState
from tests.helpers.sampling import examples

_EVERY_SECONDS = 0.5
_IMPOSSIBLE_ML = COUNTER_STEP_ML + MAX_FLOW_ML_PER_S * _EVERY_SECONDS + 0.01  # more cannot flow between two reports
_ROUNDING_ML = 1e-6


@dataclass
class Pump:
    """A pump with a counter, and the truth beside it. `milk_ml`: what flowed since the session began."""

    each_run: bool
    only_while_running: bool = False
    counter: MilkCounter | None = None
    now_seconds: float = 100.0
    milk_ml: float = 0.0
    reported: bool = False  # its counter, in this session
    shown_ml: float = 0.0
    state: RunState = RunState.STOPPED
    odd_ml: float | None = None  # a wrong value that it reports once
    last_report: tuple[float | None, float | None] = field(default=(None, None))

    def open(self) -> None:
        """Begin the session."""
        self.counter = MilkCounter(from_zero=self.each_run, breasts=1, since_seconds=self.now_seconds)
        self.milk_ml = 0.0
        self.report_other()

    def start(self) -> None:
        if self.state is RunState.STOPPED:
            self.state = RunState.RUNNING
            if self.each_run:
                self.shown_ml = 0.0
            self.report()

    def stop(self) -> None:
        self.report()
        self.state = RunState.STOPPED
        self.report_other()

    def run(self, seconds: float, ml_per_s: float, *, counted: bool = True) -> None:
        """Let time pass, in which milk flows if it runs; `counted`: it reports its counter meanwhile."""
        for _ in range(round(seconds / _EVERY_SECONDS)):
            self.now_seconds += _EVERY_SECONDS
            if self.state is RunState.RUNNING:
                ml = ml_per_s * _EVERY_SECONDS
                self.milk_ml += ml
                self.shown_ml += ml
            if counted:
                self.report()
            else:
                self.report_other()

    def report(self) -> None:
        """Report the counter."""
        if self.only_while_running and self.state is not RunState.RUNNING:
            self.report_other()
            return
        shown_ml, self.odd_ml = self.shown_ml if self.odd_ml is None else self.odd_ml, None
        self.last_report = (round(shown_ml, 3), self.now_seconds)
        if self.counter is not None:
            self.reported = True
        self.report_other()

    def report_other(self) -> None:
        """Report something else: the counter keeps its last value."""
        if self.counter is not None:
            reading = PumpReading(run_state=self.state, volume_ml=self.last_report[0])
            self.counter.update(reading, self.last_report[1], self.now_seconds)

    @property
    def credited_ml(self) -> float | None:
        assert self.counter is not None
        return self.counter.credited_ml


flows = st.floats(0, 1.2)  # mL/s: twice the published mean of the peak
seconds = st.integers(1, 40)
runs = st.tuples(st.just("run"), seconds, flows)
well_behaved = st.lists(runs | st.tuples(st.sampled_from(["start", "stop"]), seconds, flows), max_size=12)
anything = st.tuples(
    st.sampled_from(["run", "start", "stop", "missing", "reset", "jump", "fall", "odd", "zero", "forgotten"]),
    seconds,
    flows,
)


def apply(pump: Pump, step: tuple[str, int, float]) -> None:
    """Apply one step. After what is odd, it counts on for two reports at least.

    A first report that is wrong by less than flows between two reports cannot be distinguished from milk, so a first
    one is correct here.
    """
    kind, number, flow = step
    far_ml = _IMPOSSIBLE_ML + number * 7
    match kind:
        case "start":
            pump.start()
        case "stop":
            pump.stop()
        case "missing":  # the pump goes on, its counter is not reported
            pump.run(number, flow, counted=False)
        case "reset":
            pump.shown_ml = 0.0
        case "jump":
            pump.report()
            pump.shown_ml += far_ml
        case "fall" if not pump.each_run and pump.shown_ml > far_ml:
            pump.report()
            pump.shown_ml -= far_ml
        case "odd":
            pump.run(1, flow)
            pump.odd_ml = pump.shown_ml + far_ml if pump.reported else None
        case "zero":
            pump.run(1, flow)
            pump.odd_ml = 0.0 if pump.reported else None
        case "forgotten":  # the link was lost, and found again
            pump.last_report = (None, None)
            pump.report_other()
    pump.run(number if kind == "run" else 2, flow)


@settings(max_examples=examples(600), deadline=None)
@example(before=[], after=[("start", 1, 0.0)], each_run=False, only_while_running=True, shown_ml=41)
@example(before=[("start", 9, 1.0)], after=[("run", 9, 1.0)], each_run=True, only_while_running=False, shown_ml=41)
@example(before=[], after=[("start", 9, 1.0), ("zero", 1, 1.0)], each_run=True, only_while_running=False, shown_ml=0)
@given(
    before=st.lists(anything, max_size=4),
    after=st.lists(anything, max_size=12),
    each_run=st.booleans(),
    only_while_running=st.booleans(),
    shown_ml=st.floats(0, 200),
)
@pytest.mark.system
def test_no_counter_makes_milk(
    before: list[tuple[str, int, float]],
    after: list[tuple[str, int, float]],
    each_run: bool,
    only_while_running: bool,
    shown_ml: float,
) -> None:
    pump = Pump(each_run, only_while_running, shown_ml=shown_ml)
    for step in before:
        apply(pump, step)
    pump.open()
    for step in after:
        apply(pump, step)
        assert (pump.credited_ml or 0.0) <= pump.milk_ml + _ROUNDING_ML + 0.001 * len(after)


@pytest.mark.system
@settings(max_examples=examples(300), deadline=None)
@given(before=well_behaved, after=well_behaved, each_run=st.booleans(), shown_ml=st.floats(0, 200))
def test_a_well_behaved_counter_loses_none(
    before: list[tuple[str, int, float]], after: list[tuple[str, int, float]], each_run: bool, shown_ml: float
) -> None:
    pump = Pump(each_run, shown_ml=shown_ml)
    for step in before:
        apply(pump, step)
    pump.open()
    pump.run(1, 0.0)
    begun_ml = pump.milk_ml
    for step in after:
        apply(pump, step)
    assert pump.credited_ml == pytest.approx(pump.milk_ml - begun_ml, abs=0.01)


@settings(max_examples=examples(200), deadline=None)
@given(after=well_behaved, total_ml=st.floats(0, 200), each_run=st.booleans())
def test_a_counter_that_is_reported_only_while_the_pump_runs_loses_and_invents_nothing(
    after: list[tuple[str, int, float]], total_ml: float, each_run: bool
) -> None:
    pump = Pump(each_run, only_while_running=True, shown_ml=total_ml)
    pump.open()
    pump.run(1, 0.0)
    for step in after:
        apply(pump, step)
    assert (pump.credited_ml or 0.0) == pytest.approx(pump.milk_ml, abs=0.01)


@pytest.mark.parametrize(
    ("volumes", "each_run", "credited"),
    [
        ([41, 41, 42], False, 1),  # first reported when the pump starts
        ([0, 41, 41.5], False, 0.5),  # it starts late, with what it had kept
        ([10, 500, 10.5], False, 0.5),  # one odd report
        ([10, 0, 10.5], False, 0.5),
        ([3, 1, 3.5], True, 0.5),
        ([10, 20, 0, 1], False, 1),  # 10 in half a second is not milk, and after a fall, the new value may be anything
        ([10, 11, 4, 5], True, 1 + 4 + 1),  # a run of its own
        ([10, 11, 4, 5], False, 1 + 1),
        ([10, math.nan, math.inf, -3, 11], False, 1),
        ([0, 5, 10, 15], False, 15),  # counts in steps
    ],
)
def test_sequences_of_reports(volumes: list[float], each_run: bool, credited: float) -> None:
    counter = MilkCounter(from_zero=each_run, breasts=1, since_seconds=0)
    for number, ml in enumerate(volumes, 1):
        counter.update(PumpReading(run_state=RunState.RUNNING, volume_ml=ml), number * 0.5, number * 0.5)
    assert counter.credited_ml == pytest.approx(credited)


def test_a_gap_in_its_reports_loses_nothing() -> None:
    counter = MilkCounter(from_zero=False, breasts=1, since_seconds=0)
    for at_seconds, ml in ((1.0, 10.0), (301.0, 60.0)):
        counter.update(PumpReading(run_state=RunState.RUNNING, volume_ml=ml), at_seconds, at_seconds)
    assert counter.credited_ml == 50


def test_milk_for_two_comes_twice_as_fast() -> None:
    for breasts, credited in ((1, 0), (2, 8)):
        counter = MilkCounter(from_zero=False, breasts=breasts, since_seconds=0)
        for at_seconds, ml in ((1.0, 0.0), (1.5, 8.0)):
            counter.update(PumpReading(run_state=RunState.RUNNING, volume_ml=ml), at_seconds, at_seconds)
        assert counter.credited_ml == credited
