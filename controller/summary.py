"""What a finished session came to, as data for `--json` and as a table for people."""

from __future__ import annotations

from typing import Any

from rich.console import RenderableType
from rich.table import Table

from controller.events import Snapshot, StepView


def as_data(snapshot: Snapshot, published: int) -> dict[str, Any]:
    """Return the one JSON object of `letdown demo --json`."""
    return {
        "outcome": snapshot.state.value,
        "reason": snapshot.reason,
        "session_id": snapshot.session_id,
        "routine": snapshot.routine,
        "side": snapshot.side.value if snapshot.side else None,
        "steps": [step.model_dump(mode="json", exclude={"title", "planned_seconds"}) for step in snapshot.steps],
        "let_down_seconds": snapshot.let_down_seconds,
        "let_down_by": snapshot.let_down_by,
        "volume_ml": snapshot.volume_ml.model_dump(exclude=None if snapshot.volume_ml.both else {"both"}),
        "peak_vacuum_mmhg": _rounded(snapshot.peak_vacuum_mmhg),
        "warmest_celsius": _rounded(snapshot.warmest_celsius),
        "limits": [limit.model_dump(mode="json") for limit in snapshot.limits],
        "mqtt": {"published": published},
    }


def as_table(snapshot: Snapshot, published: int, broker: str) -> RenderableType:
    """Return the summary as a table."""
    table = Table(title=f"{snapshot.routine}: {snapshot.state.value}", title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for step in snapshot.steps:
        table.add_row(step.title, _step(step))
    table.add_section()
    if snapshot.let_down_seconds is not None:
        table.add_row("Let-down", f"after {snapshot.let_down_seconds:.0f} s, noticed by {snapshot.let_down_by}")
    volume = snapshot.volume_ml
    sides = f"left {_ml(volume.left)}, right {_ml(volume.right)}, " if volume.both is None else ""
    table.add_row("Milk", f"{sides}together {_ml(volume.total)}")
    table.add_row("Highest vacuum", _unit(snapshot.peak_vacuum_mmhg, "mmHg", 0))
    table.add_row("Warmest", _unit(snapshot.warmest_celsius, "°C", 1))
    for limit in snapshot.limits:
        table.add_row("Limited", str(limit))
    table.add_row("MQTT", f"{published} messages to {broker}")
    return table


def minutes(seconds: float) -> str:
    """Return a duration as m:ss."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02d}"


def _step(step: StepView) -> str:
    words = {
        "done": "done",
        "skipped": "skipped",
        "let_down": "let-down",
        "dry": "no more milk",
        "not_today": "not today",
        "ended": "ended early",
        None: "not reached",
    }[step.outcome]
    return f"{minutes(step.seconds)}  {words}" + (", by hand" if step.by_hand else "")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _ml(value: float | None) -> str:
    return _unit(value, "mL", 1)


def _unit(value: float | None, unit: str, digits: int) -> str:
    return "unknown" if value is None else f"{value:.{digits}f} {unit}"
