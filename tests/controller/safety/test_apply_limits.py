"""Limits: each layer at its bound, and all of them at once. `test_limit_properties.py` tries any request."""

from __future__ import annotations

from collections.abc import Callable

import pytest
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


@pytest.mark.parametrize(("asked", "told"), [(None, 1), (0, 0), (1, 1), (5, 3)])
def test_a_pump_with_levels_begins_at_the_first_and_no_request_is_raised(asked: int | None, told: int) -> None:
    request = PumpSetting(phase=Phase.EXPRESSION, level=asked)
    can = frozenset({Capability.LEVELS})
    setting, _ = limit_pump(request, OwnerLimits(), DeviceLimits(), can, PumpLayers(symptoms=False))
    assert setting.level == told
