"""Energy budgets: rolling windows over everything that a body got, which nothing but time opens again."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.safety.energy_budgets import EnergyBudgets, Span, budgets_of, merged, seconds_left
from controller.safety.limits import BUDGETS, HOT, UNMEASURED, BudgetWindow, Energy
from controller.safety.message import message
from controller.safety.persistence import EnergyUse, InMemoryPersistence, SavedState
from devices.roles import Capability
from tests.helpers.sampling import sampled
from tests.helpers.still import StillClock, StillPad, StillPump
from tests.helpers.used_energy import used_seconds

SUCTION = frozenset({"suction"})

# Whole seconds, so that a model can count each of them.
spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30)).map(lambda s: (s[0], s[0] + s[1])), max_size=6)
windows = st.tuples(st.integers(1, 40), st.integers(0, 40)).map(
    lambda w: BudgetWindow(most_seconds=w[0], in_seconds=w[0] + w[1])
)


def on_in_each_second(known: Iterable[Span], until: int) -> list[bool]:
    on = [False] * until
    for since, end in known:
        on[int(since) : int(min(end, until))] = [True] * max(0, int(min(end, until)) - int(since))
    return on


def counted_left(known: list[Span], window: BudgetWindow, now: int) -> int:
    """Return what `seconds_left` should, second by second: on from now for as long as no stretch has too much."""
    on = on_in_each_second(known, now)
    most, length = int(window.most_seconds), int(window.in_seconds)
    for second in range(most):
        on.append(True)
        if sum(on[max(0, len(on) - length) :]) > most:
            return second
    return most


@given(spans, windows, st.integers(60, 120))
def test_what_is_left_equals_a_count_of_every_second(known: list[Span], window: BudgetWindow, now: int) -> None:
    known = [(since, min(until, now)) for since, until in known]
    assert seconds_left(known, window, now) == pytest.approx(counted_left(known, window, now), abs=1e-4)


@given(spans, windows, st.integers(0, 120), spans)
def test_more_use_never_leaves_more(known: list[Span], window: BudgetWindow, now: int, more: list[Span]) -> None:
    assert seconds_left([*known, *more], window, now) <= seconds_left(known, window, now) + 1e-4


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), max_size=8))
def test_what_was_on_twice_at_once_counts_once(known: list[Span]) -> None:
    union = merged(known)
    assert all(since < until for since, until in union)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(union))
    for since, until in known:
        if since < until:
            assert any(begin <= since and until <= end for begin, end in union)
    assert sum(until - since for since, until in union) <= sum(max(0.0, u - s) for s, u in known) + 1e-6


@pytest.mark.parametrize(
    ("known", "now", "left"),
    [
        ([], 0, 1800),
        ([(0, 600)], 600, 1200),
        ([(0, 1800)], 1800, 0),
        ([(0, 1800)], 2099, 0),
        ([(0, 1800)], 2101, 1),  # the window opens second by second, from its beginning on
        ([(0, 1800)], 2400, 300),
        ([(0, 1800)], 3600, 1500),
        ([(0, 1800)], 3900, 1800),
    ],
)
def test_a_window_opens_again_as_its_beginning_leaves_it(known: list[Span], now: float, left: float) -> None:
    window = BudgetWindow(most_seconds=1800, in_seconds=2100)
    assert seconds_left(known, window, now) <= 1800
    assert seconds_left(known, window, now) >= left - 1e-4


# One body's budgets


class RecordingPersistence(InMemoryPersistence):
    """Keeps what was used, as a store does."""

    def __init__(self, saved: SavedState = SavedState()) -> None:  # noqa: B008 - frozen
        super().__init__(saved)
        self.uses: dict[int, EnergyUse] = {}

    def save_energy_use(
        self, number: int, budgets: frozenset[str], began_seconds_ago: float, ended_seconds_ago: float
    ) -> None:
        self.uses[number] = EnergyUse(
            budgets=budgets, began_seconds_ago=began_seconds_ago, ended_seconds_ago=ended_seconds_ago
        )


def test_what_is_planned_counts_before_it_is_used_and_what_was_not_used_is_given_back() -> None:
    clock = StillClock()
    budgets = EnergyBudgets(clock, InMemoryPersistence())
    planned = budgets.plan(SUCTION, 1800)
    assert budgets.left_seconds(SUCTION) <= 900  # nothing was on yet
    clock.now_seconds = 600
    budgets.end(planned)
    assert budgets.left_seconds(SUCTION) == pytest.approx(1200)
    assert used_seconds(budgets, "suction", 3900) == pytest.approx(600)


def test_two_pumps_at_once_are_one_suction() -> None:
    clock = StillClock()
    budgets = EnergyBudgets(clock, InMemoryPersistence())
    both = [budgets.plan(SUCTION, 600), budgets.plan(SUCTION, 600)]
    clock.now_seconds = 600
    for each in both:
        budgets.end(each)
    assert budgets.left_seconds(SUCTION) == pytest.approx(1200)


def test_manual_use_counts_for_as_long_as_it_is_on() -> None:
    clock = StillClock()
    budgets = EnergyBudgets(clock, InMemoryPersistence())
    for second in range(601):
        clock.now_seconds = second
        budgets.count(SUCTION)
    assert budgets.left_seconds(SUCTION) == pytest.approx(1200)
    clock.now_seconds = 900
    assert used_seconds(budgets, "suction", 3900) == pytest.approx(600)
    for second in range(900, 1201):
        clock.now_seconds = second
        budgets.count(SUCTION)
    assert used_seconds(budgets, "suction", 3900) == pytest.approx(900)  # the rest between is not counted


@pytest.mark.parametrize("energy", ["heat", "vibration"])
def test_one_energy_takes_nothing_from_another(energy: str) -> None:
    budgets = EnergyBudgets(StillClock(), InMemoryPersistence())
    before = budgets.left_seconds([energy])
    budgets.plan(SUCTION, 1800)
    assert budgets.left_seconds([energy]) == before


def test_of_several_budgets_the_one_that_ends_first_holds_and_is_named() -> None:
    budgets = EnergyBudgets(StillClock(), InMemoryPersistence())
    assert budgets.left_seconds(["heat", UNMEASURED]) == 300
    assert budgets.tightest_window(["heat", UNMEASURED]) == message("budget_unmeasured", most_minutes=5, in_minutes=35)
    assert budgets.tightest_window(["heat"]) == message("budget_heat", most_minutes=20, in_minutes=50)


@pytest.mark.parametrize("off_seconds", [0.0, 100.0, 100000.0])
def test_a_crash_gives_no_time_back_and_only_what_passed_since_opens_a_window(off_seconds: float) -> None:
    clock, persistence = StillClock(), RecordingPersistence()
    before = EnergyBudgets(clock, persistence)
    clock.now_seconds = 100
    before.end(before.plan(SUCTION, 0))
    before.plan(SUCTION, 1800)  # it is still on when the controller dies, after 50 s of it
    clock.now_seconds = 150
    for second in range(150, 160):
        clock.now_seconds = second
        before.count(frozenset({"heat"}))
    died = 100
    uses = tuple(
        use.model_copy(
            update={
                "began_seconds_ago": use.began_seconds_ago + off_seconds,
                "ended_seconds_ago": use.ended_seconds_ago + off_seconds,
            }
        )
        for use in persistence.uses.values()
    )
    after = EnergyBudgets(StillClock(7.0), InMemoryPersistence(SavedState(energy_uses=uses)))
    stretch = [(died - off_seconds, died + 1800 - off_seconds)]
    expected = min(seconds_left(stretch, window, died) for window in BUDGETS["suction"])
    assert after.left_seconds(SUCTION) == pytest.approx(expected)


def test_manual_use_is_saved_ahead_so_that_a_crash_gives_none_of_it_back() -> None:
    clock, persistence = StillClock(), RecordingPersistence()
    budgets = EnergyBudgets(clock, persistence)
    for second in range(300):
        clock.now_seconds = second
        budgets.count(SUCTION)
        kept = persistence.uses[0]
        assert second - kept.ended_seconds_ago >= 0  # told when it was kept, not later
    assert len(persistence.uses) == 1
    assert persistence.uses[0].began_seconds_ago >= 280
    assert persistence.uses[0].ended_seconds_ago < 0


def test_a_use_longer_ago_than_any_window_is_forgotten() -> None:
    uses = (EnergyUse(budgets=SUCTION, began_seconds_ago=86400 + 1800, ended_seconds_ago=86401),)
    budgets = EnergyBudgets(StillClock(), InMemoryPersistence(SavedState(energy_uses=uses)))
    assert budgets.left_seconds(SUCTION) == 1800
    assert used_seconds(budgets, "suction", 1e6) == 0


# Which budgets there are, and who counts against which


def test_each_energy_has_its_windows() -> None:
    in_minutes = {
        name: [(window.most_seconds / 60, window.in_seconds / 60) for window in windows]
        for name, windows in BUDGETS.items()
    }
    assert in_minutes == {
        "suction": [(30, 35), (40, 65), (300, 1440)],
        "heat": [(20, 50)],
        "heat above 41 °C": [(10, 40)],
        "heat that nobody measures": [(5, 35)],
        "vibration": [(5, 35)],
    }
    assert set(in_minutes) == {*Energy, HOT, UNMEASURED}


@pytest.mark.parametrize(
    ("celsius", "measured", "expected"),
    [
        (None, True, {"heat"}),
        (41.0, True, {"heat"}),
        (41.5, True, {"heat", HOT}),
        (None, False, {"heat", UNMEASURED}),
        (42.0, False, {"heat", HOT, UNMEASURED}),
    ],
)
def test_heat_counts_by_how_warm_it_is_and_by_whether_it_is_measured(
    celsius: float | None, measured: bool, expected: set[str]
) -> None:
    pad = StillPad()
    if measured:
        pad.capabilities |= {Capability.REPORTS_TEMPERATURE}
    assert budgets_of(Energy.HEAT, [pad], celsius=celsius) == expected


@pytest.mark.parametrize("energy", [Energy.SUCTION, Energy.VIBRATION])
def test_suction_and_vibration_have_one_budget_each(energy: Energy) -> None:
    assert budgets_of(energy, [StillPump()]) == {energy.value}


# Nothing gets around a window


def greedy(budgets: frozenset[str], for_seconds: float, *, pause_seconds: float, most_seconds: float) -> list[Span]:
    """Return when something is on that starts whenever it may: in blocks, with pauses, again and again."""
    clock = StillClock()
    known, on = EnergyBudgets(clock, InMemoryPersistence()), []
    while clock.now_seconds < for_seconds:
        seconds = min(known.left_seconds(budgets), most_seconds)
        if seconds >= 1:  # what the guard lets begin
            planned = known.plan(budgets, seconds)
            on.append((clock.now_seconds, clock.now_seconds + seconds))
            clock.now_seconds += seconds
            known.end(planned)
        clock.now_seconds += pause_seconds
    return on


def most_in(on: list[Span], window_seconds: float) -> float:
    """Return the most that was on in any stretch of this length."""
    edges = [edge for span in on for edge in span]
    starts = [0.0, *edges, *(edge - window_seconds for edge in edges)]
    return max(
        sum(max(0.0, min(start + window_seconds, until) - max(start, since)) for since, until in on) for start in starts
    )


@pytest.mark.parametrize("name", BUDGETS)
@pytest.mark.parametrize(
    ("most_seconds", "pause_seconds"),
    sampled(
        [(most, pause) for most in (119.0, math.inf) for pause in (1.0, 299.0, 301.0, 1801.0)],
        keep=lambda each: each != (119.0, 1.0),
    ),
)
def test_whoever_starts_again_whenever_it_may_never_has_more_than_any_window_allows(
    name: str, pause_seconds: float, most_seconds: float
) -> None:
    on = greedy(frozenset({name}), 12000, pause_seconds=pause_seconds, most_seconds=most_seconds)
    assert on
    for window in BUDGETS[name]:
        assert most_in(on, window.in_seconds) <= window.most_seconds + 0.01


def test_five_minutes_of_unmeasured_heat_do_not_become_twenty_by_pausing() -> None:
    budgets = frozenset({"heat", UNMEASURED})
    on = greedy(budgets, 30 * 60, pause_seconds=1.0, most_seconds=60.0)
    assert sum(until - since for since, until in on) <= 300.01


def test_no_two_hours_of_suction_in_three() -> None:
    """At most 40 min in any 65: twice that in 130, and what fits into the 58 that are left."""
    for pause_seconds in (1.0, 300.0, 301.0):
        on = greedy(SUCTION, 188 * 60, pause_seconds=pause_seconds, most_seconds=math.inf)
        assert most_in(on, 188 * 60) <= 3 * 40 * 60 + 0.01
        assert most_in(on, 188 * 60) < 127 * 60


@given(st.lists(st.tuples(st.sampled_from(["plan", "hand", "rest"]), st.integers(1, 900)), max_size=40))
def test_blocks_and_use_by_hand_together_stay_within_a_window_where_each_asks_first(
    told: list[tuple[str, int]],
) -> None:
    clock = StillClock()
    budgets = EnergyBudgets(clock, InMemoryPersistence())
    on: list[Span] = []
    for what, seconds in told:
        began, left = clock.now_seconds, math.floor(budgets.left_seconds(SUCTION))
        if what == "plan" and left >= 1:
            planned = budgets.plan(SUCTION, left)
            clock.now_seconds += min(seconds, left)
            budgets.end(planned)
            on.append((began, clock.now_seconds))
        elif what == "hand" and left >= 1:
            for second in range(min(seconds, left) + 1):
                clock.now_seconds = began + second
                budgets.count(SUCTION)
            on.append((began, clock.now_seconds))
            clock.now_seconds += 21  # longer than a short interruption, which counts as use
        else:
            clock.now_seconds += seconds
    for window in BUDGETS["suction"]:
        if on:
            assert most_in(on, window.in_seconds) <= window.most_seconds + 0.01
