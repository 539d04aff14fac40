"""What rises like milk counts; a bottle that moves, a scale that drifts, and a weight that is unknown do not."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.session.weighing import GRAMS_PER_ML, Weighing
from tests.helpers.sampling import in_batches

EVERY_SECONDS = 0.2
FLOW_ML_PER_S = 0.3
BOTTLES_G = (80.0, 300.0, 520.0, 740.0)  # no bottle with milk weighs as much as the next one

Disturbance = Callable[[float], float | None]


class Bottle:
    """A bottle on a scale, into which milk flows from `let_down_seconds` on."""

    def __init__(self, seed: int = 1, *, let_down_seconds: float = 20.0, breasts: int = 1) -> None:
        self.weighing = Weighing(breasts=breasts)
        self.milk_ml = 0.0
        self.seconds = 0.0
        self.flows: list[tuple[float, bool]] = []
        self.highest_ml = 0.0
        self.bottle_g = 80.0
        self.emptied_ml = 0.0  # what was poured away, of the milk
        self.dry = False
        self._let_down_seconds = let_down_seconds
        self._ejections: list[tuple[float, float]] = []  # when, and how much, in mL
        self._noise = random.Random(seed)
        self.weighing.tare(0.0)

    def eject(self, source: random.Random) -> None:
        """Let milk flow in ejections from now on, instead of evenly."""
        at_seconds, first_ml = self._let_down_seconds, source.uniform(15, 35)
        while at_seconds < 1200:
            self._ejections.append((at_seconds, source.uniform(0.3, 0.7) * first_ml if self._ejections else first_ml))
            at_seconds += source.uniform(60, 300)

    @property
    def grams(self) -> float:
        """What the bottle weighs."""
        return self.bottle_g + (self.milk_ml - self.emptied_ml) * GRAMS_PER_ML

    def let_pass(self, seconds: float) -> Bottle:
        """Let milk flow for so long, and report nothing."""
        for _ in range(round(seconds / EVERY_SECONDS)):
            self.seconds += EVERY_SECONDS
            if self.seconds > self._let_down_seconds and not self.dry:
                self.milk_ml += self._flow_ml_per_s() * EVERY_SECONDS
        return self

    def weigh(
        self, seconds: float, disturbed: Disturbance = lambda _: 0.0, *, lifted: bool = False, sucks: bool = True
    ) -> Bottle:
        """Weigh for so long; `disturbed` returns what else is on the scale, or `None` for an unknown weight."""
        began = self.seconds
        for _ in range(round(seconds / EVERY_SECONDS)):
            self.let_pass(EVERY_SECONDS)
            more = disturbed(self.seconds - began)
            noise = self._noise.gauss(0, 0.03)
            grams = None if more is None else (0.0 if lifted else self.grams) + more + noise
            self.weighing.update(grams, self.seconds, sucks=sucks)
            self.flows.append((self.seconds, self.weighing.lets_down))
            assert self.credited_ml >= self.highest_ml - 1e-9, "it counts down"
            self.highest_ml = self.credited_ml
        return self

    def _flow_ml_per_s(self) -> float:
        if not self._ejections:
            return FLOW_ML_PER_S
        since = [(self.seconds - at_seconds, ml) for at_seconds, ml in self._ejections if self.seconds > at_seconds]
        return 0.006 + sum(ml * seconds / 625 * math.exp(-seconds / 25) for seconds, ml in since)

    @property
    def credited_ml(self) -> float:
        return self.weighing.credited_ml or 0.0


def test_milk_is_the_weight_that_was_added_by_the_density_of_milk() -> None:
    bottle = Bottle().weigh(220)
    assert bottle.credited_ml == pytest.approx(60, rel=0.02)


def test_a_let_down_is_noticed_within_two_seconds_and_not_before() -> None:
    bottle = Bottle(let_down_seconds=40).weigh(60)
    first = next(seconds for seconds, lets_down in bottle.flows if lets_down)
    assert 40 < first <= 42


def test_nothing_is_known_before_the_first_weight() -> None:
    weighing = Weighing(breasts=1)
    weighing.update(80.0, 1.0)
    assert weighing.credited_ml is None
    weighing.tare(2.0)
    weighing.update(None, 2.2)
    assert weighing.credited_ml is None
    assert weighing.flow_ml_per_s is None


@pytest.mark.parametrize("grams", [6.0, 20.0, 300.0, -6.0, -40.0])
@pytest.mark.parametrize("seconds", [0.2, 1.0, 4.0])
def test_a_bump_is_no_milk_and_what_flowed_meanwhile_is(grams: float, seconds: float) -> None:
    bottle = Bottle().weigh(60).weigh(30, lambda at: grams if at < seconds else 0.0)
    assert bottle.credited_ml == pytest.approx(bottle.milk_ml, abs=0.9)


def test_a_lifted_bottle_pauses_the_count_until_it_is_back() -> None:
    bottle = Bottle().weigh(60)
    before_ml = bottle.credited_ml
    bottle.weigh(15, lifted=True)
    assert bottle.credited_ml == before_ml
    assert bottle.weighing.flow_ml_per_s is None
    assert not bottle.weighing.standing
    bottle.weigh(20)
    assert bottle.weighing.standing
    assert bottle.credited_ml == pytest.approx(bottle.milk_ml, abs=0.9)


def test_a_hand_that_stays_on_it_is_no_milk() -> None:
    bottle = Bottle().weigh(60)
    before_ml = bottle.credited_ml
    bottle.weigh(5, lambda _: 50.0)
    assert bottle.credited_ml == before_ml
    bottle.weigh(10)
    assert bottle.credited_ml == pytest.approx(bottle.milk_ml, abs=0.9)


def test_another_bottle_goes_on_from_what_was_counted() -> None:
    bottle = Bottle().weigh(60)
    bottle.weigh(5, lifted=True).weigh(60, lambda _: -20.0)
    missed_ml = 5 * FLOW_ML_PER_S
    assert bottle.milk_ml - missed_ml - 1.5 <= bottle.credited_ml <= bottle.milk_ml


@pytest.mark.system
@pytest.mark.parametrize("drift_g_per_s", [0.003, 0.001, -0.003])
def test_a_drifting_zero_is_no_milk(drift_g_per_s: float) -> None:
    bottle = Bottle(let_down_seconds=1e9).weigh(1200, lambda at: drift_g_per_s * at)
    assert bottle.credited_ml < 0.5


def test_an_unknown_weight_and_an_overload_are_unknown_and_no_milk() -> None:
    bottle = Bottle().weigh(60)
    before_ml = bottle.credited_ml
    for nothing in (None, 9000.0, float("nan")):
        bottle.weigh(4, lambda _, nothing=nothing: nothing)  # type: ignore[misc]
        assert bottle.credited_ml == before_ml
        assert bottle.weighing.flow_ml_per_s is None
        bottle.weigh(10)
        assert bottle.credited_ml == pytest.approx(bottle.milk_ml, abs=0.9)
        before_ml = bottle.credited_ml


def test_a_tare_begins_a_new_stretch_and_takes_nothing_away() -> None:
    bottle = Bottle().weigh(60)
    before_ml = bottle.credited_ml
    bottle.weighing.tare(bottle.seconds, settle_seconds=2.0)
    bottle.weigh(2, lambda _: -70.0)  # the scale sets itself to zero somewhere in between
    assert bottle.credited_ml == before_ml
    milk_ml = bottle.milk_ml
    bottle.weigh(60, lambda _: -80.0 - milk_ml * GRAMS_PER_ML)
    assert bottle.credited_ml - before_ml == pytest.approx(60 * FLOW_ML_PER_S, abs=0.9)


def test_a_long_lift_is_counted_when_the_bottle_is_back() -> None:
    bottle = Bottle().weigh(60).weigh(90, lifted=True)
    before_ml = bottle.credited_ml
    bottle.weigh(20)
    assert bottle.credited_ml - before_ml > 25
    assert bottle.credited_ml == pytest.approx(bottle.milk_ml, abs=0.9)


def test_a_long_lift_of_which_nothing_was_reported_is_counted_as_well() -> None:
    bottle = Bottle().weigh(60).let_pass(60).weigh(20)
    assert bottle.credited_ml == pytest.approx(bottle.milk_ml, abs=0.9)


def test_without_suction_a_bottle_that_comes_back_heavier_has_gained_no_milk() -> None:
    bottle = Bottle(let_down_seconds=1e9)
    bottle.milk_ml = 0.0
    bottle.weigh(20).weigh(60, lambda at: 0.3 * at).weigh(5, lambda _: 18.0)
    before_ml = bottle.credited_ml
    bottle.weigh(30, lifted=True, sucks=False).weigh(30, lambda _: 18.0 + 9.0)
    assert bottle.credited_ml == pytest.approx(before_ml, abs=0.3)


@pytest.mark.parametrize("grams", [4.0, 15.0, 60.0, -10.0, -30.0])
@pytest.mark.parametrize("seconds", [5.0, 20.0, 40.0])
def test_milk_that_is_poured_in_or_out_while_nothing_flows_is_not_counted(grams: float, seconds: float) -> None:
    bottle = Bottle().weigh(100)
    bottle.dry = True
    bottle.weigh(30)
    before_ml = bottle.credited_ml
    bottle.weigh(seconds, lifted=True).weigh(60, lambda _: grams)
    assert bottle.credited_ml == pytest.approx(before_ml, abs=0.3)


@pytest.mark.parametrize("grams", [-24.0, 90.0])
def test_after_a_long_lift_an_emptied_or_a_heavier_bottle_goes_on_from_its_own_weight(grams: float) -> None:
    bottle = Bottle().weigh(100)
    before_ml = bottle.credited_ml
    bottle.weigh(60, lifted=True).weigh(60, lambda _: grams - 60 * FLOW_ML_PER_S * GRAMS_PER_ML)
    assert bottle.credited_ml == pytest.approx(before_ml + 60 * FLOW_ML_PER_S, abs=1.5)


@pytest.mark.parametrize("grams_per_s", [2.5, 5.0, 12.0])
def test_a_hand_that_comes_to_rest_slowly_is_no_milk(grams_per_s: float) -> None:
    bottle = Bottle().weigh(60)
    bottle.weigh(40, lambda at: min(50.0, grams_per_s * at))
    assert bottle.credited_ml <= bottle.milk_ml + 0.3
    bottle.weigh(20)
    assert bottle.credited_ml == pytest.approx(bottle.milk_ml, abs=0.9)


def test_the_count_waits_when_what_leaned_as_slowly_as_milk_flows_is_taken_away() -> None:
    bottle = Bottle().weigh(60).weigh(40, lambda at: 0.5 * at)
    too_much_ml = bottle.credited_ml
    assert too_much_ml > bottle.milk_ml + 15
    bottle.weigh(30)
    assert bottle.credited_ml == too_much_ml
    bottle.weigh(90)
    assert bottle.credited_ml == pytest.approx(bottle.milk_ml, abs=0.9)


def test_what_is_laid_on_it_and_taken_away_later_changes_nothing() -> None:
    bottle = Bottle().weigh(60).weigh(120, lambda _: 30.0).weigh(30)
    assert bottle.credited_ml == pytest.approx(bottle.milk_ml, abs=0.9)


def test_a_scale_that_is_set_to_zero_in_between_goes_on_from_there() -> None:
    bottle = Bottle().weigh(60)
    zero_g = 80 + bottle.milk_ml * GRAMS_PER_ML
    bottle.weigh(60, lambda _: -zero_g)
    assert bottle.milk_ml - 1.5 <= bottle.credited_ml <= bottle.milk_ml + 0.3


def test_a_scale_that_is_frozen_knows_no_flow_and_what_flowed_counts_when_it_wakes_up() -> None:
    bottle = Bottle().weigh(60)
    before_ml, frozen_g = bottle.credited_ml, bottle.grams
    for _ in range(round(90 / EVERY_SECONDS)):
        bottle.let_pass(EVERY_SECONDS)
        bottle.weighing.update(frozen_g, bottle.seconds)
    assert bottle.weighing.slow_flow_ml_per_s is None
    assert bottle.credited_ml == pytest.approx(before_ml, abs=0.8)
    bottle.weigh(20)
    assert bottle.weighing.slow_flow_ml_per_s is not None
    assert bottle.credited_ml == pytest.approx(bottle.milk_ml, abs=0.9)


def disturb(bottle: Bottle, source: random.Random) -> None:
    """Let milk flow for a few minutes, with bumps, and lifts up to long ones, in between."""
    for _ in range(6):
        bottle.weigh(source.uniform(10, 60))
        if source.random() < 0.5:
            grams = source.choice((-1, 1)) * source.uniform(6, 200)
            bottle.weigh(source.uniform(0.2, 3), lambda _, grams=grams: grams)  # type: ignore[misc]
        else:
            longest_seconds = source.choice((20, 120)) if bottle.seconds > 120 else 20  # once its flow is known
            bottle.weigh(source.uniform(1, longest_seconds), lifted=True)
    bottle.weigh(30)


@pytest.mark.system
@in_batches(5)
@given(seed=st.integers(0, 10_000), ejects=st.booleans())
@settings(max_examples=10)
def test_whatever_happens_it_counts_what_flowed_and_never_more(batch: int, seed: int, ejects: bool) -> None:
    bottle = Bottle(seed)
    if ejects:
        bottle.eject(random.Random(seed))
    disturb(bottle, random.Random(seed))
    assert bottle.credited_ml <= bottle.milk_ml + 0.3
    assert bottle.credited_ml == pytest.approx(bottle.milk_ml, rel=0.02, abs=0.5)


def mistreat(bottle: Bottle, source: random.Random) -> None:
    """Do what a person does who does not think of the scale."""
    for _ in range(6):
        bottle.weigh(source.uniform(15, 60))
        seconds, grams = source.uniform(5, 90), source.uniform(20, 150)
        match source.choice(("other", "emptied", "lies on it", "hand", "silent", "overload", "lifted")):
            case "other":
                bottle.weigh(seconds, lifted=True)
                bottle.bottle_g = source.choice([each for each in BOTTLES_G if each != bottle.bottle_g])
                bottle.emptied_ml = bottle.milk_ml
            case "emptied":
                bottle.weigh(seconds, lifted=True)
                bottle.emptied_ml = bottle.milk_ml
            case "lies on it":
                bottle.weigh(seconds, lambda _: grams)  # noqa: B023
            case "hand":
                grams_per_s = source.uniform(3, 20)
                bottle.weigh(seconds, lambda at: min(grams, grams_per_s * at))  # noqa: B023
            case "silent":
                bottle.let_pass(seconds)
            case "overload":
                bottle.weigh(seconds, lambda _: None)
            case "lifted":
                bottle.weigh(seconds, lifted=True)
    bottle.weigh(30)


@pytest.mark.system
@in_batches(4)
@given(seed=st.integers(0, 1_000_000))
@settings(max_examples=6)
def test_whatever_is_done_to_it_it_never_counts_more_than_flowed(batch: int, seed: int) -> None:
    bottle, source = Bottle(seed), random.Random(seed)
    bottle.eject(source)
    mistreat(bottle, source)
    assert bottle.credited_ml <= bottle.milk_ml + 0.3
