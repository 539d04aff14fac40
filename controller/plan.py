"""The plan of a session: its steps as a person sees them, how far it is, and how long it still takes at most."""

from __future__ import annotations

from collections.abc import Iterable

from controller.events import StepView
from controller.guide import Words
from controller.routine import MassageStep, Step
from devices.roles import Side


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
