"""Reads the drawings in `config/pictures` as polygons and lines. Pure; only what those files are made of."""

from __future__ import annotations

import itertools
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

Point = tuple[float, float]
Matrix = tuple[float, float, float, float, float, float]  # x' = a x + c y + e, y' = b x + d y + f

SIZE = 240.0  # of a drawing, each way
_CURVE_PARTS = 6  # lines for one curve: fine enough for a terminal
_CIRCLE_PARTS = 20
_SAME: Matrix = (1, 0, 0, 1, 0, 0)
_RULE = re.compile(r"([.\w,]+)\{([^{}]*)\}")
_TRANSFORM = re.compile(r"(\w+)\(([^)]*)\)")
_TOKEN = re.compile(r"[A-Za-z]|[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")
_NUMBERS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}


class Shape(NamedTuple):
    """Lines through `points`. `covers`: what lies below is hidden. `solid`: filled with a colour of its own."""

    points: tuple[Point, ...]
    stroked: bool
    covers: bool
    solid: bool
    accent: bool


def shapes_of(svg: bytes) -> tuple[Shape, ...]:
    """Return the shapes of a drawing, the lowest first. Raise `ValueError` for what no drawing of ours has."""
    root = ET.fromstring(svg)  # noqa: S314 - a file of our own
    style = "".join(each.text or "" for each in root.iter() if _name(each) == "style")
    return tuple(_walk(root, _classes(style), {}, _SAME))


def _classes(style: str) -> dict[str, dict[str, str]]:
    """Return the declarations of each class."""
    found: dict[str, dict[str, str]] = {}
    for names, body in _RULE.findall(style):
        pairs = dict(each.partition(":")[::2] for each in body.split(";") if each)
        for name in names.split(","):
            found.setdefault(name.removeprefix("."), {}).update(pairs)
    return found


def _walk(
    element: ET.Element, classes: Mapping[str, Mapping[str, str]], inherited: Mapping[str, str], matrix: Matrix
) -> Iterator[Shape]:
    style = dict(inherited)
    for name in element.get("class", "").split():
        style.update(classes.get(name, {}))
    matrix = _times(matrix, _matrix(element.get("transform", "")))
    for points in _lines(element):
        fill, stroke = style.get("fill", "none"), style.get("stroke", "none")
        yield Shape(
            tuple(_moved(matrix, each) for each in points),
            stroked=stroke != "none",
            covers=fill != "none",
            solid=fill in ("var(--milk)", "var(--accent)"),
            accent="var(--accent)" in (stroke, fill),
        )
    for child in element:
        yield from _walk(child, classes, style, matrix)


