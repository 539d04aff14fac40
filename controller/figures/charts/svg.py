"""The few shapes that every chart is drawn of: elements, scales, axes, bars, and lines in which a gap stays a gap.

Lengths are units of the view box. There is no style in them, but classes: `charts.css` has their looks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import NamedTuple

WIDTH = 340.0  # so that 12 units of text are still 10 pixels on a phone that is 320 pixels wide
LEFT, RIGHT = 36.0, 334.0  # of the plot
_NICE = (1, 2, 2.5, 5, 10)
_LEAST_SPAN = 1e-9
_TOLERANCE = 1e-4  # of a step, for what floats cannot hold exactly
_MOST = 1e6  # no reading is beyond that, whatever its unit


class AxisScale(NamedTuple):
    """Maps `low`…`high` to `start`…`end`; what is outside is drawn at the edge."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return where a value is."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.0
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)


def element(name: str, *children: str, **attributes: str | float | None) -> str:
    """Return an element. `class_` is `class`, `stroke_width` is `stroke-width`; `None` leaves an attribute out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value) if isinstance(value, float) else str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{given}>{''.join(children)}</{name}>" if children else f"<{name}{given}/>"


def text(words: str, x: float, y: float, kind: str = "", anchor: str = "start") -> str:
    """Return a line of text. `anchor`: `start` (left), `middle` or `end`."""
    return element("text", escape(words), x=x, y=y, class_=kind or None, text_anchor=anchor)


def document(name: str, title: str, description: str, height: float, *children: str) -> str:
    """Return the SVG. `name`: unique on its page. Time runs from left to right in every language."""
    return element(
        "svg",
        element("title", escape(title), id=f"{name}-title"),
        element("desc", escape(description), id=f"{name}-desc"),
        *children,
        xmlns="http://www.w3.org/2000/svg",
        id=name,
        class_="chart",
        viewBox=f"0 0 {_short(WIDTH)} {_short(height)}",
        direction="ltr",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )


def nice_high(highest: float, ticks: int = 4) -> float:
    """Return the end of an axis from 0: the last of its ticks, which is not below `highest`."""
    step = _step(highest, ticks)
    return step * max(1, math.ceil(highest / step - _TOLERANCE))


def ticks_of(low: float, high: float, ticks: int = 4) -> tuple[float, ...]:
    """Return round values from `low` to `high`."""
    step = _step(high - low, ticks)
    first, last = math.ceil(low / step - _TOLERANCE), math.floor(high / step + _TOLERANCE)
    return tuple(number * step for number in range(first, last + 1))


def _step(span: float, ticks: int) -> float:
    if span <= _LEAST_SPAN:
        return 1.0
    rough = span / ticks
    power = 10.0 ** math.floor(math.log10(rough))
    return next((nice * power for nice in _NICE if nice * power >= rough * (1 - _TOLERANCE / 100)), 10 * power)


def value_axis(scale: AxisScale, label: Callable[[float], str], unit: str, ticks: int = 4) -> str:
    """Return the lines of a vertical axis with their values on the left, and its unit above."""
    lines = [
        element("line", x1=LEFT, x2=RIGHT, y1=scale.at(value), y2=scale.at(value), class_="grid")
        + text(label(value), LEFT - 5, scale.at(value) + 4, "tick", "end")
        for value in ticks_of(scale.low, scale.high, ticks)
    ]
    return "".join(lines) + text(unit, 2.0, min(scale.start, scale.end) - 9, "unit")


def bar(x: float, width: float, top: float, bottom: float, kind: str) -> str:
    """Return a bar that stands; nothing for one without height."""
    height = bottom - top
    return "" if height <= 0 else element("rect", x=x, y=top, width=width, height=height, rx=1.5, class_=kind)


def line(points: Iterable[tuple[float, float | None]], kind: str) -> str:
    """Return a line through points; it is interrupted where a value is `None`. A lonely point is a dot."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y is None:
            runs.append([])
        else:
            runs[-1].append((x, y))
    path = " ".join(
        f"M{_short(run[0][0])} {_short(run[0][1])}"
        + ("".join(f"L{_short(x)} {_short(y)}" for x, y in run[1:]) or "h0.1")
        for run in runs
        if run
    )
    return element("path", d=path, class_=f"line {kind}") if path else ""


def known(values: Iterable[float | None]) -> list[float]:
    """Return the values that can be drawn: neither unknown, nor what cannot be a reading."""
    return [value for value in values if value is not None and abs(value) < _MOST]


def thinned(
    values: Sequence[float | None], most: int, of: Callable[[list[float]], float] = max
) -> list[tuple[float, float | None]]:
    """Return at most `most` points of a curve, each with its place in `values`: `of` the known values around it."""
    width = max(1, math.ceil(len(values) / most))
    found: list[tuple[float, float | None]] = []
    for first in range(0, len(values), width):
        part = known(values[first : first + width])
        found.append((float(first), of(part) if part else None))
    return found


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
