"""The drawings in the terminal are made of the same files as everywhere, and take no room from what must be read."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from rich.console import Console

from controller.cli.terminal.braille_drawing import drawing
from controller.cli.terminal.live_view import draw
from controller.cli.terminal.parent_terminal import shows_braille
from controller.cli.terminal.svg_shapes import path_lines, shapes_of
from controller.cli.terminal.view_state import Picture
from controller.contract.pictures import picture_names, picture_svg
from controller.contract.words import load_words
from devices.roles import Side
from tests.helpers.pictures import pictures

LINES = 8


def dots(name: str, side: Side = Side.LEFT) -> set[tuple[int, int]]:
    """Return the places of the characters that have dots."""
    rows = drawing(name, side, LINES).plain.split("\n")
    return {(column, row) for row, line in enumerate(rows) for column, each in enumerate(line) if each != " "}


@pytest.mark.parametrize("name", picture_names())
def test_every_drawing_is_a_text_of_its_size(name: str) -> None:
    rows = drawing(name, Side.LEFT, LINES).plain.split("\n")
    assert [len(row) for row in rows] == [2 * LINES] * LINES
    assert all(each == " " or 0x2800 < ord(each) <= 0x28FF for row in rows for each in row)
    assert 15 < len(dots(name)) < 2 * LINES * LINES


def test_what_belongs_to_a_breast_is_mirrored_for_the_other() -> None:
    left = dots("warm")
    mirrored = {(2 * LINES - 1 - column, row) for column, row in left}
    right = dots("warm", Side.RIGHT)
    assert len(right ^ mirrored) < len(right) / 4  # the edges of characters differ by a dot
    assert right != left
    assert dots("rest", Side.RIGHT) == dots("rest")


def test_what_is_above_hides_what_is_below() -> None:
    def svg(top: str) -> bytes:
        style = ".l{fill:none;stroke:var(--line)}.t{fill:var(--tint);stroke:var(--accent)}"
        return f'<svg><style>{style}</style><path class="l" d="M0 120h240"/>{top}</svg>'.encode()

    below, above = shapes_of(svg('<rect class="t" x="60" y="60" width="120" height="120"/>'))
    assert (below.stroked, below.covers, below.accent) == (True, False, False)
    assert (above.stroked, above.covers, above.solid, above.accent) == (True, True, False, True)
    with pytest.raises(ValueError, match="no <text>"):
        shapes_of(svg("<text>words</text>"))


@pytest.mark.parametrize(
    ("d", "end"),
    [
        ("M1 2l3 4h5v-1", (9, 5)),
        ("M1 2L3 4H9V-1z", (1, 2)),
        ("M0 0q5 5 10 0t10 0", (20, 0)),
        ("M0 0c0 5 10 5 10 0s10-5 10 0", (20, 0)),
        ("m1 1 2 2-1-.5", (2, 2.5)),
        ("M0 0a5 5 0 0 1 10 0", (10, 0)),
    ],
)
def test_a_path_ends_where_it_says(d: str, end: tuple[float, float]) -> None:
    (line,) = path_lines(d)
    assert line[-1] == pytest.approx(end)


@pytest.mark.parametrize(("flags", "highest"), [("0 1", -2.0), ("0 0", 2.0), ("1 1", -8.0), ("1 0", 8.0)])
def test_an_arc_is_the_one_that_its_flags_name(flags: str, highest: float) -> None:
    (line,) = path_lines(f"M0 0a5 5 0 {flags} 8 0")
    assert max((y for _, y in line), key=abs) == pytest.approx(highest, abs=0.1)


def test_no_drawing_has_a_gap_where_a_line_should_be() -> None:
    for name in picture_names():
        for shape in shapes_of(picture_svg(name)):
            lengths = [abs(b[0] - a[0]) + abs(b[1] - a[1]) for a, b in pairwise(shape.points)]
            assert shape.points, name
            assert max(lengths, default=0) < 500, name  # a misread number would be far away


# In the view


def shown(width: int, height: int, **more: object) -> str:
    picture = next(each for name, each in pictures(load_words("en"), busy=False) if name == "express.with_device")
    assert picture.guide is not None
    guide = picture.guide.model_copy(update={"picture": "express"})
    made: Picture = replace(picture, guide=guide, **more)  # type: ignore[arg-type]
    return draw(made, width, height, None)


def has_drawing(text: str) -> bool:
    return any(0x2800 < ord(each) <= 0x28FF for each in text)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (96, 28), (120, 40)])
def test_beside_the_instruction_with_all_else_there(width: int, height: int) -> None:
    text = shown(width, height)
    assert has_drawing(text)
    for part in ("Expressing", "Warmth", "12.3 mL", "left-pump", "massager", "press p.", "space stop"):
        assert part in text


def test_not_where_there_is_no_room_or_it_cannot_be_shown() -> None:
    assert not has_drawing(shown(71, 40))
    assert not has_drawing(shown(80, 20))
    assert not has_drawing(shown(80, 24, help=True))
    assert not has_drawing(shown(80, 24, drawings=False))


@pytest.mark.parametrize(("term", "encoding", "can"), [("xterm", "utf-8", True), ("linux", "utf-8", False)])
def test_the_console_of_linux_has_no_braille(
    monkeypatch: pytest.MonkeyPatch, term: str, encoding: str, *, can: bool
) -> None:
    monkeypatch.setenv("TERM", term)
    console = Console()
    assert console.encoding == encoding
    assert shows_braille(console) is can
