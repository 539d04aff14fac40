"""The hard numbers, each written out a second time, and the ranges in which an owner may lower them."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from controller import safety
from controller.safety import OwnerLimits

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
    "SUCTION_SECONDS": (30 * 60, "about 15 minutes in studies, and a margin"),
    "SUCTION_REST_SECONDS": (5 * 60, "a shorter rest ends nothing"),
    "SUCTION_SESSION_SECONDS": (40 * 60, "power pumping: 20, 10 and 10 minutes"),
    "SESSION_SECONDS": (65 * 60, "power pumping, with its rests"),
    "VACUUM_TRIP_MMHG": (270, "250 and a device's tolerance of 20"),
    "VACUUM_TRIP_AT_ONCE_MMHG": (300, "far above what is ever asked"),
    "RELEASE_MMHG": (60, "low enough to count as letting go"),
    "RELEASE_SECONDS": (4, "longer than the slowest cycle"),
    "VENT_SECONDS": (2, "what a stopped pump needs to let go"),
    "HEAT_CELSIUS": (42, "below the 43 °C of IEC 60601-1"),
    "WARM_CELSIUS": (41, "for heat that lasts long"),
    "ABOVE_WARM_SECONDS": (10 * 60, "the ten minutes of IEC 60601-1"),
    "HEAT_SECONDS": (20 * 60, "2 to 20 minutes in advice and studies"),
    "HEAT_REST_SECONDS": (30 * 60, "the skin cools down"),
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
    "VIBRATION_SECONDS": (5 * 60, "short"),
    "VIBRATION_REST_SECONDS": (30 * 60, "as after heat"),
    "MASSAGE_SECONDS": (10 * 60, "hands tire, and skin too"),
    "LEASE_SECONDS": (10, "how long a device may run on alone"),
    "STALE_SECONDS": (10, "how long a device may be silent"),
    "SETTING_SECONDS": (5, "a device set too high is told once before it trips"),
    "FIRST_LEVEL": (1, "the lowest there is"),
    "UNMAPPED_LEVEL": (3, "nobody measured what is above"),
    "BLIND_HEAT_SECONDS": (5 * 60, "nobody measures it"),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_each_hard_number_is_the_one_in_the_safety_table(name: str) -> None:
    assert getattr(safety, name) == NUMBERS[name][0]


def test_no_hard_number_is_without_its_literal_and_its_reason_here() -> None:
    assert set(NUMBERS) == {name for name in vars(safety) if name.isupper()}
    assert all(why for _, why in NUMBERS.values())


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


def test_an_owner_who_says_nothing_gets_the_defaults() -> None:
    values = {"comfort_vacuum_mmhg": None, "stimulation_vacuum_mmhg": 120, "heat_celsius": 42, "remote_raise": "allow"}
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
    limit = safety.limit_comfort(asked_mmhg, OwnerLimits(comfort_vacuum_mmhg=cap_mmhg))
    assert limit.allowed == allowed_mmhg
    assert limit.limited == (allowed_mmhg < asked_mmhg)
