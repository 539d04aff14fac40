from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.roles import Side
from devices.virtual.breast import (
    LET_DOWN_ML_PER_S,
    MASSAGE_SECONDS,
    SESSION_GAP_SECONDS,
    WARM_SECONDS,
    LogNormal,
    MilkModel,
    Mother,
)
from tests.helpers.sampling import examples

QUARTER_HOUR = 900
# The published table is of mothers who all have the same rhythm; the model's mothers each have their own.
SAME_RHYTHM = replace(MilkModel(), gap_median_s=LogNormal(165, 0))


def both(mmhg: float) -> dict[Side, float]:
    return {Side.LEFT: mmhg, Side.RIGHT: mmhg}


def pumped(mother: Mother, mmhg: float = 190, *, start: float = 0, seconds: float = QUARTER_HOUR, step: float = 1.0):
    for count in range(1, round(seconds / step) + 1):
        mother.advance(start + count * step, both(mmhg))
    return mother


def first_let_down(mother: Mother) -> float:
    return pumped(mother, seconds=301).ejection_seconds[0]


@dataclass(frozen=True)
class Outcome:
    ejections: int
    volume_ml: float
    removed: float
    first: float
    first_two: float
    peak_ml_per_s: float


def outcomes(model: MilkModel, mothers: int, mmhg: float = 190) -> list[Outcome]:
    """Pump 15 minutes, including the time to the first let-down, with a comfortable maximum of 190 mmHg."""
    found = []
    for seed in range(mothers):
        mother = Mother(seed, mcv_mmhg=190, model=model)
        had = {side: breast.milk_ml for side, breast in mother.breasts.items()}
        peak = both(0)
        for second in range(1, QUARTER_HOUR + 1):
            mother.advance(second, both(mmhg))
            peak = {side: max(peak[side], breast.flow_ml_per_s) for side, breast in mother.breasts.items()}
        for side, breast in mother.breasts.items():
            sizes = breast.ejected_ml
            found.append(
                Outcome(
                    len(sizes),
                    breast.volume_ml,
                    breast.volume_ml / had[side],
                    sizes[0] / sum(sizes),
                    sum(sizes[:2]) / sum(sizes),
                    peak[side],
                )
            )
    return found


def spread(found: list[Outcome], name: str) -> tuple[float, float]:
    values = [getattr(each, name) for each in found]
    return statistics.mean(values), statistics.stdev(values)


@pytest.fixture(scope="module")
def table() -> list[Outcome]:
    """300 mothers, 600 breasts, 190 mmHg, comfort 190 mmHg, no warmth, no massage, one rhythm."""
    return outcomes(SAME_RHYTHM, 300)


@pytest.mark.system
@pytest.mark.parametrize(
    ("name", "mean", "mean_within", "sd", "sd_within"),
    [
        ("ejections", 5.1, 0.15, 1.0, 0.15),
        ("volume_ml", 77, 4, 33, 4),
        ("removed", 0.69, 0.015, 0.08, 0.015),
        ("first", 0.46, 0.015, 0.10, 0.02),
        ("first_two", 0.63, 0.015, 0.09, 0.02),
        ("peak_ml_per_s", 0.52, 0.04, 0.28, 0.05),
    ],
)
def test_15_minutes_at_190_mmhg_give_the_results_that_the_model_was_fitted_to(
    table: list[Outcome], name: str, mean: float, mean_within: float, sd: float, sd_within: float
) -> None:
    seen_mean, seen_sd = spread(table, name)
    assert seen_mean == pytest.approx(mean, abs=mean_within)
    assert seen_sd == pytest.approx(sd, abs=sd_within)


