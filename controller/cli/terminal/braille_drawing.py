"""A drawing of `config/pictures` as a small text: eight dots in each character of braille."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator

from rich.text import Text

from controller.cli.terminal.svg_shapes import SIZE, Point, Shape, shapes_of
from controller.contract.pictures import picture_svg
from devices.roles import Side

COLUMNS_A_LINE = 2  # a character is about twice as high as wide
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a character of braille, by line and column
_BLANK = 0x2800
_STEP = 0.5  # between the points of a line, in dots
_ACCENT = "magenta"


@functools.cache
def drawing(name: str, side: Side, lines: int) -> Text:
    """Return a drawing in so many lines of twice as many characters. Raise `KeyError` where there is none."""
    size = 4 * lines  # in dots, each way
    dots: set[tuple[int, int]] = set()
    accent: set[tuple[int, int]] = set()
    for shape in shapes_of(picture_svg(name, side)):
        if shape.covers:
            inside = set(_inside(shape, size))
            dots = dots | inside if shape.solid else dots - inside
            accent -= inside
        if shape.stroked:
            line = set(_along(shape, size))
            dots |= line
            accent = accent | line if shape.accent else accent - line
    text = Text(no_wrap=True)
    for row in range(lines):
        for column in range(COLUMNS_A_LINE * lines):
            cell = {(2 * column + x, 4 * row + y): bit for y, bits in enumerate(_DOTS) for x, bit in enumerate(bits)}
            found = sum(bit for dot, bit in cell.items() if dot in dots)
            text.append(
                chr(_BLANK + found) if found else " ", style=_ACCENT if any(dot in accent for dot in cell) else ""
            )
        text.append("\n" if row + 1 < lines else "")
    return text


def _scaled(shape: Shape, size: int) -> list[Point]:
    return [(x / SIZE * size, y / SIZE * size) for x, y in shape.points]


def _along(shape: Shape, size: int) -> Iterator[tuple[int, int]]:
    """Yield the dots of the lines of a shape."""
    for (x, y), (to_x, to_y) in itertools.pairwise(_scaled(shape, size)):
        steps = max(1, round(max(abs(to_x - x), abs(to_y - y)) / _STEP))
        for step in range(steps + 1):
            dot = int(x + (to_x - x) * step / steps // 1), int(y + (to_y - y) * step / steps // 1)
            if 0 <= dot[0] < size and 0 <= dot[1] < size:
                yield dot


def _inside(shape: Shape, size: int) -> Iterator[tuple[int, int]]:
    """Yield the dots inside a shape: those with an odd number of its lines to the left."""
    points = _scaled(shape, size)
    lines = list(itertools.pairwise([*points, points[0]]))
    for row in range(size):
        y = row + 0.5
        crossings = sorted(
            a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]) for a, b in lines if (a[1] <= y) != (b[1] <= y)
        )
        for begin, end in zip(crossings[::2], crossings[1::2], strict=True):
            for column in range(max(0, round(begin)), min(size, round(end))):
                yield column, row
