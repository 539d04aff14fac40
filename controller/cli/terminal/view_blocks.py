"""The parts of the terminal view that give way where there is no room: steps, milk, devices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from controller.cli.terminal.amounts import amount, minutes, number
from controller.cli.terminal.view_state import Picture
from controller.contract.events import DeviceView, SessionState, Snapshot, StepView
from controller.contract.words import Words
from devices.roles import LinkState, PumpReading, RunState, WarmerReading
from devices.sensor_roles import ThermometerReading

BORDER = 2  # lines
_BESIDE_WAVE = 50  # columns of a device's name, state and values
_BARS = "▁▂▃▄▅▆▇█"
_FULL_ML = 120.0
_MOST_MMHG = 250.0

_STATES = {
    SessionState.CHECKING: "bold yellow",
    SessionState.RUNNING: "bold green",
    SessionState.PAUSED: "bold yellow",
    SessionState.STOPPING: "bold red",
    SessionState.COMPLETED: "bold green",
    SessionState.TRIPPED: "bold red",
    SessionState.FAILED: "bold red",
}


@dataclass(frozen=True)
class Variant:
    """One way to show something, and how many lines it takes."""

    height: int
    renderable: RenderableType


class Block:
    """Something that may be shown: its variants, the smallest first, and the title of its frame."""

    def __init__(self, *variants: Variant, title: str = "", border: str = "dim") -> None:
        self.smallest = variants[0] if variants else None
        self.largest = variants[-1] if variants else None
        self.framed = None
        if self.largest is not None and title:
            panel = Panel(self.largest.renderable, title=title, title_align="left", border_style=border, padding=(0, 1))
            self.framed = Variant(self.largest.height + BORDER, panel)


def headline_block(picture: Picture) -> Block:
    """What is watched, and through which broker."""
    if not picture.headline:
        return Block()
    return Block(Variant(1, Text(picture.headline, style="dim", no_wrap=True, overflow="ellipsis")))


def header_block(picture: Picture) -> Block:
    """The routine and the state of the session."""
    words, snapshot = picture.words, picture.snapshot
    assert snapshot is not None  # noqa: S101 - for the type checker
    state = Text(words.labels.session[snapshot.state], style=_STATES.get(snapshot.state, "dim"))
    name = snapshot.routine or words.terminal["no_session"]
    return Block(Variant(1, Text.assemble((name, "bold"), " · ", state, no_wrap=True, overflow="ellipsis")))


def steps_block(picture: Picture, snapshot: Snapshot) -> Block:
    """The current step, or every step, with its progress."""
    if not snapshot.steps:
        return Block()
    current = snapshot.step_index
    rows = list(enumerate(snapshot.steps))
    one = _step_table(picture, [row for row in rows if row[0] == current], current)
    every = _step_table(picture, rows, current)
    variants = [Variant(1, one)] if current is not None else []
    variants.append(Variant(len(rows), every))
    return Block(*variants, title=picture.words.terminal["steps"], border="cyan")


def _step_table(picture: Picture, rows: Sequence[tuple[int, StepView]], current: int | None) -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(width=1)
    table.add_column(min_width=12, no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(min_width=11, justify="right", no_wrap=True)
    for index, step in rows:
        style = "bold" if index == current else "dim" if step.outcome is None else ""
        table.add_row(
            _mark(step, index == current),
            Text(step_title(picture.words, step), style=style),
            _bar(step),
            _time(step, index == current),
        )
    return table


def step_title(words: Words, step: StepView) -> str:
    """Return the title of a step in the language of the terminal, which may not be that of the service."""
    known = words.steps.get(step.name)
    return step.title if known is None else known.title


def milk_block(picture: Picture, snapshot: Snapshot, width: int) -> Block:
    """The vacuum, the let-down, and the milk of each side."""
    words, volume = picture.words, snapshot.volume_ml
    names = words.terminal
    sides = [("both", volume.both)] if volume.both is not None else [("left", volume.left), ("right", volume.right)]
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{names['milk']}  ", style="bold")
    line.append("  ".join(f"{names[side]} {amount(words, value, 'ml', 1)}" for side, value in sides))
    if snapshot.weighed_total_ml is not None:
        line.append(f"  {names['weighed']} {amount(words, snapshot.weighed_total_ml, 'ml', 1)}")
        sides = [*sides, ("weighed", snapshot.weighed_total_ml)]
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    table.add_column(min_width=9, justify="right", no_wrap=True)
    for side, value in sides:
        table.add_row(names[side], ProgressBar(total=_FULL_ML, completed=value or 0), amount(words, value, "ml", 1))
    vacuum, let_down_text = _vacuum(picture, snapshot), _let_down(picture, snapshot)
    beside = Text.assemble(vacuum, "   ", let_down_text, no_wrap=True)
    lines = [beside] if beside.cell_len <= width - 2 * BORDER else [vacuum, let_down_text]
    least = Variant(len(lines) + 1, Group(*lines, line))
    return Block(least, Variant(len(lines) + len(sides), Group(*lines, table)), title=names["milk"], border="blue")


def _vacuum(picture: Picture, snapshot: Snapshot) -> Text:
    """Return what the pumps are set to."""
    words, names = picture.words, picture.words.terminal
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f"{names['vacuum']}  ", style="bold")
    if snapshot.level is not None:
        text.append(words.of_terminal("level", value=snapshot.level))
    elif snapshot.target_vacuum_mmhg is not None:
        text.append(words.of_terminal("target", value=amount(words, snapshot.target_vacuum_mmhg, "mmhg")))
    else:
        text.append(words.labels.run[RunState.STOPPED], style="dim")
    if snapshot.rate_cpm is not None:
        text.append(f", {amount(words, snapshot.rate_cpm, 'cpm')}")
    return text


def _let_down(picture: Picture, snapshot: Snapshot) -> Text:
    names = picture.words.terminal
    came = snapshot.let_down_seconds is not None
    when = (let_down(picture.words, snapshot), "bold green") if came else (names["waiting"], "dim")
    return Text.assemble((f"{names['let_down']}  ", "bold"), when, no_wrap=True, overflow="ellipsis")


def let_down(words: Words, snapshot: Snapshot) -> str:
    """Return when the let-down came, and what noticed it."""
    by = words.labels.let_down_by.get(snapshot.let_down_by or "", snapshot.let_down_by or "")
    return words.of_terminal("let_down_after", seconds=number(words, snapshot.let_down_seconds or 0.0), by=by)


def devices_block(picture: Picture, width: int) -> Block:
    """One line for each device."""
    if not picture.devices:
        return Block()
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, max_width=18, overflow="ellipsis")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    for view in picture.devices:
        on = view.reading.run_state is RunState.RUNNING
        table.add_row(
            Text(view.device, style="bold" if on else ""),
            Text(_device_state(picture, view), style="green" if on else "dim"),
            Text(_device_values(picture, view)),
            Text(
                _wave(picture.waves.get(view.device, ())[-max(0, width - _BESIDE_WAVE) :] if on else ()), style="cyan"
            ),
        )
    return Block(Variant(len(picture.devices), table), title=picture.words.terminal["devices"])


def _device_state(picture: Picture, view: DeviceView) -> str:
    labels = picture.words.labels
    if view.link is LinkState.HEARD:
        return labels.link[view.link]  # it does not run
    if not view.available:
        return labels.link[view.link] if not view.connected else labels.run[RunState.UNKNOWN]
    return labels.run[view.reading.run_state]


def _device_values(picture: Picture, view: DeviceView) -> str:
    words, reading = picture.words, view.reading
    values = []
    match reading:
        case PumpReading():
            if reading.vacuum_mmhg is not None and reading.run_state is RunState.RUNNING:
                values.append(f"{amount(words, reading.vacuum_mmhg, 'mmhg'):>8}")
        case WarmerReading() if reading.surface_celsius is not None:
            values.append(amount(words, reading.surface_celsius, "celsius", 1))
        case ThermometerReading() if reading.celsius is not None:
            values.append(amount(words, reading.celsius, "celsius", 1))
        case WarmerReading() if reading.power_w is not None:
            values.append(f"{reading.power_w:.0f} W")
        case _:
            pass
    if reading.battery_percent is not None:
        values.append(words.of_terminal("battery", value=number(words, reading.battery_percent)))
    return "  ".join(values)


def _mark(step: StepView, current: bool) -> str:
    if step.outcome in ("skipped", "not_today", "ended"):
        return "-"
    if step.outcome is not None:
        return "✓"
    return "▶" if current else " "


def _bar(step: StepView) -> RenderableType:
    if step.planned_seconds is None:
        return Text("")
    done = step.planned_seconds if step.outcome else step.seconds
    return ProgressBar(total=step.planned_seconds, completed=min(done, step.planned_seconds))


def _time(step: StepView, current: bool) -> Text:
    if step.outcome is None and not current:
        return Text("" if step.planned_seconds is None else minutes(step.planned_seconds), style="dim")
    planned = "" if step.planned_seconds is None else f" / {minutes(step.planned_seconds)}"
    return Text(minutes(step.seconds) + planned)


def _wave(samples: Iterable[float]) -> str:
    top = len(_BARS) - 1
    return "".join(_BARS[min(top, round(max(0.0, value) / _MOST_MMHG * top))] for value in samples)