@pytest.mark.system
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("ejections", 5.1 - 2.0, 5.1 + 2.0),
        ("volume_ml", 54, 118),
        ("removed", 0.58, 0.69),
        ("first", 0.41, 0.475),  # 41-47 %, as published without decimals
        ("first_two", 0.60, 0.645),  # 62 %
        ("peak_ml_per_s", 0.3, 0.7),
    ],
)
def test_15_minutes_at_190_mmhg_are_within_published_results(
    table: list[Outcome], name: str, low: float, high: float
) -> None:
    assert low <= spread(table, name)[0] <= high


@pytest.mark.system
def test_let_down_intervals_of_mothers_spread_as_published() -> None:
    found = outcomes(MilkModel(), 150)
    mean, sd = spread(found, "ejections")
    assert mean == pytest.approx(5.1, abs=0.6)
    assert sd == pytest.approx(2.0, abs=0.3)
    assert spread(found, "removed")[0] == pytest.approx(0.69, abs=0.02)


@pytest.mark.system
def test_a_softer_vacuum_yields_less() -> None:
    volumes = [spread(outcomes(SAME_RHYTHM, 60, mmhg), "volume_ml")[0] for mmhg in (40, 70, 100, 150, 190)]
    assert volumes == sorted(volumes)
    assert volumes[2] == pytest.approx(0.63 * volumes[-1], rel=0.05)


def test_vacuum_above_the_comfortable_maximum_yields_no_more() -> None:
    assert pumped(Mother(3, mcv_mmhg=150), 200).left.volume_ml < pumped(Mother(3, mcv_mmhg=150), 150).left.volume_ml


def test_above_the_comfortable_maximum_a_mother_is_in_pain_and_the_next_ejection_is_30_percent_smaller() -> None:
    calm, hurt = (pumped(Mother(5, mcv_mmhg=170), 150, seconds=15) for _ in range(2))
    assert not calm.in_pain
    hurt.advance(16, {Side.LEFT: 171})
    assert hurt.in_pain
    hurt.advance(17, both(150))
    assert not hurt.in_pain
    calm.advance(17, both(150))
    for mother in (calm, hurt):
        pumped(mother, 150, start=17)
    assert hurt.left.ejected_ml[0] == pytest.approx(0.7 * calm.left.ejected_ml[0], rel=0.01)
    assert hurt.right.ejected_ml[0] == pytest.approx(0.7 * calm.right.ejected_ml[0], rel=0.01)
    # Only the next one: after it the hurt breast has more left to give.
    assert hurt.left.ejected_ml[1] > calm.left.ejected_ml[1]


def test_the_comfortable_maximum_itself_is_not_painful() -> None:
    mother = Mother(1, mcv_mmhg=190)
    mother.advance(1, both(190))
    assert not mother.in_pain


def test_warmth_and_massage_bring_the_let_down_forward() -> None:
    plain, warm, massaged, cared_for = (Mother(8) for _ in range(4))
    warm.warm(WARM_SECONDS)
    massaged.massage(MASSAGE_SECONDS)
    cared_for.warm(WARM_SECONDS)
    cared_for.massage(MASSAGE_SECONDS)
    undisturbed = first_let_down(plain)
    assert first_let_down(warm) == pytest.approx(0.8 * undisturbed)
    assert first_let_down(massaged) == pytest.approx(0.85 * undisturbed)
    assert first_let_down(cared_for) == pytest.approx(0.8 * 0.85 * undisturbed)


def test_too_short_or_too_cool_warmth_or_massage_changes_nothing() -> None:
    mother = Mother(8)
    mother.warm(WARM_SECONDS - 1)
    mother.warm(600, skin_celsius=35)
    mother.massage(MASSAGE_SECONDS - 1)
    assert first_let_down(mother) == first_let_down(Mother(8))


def test_warmth_and_massage_add_up_over_small_steps() -> None:
    mother = Mother(8)
    for _ in range(150):
        mother.warm(1.0, skin_celsius=38)
    assert first_let_down(mother) == pytest.approx(0.8 * first_let_down(Mother(8)))


