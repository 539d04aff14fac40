"""Milk that really flows, seen through counters of every kind and every misfortune: none is invented, little is lost.

The truth is simulated beside the counter. Stated bounds: never more than flowed, plus one step of the counter's own
resolution each time that it begins anew (two, if it flickers just then); and never less than flowed by more than
`Pump.lost_ml`, which each misfortune raises by what it may cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.session.milk_counter import COUNTER_STEP_ML, MAX_FLOW_ML_PER_S, MilkCounter
from devices.roles import PumpReading, RunState
from tests.helpers.sampling import examples

Kind = Literal["run", "stop", "start", "pause", "gap", "reset", "flicker", "link", "reboot", "session"]
Event = tuple[Kind, int, float]  # what, for how many seconds, with how much flow while it runs


@dataclass(frozen=True)
class View:
    """How a pump shows its milk. `wraps_after`: how many steps its counter can show; `None`: any number."""

    each_run: bool = False
    step_ml: float = 0.1
    rounds: Literal["down", "nearest"] = "down"
    wraps_after: int | None = None
    only_while_running: bool = False
    every_seconds: float = 0.5
    late_seconds: float = 0.0  # the counter is first reported so late after the pump was switched on
    breasts: int = 1


@dataclass
class Pump:
    """A pump and its counter, followed as a session follows it. `milk_ml`: what flowed since the session began."""

    view: View
    total_ml: float  # in its counter
    now_seconds: float = 1000.0
    milk_ml: float = 0.0
    state: RunState = RunState.STOPPED
    connected: bool = True
    report: tuple[float | None, float | None] = (None, None)
    switched_on_seconds: float = 1000.0
    flickers: int = 0  # so many reports to come are one step too low
    flickered: bool = False
    unreported_ml: float = 0.0  # what flowed since the last report
    run_before_ml: float = 0.0  # what the run before had counted, as long as this one has not been reported
    anew: int = 0  # how often the counter began anew in this session
    lost_ml: float = 0.0  # the most that may be lost so far
    reports_since_anew: int = 2
    past: list[tuple[float | None, float]] = field(default_factory=list)  # shown at the end of earlier sessions
    counter: MilkCounter = field(init=False)

    def __post_init__(self) -> None:
        self.begin_session()

    def begin_session(self) -> None:
        self.counter = MilkCounter(
            from_zero=self.view.each_run, breasts=self.view.breasts, since_seconds=self.now_seconds
        )
        self.milk_ml, self.anew = 0.0, 1
        # The first report of a counter that shows earlier milk, too, says nothing yet.
        self.lost_ml = self.view.step_ml + self.interval_ml
        self.notify()

    @property
    def interval_ml(self) -> float:
        """The most that flows between two reports here."""
        return 1.2 * self.view.breasts * self.view.every_seconds

    @property
    def steps(self) -> int:
        """How many whole steps it has counted."""
        steps = self.total_ml / self.view.step_ml + (0.5 if self.view.rounds == "nearest" else 0.0)
        return math.floor(steps + 1e-9)

    @property
    def turns(self) -> int:
        """How often it has begun at 0 by itself."""
        return self.steps // self.view.wraps_after if self.view.wraps_after else 0

    @property
    def shown_ml(self) -> float:
        shown = self.steps
        if self.flickers and shown:
            self.flickers -= 1
            shown -= 1
        if self.view.wraps_after is not None:
            shown %= self.view.wraps_after
        return round(shown * self.view.step_ml, 6)

    def notify(self) -> None:
        """Let the controller process what it knows of the pump."""
        state = self.state if self.connected else RunState.UNKNOWN
        self.counter.update(PumpReading(run_state=state, volume_ml=self.report[0]), self.report[1], self.now_seconds)
        assert self.shown_too_much_ml <= 1e-6

    @property
    def shown_too_much_ml(self) -> float:
        # Where it begins anew may be in the middle of a step, and, if it flickers, one step higher than is reported.
        uncertain_ml = self.view.step_ml * self.anew * (2 if self.flickered else 1)
        return (self.counter.credited_ml or 0.0) - self.milk_ml - uncertain_ml

    def send(self) -> None:
        """Report the counter, if this pump does so now."""
        late = self.now_seconds - self.switched_on_seconds < self.view.late_seconds
        if self.connected and not late and (self.state is RunState.RUNNING or not self.view.only_while_running):
            self.report = (self.shown_ml, self.now_seconds)
            self.run_before_ml = self.unreported_ml = 0.0
            self.reports_since_anew += 1
        self.notify()

    def elapse(self, seconds: float, ml_per_s: float, *, sends: bool = True) -> None:
        for _ in range(max(1, round(seconds / self.view.every_seconds))):
            self.now_seconds += self.view.every_seconds
            if self.state is RunState.RUNNING:
                ml = ml_per_s * self.view.breasts * self.view.every_seconds
                before = self.turns
                self.milk_ml += ml
                self.unreported_ml += ml
                self.total_ml += ml
                if self.turns != before:
                    self.begin_anew()
                if self.report[1] is None or self.now_seconds - self.switched_on_seconds < self.view.late_seconds:
                    self.lost_ml += ml
                    self.lost_ml, self.run_before_ml = self.lost_ml + self.run_before_ml, 0.0
            if sends:
                self.send()
            else:
                self.notify()

    def elapse_unheard(self, seconds: float, ml_per_s: float) -> None:
        self.lost_ml += self.run_before_ml  # that there was a reset can only be seen where it is lower than before
        before, seen = (self.anew, self.milk_ml), self.reports_since_anew >= 2
        self.elapse(seconds, ml_per_s, sends=False)
        if self.anew != before[0] or not seen:  # it began anew meanwhile, or just before: what flowed is unknown
            self.lost_ml += self.milk_ml - before[1]

    def begin_anew(self) -> None:
        """Its counter begins at 0: what it shows next may be a flicker, or anything."""
        self.reports_since_anew = 0
        self.anew += 1
        self.lost_ml += COUNTER_STEP_ML + 3 * self.interval_ml + 2 * self.view.step_ml + self.unreported_ml

    def start(self) -> None:
        if self.state is RunState.STOPPED and self.view.each_run:
            self.run_before_ml, self.total_ml = self.total_ml, 0.0
            self.anew += 1
            self.lost_ml += self.view.step_ml + self.interval_ml
        self.state = RunState.RUNNING
        self.send()

    def stop(self, state: RunState = RunState.STOPPED) -> None:
        self.send()
        self.state = state if self.state is RunState.RUNNING else self.state
        self.notify()

    def apply(self, event: Event) -> None:
        """Let something happen, and go on for a moment."""
        kind, seconds, flow = event
        match kind:
            case "start":
                self.start()
            case "stop":
                self.stop()
            case "pause":
                self.stop(RunState.PAUSED)
            case "gap":
                self.elapse_unheard(seconds, flow)
            case "reset":
                self.elapse(1, flow)  # in between, it reported what it had
                self.lost_ml += self.view.step_ml
                self.begin_anew()
                self.total_ml = 0.0
            case "flicker":
                self.flickers, self.flickered = seconds % 4, True
                self.lost_ml += self.view.step_ml  # until it stops to flicker
            case "link":  # it goes on without a connection
                self.connected, self.report = False, (None, None)
                self.elapse_unheard(min(seconds, 9), flow)
                self.connected = True
            case "reboot":  # it lost its battery: off, disconnected, and its counter at 0
                self.connected, self.report, self.state = False, (None, None), RunState.STOPPED
                self.elapse(3, 0)
                self.total_ml, self.connected, self.switched_on_seconds = 0.0, True, self.now_seconds
                self.lost_ml += self.interval_ml
                self.begin_anew()
            case "session":
                self.past.append((self.counter.credited_ml, self.milk_ml))
                self.begin_session()
            case "run":
                pass
        self.elapse(seconds if kind == "run" else 2, flow)


views = st.builds(
    View,
    each_run=st.booleans(),
    step_ml=st.sampled_from([0.01, 0.1, 0.5, 1.0, 5.0]),
    rounds=st.sampled_from(["down", "nearest"]),
    wraps_after=st.sampled_from([None, None, 256, 65536]),
    only_while_running=st.booleans(),
    every_seconds=st.sampled_from([0.2, 0.5, 1.0, 2.0]),
    late_seconds=st.sampled_from([0.0, 0.0, 20.0]),
    breasts=st.sampled_from([1, 2]),
)
flows = st.sampled_from([0.0, 0.006, 0.1, 0.5, 1.2])  # mL/s of one breast: up to twice the published mean of the peak
seconds = st.integers(1, 30)
events = st.tuples(
    st.sampled_from(["run", "stop", "start", "pause", "gap", "reset", "flicker", "link", "reboot", "session"]),
    seconds,
    flows,
)
usual = st.tuples(st.sampled_from(["run", "run", "stop", "start", "pause"]), seconds, flows)
first_ml = st.floats(0, 4000)


@pytest.mark.system
@settings(max_examples=examples(250), deadline=None)
@example(View(step_ml=1), 20, [("start", 1, 0), ("run", 9, 0.5), ("flicker", 2, 0), ("flicker", 2, 0)])
@example(View(each_run=True, step_ml=1), 20, [("start", 1, 0.5), ("run", 9, 0.5), ("flicker", 3, 0), ("run", 9, 0)])
@example(View(step_ml=1, wraps_after=256), 250, [("start", 1, 0.5), ("run", 30, 0.5), ("run", 30, 1.2)])
@given(view=views, total_ml=first_ml, happens=st.lists(events, max_size=14))
def test_no_more_is_shown_than_flowed(view: View, total_ml: float, happens: list[Event]) -> None:
    """`Pump.notify` compares at every report."""
    pump = Pump(view, total_ml)
    for event in happens:
        pump.apply(event)


@settings(max_examples=examples(150), deadline=None)
@example(View(step_ml=0.1, wraps_after=256, every_seconds=0.2), 2085.0, [("start", 1, 0.5), ("gap", 9, 1.2)])
@example(View(step_ml=0.1, wraps_after=256, every_seconds=0.5), 35.5, [("start", 1, 0.5), ("gap", 12, 1.2)])
@given(view=views, total_ml=first_ml, happens=st.lists(events, max_size=14))
def test_no_more_is_lost_than_is_stated(view: View, total_ml: float, happens: list[Event]) -> None:
    pump = Pump(view, total_ml)
    for event in happens:
        pump.apply(event)
        if pump.counter.credited_ml is not None:
            assert pump.counter.credited_ml >= pump.milk_ml - pump.lost_ml - 1e-6


@settings(max_examples=examples(120), deadline=None)
@given(view=views, total_ml=first_ml, happens=st.lists(usual, max_size=14))
def test_a_counter_without_misfortune_is_credited_with_nearly_everything(
    view: View, total_ml: float, happens: list[Event]
) -> None:
    pump = Pump(replace(view, late_seconds=0.0, wraps_after=None), total_ml)
    pump.apply(("start", 1, 0.0))
    for event in happens:
        pump.apply(event)
    runs = pump.anew
    assert (pump.counter.credited_ml or 0.0) >= pump.milk_ml - runs * (view.step_ml + pump.interval_ml) - 1e-6


@pytest.mark.parametrize("wraps_after", [256, 65536])
@pytest.mark.parametrize("each_run", [False, True])
def test_a_whole_session_over_the_wrap_of_a_counter(wraps_after: int, each_run: bool) -> None:
    view = View(each_run=each_run, step_ml=0.1, wraps_after=wraps_after)
    pump = Pump(view, wraps_after * 0.1 - 10)
    pump.apply(("start", 1, 0.0))
    for _ in range(6):
        pump.apply(("run", 30, 0.4))
    assert pump.milk_ml > 70
    assert pump.milk_ml * 0.97 <= (pump.counter.credited_ml or 0.0) <= pump.milk_ml + 0.1


def test_sessions_one_after_another_each_have_their_own_milk() -> None:
    pump = Pump(View(), 500.0)
    for flow in (0.5, 0.1, 1.0):
        pump.apply(("start", 1, flow))
        pump.apply(("run", 30, flow))
        pump.apply(("stop", 1, 0.0))
        pump.apply(("session", 1, 0.0))
    assert [shown for shown, _ in pump.past] == pytest.approx([flowed for _, flowed in pump.past], abs=0.8)
    assert [round(flowed) for _, flowed in pump.past] == [16, 3, 32]


def test_a_flicker_of_several_reports_is_no_milk() -> None:
    counter = MilkCounter(from_zero=False, breasts=1, since_seconds=0)
    for number, ml in enumerate([10, 12, 11, 11, 12, 11, 11, 11, 12, 13], 1):
        counter.update(PumpReading(run_state=RunState.RUNNING, volume_ml=ml), number * 0.5, number * 0.5)
    assert counter.credited_ml == 3


def test_what_the_run_before_left_in_the_counter_is_no_milk_of_this_one() -> None:
    counter = MilkCounter(from_zero=True, breasts=1, since_seconds=0)
    counter.update(PumpReading(run_state=RunState.STOPPED), None, 0.0)
    shown = []
    for number, ml in enumerate([4, 4, 0, 0, 0.5], 120):  # it was silent while it was off
        counter.update(PumpReading(run_state=RunState.RUNNING, volume_ml=ml), number * 0.5, number * 0.5)
        shown.append(counter.credited_ml)
    assert shown[2:] == [0, 0, 0.5]


def test_a_flow_that_is_impossible_is_no_milk() -> None:
    counter = MilkCounter(from_zero=False, breasts=1, since_seconds=0)
    for number in range(1, 60):
        ml = number * (COUNTER_STEP_ML + MAX_FLOW_ML_PER_S)
        counter.update(PumpReading(run_state=RunState.RUNNING, volume_ml=ml), number * 0.5, number * 0.5)
    assert counter.credited_ml == 0
