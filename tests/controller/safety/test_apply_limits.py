"""Limits: each layer at its bound, all of them at once, and that nothing here can ever raise a request."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.safety.apply_limits import (
    PumpLayers,
    limit_heat,
    limit_level,
    limit_pump,
    limit_rate,
    limit_seconds,
    limit_vacuum,
    limit_vibration,
    lowest,
)
from controller.safety.limits import Limit, OwnerLimits, Reason
from controller.safety.message import message
from controller.session.routine import MassageStep
from devices.roles import Capability, DeviceLimits, Phase, PumpSetting

STIMULATION, EXPRESSION = Phase.STIMULATION, Phase.EXPRESSION
NO_LIMITS = DeviceLimits()
# An owner's limits that were never checked: what is hard holds without them.
UNCHECKED = OwnerLimits.model_construct(stimulation_vacuum_mmhg=900.0, heat_celsius=90.0)
WILLING = OwnerLimits(vibration=True)
AT_FULL = OwnerLimits(vibration=True, vibration_at_full=True)
FULL = frozenset({Capability.VACUUM_MMHG, Capability.RATE_CPM})
BY_LEVEL = frozenset({Capability.LEVELS, Capability.RATE_CPM})


# A request against layers


def test_three_tenths_stay_three_tenths() -> None:
    assert lowest("intensity", 0.1 * 3, [], step=0.1).allowed == pytest.approx(0.3)


@pytest.mark.parametrize(("short", "allowed"), [(0.9e-9, 1), (1.1e-9, 0)])
def test_only_a_rounding_error_is_rounded_up(short: float, allowed: float) -> None:
    assert lowest("x", 1 - short, [], step=1).allowed == allowed


def test_what_only_the_steps_of_a_device_take_away_has_them_as_its_reason() -> None:
    assert lowest("x", 99.9, [], step=1).reasons == (
        Reason(who="device", allows=99, key="device_steps", values={"step": 1}),
    )


@pytest.mark.parametrize("step", [None, 1])
def test_less_than_nothing_is_nothing(step: float | None) -> None:
    assert lowest("x", 5, [Reason(who="device", allows=-5, key="x")], step=step).allowed == 0


def test_a_limit_names_the_layer_that_decided() -> None:
    layers = [Reason(who=who, allows=allows, key=f"the {who}") for who, allows in (("device", 180), ("owner", 150))]
    limit = lowest("vacuum_mmhg", 200, layers)
    assert str(limit) == "vacuum mmhg 150: limited by the owner"
    assert str(Limit(quantity="vacuum_mmhg", asked=100, allowed=100)) == "vacuum mmhg 100"


# Each layer, deciding alone

Held = Callable[[float], Limit]


def vacuum(
    phase: Phase,
    owner: OwnerLimits = UNCHECKED,
    device_mmhg: float | None = None,
    *,
    symptoms: bool = False,
    by_person: bool = True,
    pace_mmhg: float | None = None,
    step_mmhg: float | None = None,
) -> Held:
    device = DeviceLimits(vacuum_mmhg=device_mmhg)
    how = {"symptoms": symptoms, "by_person": by_person, "pace_mmhg": pace_mmhg, "step_mmhg": step_mmhg}
    return lambda asked: limit_vacuum(phase, asked, owner, device, PumpLayers(**how))


def rate(phase: Phase, device_cpm: float | None = None) -> Held:
    return lambda asked: limit_rate(phase, asked, DeviceLimits(rate_cpm=device_cpm))


def heat(
    seconds: float,
    owner: OwnerLimits = UNCHECKED,
    device_celsius: float | None = None,
    *,
    least_celsius: float | None = None,
    **more: float,
) -> Held:
    device = DeviceLimits(celsius=device_celsius, least_celsius=least_celsius)
    return lambda asked: limit_heat(asked, seconds, owner, device, **more)


def level(
    max_level: int | None = None, device_level: int | None = None, *, symptoms: bool = False, pace: int | None = None
) -> Held:
    device = DeviceLimits(level=device_level)
    return lambda asked: limit_level(int(asked), device, PumpLayers(symptoms, max_level=max_level, pace_level=pace))


def seconds(left: float, device_seconds: float | None = None) -> Held:
    return lambda asked: limit_seconds(asked, left, DeviceLimits(run_seconds=device_seconds), message("budget_heat"))


def vibration(owner: OwnerLimits = WILLING, least: float | None = None, *, symptoms: bool = False) -> Held:
    return lambda asked: limit_vibration(asked, owner, DeviceLimits(least_intensity=least), symptoms=symptoms)


ALONE: dict[str, tuple[Held, float, float, str]] = {
    # what holds, the most it allows, one step of it, and who is named
    "stimulation, hard": (vacuum(STIMULATION), 150, 1, "hard"),
    "stimulation, by default": (vacuum(STIMULATION, OwnerLimits()), 120, 1, "owner"),
    "stimulation, its cap": (vacuum(STIMULATION, OwnerLimits(stimulation_vacuum_mmhg=60)), 60, 1, "owner"),
    "stimulation, comfort cap": (vacuum(STIMULATION, OwnerLimits(comfort_vacuum_mmhg=70)), 70, 1, "owner"),
    "stimulation, device": (vacuum(STIMULATION, device_mmhg=77), 77, 1, "device"),
    "stimulation, this step": (vacuum(STIMULATION, step_mmhg=80), 80, 1, "step"),
    "stimulation, symptoms": (vacuum(STIMULATION, symptoms=True), 100, 1, "symptoms"),
    "stimulation, pace": (vacuum(STIMULATION, pace_mmhg=90), 90, 1, "pace"),
    "expression, hard": (vacuum(EXPRESSION), 250, 1, "hard"),
    "expression, by itself": (vacuum(EXPRESSION, by_person=False), 150, 1, "hard"),
    "expression, comfort cap": (vacuum(EXPRESSION, OwnerLimits(comfort_vacuum_mmhg=180)), 180, 1, "owner"),
    "expression, comfort cap, by itself": (
        vacuum(EXPRESSION, OwnerLimits(comfort_vacuum_mmhg=180), by_person=False),
        180,
        1,
        "owner",
    ),
    "expression, device": (vacuum(EXPRESSION, device_mmhg=77), 77, 1, "device"),
    "expression, this step": (vacuum(EXPRESSION, step_mmhg=130), 130, 1, "step"),
    "expression, symptoms": (vacuum(EXPRESSION, symptoms=True), 100, 1, "symptoms"),
    "expression, pace": (vacuum(EXPRESSION, pace_mmhg=120), 120, 1, "pace"),
    "stimulation rate, hard": (rate(STIMULATION), 125, 1, "hard"),
    "stimulation rate, device": (rate(STIMULATION, 110), 110, 1, "device"),
    "expression rate, hard": (rate(EXPRESSION), 90, 1, "hard"),
    "expression rate, device": (rate(EXPRESSION, 60), 60, 1, "device"),
    "heat, hard": (heat(60), 42, 0.5, "hard"),
    "heat, its cap": (heat(60, OwnerLimits(heat_celsius=39)), 39, 0.5, "owner"),
    "heat, device": (heat(60, device_celsius=40.5), 40.5, 0.5, "device"),
    "heat, just not long": (heat(600), 42, 0.5, "hard"),
    "heat, long": (heat(600.1), 41, 0.5, "hard"),
    "heat, no longer than is left": (heat(100, hot_seconds=100), 42, 0.5, "hard"),
    "heat, longer than is left": (heat(100.1, hot_seconds=100), 41, 0.5, "hard"),
    "heat, long whatever is left": (heat(600.1, hot_seconds=900), 41, 0.5, "hard"),
    "level, unmeasured": (level(), 3, 1, "hard"),
    "level, named by its owner": (level(6), 6, 1, "owner"),
    "level, device": (level(6, 5), 5, 1, "device"),
    "level, symptoms": (level(6, symptoms=True), 1, 1, "symptoms"),
    "level, pace": (level(6, pace=4), 4, 1, "pace"),
    "seconds, left": (seconds(400), 400, 0.1, "budget"),
    "seconds, device": (seconds(400, 300), 300, 0.1, "device"),
}


@pytest.mark.parametrize("name", ALONE)
def test_up_to_its_bound_a_layer_leaves_a_request_alone(name: str) -> None:
    held, most, step, _ = ALONE[name]
    for asked in (0, most - step, most):
        limit = held(asked)
        assert limit == Limit(quantity=limit.quantity, asked=asked, allowed=asked)
        assert not limit.limited


@pytest.mark.parametrize("name", ALONE)
def test_just_above_its_bound_one_layer_decides_alone_and_far_above_it_still_does(name: str) -> None:
    held, most, step, who = ALONE[name]
    just_above = held(most + step)
    assert [(reason.who, reason.allows) for reason in just_above.reasons] == [(who, most)]
    for limit in (just_above, held(most + 900)):
        assert limit.allowed == most
        assert limit.limited
        assert limit.reasons[0].who == who


@pytest.mark.parametrize(
    ("held", "asked", "allowed"),
    [
        (vacuum(EXPRESSION), 99.9, 99),
        (vacuum(EXPRESSION, device_mmhg=77.7), 200, 77),
        (rate(EXPRESSION), 53.9, 53),
        (heat(60), 39.9, 39.5),
        (heat(60), 39.4, 39),
        (heat(60, device_celsius=40.4), 60, 40),
        (vibration(), 0.119, 0.11),
        (vibration(), 1 / 3, 0.33),
        (vibration(), 1, 0.33),
        (seconds(400), 99.9, 99.9),
    ],
)
def test_what_is_allowed_is_rounded_down_to_the_steps_of_a_device(held: Held, asked: float, allowed: float) -> None:
    assert held(asked).allowed == pytest.approx(allowed)


# What a pump is told


@pytest.mark.parametrize(
    ("how", "allowed"),
    [
        ({"symptoms": False}, 150),
        ({"symptoms": False, "by_person": True}, 250),
        ({"symptoms": True, "by_person": True}, 100),
        ({"symptoms": True, "by_person": True, "step_mmhg": 80}, 80),
        ({"symptoms": True, "by_person": True, "step_mmhg": 80, "pace_mmhg": 60}, 60),
    ],
)
def test_a_pump_is_held_by_who_asked_by_symptoms_by_its_step_and_by_pace(how: dict[str, float], allowed: float) -> None:
    setting, _ = limit_pump(
        PumpSetting(phase=EXPRESSION, vacuum_mmhg=400), OwnerLimits(), NO_LIMITS, FULL, PumpLayers(**how)
    )
    assert setting.vacuum_mmhg == allowed


@pytest.mark.parametrize(
    ("asked", "device_level", "how", "allowed"),
    [
        (None, None, {"symptoms": False}, 1),
        (2, None, {"symptoms": False}, 2),
        (9, None, {"symptoms": False}, 3),
        (9, 2, {"symptoms": False}, 2),
        (9, 12, {"symptoms": False}, 3),
        (9, 12, {"symptoms": False, "max_level": 6}, 6),
        (9, 12, {"symptoms": False, "max_level": 6, "pace_level": 4}, 4),
        (9, 12, {"symptoms": True, "max_level": 6}, 1),
    ],
)
def test_an_unmeasured_level_begins_at_one_and_ends_at_three_or_where_the_owner_says(
    asked: int | None, device_level: int | None, how: dict[str, int | None], allowed: int
) -> None:
    request = PumpSetting(phase=EXPRESSION, level=asked, rate_cpm=54)
    setting, limits = limit_pump(request, OwnerLimits(), DeviceLimits(level=device_level), BY_LEVEL, PumpLayers(**how))
    assert setting.level == allowed
    assert [limit.quantity for limit in limits] == ["rate_cpm", "level"]


EVERYTHING = PumpSetting(phase=EXPRESSION, vacuum_mmhg=100, rate_cpm=54, level=2)


@pytest.mark.parametrize(
    ("capabilities", "told"),
    [
        (set(), (None, None, None)),
        ({Capability.VACUUM_MMHG}, (100, None, None)),
        ({Capability.RATE_CPM}, (None, 54, None)),
        ({Capability.LEVELS}, (None, None, 2)),
        ({Capability.LEVELS, Capability.VACUUM_MMHG}, (100, None, None)),
    ],
)
def test_a_pump_is_never_sent_what_it_cannot_be_set_to(
    capabilities: set[Capability], told: tuple[float | None, ...]
) -> None:
    setting, limits = limit_pump(
        EVERYTHING, OwnerLimits(), NO_LIMITS, frozenset(capabilities), PumpLayers(symptoms=False)
    )
    assert (setting.vacuum_mmhg, setting.rate_cpm, setting.level) == told
    assert len(limits) == 3 - told.count(None)


def test_a_further_layer_of_a_pump_limits_its_vacuum_and_allows_the_first_of_its_levels() -> None:
    seal = Reason(who="seal", allows=40, key="no vacuum is measured yet")
    now = PumpLayers(symptoms=False, max_level=5, more=(seal,))
    vacuum_limit = limit_vacuum(EXPRESSION, 90, OwnerLimits(), NO_LIMITS, now)
    assert (vacuum_limit.allowed, vacuum_limit.reasons[0]) == (40, seal)
    level_limit = limit_level(3, NO_LIMITS, now)
    assert (level_limit.allowed, level_limit.reasons) == (1, (seal.model_copy(update={"allows": 1}),))


def test_where_the_least_of_a_device_is_too_much_that_is_the_first_reason_and_allows_nothing() -> None:
    limit = limit_heat(40, 60, OwnerLimits(heat_celsius=38), DeviceLimits(least_celsius=39))
    assert [(reason.who, reason.allows) for reason in limit.reasons] == [("device", 0), ("owner", 38)]


def test_a_layer_that_allows_nothing_is_the_reason_not_the_least_of_the_device() -> None:
    limit = limit_vibration(0.2, OwnerLimits(), DeviceLimits(least_intensity=0.1))
    assert (limit.allowed, limit.reasons[0].who) == (0, "owner")


def test_what_was_not_requested_is_not_sent() -> None:
    setting, limits = limit_pump(
        PumpSetting(phase=EXPRESSION), OwnerLimits(), NO_LIMITS, FULL, PumpLayers(symptoms=False)
    )
    assert setting == PumpSetting(phase=EXPRESSION)
    assert limits == ()


def test_no_routine_massages_a_breast_for_longer_than_ten_minutes() -> None:
    with pytest.raises(ValidationError):
        MassageStep(techniques=("spiral",) * 7, seconds_each=180)


# Whatever is asked

values = st.floats(0, 1000, allow_nan=False).map(lambda value: round(value, 3))
reasons = st.builds(Reason, who=st.sampled_from(["hard", "owner", "device"]), allows=values, key=st.just("x"))
layers = st.lists(reasons)
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
maybe = st.none() | values
circumstances = st.fixed_dictionaries(
    {"symptoms": st.booleans(), "by_person": st.booleans(), "pace_mmhg": maybe, "step_mmhg": maybe}
)


@given(values, layers, steps)
def test_nothing_raises_a_request_and_no_layer_is_exceeded(
    asked: float, held: list[Reason], step: float | None
) -> None:
    limit = lowest("x", asked, held, step=step)
    hair = 1e-9 * max(1.0, asked)  # of a float, not of a pump
    assert 0 <= limit.allowed <= asked + hair
    assert all(limit.allowed <= layer.allows + hair for layer in held)


@given(values, layers, reasons, steps)
def test_one_more_layer_never_allows_more(asked: float, held: list[Reason], more: Reason, step: float | None) -> None:
    assert lowest("x", asked, [*held, more], step=step).allowed <= lowest("x", asked, held, step=step).allowed


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
    found = lowest("x", asked, held, step=step).reasons
    assert [reason.allows for reason in found] == sorted(reason.allows for reason in found)
    lower = sorted(repr(layer) for layer in held if layer.allows < asked)
    if lower or not found:
        assert sorted(map(repr, found)) == lower
    else:  # nobody asks for less, but the device has steps
        (rounding,) = found
        assert step is not None
        assert asked - step < rounding.allows < asked


@given(st.sampled_from(Phase), values, owners, devices, circumstances)
def test_no_vacuum_is_above_any_of_its_limits_nor_a_step_below_the_lowest(
    phase: Phase, asked: float, owner: OwnerLimits, device: DeviceLimits, how: dict[str, float | None]
) -> None:
    by_itself = not how["by_person"] and owner.comfort_vacuum_mmhg is None
    bounds = [
        asked,
        min(150, owner.stimulation_vacuum_mmhg) if phase is STIMULATION else 150 if by_itself else 250,
        owner.comfort_vacuum_mmhg,
        device.vacuum_mmhg,
        100 if how["symptoms"] else None,
        how["pace_mmhg"],
        how["step_mmhg"],
    ]
    bound = min(bound for bound in bounds if bound is not None)
    assert bound - 1 < limit_vacuum(phase, asked, owner, device, PumpLayers(**how)).allowed <= bound + 1e-6


@given(values, values, owners, devices, st.floats(0, 1000))
def test_no_heat_is_above_any_of_its_limits(
    asked: float, at_most_seconds: float, owner: OwnerLimits, device: DeviceLimits, hot_seconds: float
) -> None:
    allowed = limit_heat(asked, at_most_seconds, owner, device, hot_seconds=hot_seconds).allowed - 1e-6
    assert allowed <= min(asked, 42, owner.heat_celsius)
    assert device.celsius is None or allowed <= device.celsius
    if at_most_seconds > 600 or at_most_seconds > hot_seconds:
        assert allowed <= 41


@given(st.integers(0, 20), devices, st.none() | st.integers(1, 20), st.booleans(), st.none() | st.integers(0, 20))
def test_a_level_is_the_lowest_of_its_limits(
    asked: int, device: DeviceLimits, max_level: int | None, symptoms: bool, pace: int | None
) -> None:
    bounds = [asked, 3 if max_level is None else max_level, device.level, 1 if symptoms else None, pace]
    limit = limit_level(asked, device, PumpLayers(symptoms, max_level=max_level, pace_level=pace))
    assert limit.allowed == min(bound for bound in bounds if bound is not None)


@given(st.floats(0, 1))
def test_vibration_stays_in_the_lowest_third(asked: float) -> None:
    assert limit_vibration(asked, WILLING, NO_LIMITS).allowed <= min(asked + 1e-9, 1 / 3)


@pytest.mark.parametrize(
    ("held", "asked", "allowed", "key"),
    [
        (vibration(OwnerLimits()), 0.2, 0.0, "vibration_off"),
        (vibration(OwnerLimits(), 0.1), 0.2, 0.0, "vibration_off"),
        (vibration(symptoms=True), 0.2, 0.0, "no_vibration_with_symptoms"),
        (vibration(least=0.25), 0.1, 0.25, "device_least"),
        (vibration(least=1.0), 0.2, 0.0, "device_least_too_much"),
        (vibration(AT_FULL, 1.0), 0.2, 1.0, "device_least"),
        (vibration(AT_FULL, 1.0, symptoms=True), 0.2, 0.0, "no_vibration_with_symptoms"),
        (vibration(AT_FULL, 0.25), 1.0, 0.33, "limit_vibration"),
        (heat(60, OwnerLimits(), symptoms=True), 40, 0.0, "no_heat_with_symptoms"),
        (heat(60, OwnerLimits(heat_celsius=38), least_celsius=39), 40, 0.0, "device_least_too_much"),
        (heat(60, OwnerLimits(), least_celsius=39), 36, 39.0, "device_least"),
    ],
)
def test_a_device_does_its_least_where_less_was_asked_and_nothing_where_not_even_that_is_allowed(
    held: Held, asked: float, allowed: float, key: str
) -> None:
    limit = held(asked)
    assert limit.allowed == pytest.approx(allowed)
    assert limit.must_be_off is (allowed == 0)
    assert limit.reasons[0].key == key


@pytest.mark.parametrize(
    ("held", "least", "allowed"),
    [
        ([], 30.0, 30),  # less was asked than it can do
        ([Reason(who="pace", allows=0.0, key="pace")], 30.0, 30),  # the pace keeps no device from its least
        ([Reason(who="owner", allows=30.0, key="cap")], 30.0, 30),
        ([Reason(who="owner", allows=29.0, key="cap")], 30.0, 0),
        ([Reason(who="owner", allows=0.0, key="cap")], 30.0, 0),
    ],
)
def test_the_least_of_a_device_is_held_against_every_layer_but_the_pace(
    held: list[Reason], least: float, allowed: float
) -> None:
    limit = lowest("vacuum_mmhg", 20, held, step=1, least=least)
    assert limit.allowed == allowed
    assert limit.must_be_off is (allowed == 0)


@given(st.sampled_from(Phase), values, owners, devices, circumstances)
def test_a_pump_is_set_to_what_its_vacuum_and_its_rate_are_limited_to(
    phase: Phase, asked: float, owner: OwnerLimits, device: DeviceLimits, how: dict[str, float | None]
) -> None:
    request = PumpSetting(phase=phase, vacuum_mmhg=asked, rate_cpm=asked + 1)
    setting, limits = limit_pump(request, owner, device, FULL, PumpLayers(**how))
    assert limits == (
        limit_vacuum(phase, asked, owner, device, PumpLayers(**how)),
        limit_rate(phase, asked + 1, device),
    )
    assert (setting.vacuum_mmhg, setting.rate_cpm) == tuple(limit.allowed for limit in limits)
    assert (setting.phase, setting.side) == (request.phase, request.side)


@pytest.mark.parametrize(("asked", "told"), [(None, 1), (0, 0), (1, 1), (5, 3)])
def test_a_pump_with_levels_begins_at_the_first_and_no_request_is_raised(asked: int | None, told: int) -> None:
    request = PumpSetting(phase=Phase.EXPRESSION, level=asked)
    can = frozenset({Capability.LEVELS})
    setting, _ = limit_pump(request, OwnerLimits(), DeviceLimits(), can, PumpLayers(symptoms=False))
    assert setting.level == told
