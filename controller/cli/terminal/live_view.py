"""Draws the view in the room that a terminal has. What a person must read is never cut; the rest gives way."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from controller.cli.terminal.amounts import minutes
from controller.cli.terminal.braille_drawing import COLUMNS_A_LINE, drawing
from controller.cli.terminal.keys import help_lines, key_line
from controller.cli.terminal.view_blocks import (
    BORDER,
    Block,
    Variant,
    devices_block,
    header_block,
    headline_block,
    milk_block,
    steps_block,
)
from controller.cli.terminal.view_state import Picture
from controller.contract.events import Snapshot
from controller.contract.pictures import shown_picture

_PAGE_SECONDS = 6.0
_LEAST_HELP = 3  # lines; then it turns its pages
_GAP = 2  # columns between an instruction and its drawing
_LEAST_WIDTH = 72  # columns: with less, there is no drawing beside the instruction
_DRAWING_LINES = (11, 9, 8)  # the largest for which all else has room

_TONES = {"good": "bold green", "note": "bold yellow", "alarm": "bold red"}

Lines = list[list[Segment]]


def draw(picture: Picture, width: int, height: int, color_system: str | None = "standard") -> str:
    """Return the view as text of exactly `height` lines, with escape sequences for colours."""
    console = Console(
        file=io.StringIO(),
        width=max(width, 1),
        height=max(height, 1),
        force_terminal=True,
        color_system=color_system,  # type: ignore[arg-type]  # the names that Rich itself gives
        legacy_windows=False,
    )
    layout = _Layout(console, picture, max(width, 1), max(height, 1))
    rows = [
        "".join(segment.style.render(segment.text) if segment.style else segment.text for segment in line)
        if color_system
        else "".join(segment.text for segment in line)
        for line in layout.lines()
    ]
    return "\n".join(rows)


class View:
    """A picture as something that Rich prints, for the picture in the README."""

    def __init__(self, picture: Picture, height: int) -> None:
        self._picture = picture
        self._height = height

    def __rich_console__(self, console: Console, _options: object) -> Iterable[Segment]:
        for line in _Layout(console, self._picture, console.width, self._height).lines():
            yield from line
            yield Segment.line()


class _Layout:
    """Fits the parts of one picture into a number of lines."""

    def __init__(self, console: Console, picture: Picture, width: int, height: int) -> None:
        self._console = console
        self._picture = picture
        self._width = width
        self._height = height

    def lines(self) -> Lines:
        picture = self._picture
        below = self._render(_never_hurts(picture)) + self._render(_keys(picture, self._width))
        warnings = self._render(_warnings(picture)) if _warnings(picture) is not None else []
        room = self._height - len(below) - len(warnings)
        instruction = _instruction(picture)
        instruction = self._beside_drawing(instruction, room)
        body = self._render(instruction)
        body = self._page_if_needed(body, room - (_LEAST_HELP if picture.help else 0))
        if picture.help:
            above: Lines = []
            after = self._page_if_needed(self._render(_help(picture)), room - len(body))
        else:
            above, after = self._fill(room - len(body))
        if len(body) + BORDER + len(above) + len(after) <= room:
            body = self._framed(instruction, body, room - len(above) - len(after))
        lines = [*above, *body, *warnings, *after]
        lines += [[Segment("")]] * (self._height - len(below) - len(lines))
        return self._cut(lines, below)

    def _beside_drawing(self, instruction: RenderableType, room: int) -> RenderableType:
        """Return the instruction with its drawing at the right, where there is one, and room for it."""
        picture = self._picture
        if picture.guide is None or picture.snapshot is None or picture.help or not picture.drawings:
            return instruction
        name, side = shown_picture(picture.guide, picture.snapshot)
        if name is None or self._width < _LEAST_WIDTH:
            return instruction
        blocks = self._blocks(picture.snapshot)
        rest = sum(each.largest.height for name, each in blocks.items() if each.largest and name != "headline")
        for lines in _DRAWING_LINES:
            table = Table.grid(expand=True, padding=(0, 0, 0, _GAP))
            table.add_column(ratio=1)
            table.add_column(width=COLUMNS_A_LINE * lines + _GAP)
            table.add_row(instruction, drawing(name, side, lines))
            if len(self._render(table)) + rest <= room:
                return table
        return instruction

    def _framed(self, instruction: RenderableType, body: Lines, room: int) -> Lines:
        framed = self._render(Panel(instruction, border_style="magenta", padding=(0, 1)))
        return framed if len(framed) <= room else body

    def _cut(self, lines: Lines, below: Lines) -> Lines:
        """Keep the line of keys, whatever else has no room."""
        lines = [*lines, *below]
        return lines if len(lines) <= self._height else [*lines[: self._height - 1], lines[-1]]

    def _page_if_needed(self, body: Lines, room: int) -> Lines:
        """Show what has no room on pages that turn by themselves."""
        if len(body) <= room:
            return body
        lines_a_page = max(1, room - 1)
        pages = [body[first : first + lines_a_page] for first in range(0, len(body), lines_a_page)]
        page = int(self._picture.seconds / _PAGE_SECONDS) % len(pages)
        words = self._picture.words.of_terminal("page", page=page + 1, pages=len(pages))
        return [*pages[page], *(self._render(Text(words, style="dim", no_wrap=True)) if room > 1 else [])]

    def _fill(self, room: int) -> tuple[Lines, Lines]:
        """Return what is above and below the instruction: what is more important first, in its largest variant."""
        picture = self._picture
        if (snapshot := picture.snapshot) is None:
            header = self._render(Text(picture.headline, style="dim", no_wrap=True, overflow="ellipsis"))
            return (header if len(header) <= room and picture.headline else []), []
        blocks = self._blocks(snapshot)
        steps, milk, devices = blocks["steps"], blocks["milk"], blocks["devices"]
        by_priority = [
            ("steps", steps.smallest),
            ("header", blocks["header"].smallest),
            ("steps", steps.largest),
            ("milk", milk.smallest),
            ("milk", milk.largest),
            ("devices", devices.smallest),
            ("headline", blocks["headline"].smallest),
            ("steps", steps.framed),
            ("milk", milk.framed),
            ("devices", devices.framed),
        ]
        chosen: dict[str, Variant] = {}
        for name, variant in by_priority:
            if variant is None:
                continue
            used = sum(each.height for other, each in chosen.items() if other != name)
            reserve = BORDER if variant is blocks[name].framed else 0  # the instruction is framed first
            if used + variant.height + reserve <= room:
                chosen[name] = variant
        lines = {name: self._render(variant.renderable)[: variant.height] for name, variant in chosen.items()}
        above = [line for name in ("headline", "header", "steps") for line in lines.get(name, [])]
        return above, [line for name in ("milk", "devices") for line in lines.get(name, [])]

    def _blocks(self, snapshot: Snapshot) -> dict[str, Block]:
        """Return what gives way where there is no room."""
        return {
            "header": header_block(self._picture),
            "steps": steps_block(self._picture, snapshot),
            "milk": milk_block(self._picture, snapshot, self._width),
            "devices": devices_block(self._picture, self._width),
            "headline": headline_block(self._picture),
        }

    def _render(self, renderable: RenderableType | None) -> Lines:
        if renderable is None:
            return []
        options = self._console.options.update(width=self._width, height=None)
        return self._console.render_lines(renderable, options, pad=False)


# What is always shown


def _instruction(picture: Picture) -> RenderableType:
    """Return what to do now; it is as long as it is."""
    words, guide, snapshot = picture.words, picture.guide, picture.snapshot
    if picture.no_contact is not None:
        text = words.of_terminal("no_contact_why", why=picture.no_contact)
        return Text(text, style="bold red")
    if guide is None:
        return Text("" if snapshot is None or snapshot.running else words.terminal["no_guide"], style="bold")
    left = (snapshot and snapshot.running and guide.seconds_left) or None
    title = Text(guide.title, style="bold magenta")
    if left is not None:
        title.append(f"  {words.of_terminal('seconds_left', time=minutes(left))}", style="bold")
    text = guide.words if guide.template is None else words.name_controls(guide.template, "terminal")
    parts = [title, Text(text)] if guide.title else [Text(text)]
    if guide.question is not None and picture.keys:
        names = words.terminal
        parts.append(Text(f"{names['key_yes']}: {names['what_yes']}   n: {names['what_no']}", style="bold yellow"))
    return Group(*parts)


def _warnings(picture: Picture) -> RenderableType | None:
    """Return what is wrong, and what became of the last commands."""
    words, snapshot = picture.words, picture.snapshot
    lines: list[Text] = []
    if snapshot is not None:
        if (trip := snapshot.trip) is not None:
            if picture.guide is None or picture.guide.title != words.titles["tripped"]:
                why = words.trip_words(trip.kind)
                lines.append(Text(words.of_terminal("trip", device=trip.device, words=why), style="bold red"))
            if picture.keys:
                lines.append(Text(words.terminal["press_acknowledge"], style="bold yellow"))
        text = words.of_terminal
        lines += [Text(text("uncertain", device=each), style="bold red") for each in snapshot.uncertain]
        lines += [Text(text("runs_outside", device=each), style="bold yellow") for each in snapshot.running_outside]
        lines += [Text(text("problem", words=each), style="bold red") for each in snapshot.problems]
        lines += [Text(each, style="yellow") for each in snapshot.notices]
    lines += [Text(notice.words, style=_TONES[notice.tone]) for notice in picture.notices]
    return Group(*lines) if lines else None


def _never_hurts(picture: Picture) -> Text:
    name = "never_hurts" if picture.keys and picture.no_contact is None else "never_hurts_no_keys"
    return Text(picture.words.terminal[name], style="bold")


def _keys(picture: Picture, width: int) -> Text:
    if not picture.keys:
        return Text(picture.words.terminal["no_keys"], style="dim", no_wrap=True, overflow="ellipsis")
    text = Text(no_wrap=True, overflow="crop")
    for index, (key, what) in enumerate(key_line(picture, width)):
        text.append("  " if index else "")
        text.append(key, style="bold cyan")
        text.append(f" {what}")
    return text


def _help(picture: Picture) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold cyan", no_wrap=True)
    table.add_column()
    for key, what in help_lines(picture.words, may_start=picture.may_start, may_leave=picture.may_leave):
        table.add_row(key, what)
    return Group(Text(picture.words.terminal["help_title"], style="bold magenta"), table)
