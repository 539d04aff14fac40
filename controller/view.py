"""The live view of the terminal: where the session is, what to do now, and what the devices say."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from controller.events import DeviceView, Guide, Item, SessionState, Snapshot, StepView, Telemetry
from controller.summary import minutes
from devices.roles import PumpReading, RunState, WarmerReading

_BARS = "▁▂▃▄▅▆▇█"
_SAMPLES = 36
_COLUMNS = 2
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


class View:
    """A watcher that remembers the latest of everything, and draws it."""

    def __init__(self, headline: str) -> None:
        self._headline = headline
        self._snapshot: Snapshot | None = None
        self._guide: Guide | None = None
        self._devices: dict[str, DeviceView] = {}
        self._vacuum_mmhg: dict[str, deque[float]] = {}

    def watch(self, item: Item) -> None:
        """Take in one item of the stream."""
        match item:
            case Snapshot():
                self._snapshot = item
            case Guide():
                self._guide = item
            case DeviceView():
                self._devices[item.device] = item
            case Telemetry() if "vacuum_mmhg" in item.values:
                samples = self._vacuum_mmhg.setdefault(item.device, deque(maxlen=_SAMPLES))
                samples.append(float(item.values["vacuum_mmhg"]))
            case _:
                pass

    def __rich__(self) -> RenderableType:
        parts: list[RenderableType] = [Text(self._headline, style="dim")]
        if self._snapshot is not None:
            parts += [self._steps(self._snapshot), self._now(), self._readings(self._snapshot)]
        return Group(*parts)

    def _steps(self, snapshot: Snapshot) -> RenderableType:
        table = Table.grid(padding=(0, 1), expand=True)
        for width in (2, 22, None, 14):
            table.add_column(width=width, ratio=None if width else 1)
        for index, step in enumerate(snapshot.steps):
            current = index == snapshot.step_index
            style = "bold" if current else "dim" if step.outcome is None else ""
            table.add_row(Text(_mark(step, current)), Text(step.title, style=style), _bar(step), _time(step, current))
        state = Text(snapshot.state.value, style=_STATES.get(snapshot.state, "dim"))
        title = Text.assemble(f"{snapshot.routine or 'no session'} · ", state)
        return Panel(table, title=title, title_align="left", border_style="cyan")

    def _now(self) -> RenderableType:
        guide = self._guide
        if guide is None:
            return Text("")
        left = "" if guide.seconds_left is None else f"  {minutes(guide.seconds_left)}"
        body = Text.assemble((guide.title, "bold magenta"), (left, "bold"), "\n", guide.words)
        return Panel(body, title="now", title_align="left", border_style="magenta", height=5)

    def _readings(self, snapshot: Snapshot) -> RenderableType:
        panels = [*map(_device, self._devices.values(), map(self._wave_of, self._devices)), _milk(snapshot)]
        grid = Table.grid(expand=True)
        for _ in range(_COLUMNS):
            grid.add_column(ratio=1)
        for first in range(0, len(panels), _COLUMNS):
            grid.add_row(*panels[first : first + _COLUMNS])
        return grid

    def _wave_of(self, device: str) -> str:
        return _wave(self._vacuum_mmhg.get(device, ()))


def _device(view: DeviceView, wave: str) -> RenderableType:
    reading = view.reading
    on = reading.run_state is RunState.RUNNING
    lines = [Text(reading.run_state.value if view.available else view.link.value, style="green" if on else "dim")]
    match reading:
        case PumpReading():
            target = (reading.target_vacuum_mmhg, reading.rate_cpm)
            words = "" if None in target else f"  {target[0]:.0f} mmHg, {target[1]:.0f} cpm"
            lines[0].append(words, style="bold")
            lines.append(Text(wave, style="cyan", no_wrap=True, overflow="crop"))
        case WarmerReading() if reading.surface_celsius is not None:
            target_words = "" if reading.target_celsius is None else f" → {reading.target_celsius:.1f} °C"
            lines.append(Text(f"{reading.surface_celsius:.1f} °C{target_words}", style="red" if on else "dim"))
        case _:
            lines.append(Text(""))
    if reading.battery_percent is not None:
        lines.append(Text(f"battery {reading.battery_percent:.0f} %", style="dim"))
    return Panel(Group(*lines), title=view.device, title_align="left", height=5)


def _milk(snapshot: Snapshot) -> RenderableType:
    milk = Table.grid(padding=(0, 1), expand=True)
    milk.add_column(width=8)
    milk.add_column(ratio=1)
    milk.add_column(width=9, justify="right")
    for side in ("left", "right"):
        value = getattr(snapshot.volume_ml, side)
        amount = "unknown" if value is None else f"{value:.1f} mL"
        milk.add_row(side, ProgressBar(total=_FULL_ML, completed=value or 0), amount)
    let_down = "waiting" if snapshot.let_down_seconds is None else f"after {snapshot.let_down_seconds:.0f} s"
    milk.add_row("let-down", Text(let_down, style="bold green" if snapshot.let_down_seconds else "dim"))
    return Panel(milk, title="milk", title_align="left", height=5)


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
        return Text("" if step.planned_seconds is None else minutes(step.planned_seconds), style="dim", justify="right")
    planned = "" if step.planned_seconds is None else f" / {minutes(step.planned_seconds)}"
    return Text(minutes(step.seconds) + planned, justify="right")


def _wave(samples: Iterable[float]) -> str:
    top = len(_BARS) - 1
    return "".join(_BARS[min(top, round(max(0.0, value) / _MOST_MMHG * top))] for value in samples)
