"""The time from suction to let-down, with and without warmth and massage before it."""

from __future__ import annotations

from collections.abc import Sequence

from controller.contract.words import Words
from controller.figures.charts.chart import Chart, ChartTable
from controller.figures.charts.svg import RIGHT, AxisScale, bar, document, element, nice_high, text, ticks_of
from controller.figures.figure_words import minutes_and_seconds, sessions_count
from controller.figures.patterns import FEWEST, LetDownGroup

_LEFT, _ROW, _BAR = 6.0, 48.0, 12.0


def let_down_chart(groups: Sequence[LetDownGroup], words: Words, name: str = "let-downs") -> Chart:
    """Return the chart: medians, and from the fastest to the slowest. Groups of fewer than `FEWEST` have no bar."""
    texts = words.charts
    slowest = max((each.slowest_seconds for each in groups if each.slowest_seconds is not None), default=0.0)
    along = AxisScale(0.0, nice_high((slowest or 120.0) / 60) * 60, _LEFT, RIGHT - 16)
    bottom = _ROW * len(groups) + 4
    shapes = [
        element("line", x1=along.at(value), x2=along.at(value), y1=2.0, y2=bottom, class_="grid")
        + text(minutes_and_seconds(value), along.at(value), bottom + 15, "tick", "middle" if value else "start")
        for value in (minutes * 60 for minutes in ticks_of(0.0, along.high / 60))
    ]
    for index, each in enumerate(groups):
        top = _ROW * index + 22
        shapes.append(
            text(f"{group_name(each, words)} ({sessions_count(each.sessions)})", _LEFT, top - 6, "strong label")
        )
        if each.median_seconds is None or each.fastest_seconds is None or each.slowest_seconds is None:
            shapes.append(text(texts["too_few"], _LEFT, top + 12, "tick"))
            continue
        end, below = along.at(each.median_seconds), top + _BAR + 4
        shapes.append(bar(_LEFT, end - _LEFT, top, top + _BAR, "left"))
        ends = along.at(each.fastest_seconds), along.at(each.slowest_seconds)
        shapes.append(element("line", x1=ends[0], x2=ends[1], y1=below, y2=below, class_="range"))
        shapes.append(text(minutes_and_seconds(each.median_seconds), RIGHT, top - 6, "value", "end"))
    title = texts["let_down_title"]
    svg = document(name, title, texts["let_down_description"].format(fewest=FEWEST), bottom + 22, *shapes)
    keys = (("left", texts["median"]), ("range", texts["range"])) if slowest else ()
    return Chart(
        title,
        svg,
        keys,
        ChartTable(
            (texts["before"], texts["median"], texts["range"], texts["sessions"]),
            tuple(_row(each, words) for each in groups),
        ),
    )


def group_name(group: LetDownGroup, words: Words) -> str:
    """Return how the sessions of a group were prepared."""
    key = {(False, False): "neither", (True, False): "warmth", (False, True): "massage", (True, True): "warmth_massage"}
    return words.charts[key[group.warmth, group.massage]]


def _row(group: LetDownGroup, words: Words) -> tuple[str, ...]:
    name, sessions = group_name(group, words), str(group.sessions)
    if group.median_seconds is None or group.fastest_seconds is None or group.slowest_seconds is None:
        return name, words.charts["too_few"], "", sessions
    ends = f"{minutes_and_seconds(group.fastest_seconds)}\N{EN DASH}{minutes_and_seconds(group.slowest_seconds)}"
    return name, minutes_and_seconds(group.median_seconds), ends, sessions
