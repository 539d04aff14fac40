"""The chart of a session in characters: what is where, what is unknown, and that it fits."""

from __future__ import annotations

import pytest

from controller.cli.history_chart import chart_lines
from controller.contract.session_record import Curve, EventRecord, SessionDetails, StepRecord
from controller.contract.words import load_words
from devices.roles import Side
from tests.helpers.session_records import details, record

WORDS = load_words("en")


def curve(*values: float | None) -> Curve:
    return Curve(device="pump", side=Side.LEFT, quantity="vacuum_mmhg", values=values)


def lines(whole: SessionDetails, width: int = 26) -> list[str]:
    return list(chart_lines(whole, WORDS, width))


def test_a_gap_is_blank_and_what_is_known_is_not() -> None:
    values = [100.0] * 5 + [None] * 5 + [0.0] * 5 + [50.0] * 5
    title, top, *_, bottom = lines(SessionDetails(record=record(), curves=(curve(*values),)))[:5]
    assert title == "vacuum, mmHg, pump"
    assert top == "  100 █████"
    assert bottom == "    0 █████     ▁▁▁▁▁█████"


def test_the_highest_of_each_stretch_of_time_is_shown() -> None:
    values = [0.0] * 2000
    values[1000] = 240.0
    found = lines(SessionDetails(record=record(), curves=(curve(*values),)))
    assert found[1].rstrip()[-1] in "▇█▆"
    assert found[1].index(found[1].rstrip()[-1]) == 6 + 10


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_it_fits_whatever_the_width_and_names_every_step(width: int) -> None:
    found = lines(details(record(let_down_seconds=80.0)), width)
    assert max(map(len, found)) <= width
    if width >= 40:
        for step in ("Warmth", "Massage", "Expressing"):
            assert any(step in line for line in found)
        assert any(line.strip().startswith("0:00") for line in found)


def test_without_curves_and_with_a_step_of_another_version_there_is_a_chart() -> None:
    whole = SessionDetails(
        record=record(),
        steps=(StepRecord(name="a step\x1b[2J of the future", began_seconds=0.0),),
        events=(EventRecord(id="e", seconds=1e6, type="let_down"),),
    )
    found = "\n".join(lines(whole, 60))
    assert "of the future" in found
    assert "\x1b" not in found
