"""The curves of one session: vacuum with its target, flow and temperature; with its steps and let-downs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import NamedTuple

from controller.contract.event_data import EventType
from controller.contract.session_record import Curve, SessionDetails, StepRecord
from controller.contract.words import Words
from controller.figures.charts.chart import Chart, ChartTable
from controller.figures.charts.svg import (
    LEFT,
    RIGHT,
    AxisScale,
    document,
    element,
    known,
    line,
    nice_high,
    text,
    thinned,
    ticks_of,
    value_axis,
)
from controller.figures.figure_words import minutes_and_seconds, number

_TOP = 20.0  # titles of the steps, and the marks of let-downs
_BETWEEN, _LABELS = 32.0, 20.0
_MOST_POINTS = 280  # of one line: no more can be seen
_LETTER = 6.4  # how wide one is


class _Panel(NamedTuple):
    """One quantity. `of`: what a point is of the values around it: vacuum goes up and down with each cycle."""

    quantity: str
    unit: str
    height: float
    digits: int
    highest: bool
    from_zero: bool


_PANELS = (
    _Panel("vacuum_mmhg", "mmHg", 84.0, 0, highest=True, from_zero=True),
    _Panel("flow_ml_per_s", "mL/s", 56.0, 2, highest=False, from_zero=True),
    _Panel("surface_celsius", "°C", 56.0, 1, highest=True, from_zero=False),
)


def session_chart(details: SessionDetails, words: Words, name: str = "session") -> Chart | None:
    """Return the chart of a session; `None` where no curve was kept."""
    shown = [(panel, curves) for panel in _PANELS if (curves := _known(details.curves, panel))]
    if not shown:
        return None
    texts, let_downs = words.charts, let_down_seconds(details)
    seconds = max(len(curve.values) for _, curves in shown for curve in curves)
    across = AxisScale(0.0, max(60.0, float(seconds), *_ends(details.steps)), LEFT, RIGHT)
    target = details.record.highest_target_mmhg
    bottom = _TOP + sum(panel.height + _BETWEEN for panel, _ in shown)
    shapes = [_steps(details.steps, across, bottom, words)]
    top = _TOP + _BETWEEN
    for panel, curves in shown:
        aim = target if panel.quantity == "vacuum_mmhg" else None
        shapes.append(_panel(panel, curves, across, top, aim, words))
        top += panel.height + _BETWEEN
    shapes += [_mark(across.at(each), bottom) for each in let_downs]
    shapes.append(_minutes(across, bottom))
    sides = [side for side in ("left", "right", "both") if any(c.side == side for _, curves in shown for c in curves)]
    keys = [(side, words.terminal[side]) for side in sides]
    keys += [("target", texts["highest_target"])] if target and shown[0][0].quantity == "vacuum_mmhg" else []
    keys += [("letdown", words.terminal["let_down"])] if let_downs else []
    title = texts["session_title"]
    return Chart(
        title,
        document(name, title, _description(details, seconds, words), bottom + _LABELS + 4, *shapes),
        tuple(keys),
        _table(details, words),
    )


def let_down_seconds(details: SessionDetails) -> tuple[float, ...]:
    """Return when milk was let down, since the session began."""
    return tuple(each.seconds for each in details.events if each.type == EventType.LET_DOWN)


def _known(curves: Iterable[Curve], panel: _Panel) -> list[Curve]:
    return [each for each in curves if each.quantity == panel.quantity and known(each.values)]


def _ends(steps: Iterable[StepRecord]) -> list[float]:
    return [step.began_seconds + step.seconds for step in steps if step.seconds is not None]


def _panel(
    panel: _Panel, curves: Sequence[Curve], across: AxisScale, top: float, target: float | None, words: Words
) -> str:
    values = [value for curve in curves for value in known(curve.values)]
    values += [target] if target else []
    low = 0.0 if panel.from_zero else math.floor(min(values))
    high = nice_high(max(values), 3) if panel.from_zero else max(math.ceil(max(values)), low + 1.0)
    up = AxisScale(low, high or 1.0, top + panel.height, top)
    shapes = [value_axis(up, lambda value: f"{value:g}".replace(".", words.decimal_point), panel.unit, 3)]
    if target:
        shapes.append(element("line", x1=LEFT, x2=RIGHT, y1=up.at(target), y2=up.at(target), class_="target"))
    for curve in curves:
        points = thinned(curve.values, _MOST_POINTS, max if panel.highest else fmean)
        at = ((across.at(second), None if value is None else up.at(value)) for second, value in points)
        shapes.append(line(at, curve.side))
    return "".join(shapes)


def _steps(steps: Sequence[StepRecord], across: AxisScale, bottom: float, words: Words) -> str:
    """Return every second step as a band; with its title where there is room for it."""
    found = []
    for index, step in enumerate(steps):
        start = across.at(step.began_seconds)
        end = across.at(across.high if step.seconds is None else step.began_seconds + step.seconds)
        if index % 2 == 0 and end > start:
            found.append(element("rect", x=start, y=4.0, width=end - start, height=bottom - 4, class_="step"))
        title = step_title(step.name, words)
        if len(title) * _LETTER < end - start - 4:
            found.append(text(title, start + 3, 16.0, "tick"))
    return "".join(found)


def step_title(name: str, words: Words) -> str:
    """Return what a person calls a kind of step."""
    return words.steps[name].title if name in words.steps else name


def _mark(x: float, bottom: float) -> str:
    drop = element("path", d=f"M{x:.1f} 20c4 6 5 8 5 11a5 5 0 0 1-10 0c0-3 1-5 5-11z", class_="drop")
    return element("line", x1=x, x2=x, y1=34.0, y2=bottom, class_="letdown") + drop


def _minutes(across: AxisScale, bottom: float) -> str:
    minutes = ticks_of(0.0, across.high / 60, 5)
    labels = [text(f"{each:g}", across.at(each * 60), bottom + 16, "tick", "middle") for each in minutes[:-1]]
    return "".join(labels) + text("min", RIGHT, bottom + 16, "tick", "end")


def _description(details: SessionDetails, seconds: int, words: Words) -> str:
    texts = words.charts
    parts = [texts["session_description"].format(minutes=max(1, round(seconds / 60)))]
    if details.record.peak_vacuum_mmhg is not None:
        parts.append(texts["peak"].format(mmhg=number(details.record.peak_vacuum_mmhg, words)))
    parts += [texts["let_down_at"].format(time=minutes_and_seconds(each)) for each in let_down_seconds(details)]
    return " ".join(parts)


def _table(details: SessionDetails, words: Words) -> ChartTable:
    """Return for each step its beginning, its duration, and the highest of each quantity."""
    panels = [panel for panel in _PANELS if _known(details.curves, panel)]
    texts = words.charts
    highest_of = (f"{texts[panel.quantity]}, {panel.unit}" for panel in panels)
    head = (texts["step"], texts["from"], texts["duration"], *highest_of)
    rows = []
    for step in details.steps or (StepRecord(name="", began_seconds=0.0),):
        first, seconds = int(step.began_seconds), step.seconds
        last = None if seconds is None else math.ceil(step.began_seconds + seconds)
        highest = [
            [value for curve in _known(details.curves, panel) for value in known(curve.values[first:last])]
            for panel in panels
        ]
        rows.append(
            (
                step_title(step.name, words) or texts["session_title"],
                minutes_and_seconds(step.began_seconds),
                "\N{EN DASH}" if seconds is None else minutes_and_seconds(seconds),
                *(number(max(v, default=None), words, p.digits) for v, p in zip(highest, panels, strict=True)),
            )
        )
    return ChartTable(head, tuple(rows))
