"""Amounts and times as a person reads them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from controller.contract.session_state import Volume
from controller.contract.units import Units
from controller.contract.words import load_words
from controller.figures.figure_words import (
    clock_time,
    day_text,
    duration,
    exact_milk,
    milk,
    milk_with_unit,
    minutes_and_seconds,
    sum_with_unit,
    total_milk,
    total_with_unit,
    weekday,
)

EN, DE = load_words("en"), load_words("de")


def test_milk_in_both_units_and_languages() -> None:
    assert (milk(61.2, Units.ML, EN), milk(61.2, Units.OZ, EN), milk(61.2, Units.OZ, DE)) == ("61", "2.1", "2,1")
    assert milk(None, Units.ML, EN) == milk_with_unit(None, Units.OZ, DE) == "\N{EN DASH}"
    assert milk_with_unit(61.2, Units.OZ, DE) == "2,1\u00a0oz"
    assert (exact_milk(61.24, Units.ML, DE), exact_milk(60.0, Units.ML, DE), exact_milk(None, Units.ML, DE)) == (
        "61,2",
        "60",
        "",
    )
    assert exact_milk(29.5735, Units.OZ, EN) == "1"
    assert exact_milk(0.0, Units.ML, EN) == "0"


def test_halves_are_rounded_up_as_the_script_of_the_page_does() -> None:
    assert [milk(ml, Units.ML, EN) for ml in (0.5, 1.5, 28.5, 28.49)] == ["1", "2", "29", "28"]


def test_the_total_is_the_sum_of_the_sides_as_they_are_shown() -> None:
    volume = Volume(left=16.4, right=28.4)
    assert [milk(ml, Units.ML, EN) for ml in (volume.left, volume.right)] == ["16", "28"]
    assert (total_milk(volume, Units.ML, EN), total_with_unit(volume, Units.ML, EN)) == ("44", "44\u00a0mL")
    ounces = Volume(left=16.2, right=28.9, both=1.0)
    assert [milk(ml, Units.OZ, DE) for _, ml in ounces] == ["0,5", "1,0", "0,0"]
    assert total_milk(ounces, Units.OZ, DE) == "1,5"
    assert total_milk(Volume(), Units.ML, EN) == total_with_unit(Volume(), Units.ML, EN) == "\N{EN DASH}"


def test_the_sum_of_amounts_is_that_of_what_is_shown_of_each() -> None:
    assert [milk(ml, Units.OZ, EN) for ml in (40.0, 40.0, 40.0)] == ["1.4"] * 3
    assert sum_with_unit([40.0] * 3, Units.OZ, EN) == "4.2\u00a0oz"  # 120 mL are 4.1 oz
    assert sum_with_unit([45.4, 45.4], Units.ML, DE) == "90\u00a0mL"
    assert sum_with_unit([], Units.ML, EN) == "0\u00a0mL"


def test_times() -> None:
    when = datetime(2026, 3, 1, 23, 5, tzinfo=UTC)
    assert clock_time(when, ZoneInfo("Europe/Berlin")) == "00:05"
    assert (day_text(date(2026, 3, 1), EN), day_text(date(2026, 12, 24), DE)) == ("1 Mar", "24. Dez")
    assert (weekday(date(2026, 3, 1), EN), weekday(date(2026, 3, 2), DE)) == ("Sun", "Mo")
    assert [duration(each).replace("\u00a0", " ") for each in (0, 59, 61, 3600, 7850, -5)] == [
        "0 min", "0 min", "1 min", "1 h", "2 h 10 min", "0 min",
    ]  # fmt: skip
    assert (minutes_and_seconds(65.4), minutes_and_seconds(0)) == ("1:05", "0:00")
