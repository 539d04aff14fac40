"""Time budgets: what was on is used up, and only a rest that is long enough gives it back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.safety import Budget, Energy, budgets


def test_a_budget_is_used_up_by_what_is_on() -> None:
    budget = Budget(100, rest_seconds=50)
    assert (budget.left(0), budget.used(0)) == (100, 0)
    budget.use(0, 60)
    assert (budget.left(60), budget.used(60)) == (40, 60)
    budget.use(70, 95)
    assert (budget.left(95), budget.used(95)) == (15, 85)


def test_more_than_was_left_leaves_nothing() -> None:
    budget = Budget(100, rest_seconds=50)
    budget.use(0, 120)
    assert (budget.left(120), budget.used(120)) == (0, 100)


@pytest.mark.parametrize(("rest_seconds", "left_seconds"), [(0, 40), (49.9, 40), (50, 100), (50.1, 100)])
def test_a_rest_that_is_long_enough_starts_anew_and_a_shorter_one_does_not(
    rest_seconds: float, left_seconds: float
) -> None:
    asked, used, noted = (Budget(100, rest_seconds=50) for _ in range(3))
    for budget in (asked, used, noted):
        budget.use(0, 60)
    again_seconds = 60 + rest_seconds
    assert asked.left(again_seconds) == left_seconds
    assert used.used(again_seconds) == 100 - left_seconds
    noted.use(again_seconds, again_seconds + 10)
    assert noted.left(again_seconds + 10) == left_seconds - 10


def test_a_rest_is_counted_from_the_last_time_it_was_on() -> None:
    budget = Budget(100, rest_seconds=50)
    budget.use(0, 60)
    budget.use(100, 110)
    assert budget.left(159.9) == 30
    assert budget.left(160) == 100


def test_a_clock_that_stands_still_uses_nothing() -> None:
    budget = Budget(100, rest_seconds=50)
    budget.use(10, 10)
    budget.use(10, 5)
    assert budget.left(10) == 100


@pytest.mark.parametrize(("now_seconds", "left_seconds"), [(0, 30), (19.9, 30), (20, 100)])
def test_what_was_used_before_this_process_began_still_counts(now_seconds: float, left_seconds: float) -> None:
    budget = Budget(100, rest_seconds=50)
    budget.restore(used_seconds=70, last_on_seconds=-30)
    assert budget.left(now_seconds) == left_seconds
    budget.use(now_seconds, now_seconds + 10)
    assert budget.left(now_seconds + 10) == left_seconds - 10


@given(st.lists(st.tuples(st.floats(0, 40), st.floats(0, 60)), max_size=30))
def test_never_more_than_the_budget_between_two_rests(spans: list[tuple[float, float]]) -> None:
    """Whoever only uses what is left never has more on than is allowed without a rest."""
    budget, now, on_seconds = Budget(100, rest_seconds=50), 0.0, 0.0
    for on, off in spans:
        used = min(on, budget.left(now))
        budget.use(now, now + used)
        on_seconds += used
        assert on_seconds <= 100 + 1e-6
        now += used + off
        if off >= 50:
            on_seconds = 0.0


ALLOWED = {Energy.SUCTION: (1800, 300), Energy.HEAT: (1200, 1800), Energy.VIBRATION: (300, 1800)}


@pytest.mark.parametrize("energy", Energy)
def test_each_energy_has_its_budget_and_its_rest(energy: Energy) -> None:
    seconds, rest_seconds = ALLOWED[energy]
    budget = budgets()[energy]
    assert budget.left(0) == seconds
    budget.use(0, seconds)
    assert budget.left(seconds + rest_seconds - 0.1) == 0
    assert budget.left(seconds + rest_seconds) == seconds


def test_each_station_has_budgets_of_its_own() -> None:
    used, fresh = budgets(), budgets()
    used[Energy.HEAT].use(0, 100)
    assert fresh[Energy.HEAT].left(100) == 1200


def test_no_stored_time_gives_more_than_the_budget() -> None:
    budget = Budget(100, rest_seconds=50)
    budget.restore(used_seconds=-100, last_on_seconds=-1)
    assert budget.left(0) == 100
    budget.restore(used_seconds=0.5, last_on_seconds=-1)
    assert budget.left(0) == 99.5
