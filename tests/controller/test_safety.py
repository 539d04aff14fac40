"""Limits: every number of the safety table as a literal, and that nothing here can ever raise a wish."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from controller import safety
from controller.routine import MassageStep
from controller.safety import (
    Budget,
    Energy,
    Limit,
    OwnerLimits,
    Reason,
    limit_heat,
    limit_level,
    limit_pump,
    limit_rate,
    limit_seconds,
    limit_vacuum,
    limit_vibration,
    lowest,
)
from devices.roles import Capability, DeviceLimits, Phase, PumpSetting

NO_LIMITS = DeviceLimits()
FULL = frozenset({Capability.VACUUM_MMHG, Capability.RATE_CPM})

values = st.floats(0, 1000, allow_nan=False).map(lambda value: round(value, 3))
layers = st.lists(
    st.builds(Reason, who=st.sampled_from(["hard", "owner", "device"]), allows=values, words=st.just("x"))
)
steps = st.sampled_from([None, 0.01, 0.5, 1.0, 10.0])
owners = st.builds(
    OwnerLimits,
    comfort_vacuum_mmhg=st.none() | st.floats(60, 250),
    stimulation_vacuum_mmhg=st.floats(40, 120),
    heat_celsius=st.floats(36, 42),
)
devices = st.builds(
    DeviceLimits,
    vacuum_mmhg=st.none() | values,
    rate_cpm=st.none() | values,
    level=st.none() | st.integers(0, 20),
    celsius=st.none() | values,
    run_seconds=st.none() | values,
)


# The numbers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STIMULATION_VACUUM_MMHG", 150),
        ("STIMULATION_RATE_CPM", 125),
        ("STIMULATION_SECONDS", 5 * 60),
        ("EXPRESSION_VACUUM_MMHG", 250),
        ("EXPRESSION_RATE_CPM", 90),
        ("FIRST_EXPRESSION_VACUUM_MMHG", 100),
        ("AUTOMATIC_VACUUM_MMHG", 150),
        ("SYMPTOM_VACUUM_MMHG", 100),
        ("RAISE_STEP_MMHG", 20),
        ("RAISE_EVERY_SECONDS", 10),
        ("SUCTION_SECONDS", 30 * 60),
        ("SUCTION_SESSION_SECONDS", 40 * 60),
        ("SESSION_SECONDS", 65 * 60),
        ("VACUUM_TRIP_MMHG", 270),
        ("VACUUM_TRIP_AT_ONCE_MMHG", 300),
        ("RELEASE_MMHG", 60),
        ("RELEASE_SECONDS", 4),
        ("HEAT_CELSIUS", 42),
        ("WARM_CELSIUS", 41),
        ("ABOVE_WARM_SECONDS", 10 * 60),
        ("HEAT_SECONDS", 20 * 60),
        ("HEAT_REST_SECONDS", 30 * 60),
        ("HEAT_TRIP_CELSIUS", 43),
        ("HEAT_TRIP_SECONDS", 5),
        ("HEAT_TRIP_AT_ONCE_CELSIUS", 44),
        ("VIBRATION_INTENSITY", 1 / 3),
        ("VIBRATION_SECONDS", 5 * 60),
        ("MASSAGE_SECONDS", 10 * 60),
        ("STALE_SECONDS", 10),
        ("LEASE_SECONDS", 10),
        ("UNMAPPED_LEVEL", 3),
    ],
)
def test_each_hard_number_is_the_one_in_the_safety_table(name: str, value: float) -> None:
    assert getattr(safety, name) == value


# A wish against layers


@given(values, layers, steps)
def test_nothing_raises_a_wish_and_no_layer_is_exceeded(asked: float, held: list[Reason], step: float | None) -> None:
    limit = lowest("x", asked, held, step=step)
    hair = 1e-9 * max(1.0, asked)  # of a float, not of a pump
    assert 0 <= limit.allowed <= asked + hair
    assert all(limit.allowed <= layer.allows + hair for layer in held)


@given(values, layers, steps)
def test_rounding_goes_down_and_by_less_than_one_step(asked: float, held: list[Reason], step: float | None) -> None:
    limit = lowest("x", asked, held, step=step)
    exact = min([asked, *(layer.allows for layer in held)])
    if step is None:
        assert limit.allowed == exact
    else:
        assert exact - step < limit.allowed <= exact + 1e-8 * step
        assert math.isclose(limit.allowed / step, round(limit.allowed / step), abs_tol=1e-6)


@given(values, layers, steps)
def test_reasons_are_those_who_ask_for_less_with_the_deciding_one_first(
    asked: float, held: list[Reason], step: float | None
) -> None:
    reasons = lowest("x", asked, held, step=step).reasons
    assert [reason.allows for reason in reasons] == sorted(reason.allows for reason in reasons)
    lower = sorted(repr(layer) for layer in held if layer.allows < asked)
    if lower or not reasons:
        assert sorted(map(repr, reasons)) == lower
    else:  # nobody asks for less, but the device has steps
        (rounding,) = reasons
        assert step is not None
        assert asked - step < rounding.allows < asked


def test_three_tenths_stay_three_tenths() -> None:
    assert lowest("intensity", 0.1 * 3, [], step=0.1).allowed == pytest.approx(0.3)


def test_a_limit_says_in_words_what_decided() -> None:
    limit = lowest("vacuum_mmhg", 200, [Reason(who="owner", allows=150, words="your comfort cap")])
    assert str(limit) == "vacuum mmhg 150: limited by your comfort cap"
    assert str(Limit(quantity="vacuum_mmhg", asked=100, allowed=100)) == "vacuum mmhg 100"


@given(st.sampled_from(Phase), values, owners, devices, st.booleans(), st.booleans(), st.none() | values)
def test_no_vacuum_is_above_any_of_its_limits(
    phase: Phase,
    asked: float,
    owner: OwnerLimits,
    device: DeviceLimits,
    symptoms: bool,
    by_person: bool,
    pace: float | None,
) -> None:
    limit = limit_vacuum(phase, asked, owner, device, symptoms=symptoms, by_person=by_person, pace_mmhg=pace)
    allowed = limit.allowed - 1e-6
    assert allowed <= asked
    assert allowed <= (150 if phase is Phase.STIMULATION else 250)
    if phase is Phase.STIMULATION:
        assert allowed <= owner.stimulation_vacuum_mmhg
    if owner.comfort_vacuum_mmhg is not None:
        assert allowed <= owner.comfort_vacuum_mmhg
    elif not by_person:
        assert allowed <= 150
    if symptoms:
        assert allowed <= 100
    for other in (device.vacuum_mmhg, pace):
        assert other is None or allowed <= other


@given(st.sampled_from(Phase), values, owners, devices, st.booleans())
def test_what_a_pump_is_told_is_never_more_than_was_asked(
    phase: Phase, asked: float, owner: OwnerLimits, device: DeviceLimits, symptoms: bool
) -> None:
    wish = PumpSetting(phase=phase, vacuum_mmhg=asked, rate_cpm=asked + 1)
    setting, limits = limit_pump(wish, owner, device, FULL, symptoms=symptoms)
    assert (setting.vacuum_mmhg or 0) <= asked + 1e-6
    assert (setting.rate_cpm or 0) <= asked + 1 + 1e-6
    assert setting.phase is phase
    assert [limit.quantity for limit in limits] == ["vacuum_mmhg", "rate_cpm"]


@pytest.mark.parametrize(
    ("phase", "owner", "by_person", "symptoms", "allowed", "who"),
    [
        (Phase.STIMULATION, OwnerLimits(), False, False, 120, "owner"),
        (Phase.STIMULATION, OwnerLimits(stimulation_vacuum_mmhg=60), True, False, 60, "owner"),
        (Phase.STIMULATION, OwnerLimits(comfort_vacuum_mmhg=70), True, False, 70, "owner"),
        (Phase.EXPRESSION, OwnerLimits(), False, False, 150, "hard"),
        (Phase.EXPRESSION, OwnerLimits(), True, False, 250, "hard"),
        (Phase.EXPRESSION, OwnerLimits(comfort_vacuum_mmhg=180), False, False, 180, "owner"),
        (Phase.EXPRESSION, OwnerLimits(comfort_vacuum_mmhg=180), True, False, 180, "owner"),
        (Phase.EXPRESSION, OwnerLimits(comfort_vacuum_mmhg=180), True, True, 100, "symptoms"),
    ],
)
def test_the_vacuum_is_held_by_the_lowest(
    phase: Phase, owner: OwnerLimits, by_person: bool, symptoms: bool, allowed: float, who: str
) -> None:
    limit = limit_vacuum(phase, 400, owner, NO_LIMITS, symptoms=symptoms, by_person=by_person)
    assert limit.allowed == allowed
    assert limit.reasons[0].who == who
    assert limit.limited


def test_a_wish_below_every_limit_is_left_alone() -> None:
    limit = limit_vacuum(Phase.EXPRESSION, 90, OwnerLimits(), NO_LIMITS, symptoms=True, by_person=False)
    assert limit == Limit(quantity="vacuum_mmhg", asked=90, allowed=90)
    assert not limit.limited


@pytest.mark.parametrize(
    ("phase", "asked", "device_cpm", "allowed"),
    [
        (Phase.STIMULATION, 300, None, 125),
        (Phase.EXPRESSION, 300, None, 90),
        (Phase.EXPRESSION, 300, 60, 60),
        (Phase.EXPRESSION, 54.9, None, 54),
    ],
)
def test_the_rate_is_held_by_phase_and_device(
    phase: Phase, asked: float, device_cpm: float | None, allowed: float
) -> None:
    assert limit_rate(phase, asked, DeviceLimits(rate_cpm=device_cpm)).allowed == allowed


@pytest.mark.parametrize(
    ("asked", "seconds", "owner_celsius", "device_celsius", "allowed"),
    [
        (60, 60, 42, None, 42),
        (60, 600, 42, None, 42),
        (60, 601, 42, None, 41),
        (60, 60, 39, None, 39),
        (60, 60, 42, 40.4, 40),
        (39.9, 60, 42, None, 39.5),
    ],
)
def test_heat_is_held_by_its_time_the_owner_and_the_device(
    asked: float, seconds: float, owner_celsius: float, device_celsius: float | None, allowed: float
) -> None:
    limit = limit_heat(asked, seconds, OwnerLimits(heat_celsius=owner_celsius), DeviceLimits(celsius=device_celsius))
    assert limit.allowed == allowed


@given(values, values, owners, devices)
def test_no_heat_is_above_any_of_its_limits(
    asked: float, seconds: float, owner: OwnerLimits, device: DeviceLimits
) -> None:
    allowed = limit_heat(asked, seconds, owner, device).allowed - 1e-6
    assert allowed <= min(asked, 42, owner.heat_celsius)
    assert device.celsius is None or allowed <= device.celsius
    if seconds > 600:
        assert allowed <= 41


@given(st.floats(0, 1))
def test_vibration_stays_in_the_lowest_third(asked: float) -> None:
    assert limit_vibration(asked).allowed <= min(asked + 1e-9, 1 / 3)


def test_time_is_held_by_what_is_left_and_by_the_device() -> None:
    assert limit_seconds(500, 400, NO_LIMITS).allowed == 400
    assert limit_seconds(500, 400, DeviceLimits(run_seconds=300)).allowed == 300
    assert limit_seconds(200, 400, DeviceLimits(run_seconds=300)).allowed == 200


@pytest.mark.parametrize(
    ("asked", "device_level", "allowed"), [(None, None, 1), (2, None, 2), (9, None, 3), (9, 2, 2), (9, 12, 3)]
)
def test_an_unmeasured_level_begins_at_one_and_ends_at_three(
    asked: int | None, device_level: int | None, allowed: int
) -> None:
    setting, _ = limit_pump(
        PumpSetting(phase=Phase.EXPRESSION, level=asked),
        OwnerLimits(),
        DeviceLimits(level=device_level),
        frozenset({Capability.LEVELS}),
        symptoms=False,
    )
    assert setting.level == allowed


@pytest.mark.parametrize(
    ("max_level", "device_level", "symptoms", "pace", "allowed", "who"),
    [
        (None, None, False, None, 3, "hard"),
        (6, None, False, None, 6, "owner"),
        (6, 5, False, None, 5, "device"),
        (6, None, True, None, 1, "symptoms"),
        (6, None, False, 4, 4, "pace"),
    ],
)
def test_the_level_is_held_by_the_lowest(
    max_level: int | None, device_level: int | None, symptoms: bool, pace: int | None, allowed: int, who: str
) -> None:
    limit = limit_level(9, DeviceLimits(level=device_level), max_level=max_level, symptoms=symptoms, pace=pace)
    assert limit.allowed == allowed
    assert limit.reasons[0].who == who


def test_a_pump_with_levels_only_is_never_shown_in_mmhg() -> None:
    wish = PumpSetting(phase=Phase.EXPRESSION, vacuum_mmhg=100, rate_cpm=54)
    setting, _ = limit_pump(wish, OwnerLimits(), NO_LIMITS, frozenset({Capability.LEVELS}), symptoms=False)
    assert setting.vacuum_mmhg is None


def test_no_routine_massages_a_breast_for_longer_than_ten_minutes() -> None:
    with pytest.raises(ValidationError):
        MassageStep(techniques=("spiral",) * 7, seconds_each=180)


# What the owner allows


@pytest.mark.parametrize(
    "wrong",
    [
        {"comfort_vacuum_mmhg": 250.1},
        {"comfort_vacuum_mmhg": 59},
        {"stimulation_vacuum_mmhg": 120.1},
        {"stimulation_vacuum_mmhg": 39},
        {"heat_celsius": 42.1},
        {"heat_celsius": 35},
        {"heat_celsius": math.nan},
        {"comfort_vacuum_mmhg": math.nan},
        {"comfort_vacuum_mmhg": math.inf},
        {"maximum": 300},
    ],
)
def test_an_owner_cannot_allow_more_than_the_hard_limits(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        OwnerLimits.model_validate(wrong)


def test_an_owner_who_says_nothing_gets_the_defaults() -> None:
    owner = OwnerLimits()
    assert owner.comfort_vacuum_mmhg is None
    assert owner.comfortable_mmhg == 100
    assert owner.stimulation_vacuum_mmhg == 120
    assert owner.heat_celsius == 42
    assert owner.vibration is False
    assert OwnerLimits(comfort_vacuum_mmhg=180).comfortable_mmhg == 180


# Time budgets


def test_a_budget_is_used_up_by_what_is_on() -> None:
    budget = Budget(100, rest_seconds=50)
    assert budget.left(0) == 100
    budget.use(0, 60)
    assert budget.left(60) == 40
    budget.use(70, 120)
    assert budget.left(120) == 0


def test_a_rest_that_is_long_enough_starts_anew_and_a_shorter_one_does_not() -> None:
    budget = Budget(100, rest_seconds=50)
    budget.use(0, 100)
    assert budget.left(149.9) == 0
    assert budget.left(150) == 100


def test_a_clock_that_stands_still_uses_nothing() -> None:
    budget = Budget(100, rest_seconds=50)
    budget.use(10, 10)
    budget.use(10, 5)
    assert budget.left(10) == 100


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


@pytest.mark.parametrize(
    ("energy", "seconds", "rest_seconds"),
    [(Energy.SUCTION, 1800, 300), (Energy.HEAT, 1200, 1800), (Energy.VIBRATION, 300, 1800)],
)
def test_each_energy_has_its_budget_and_its_rest(energy: Energy, seconds: float, rest_seconds: float) -> None:
    budget = safety.budgets()[energy]
    assert budget.left(0) == seconds
    budget.use(0, seconds)
    assert budget.left(seconds + rest_seconds - 1) == 0
    assert budget.left(seconds + rest_seconds) == seconds
