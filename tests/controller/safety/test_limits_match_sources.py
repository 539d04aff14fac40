"""The hard numbers, each written out a second time, and the ranges in which an owner may lower them."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from controller.safety import apply_limits, limits
from controller.safety.limits import BUDGETS, OwnerLimits

NUMBERS: dict[str, tuple[float, str]] = {
    "STIMULATION_VACUUM_MMHG": (150, "ranges of cleared pumps"),
    "STIMULATION_RATE_CPM": (125, "ranges of cleared pumps"),
    "STIMULATION_SECONDS": (5 * 60, "two minutes or first milk, and a margin"),
    "EXPRESSION_VACUUM_MMHG": (250, "21 CFR 884.5150"),
    "EXPRESSION_RATE_CPM": (90, "ranges of cleared pumps"),
    "FIRST_EXPRESSION_VACUUM_MMHG": (100, "a first expression begins low"),
    "AUTOMATIC_VACUUM_MMHG": (150, "nothing climbs higher by itself without a comfort cap"),
    "SYMPTOM_VACUUM_MMHG": (100, "low vacuum on a day with symptoms"),
    "RAISE_STEP_MMHG": (20, "a step that can be felt and taken back"),
    "RAISE_EVERY_SECONDS": (10, "time to feel a step"),
    "SESSION_SECONDS": (65 * 60, "power pumping, with its rests"),
    "DEVICE_VARIES_MMHG": (20, "a device's tolerance, as makers state it"),
    "VACUUM_TRIP_MMHG": (270, "250 and a device's tolerance of 20"),
    "VACUUM_TRIP_AT_ONCE_MMHG": (300, "far above what is ever asked"),
    "RELEASE_MMHG": (60, "low enough to count as letting go"),
    "RELEASE_UNSEEN_SECONDS": (40, "longer than a healthy pump is read on its peaks alone, once a second"),
    "RELEASE_READINGS": (27, "every 0.15 s: each release is seen"),
    "RELEASE_SECONDS": (4, "longer than the slowest cycle"),
    "VACUUM_TOLERANCE_MMHG": (30, "a device's tolerance of 20, and noise"),
    "MEASURED_VACUUM_MMHG": (260, "set lower well before it trips"),
    "TRIM_MMHG": (10, "so that noise does not reach it again"),
    "RATE_TOLERANCE_CPM": (10, "a device's tolerance of 5, and whole cycles"),
    "SLOWEST_CPM": (20, "ranges of cleared pumps"),
    "FOLLOW_SECONDS": (2, "a device that does not do less by then is stopped"),
    "SEAL_MMHG": (20, "a flange in the air holds next to nothing"),
    "SEAL_LOST_SECONDS": (6, "two cycles of the slowest pump"),
    "LEAST_COMFORT_VACUUM_MMHG": (60, "a cap below this leaves a pump next to nothing"),
    "GENTLEST_VACUUM_MMHG": (40, "the lowest that a routine asks for"),
    "NO_SEAL_SECONDS": (60, "time to put a flange right"),
    "FLANGE_SECONDS": (30, "time to put a flange on"),
    "VENT_SECONDS": (2, "what a stopped pump needs to let go"),
    "HEAT_CELSIUS": (42, "below the 43 °C of IEC 60601-1"),
    "WARM_CELSIUS": (41, "for heat that lasts long"),
    "ABOVE_WARM_SECONDS": (10 * 60, "the ten minutes of IEC 60601-1"),
    "HEAT_TOLERANCE_CELSIUS": (1.5, "a thermostat's overshoot, and noise"),
    "RISE_CELSIUS": (1.5, "a pad that gets so much warmer ..."),
    "RISE_SECONDS": (60, "... in this time ..."),
    "SKIN_CELSIUS": (35, "... and is warmer than skin makes it, heats"),
    "HEAT_TRIP_CELSIUS": (43, "IEC 60601-1"),
    "HEAT_TRIP_SECONDS": (5, "a sensor may overshoot for a moment"),
    "HEAT_TRIP_AT_ONCE_CELSIUS": (44, "no moment of it"),
    "OVERPRESSURE_MMHG": (30, "no pump blows: a device's tolerance of 20, and some"),
    "QUIET_VACUUM_MMHG": (40, "set to less, a pump hardly pulls, and may well stand still"),
    "COLDEST_CELSIUS": (0, "nothing on a body is colder"),
    "JUMP_CELSIUS": (5, "more than a pad that runs away warms ..."),
    "JUMP_SECONDS": (5, "... in this time"),
    "WARMING_GAP_CELSIUS": (3, "a compress this far below its target ..."),
    "WARMING_CELSIUS": (1, "... gets warmer by more than its sensor's noise ..."),
    "WARMING_SECONDS": (120, "... in this time"),
    "FINE_CELSIUS": (0.5, "a sensor with smaller steps shows one ..."),
    "FINE_STILL_SECONDS": (60, "... in this time while it warms"),
    "RESTLESS_TURNS": (8, "a sensor that goes up and down so often ..."),
    "RESTLESS_SECONDS": (30, "... in this time ..."),
    "RESTLESS_STILL_SECONDS": (15, "... does not stand still for longer"),
    "VIBRATION_INTENSITY": (1 / 3, "clinical advice is against more"),
    "FALL_CELSIUS": (3, "a compress that heats does not get so much colder"),
    "COLDEST_SKIN_CELSIUS": (28, "skin at rest has 33 °C, and a room has less"),
    "ONLY_SENSOR_STILL_SECONDS": (120, "less than the five minutes that nobody has to measure"),
    "MASSAGE_SECONDS": (10 * 60, "hands tire, and skin too"),
    "LEASE_SECONDS": (10, "how long a device may run on alone"),
    "STALE_SECONDS": (10, "how long a device may be silent"),
    "LATE_SECONDS": (2, "a device's clock and its link may be late"),
    "STOP_AGAIN_SECONDS": (3, "a stop, and its answer, take up to 2 s"),
    "HELD_OFF_SECONDS": (15 * 60, "nothing comes back by itself after a stop or pain"),
    "FIRST_LEVEL": (1, "the lowest there is"),
    "UNMAPPED_LEVEL": (3, "nobody measured what is above"),
}


# Seconds that are allowed, in any stretch of so many. What each window is for:
WINDOWS: dict[str, list[tuple[float, float, str]]] = {
    "suction": [
        (30 * 60, 35 * 60, "about 15 minutes in studies, and a margin; then a rest of five"),
        (40 * 60, 65 * 60, "power pumping: 20, 10 and 10 minutes"),
        (5 * 3600, 24 * 3600, "twelve sessions of 25 minutes a day"),
    ],
    "heat": [(20 * 60, 50 * 60, "2 to 20 minutes in advice and studies; then the skin cools down for half an hour")],
    "heat above 41 °C": [(10 * 60, 40 * 60, "the ten minutes of IEC 60601-1")],
    "heat that nobody measures": [(5 * 60, 35 * 60, "nobody knows how warm it is")],
    "vibration": [(5 * 60, 35 * 60, "short, and a rest as after heat")],
}


@pytest.mark.parametrize("name", NUMBERS)
def test_each_hard_number_is_the_one_in_the_safety_table(name: str) -> None:
    assert getattr(limits, name) == NUMBERS[name][0]


def test_no_hard_number_is_without_its_literal_and_its_reason_here() -> None:
    names = {name for name, value in vars(limits).items() if name.isupper() and isinstance(value, int | float)}
    assert set(NUMBERS) == names
    assert all(why for _, why in NUMBERS.values())


def test_each_window_is_the_one_in_the_safety_table() -> None:
    windows = {name: [(each.most_seconds, each.in_seconds) for each in found] for name, found in BUDGETS.items()}
    assert windows == {name: [window[:2] for window in found] for name, found in WINDOWS.items()}
    assert all(why for found in WINDOWS.values() for *_, why in found)


# What the owner allows

RANGES = {
    "comfort_vacuum_mmhg": (60.0, 250.0),
    "stimulation_vacuum_mmhg": (40.0, 120.0),
    "heat_celsius": (36.0, 42.0),
}


@pytest.mark.parametrize("name", RANGES)
def test_an_owner_may_set_each_end_of_a_range_and_nothing_beyond(name: str) -> None:
    low, high = RANGES[name]
    for value in (low, high):
        assert getattr(OwnerLimits.model_validate({name: value}), name) == value
    for value in (math.nextafter(low, 0), math.nextafter(high, 999), -high, math.nan, math.inf, -math.inf):
        with pytest.raises(ValidationError):
            OwnerLimits.model_validate({name: value})


def test_an_owner_cannot_set_what_there_is_not() -> None:
    with pytest.raises(ValidationError):
        OwnerLimits.model_validate({"maximum": 300})


def test_an_owner_who_sets_nothing_gets_the_defaults() -> None:
    values = {
        "comfort_vacuum_mmhg": None,
        "stimulation_vacuum_mmhg": 120,
        "heat_celsius": 42,
        "start_suction": "after_countdown",
        "manual_use": "watch",
        "remote_raise": "allow",
    }
    said = OwnerLimits().model_dump()
    assert {name: said.pop(name) for name in values} == values
    assert set(said.values()) == {False}  # what must be allowed explicitly


def test_comfort_is_the_cap_or_where_a_first_expression_begins() -> None:
    assert OwnerLimits().comfortable_mmhg == 100
    assert OwnerLimits(comfort_vacuum_mmhg=180).comfortable_mmhg == 180


@pytest.mark.parametrize(
    ("asked_mmhg", "cap_mmhg", "allowed_mmhg"),
    [
        (90, 150, 90),
        (150, 150, 150),
        (151, 150, 150),
        (250, 150, 150),
        (99.7, 150, 99),
        (60, None, 60),
        (101, None, 100),
    ],
)
def test_a_comfort_cap_from_outside_is_never_above_the_settings(
    asked_mmhg: float, cap_mmhg: float | None, allowed_mmhg: float
) -> None:
    limit = apply_limits.limit_comfort(asked_mmhg, OwnerLimits(comfort_vacuum_mmhg=cap_mmhg))
    assert limit.allowed == allowed_mmhg
    assert limit.limited == (allowed_mmhg < asked_mmhg)