def test_a_massaged_breast_gives_a_tenth_more_in_its_first_ejection() -> None:
    plain, massaged = Mother(8), Mother(8)
    massaged.massage(60, Side.LEFT)
    for mother in (plain, massaged):
        pumped(mother, seconds=301)
    assert massaged.left.ejected_ml[0] == pytest.approx(1.1 * plain.left.ejected_ml[0], rel=0.02)
    assert massaged.right.ejected_ml[0] == pytest.approx(plain.right.ejected_ml[0], rel=0.02)


def test_no_suction_brings_no_milk_and_no_let_down() -> None:
    mother = pumped(Mother(1), 0)
    assert mother.left.volume_ml == mother.right.volume_ml == mother.left.flow_ml_per_s == 0
    assert mother.ejection_seconds == ()
    assert not mother.left.let_down


def test_a_breast_without_a_pump_ejects_with_the_other_but_collects_nothing() -> None:
    mother = Mother(2)
    for second in range(QUARTER_HOUR):
        mother.advance(second, {Side.LEFT: 150})
    assert mother.left.volume_ml > 10
    assert len(mother.right.ejected_ml) == len(mother.left.ejected_ml) > 0
    assert mother.right.volume_ml == 0
    assert not mother.right.let_down


def test_a_pause_holds_the_time_to_let_down() -> None:
    steady = first_let_down(Mother(4))
    mother = pumped(Mother(4), seconds=10)
    mother.advance(200, both(0))
    pumped(mother, start=200, seconds=301)
    assert mother.ejection_seconds[0] == pytest.approx(steady)
    assert mother.suction_seconds == pytest.approx(311)


def test_milk_ejected_during_a_pause_stays_in_the_breast() -> None:
    mother = Mother(4)
    now = 0
    while not mother.left.let_down:
        now += 1
        mother.advance(now, both(190))
    collected, kept = mother.left.volume_ml, mother.left.milk_ml
    mother.advance(now + 400, both(0))
    assert mother.left.volume_ml == collected
    assert mother.left.flow_ml_per_s == 0
    assert mother.left.milk_ml == pytest.approx(kept + 16 * 400 / 3600)
    assert mother.left.available_ml == pytest.approx(mother.left.milk_ml, abs=0.02)


def test_let_down_is_set_from_a_flow_of_0_1_ml_per_s_and_stays_set() -> None:
    mother, now = Mother(6), 0.0
    while not mother.left.let_down:
        assert mother.left.flow_ml_per_s < LET_DOWN_ML_PER_S
        now += 0.1
        mother.advance(now, both(190))
    assert mother.left.flow_ml_per_s >= LET_DOWN_ML_PER_S
    assert now - mother.ejection_seconds[0] < 15
    mother.advance(now + 60, both(0))
    assert mother.left.let_down


def test_between_ejections_milk_drips() -> None:
    mother = Mother(6, model=replace(MilkModel(), gap_median_s=LogNormal(4000, 0), gap_high_s=4000))
    pumped(mother)
    assert mother.left.flow_ml_per_s == pytest.approx(0.006, rel=0.01)


def test_a_later_session_has_a_new_let_down_and_the_remaining_and_refilled_milk() -> None:
    mother = pumped(Mother(9))
    first, left = mother.ejection_seconds[0], mother.left.milk_ml
    two_hours = 2 * 3600
    mother.advance(QUARTER_HOUR + two_hours, both(0))
    assert mother.left.milk_ml == pytest.approx(left + 32)
    assert mother.left.volume_ml == 0
    assert not mother.left.let_down
    pumped(mother, start=QUARTER_HOUR + two_hours)
    assert mother.ejection_seconds[0] != first
    assert mother.left.volume_ml < left + 40


def test_a_rest_of_power_pumping_goes_on_with_the_same_session() -> None:
    mother = pumped(Mother(9))
    collected = mother.left.volume_ml
    mother.advance(QUARTER_HOUR + 600, both(0))
    assert mother.left.volume_ml == collected
    assert SESSION_GAP_SECONDS > 600


