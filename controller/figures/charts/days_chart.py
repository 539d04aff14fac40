"""The milk of each day as bars, the left breast below the right one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from controller.contract.units import Units
from controller.contract.words import Words
from controller.figures.charts.chart import Chart, ChartTable
from controller.figures.charts.svg import LEFT, RIGHT, AxisScale, bar, document, element, nice_high, text, value_axis
from controller.figures.figure_words import day_number, day_text, milk, total_milk, weekday
from controller.figures.totals import Day

_HEIGHT, _TOP, _BOTTOM = 200.0, 26.0, 166.0
_WEEK = 7  # up to so many days, each has its name and its figure
_FULL = 0.68  # of the width of a day
_EVERY = 5  # days from one date to the next, where there are more
_MOST_DATES = 5  # below one chart
_SIDES = ("left", "right", "both")


def days_chart(days: Sequence[Day], words: Words, units: Units = Units.ML, name: str = "days") -> Chart:
    """Return the chart of some days. A ring: there are sessions whose milk is not known."""
    texts = words.charts
    totals = [each.total.total_ml for each in days]
    highest = max((ml / units.ml_each for ml in totals if ml is not None), default=0.0)
    up = AxisScale(0.0, nice_high(highest or (4.0 if units is Units.OZ else 100.0)), _BOTTOM, _TOP)
    room = (RIGHT - LEFT) / max(1, len(days))
    every = max(_EVERY, math.ceil(len(days) / _MOST_DATES))
    shapes = [value_axis(up, lambda value: f"{value:g}".replace(".", words.decimal_point), units.value)]
    for index, each in enumerate(days):
        middle = LEFT + room * (index + 0.5)
        shapes.append(_bars(each, middle, room * _FULL, up, units))
        shapes.append(_labels(each, middle, up, words, units, named=len(days) <= _WEEK, dated=index % every == 0))
    title = texts["days_title"].format(days=len(days))
    description = texts["days_description"].format(
        known=sum(ml is not None for ml in totals),
        days=len(days),
        most=milk(max(filter(None, totals), default=None), units, words),
        unit=units.value,
    )
    keys = [(side, words.terminal[side]) for side in _SIDES if any(_of(each, side) is not None for each in days)]
    if any(each.total.measured < each.total.sessions for each in days):
        keys.append(("unknown", texts["without_figure"]))
    return Chart(title, document(name, title, description, _HEIGHT, *shapes), tuple(keys), _table(days, words, units))


def _of(day: Day, side: str) -> float | None:
    found: float | None = getattr(day.total.volume_ml, side)
    return found


def _bars(day: Day, middle: float, width: float, up: AxisScale, units: Units) -> str:
    found, below = [], 0.0
    for side in _SIDES:
        ml = _of(day, side)
        if ml:
            above = below + ml / units.ml_each
            gap = 0.8 if below else 0.0  # between two sides
            found.append(bar(middle - width / 2, width, up.at(above), up.at(below) - gap, side))
            below = above
    return "".join(found)


def _labels(day: Day, middle: float, up: AxisScale, words: Words, units: Units, *, named: bool, dated: bool) -> str:
    ml = day.total.total_ml
    top = up.at(0.0 if ml is None else ml / units.ml_each) - 5
    found = []
    if day.total.measured < day.total.sessions:
        found.append(element("circle", cx=middle, cy=top, r=3.0, class_="unknown"))
        top -= 6
    if named:
        found.append(text(weekday(day.day, words), middle, _BOTTOM + 15, "strong", "middle"))
        found.append(text(day_number(day.day, words), middle, _BOTTOM + 30, "tick", "middle"))
        if ml is not None:
            found.append(text(total_milk(day.total.volume_ml, units, words), middle, top, "value", "middle"))
    elif dated:
        found.append(text(day_text(day.day, words), middle, _BOTTOM + 15, "tick", "middle"))
    return "".join(found)


def _table(days: Sequence[Day], words: Words, units: Units) -> ChartTable:
    texts, name = words.charts, units.value
    head = (
        texts["day"],
        *(f"{words.terminal[side]}, {name}" for side in _SIDES),
        f"{texts['total']}, {name}",
        texts["sessions"],
    )
    rows = tuple(
        (
            f"{weekday(each.day, words)}, {day_text(each.day, words)}",
            *(milk(_of(each, side), units, words) for side in _SIDES),
            total_milk(each.total.volume_ml, units, words),
            sessions_text(each.total.sessions, each.total.measured, words),
        )
        for each in reversed(days)
    )
    return ChartTable(head, rows)


def sessions_text(sessions: int, measured: int, words: Words) -> str:
    """Return how many sessions there are, and of how many the milk is known, where these are fewer."""
    if measured == sessions:
        return str(sessions)
    return words.charts["measured_of"].format(measured=measured, sessions=sessions)
