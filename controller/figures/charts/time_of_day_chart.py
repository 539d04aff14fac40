"""The median milk of a session, by the time of day at which it began."""

from __future__ import annotations

from collections.abc import Sequence

from controller.contract.units import Units
from controller.contract.words import Words
from controller.figures.charts.chart import Chart, ChartTable
from controller.figures.charts.svg import LEFT, RIGHT, AxisScale, bar, document, nice_high, text, value_axis
from controller.figures.figure_words import milk, sessions_count
from controller.figures.patterns import FEWEST, HOURS, HoursOfDay

_HEIGHT, _TOP, _BOTTOM = 200.0, 26.0, 166.0
_FULL = 0.68


def time_of_day_chart(
    groups: Sequence[HoursOfDay], words: Words, units: Units = Units.ML, name: str = "time-of-day"
) -> Chart:
    """Return the chart. Groups of fewer than `FEWEST` sessions have no bar."""
    texts = words.charts
    known = [each.median_ml / units.ml_each for each in groups if each.median_ml is not None]
    up = AxisScale(0.0, nice_high(max(known, default=0.0) or (4.0 if units is Units.OZ else 100.0)), _BOTTOM, _TOP)
    room = (RIGHT - LEFT) / max(1, len(groups))
    shapes = [value_axis(up, lambda value: f"{value:g}".replace(".", words.decimal_point), units.value)]
    for index, each in enumerate(groups):
        middle = LEFT + room * (index + 0.5)
        shapes.append(text(str(each.first_hour), LEFT + room * index, _BOTTOM + 15, "strong", "middle"))
        shapes.append(text(sessions_count(each.sessions), middle, _BOTTOM + 30, "tick small", "middle"))
        if each.median_ml is not None:
            top, width = up.at(each.median_ml / units.ml_each), room * _FULL
            shapes.append(bar(middle - width / 2, width, top, _BOTTOM, "left"))
            shapes.append(text(milk(each.median_ml, units, words), middle, top - 5, "value", "middle"))
    if groups:
        shapes.append(text(str(groups[-1].first_hour + HOURS), RIGHT, _BOTTOM + 15, "strong", "middle"))
    title = texts["time_of_day_title"]
    description = texts["time_of_day_description"].format(fewest=FEWEST)
    rows = tuple((_hours(each), _median(each, words, units), str(each.sessions)) for each in groups)
    head = (texts["hours"], f"{texts['median']}, {units.value}", texts["sessions"])
    return Chart(title, document(name, title, description, _HEIGHT, *shapes), (), ChartTable(head, rows))


def _hours(group: HoursOfDay) -> str:
    return f"{group.first_hour}\N{EN DASH}{group.first_hour + HOURS}"


def _median(group: HoursOfDay, words: Words, units: Units) -> str:
    return words.charts["too_few"] if group.median_ml is None else milk(group.median_ml, units, words)
