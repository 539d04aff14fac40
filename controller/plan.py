"""The plan of a session: its steps as a person sees them, how far it is, and how long it still takes at most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from controller.events import SessionState, StepView
from controller.guide import Words
from controller.routine import MassageStep, Step
from devices.roles import Side

DONE = "the routine is done"
_OF_DEVICES = ("warm", "stimulate", "express")
_HAPPENED = ("done", "let_down", "dry", "skipped")


def view(step: Step, words: Words, side: Side) -> StepView:
    """Return a step as it is shown before it begins."""
    planned_seconds = step.planned_seconds
    if isinstance(step, MassageStep) and side is Side.BOTH:
        planned_seconds = step.planned_seconds * 2
    return StepView(name=step.kind, title=words.steps[step.kind].title, planned_seconds=planned_seconds)


def progress(steps: Iterable[StepView]) -> float:
    """Return how far a routine is, from 0 to 1, by planned time; what ended early counts as whole."""
    planned = done = 0.0
    for step in steps:
        planned_seconds = step.planned_seconds or 0.0
        planned += planned_seconds
        done += planned_seconds if step.outcome else min(step.seconds, planned_seconds)
    return round(done / planned, 3) if planned else 0.0


def seconds_left(steps: Iterable[StepView]) -> float:
    """Return how long what is not over takes at most."""
    return sum(max(0.0, (step.planned_seconds or 0.0) - step.seconds) for step in steps if step.outcome is None)


def ending(steps: Sequence[StepView], blocked: Sequence[str]) -> tuple[SessionState, str]:
    """Return how a routine ended whose last step is over, and why. `blocked`: why something could not start."""
    if blocked and not any(step.name in _OF_DEVICES and step.outcome in _HAPPENED for step in steps):
        return SessionState.FAILED, f"nothing could start: {blocked[0]}"
    if all(step.outcome == "not_today" for step in steps[1:]):
        return SessionState.STOPPED, "nothing could start today"
    return SessionState.COMPLETED, DONE