def test_warmth_and_massage_expire_when_no_suction_follows() -> None:
    mother = Mother(9)
    mother.warm(WARM_SECONDS)
    mother.advance(SESSION_GAP_SECONDS + 1, both(0))
    assert mother.left.warm_seconds == 0


def test_the_comfortable_maximum_is_between_100_and_250_mmhg_around_190() -> None:
    comfort = [Mother(seed).mcv_mmhg for seed in range(1000)]
    assert all(100 <= each <= 250 for each in comfort)
    assert statistics.mean(comfort) == pytest.approx(190, abs=6)
    assert statistics.stdev(comfort) == pytest.approx(40, abs=4)


def test_the_same_seed_is_the_same_mother_and_another_is_another() -> None:
    def fate(seed: int) -> tuple[float, ...]:
        mother = pumped(Mother(seed))
        return (mother.mcv_mmhg, mother.left.volume_ml, mother.right.volume_ml, *mother.ejection_seconds)

    assert fate(1) == fate(1)
    assert len(set(fate(1)) & set(fate(2))) == 0


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("step", [0.1, 0.25, 5.0, 60.0])
def test_the_size_of_steps_changes_a_session_by_less_than_one_percent(seed: int, step: float) -> None:
    usual, other = pumped(Mother(seed), 150), pumped(Mother(seed), 150, step=step)
    assert other.left.volume_ml == pytest.approx(usual.left.volume_ml, rel=0.01)
    assert other.right.volume_ml == pytest.approx(usual.right.volume_ml, rel=0.01)
    assert other.ejection_seconds == pytest.approx(usual.ejection_seconds)
    assert other.left.let_down == usual.left.let_down


def test_an_earlier_time_moves_nothing() -> None:
    mother = pumped(Mother(1), seconds=200)
    before = (mother.left.volume_ml, mother.left.milk_ml, mother.suction_seconds)
    mother.advance(100, both(190))
    assert (mother.left.volume_ml, mother.left.milk_ml, mother.suction_seconds) == before


@settings(max_examples=examples(60), deadline=None)
@given(
    seed=st.integers(0, 10_000),
    parts=st.lists(
        st.tuples(st.floats(0.01, 700), st.floats(0, 300), st.floats(0, 300), st.booleans()), min_size=1, max_size=8
    ),
)
def test_milk_is_neither_made_nor_lost(seed: int, parts: list[tuple[float, float, float, bool]]) -> None:
    mother = Mother(seed)
    had = {side: breast.milk_ml for side, breast in mother.breasts.items()}
    collected, seen, now = both(0), both(0), 0.0
    for seconds, left, right, massage in parts:
        if massage:
            mother.massage(30)
        now += seconds
        mother.advance(now, {Side.LEFT: left, Side.RIGHT: right})
        for side, breast in mother.breasts.items():
            if breast.volume_ml < seen[side]:  # a rest ended the session; nothing else empties the bottle
                assert breast.volume_ml == 0
                collected[side] += seen[side]
            seen[side] = breast.volume_ml
            assert 0 <= breast.milk_ml <= 250
            assert 0 <= breast.available_ml <= breast.milk_ml
            assert breast.flow_ml_per_s >= 0
            given_and_left = collected[side] + breast.volume_ml + breast.milk_ml
            come = had[side] + 16 * now / 3600
            assert given_and_left <= come + 1e-6
            if come < 250:  # never full, so nothing was turned away
                assert given_and_left == pytest.approx(come)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=examples(20), deadline=None)
def test_ejections_keep_their_distance(seed: int) -> None:
    mother = pumped(Mother(seed), 100)
    assert 20 <= mother.ejection_seconds[0] <= 300
    assert all(45 - 1e-6 <= b - a <= 420 + 1e-6 for a, b in itertools.pairwise(mother.ejection_seconds))
