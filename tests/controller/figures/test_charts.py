"""Charts are well-formed, hold no odd number, and say the same in their table: with nothing, much, and extremes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, date, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.contract.session_record import Curve, EventRecord, SessionDetails, SessionRecord, StepRecord
from controller.contract.units import Units
from controller.contract.words import load_words
from controller.figures.charts.chart import Chart, chart_style, figure
from controller.figures.charts.days_chart import days_chart
from controller.figures.charts.let_down_chart import let_down_chart
from controller.figures.charts.session_chart import session_chart
from controller.figures.charts.svg import AxisScale, line, nice_high, thinned, ticks_of
from controller.figures.charts.time_of_day_chart import time_of_day_chart
from controller.figures.patterns import by_time_of_day, let_down_groups
from controller.figures.totals import by_day
from devices.roles import Side
from tests.helpers.sampling import examples
from tests.helpers.session_records import BEGAN, days_of_sessions, details, record

EN, DE = load_words("en"), load_words("de")
LAST = date(2026, 3, 7)
SVG = "{http://www.w3.org/2000/svg}"
DASH = "\N{EN DASH}"
EVIL = '<script>"&'


def tree(chart: Chart) -> ET.Element:
    """Return the SVG of a sound chart."""
    root = ET.fromstring(chart.svg)
    assert root.get("role") == "img"
    labels = (root.get("aria-labelledby") or "").split()
    titled = {each.get("id"): each.text for each in root if each.tag in (f"{SVG}title", f"{SVG}desc")}
    assert set(labels) == set(titled)
    assert all(titled.values())
    assert not re.search(r"\b(nan|inf|None)\b", chart.svg)
    assert "style=" not in chart.svg
    assert "<style" not in chart.svg
    _, _, width, height = map(float, (root.get("viewBox") or "").split())
    for each in root.iter():
        for name in ("x", "x1", "x2", "cx"):
            assert -1 <= float(each.get(name, 0)) <= width + 1
        for name in ("y", "y1", "y2", "cy"):
            assert -1 <= float(each.get(name, 0)) <= height + 1
    assert all(len(row) == len(chart.table.head) for row in chart.table.rows)
    return root


def shapes(chart: Chart, tag: str, kind: str) -> list[ET.Element]:
    return [each for each in tree(chart).iter(SVG + tag) if kind in (each.get("class") or "").split()]


def week(*sessions: SessionRecord, units: Units = Units.ML, days: int = 7) -> Chart:
    return days_chart(by_day(sessions, LAST, days, UTC), EN, units)


def test_the_bars_of_a_day_stand_on_each_other() -> None:
    chart = week(record("a", left=40.0, right=60.0), record("b", BEGAN + timedelta(days=1), both=50.0))
    (left,), (right,), (both,) = (shapes(chart, "rect", side) for side in ("left", "right", "both"))
    assert float(right.get("y", 0)) + float(right.get("height", 0)) == pytest.approx(float(left.get("y", 0)), abs=1)
    assert float(left.get("height", 0)) / float(both.get("height", 0)) == pytest.approx(40 / 50, abs=0.02)
    assert [key for key, _ in chart.keys] == ["left", "right", "both"]
    assert chart.table.rows[-1] == ("Sun, 1 Mar", "40", "60", DASH, "100", "1")
    assert chart.table.rows[0] == ("Sat, 7 Mar", DASH, DASH, DASH, DASH, "0")


def test_a_session_without_a_figure_is_a_ring_and_no_bar() -> None:
    chart = week(record("a", left=40.0), record("b"), record("c", BEGAN + timedelta(days=1)))
    assert len(shapes(chart, "circle", "unknown")) == 2
    assert len(shapes(chart, "rect", "left")) == 1
    assert chart.keys[-1][0] == "unknown"
    assert chart.table.rows[-1][-1] == "2, 1 with a figure"
    assert chart.table.rows[-2][-2:] == (DASH, "1, 0 with a figure")


def test_oz_and_german() -> None:
    days = by_day([record("a", left=59.147)], LAST, 7, UTC)
    chart = days_chart(days, DE, Units.OZ)
    assert chart.table.head[1] == "links, oz"
    assert chart.table.rows[-1][:2] == ("So, 1. März", "2,0")
    assert ">2,0<" in chart.svg


@pytest.mark.parametrize("days", [1, 7, 30, 31, 366])
@pytest.mark.parametrize("words", [EN, DE])
def test_a_long_history(days: int, words: object) -> None:
    sessions = list(days_of_sessions(BEGAN, days))
    chart = days_chart(by_day(sessions, BEGAN.date(), days, UTC), words)  # type: ignore[arg-type]
    tree(chart)
    assert len(chart.table.rows) == days
    for other in (
        time_of_day_chart(by_time_of_day(sessions, UTC), words),
        let_down_chart(let_down_groups(sessions), words),
    ):  # type: ignore[arg-type]
        tree(other)


def test_without_any_session() -> None:
    for chart in (week(), time_of_day_chart(by_time_of_day([], UTC), EN), let_down_chart(let_down_groups([]), EN)):
        tree(chart)
        assert chart.keys == ()
    assert session_chart(SessionDetails(record=record()), EN) is None
    empty = Curve(device="p", side=Side.LEFT, quantity="vacuum_mmhg", values=(None, None))
    assert session_chart(SessionDetails(record=record(), curves=(empty,)), EN) is None


def test_few_sessions_have_no_bar() -> None:
    sessions = [record(f"s{n}", left=5.0, let_down_seconds=70, suction_seconds=9) for n in range(4)]
    chart = time_of_day_chart(by_time_of_day(sessions, UTC), EN)
    assert shapes(chart, "rect", "left") == []
    assert chart.table.rows[0] == (f"0{DASH}3", "too few sessions", "4")
    chart = let_down_chart(let_down_groups(sessions), EN)
    assert shapes(chart, "rect", "left") == []
    assert chart.table.rows[0] == ("without warmth or massage", "too few sessions", "", "4")


def test_a_session_with_its_curves() -> None:
    chart = session_chart(details(record(let_down_seconds=85, highest_target_mmhg=150)), EN)
    assert chart is not None
    assert len(shapes(chart, "path", "left")) == len(shapes(chart, "path", "right")) == 2
    assert len(shapes(chart, "path", "both")) == len(shapes(chart, "line", "letdown")) == 1
    assert len(shapes(chart, "line", "target")) == 1
    for lost in shapes(chart, "path", "right"):
        assert (lost.get("d") or "").count("M") == 2, "a gap stays a gap"
    for whole in shapes(chart, "path", "left"):
        assert (whole.get("d") or "").count("M") == 1
    assert [key for key, _ in chart.keys] == ["left", "right", "both", "target", "letdown"]
    assert [row[0] for row in chart.table.rows][1:3] == ["Warmth", EN.steps["massage"].title]
    assert len(chart.svg) < 30_000


values = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 300)
curves = st.builds(
    Curve,
    device=st.text(max_size=5),
    side=st.sampled_from(Side),
    quantity=st.sampled_from(["vacuum_mmhg", "flow_ml_per_s", "surface_celsius"]),
    values=st.lists(values, max_size=700).map(tuple),
)
steps = st.builds(
    StepRecord,
    name=st.sampled_from(["warm", "unheard-of", EVIL]),
    began_seconds=st.floats(0, 4000),
    seconds=st.none() | st.floats(0, 4000),
)
events = st.builds(EventRecord, id=st.just("e"), seconds=st.floats(0, 9000), type=st.just("let_down"))


@settings(max_examples=examples(60))
@given(st.lists(curves, max_size=4), st.lists(steps, max_size=4), st.lists(events, max_size=3))
def test_whatever_was_recorded_is_drawn(of: list[Curve], taken: list[StepRecord], happened: list[EventRecord]) -> None:
    everything = SessionDetails(
        record=record(highest_target_mmhg=150), curves=tuple(of), steps=tuple(taken), events=tuple(happened)
    )
    for words in (EN, DE):
        chart = session_chart(everything, words)
        if chart is not None:
            tree(chart)


@settings(max_examples=examples(60))
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=9), st.sampled_from(Units))
def test_whatever_was_measured_is_drawn(amounts: list[float], units: Units) -> None:
    sessions = [record(f"s{n}", BEGAN + timedelta(days=n % 7), left=ml, right=0.0) for n, ml in enumerate(amounts)]
    tree(week(*sessions, units=units))
    tree(time_of_day_chart(by_time_of_day(sessions, UTC), EN, units))


class Html(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)


def test_a_figure_holds_the_chart_its_keys_and_its_table() -> None:
    chart = week(record("a", left=40.0))._replace(title=EVIL, keys=(("left", EVIL),))
    found = Html(figure(chart, EVIL)).tags
    assert found[0] == "figure"
    assert {"svg", "figcaption", "details", "table"} <= set(found)
    assert found.count("th") == 6 + 7
    assert "script" not in found
    assert ".chart" in chart_style()


@given(st.floats(1e-6, 1e9), st.integers(2, 8))
def test_axes_end_on_round_values(highest: float, most: int) -> None:
    high = nice_high(highest, most)
    assert highest <= high * (1 + 1e-4)
    found = ticks_of(0.0, high, most)
    assert found[0] == 0
    assert found[-1] == pytest.approx(high)
    assert len(found) <= most + 3


def test_lines_and_scales() -> None:
    assert line([(0, 1.0), (1, 2.0), (2, None), (3, 4.0)], "left").count("M") == 2
    assert line([(0, None)], "left") == ""
    assert AxisScale(0, 10, 100, 0).at(25) == 0
    assert AxisScale(5, 5, 100, 0).at(5) == 100
    assert thinned([1, 5, None, None, float("nan"), None], 3) == [(0.0, 5), (2.0, None), (4.0, None)]
