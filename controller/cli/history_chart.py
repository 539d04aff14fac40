"""The curves of a session as a chart of characters, over its steps and let-downs. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from controller.cli.printable import printable
from controller.contract.session_record import Curve, CurveQuantity, SessionDetails
from controller.contract.words import Words

_BARS = " ▁▂▃▄▅▆▇█"
_LINES = 4  # of one chart
_MARGIN = 6  # columns at the left, for the scale
_TICK_SECONDS = (30, 60, 120, 300, 600, 900, 1800, 3600)
_TICK_WIDTH = 8  # columns from one time to the next, at least
_TOPS: dict[CurveQuantity, float] = {"vacuum_mmhg": 50.0, "flow_ml_per_s": 0.1, "surface_celsius": 1.0}
_BOTTOM_CELSIUS = 30.0


def chart_lines(details: SessionDetails, words: Words, width: int) -> Iterator[str]:
    """Yield the lines of all charts, at most `width` wide: one for each curve, then the times and the steps."""
    seconds = max([1, *(len(each.values) for each in details.curves)])
    columns = max(10, width - _MARGIN)
    for curve in details.curves:
        if any(value is not None for value in curve.values):
            yield from _chart(curve, words, seconds, columns)
    yield _times(seconds, columns)
    yield from _let_downs(details, words, seconds, columns)
    yield from _steps(details, words, seconds, columns)


def _chart(curve: Curve, words: Words, seconds: int, columns: int) -> Iterator[str]:
    """Yield the lines of one curve: the highest value of each stretch of time as a bar; no bar where none is known."""
    bottom = _BOTTOM_CELSIUS if curve.quantity == "surface_celsius" else 0.0
    heights = [max(stretch, default=None) for stretch in _stretches(curve.values, seconds, columns)]
    step = _TOPS[curve.quantity]
    top = max(bottom + step, math.ceil(max(height or 0.0 for height in heights) / step) * step)
    yield f"{words.listing[f'curve_{curve.quantity}']}, {printable(curve.device)}"[: columns + _MARGIN]
    for line in reversed(range(_LINES)):
        scale = {_LINES - 1: f"{top:g}", 0: f"{bottom:g}"}.get(line, "")
        bars = (_bar(height, bottom, top, line) for height in heights)
        yield f"{scale:>{_MARGIN - 1}} {''.join(bars)}".rstrip()


def _bar(height: float | None, bottom: float, top: float, line: int) -> str:
    if height is None:
        return " "
    filled = (height - bottom) / (top - bottom) * _LINES - line
    eighths = round(min(max(filled, 0.0), 1.0) * 8)
    return _BARS[max(eighths, 1 if line == 0 else 0)]  # what is known is never blank


def _stretches(values: Sequence[float | None], seconds: int, columns: int) -> Iterator[list[float]]:
    for column in range(columns):
        begin, end = (
            column * seconds // columns,
            max((column + 1) * seconds // columns, column * seconds // columns + 1),
        )
        yield [value for value in values[begin:end] if value is not None]


def _times(seconds: int, columns: int) -> str:
    """Return the axis of time in minutes."""
    step = next((each for each in _TICK_SECONDS if each * columns >= _TICK_WIDTH * seconds), _TICK_SECONDS[-1])
    return _placed(
        ((second, f"{second // 60}:{second % 60:02d}") for second in range(0, seconds, step)), seconds, columns
    )


def _let_downs(details: SessionDetails, words: Words, seconds: int, columns: int) -> Iterator[str]:
    found = [each.seconds for each in details.events if each.type == "let_down"]
    if found:
        yield _placed(((second, f"^ {words.listing['let_down']}") for second in found), seconds, columns)


def _steps(details: SessionDetails, words: Words, seconds: int, columns: int) -> Iterator[str]:
    """Yield where each step began, in as many lines as there is room for their names."""
    left = [(each.began_seconds, f"| {_title(each.name, words)}") for each in details.steps]
    while left:
        fits, later, end = [], [], 0
        for second, label in left:
            column = round(second / seconds * columns)
            if column < end:
                later.append((second, label))
            else:
                fits.append((second, label))
                end = column + len(label) + 1
        yield _placed(fits, seconds, columns)
        left = later


def _title(step: str, words: Words) -> str:
    return words.steps[step].title if step in words.steps else printable(step)


def _placed(labels: Iterable[tuple[float, str]], seconds: int, columns: int) -> str:
    """Return a line with each label where its second is, as far as there is room."""
    line = ""
    for second, label in labels:
        column = min(round(second / seconds * columns), max(0, columns - len(label)))
        if column >= len(line):
            line = line.ljust(column) + label[: columns - column] + " "
    return f"{'':{_MARGIN}}{line}".rstrip()