def _lines(element: ET.Element) -> Iterator[list[Point]]:
    """Yield the lines of one element, in its own coordinates."""

    def number(name: str) -> float:
        return float(element.get(name, "0"))

    match _name(element):
        case "path":
            yield from path_lines(element.get("d", ""))
        case "circle":
            turns = (2 * math.pi * part / _CIRCLE_PARTS for part in range(_CIRCLE_PARTS + 1))
            x, y, r = number("cx"), number("cy"), number("r")
            yield [(x + r * math.cos(turn), y + r * math.sin(turn)) for turn in turns]
        case "rect":
            x, y, width, height = (number(name) for name in ("x", "y", "width", "height"))
            yield [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
        case "svg" | "g" | "title" | "desc" | "style":
            pass
        case other:
            raise ValueError(f"a drawing has no <{other}>")


def path_lines(d: str) -> Iterator[list[Point]]:
    """Yield the lines of a path, one for each `M`. Curves become short lines; arcs are of circles."""
    tokens = _TOKEN.findall(d)
    at: Point = (0, 0)
    before: Point | None = None  # the last control point of the curve before
    line: list[Point] = []
    index, command = 0, ""
    while index < len(tokens):
        if tokens[index].isalpha():
            command = tokens[index]
            index += 1
        kind = command.upper()
        count = _NUMBERS[kind]
        values = [float(each) for each in tokens[index : index + count]]
        index += count
        origin = at if command.islower() else (0.0, 0.0)
        points = _points(kind, values, origin, at)
        match kind:
            case "M":
                if line:
                    yield line
                line, command = [points[0]], "l" if command == "m" else "L"
            case "Z":
                points = [line[0]]
                line.append(line[0])
            case "C" | "S" | "Q" | "T":
                if kind in "ST":
                    points.insert(0, at if before is None else (2 * at[0] - before[0], 2 * at[1] - before[1]))
                line += _curve([at, *points])
            case "A":
                line += _arc(at, points[0], values[0], large=bool(values[3]), clockwise=bool(values[4]))
            case _:
                line += points
        before = points[-2] if kind in "CSQT" else None
        at = points[-1]
    if line:
        yield line


def _points(kind: str, values: list[float], origin: Point, at: Point) -> list[Point]:
    if kind == "H":
        return [(origin[0] + values[0], at[1])]
    if kind == "V":
        return [(at[0], origin[1] + values[0])]
    if kind == "A":
        values = values[5:]
    return [(origin[0] + x, origin[1] + y) for x, y in zip(values[::2], values[1::2], strict=True)]


def _curve(controls: list[Point]) -> Iterator[Point]:
    """Yield points of a Bézier curve, without its first one."""
    for part in range(1, _CURVE_PARTS + 1):
        share, points = part / _CURVE_PARTS, controls
        while len(points) > 1:
            points = [
                (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share) for a, b in itertools.pairwise(points)
            ]
        yield points[0]


def _arc(begin: Point, end: Point, radius: float, *, large: bool, clockwise: bool) -> Iterator[Point]:
    """Yield points of an arc of a circle, without its first one."""
    (x, y), half = (end[0] - begin[0], end[1] - begin[1]), math.dist(begin, end) / 2
    away = math.sqrt(max(0.0, radius**2 - half**2)) / (2 * half) * (1 if large == clockwise else -1)
    center = (begin[0] + x / 2 + y * away, begin[1] + y / 2 - x * away)
    first, last = (math.atan2(point[1] - center[1], point[0] - center[0]) for point in (begin, end))
    turn = (last - first) % (2 * math.pi) if clockwise else -((first - last) % (2 * math.pi))
    radius = math.dist(center, begin)
    for part in range(1, _CIRCLE_PARTS + 1):
        angle = first + turn * part / _CIRCLE_PARTS
        yield center[0] + radius * math.cos(angle), center[1] + radius * math.sin(angle)


def _matrix(text: str) -> Matrix:
    made = _SAME
    for name, inside in _TRANSFORM.findall(text):
        made = _times(made, _TRANSFORMS[name](*map(float, inside.replace(",", " ").split())))
    return made


def _rotated(degrees: float, x: float = 0, y: float = 0) -> Matrix:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return cos, sin, -sin, cos, x - x * cos + y * sin, y - x * sin - y * cos


def _translated(x: float, y: float = 0) -> Matrix:
    return 1, 0, 0, 1, x, y


def _scaled(x: float, y: float | None = None) -> Matrix:
    return x, 0, 0, x if y is None else y, 0, 0


def _given(*values: float) -> Matrix:
    a, b, c, d, e, f = values
    return a, b, c, d, e, f


_TRANSFORMS: dict[str, Callable[..., Matrix]] = {
    "matrix": _given,
    "rotate": _rotated,
    "scale": _scaled,
    "translate": _translated,
}


def _times(m: Matrix, n: Matrix) -> Matrix:
    a, b, c, d, e, f = n
    return (*_turned(m, a, b), *_turned(m, c, d), *_moved(m, (e, f)))


def _turned(m: Matrix, x: float, y: float) -> Point:
    return m[0] * x + m[2] * y, m[1] * x + m[3] * y


def _moved(m: Matrix, point: Point) -> Point:
    x, y = _turned(m, *point)
    return x + m[4], y + m[5]


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]
