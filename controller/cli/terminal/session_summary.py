"""The summary of a finished session: for people as a table, for programs as one JSON object."""

from __future__ import annotations

from typing import Any

from rich.console import RenderableType
from rich.table import Table

from controller.cli.terminal.amounts import amount, minutes
from controller.cli.terminal.view_blocks import let_down, step_title
from controller.contract.events import Snapshot, StepView
from controller.contract.words import Words
from controller.safety.limits import DEVICE_VARIES_MMHG, Limit


def summary_data(snapshot: Snapshot, published: int) -> dict[str, Any]:
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
        "highest_target_mmhg": _rounded(snapshot.highest_target_mmhg),
        "peak_vacuum_mmhg": _rounded(snapshot.peak_vacuum_mmhg),
        "warmest_celsius": _rounded(snapshot.warmest_celsius),
        "limits": [limit.model_dump(mode="json") for limit in snapshot.limits],
        "mqtt": {"published": published},
    }


def summary_table(snapshot: Snapshot, words: Words, published: int, broker: str) -> RenderableType:
    """Return the summary as a table."""
    names, text = words.terminal, words.of_terminal
    title = text("summary", routine=snapshot.routine, state=words.labels.session[snapshot.state])
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for step in snapshot.steps:
        table.add_row(step_title(words, step), _step(step, words))
    table.add_section()
    if snapshot.let_down_seconds is not None:
        table.add_row(names["let_down"], let_down(words, snapshot))
    table.add_row(names["milk"], _milk(snapshot, words))
    table.add_row(names["highest_vacuum"], vacuum(snapshot, words))
    table.add_row(names["warmest"], amount(words, snapshot.warmest_celsius, "celsius", 1))
    for limit in snapshot.limits:
        table.add_row(names["limited"], _limit(limit, words))
    table.add_row("MQTT", text("messages", count=published, broker=broker))
    return table


def vacuum(snapshot: Snapshot, words: Words) -> str:
    """Return the highest target, what was measured, and by how much a device may vary."""
    measured = amount(words, snapshot.peak_vacuum_mmhg, "mmhg")
    if snapshot.highest_target_mmhg is None:
        return measured
    target, varies = (amount(words, each, "mmhg") for each in (snapshot.highest_target_mmhg, DEVICE_VARIES_MMHG))
    return words.of_terminal("measured_up_to", target=target, measured=measured, tolerance=varies)


def _milk(snapshot: Snapshot, words: Words) -> str:
    volume, names = snapshot.volume_ml, words.terminal
    sides = [] if volume.both is not None else [("left", volume.left), ("right", volume.right)]
    weighed = [] if snapshot.weighed_total_ml is None else [("weighed", snapshot.weighed_total_ml)]
    return ", ".join(
        f"{names[name]} {amount(words, value, 'ml', 1)}" for name, value in [*sides, ("total", volume.total), *weighed]
    )


def _step(step: StepView, words: Words) -> str:
    names = words.terminal
    outcome = names["not_reached_step"] if step.outcome is None else words.labels.step[step.outcome]
    return f"{minutes(step.seconds)}  {outcome}" + (f", {names['by_hand']}" if step.by_hand else "")


def _limit(limit: Limit, words: Words) -> str:
    """Return what was allowed, and the first reason why not more."""
    allowed = words.amount(limit.quantity, limit.allowed)
    return f"{allowed}: {words.reason(limit.reasons[0].message)}" if limit.reasons else allowed


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
