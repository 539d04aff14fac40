"""Pictures of the terminal view in every situation that a text of the guide can be shown in."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from controller.cli.terminal.view_state import Notice, Picture
from controller.contract.cautions import Caution
from controller.contract.events import DeviceView, Guide, SessionState, Snapshot, StepView, Volume
from controller.contract.words import Words
from controller.session.guide import guide_of, message_guide
from devices.roles import LinkState, MassagerReading, Phase, PumpReading, RunState, Side, WarmerReading

KINDS = ("check", "warm", "massage", "stimulate", "express")
_VALUES = {"device": "left-pump", "words": "150 mmHg", "left": "12", "right": "9", "what": "150 mmHg"}
_ENDS = {"stopped", "pain", "completed", "ended", "failed", "symptom", "shut_down", "nobody_answered", "tripped"}


def snapshot_in(words: Words, step: str = "express", **more: Any) -> Snapshot:
    """A snapshot of a session with everything in it."""
    steps = tuple(
        StepView(name=kind, title=words.steps[kind].title, planned_seconds=900, seconds=120) for kind in KINDS
    )
    known: dict[str, Any] = {
        "state": SessionState.CHECKING if step == "check" else SessionState.RUNNING,
        "step": step,
        "step_index": KINDS.index(step) if step in KINDS else 0,
        "phase": Phase.EXPRESSION,
        "target_vacuum_mmhg": 150,
        "rate_cpm": 55,
        "volume_ml": Volume(left=12.3, right=8.1),
        "let_down_seconds": 43,
        "let_down_by": "device",
    }
    return Snapshot(station="home", routine="classic", side=Side.BOTH, steps=steps, **known | more)


def views() -> tuple[DeviceView, ...]:
    """Four devices that report."""
    shared: dict[str, Any] = {"station": "home", "profile": "p", "link": LinkState.CONNECTED, "available": True}
    on = RunState.RUNNING
    pump = PumpReading(run_state=on, vacuum_mmhg=148, battery_percent=87)
    return (
        DeviceView(device="left-pump", side=Side.LEFT, reading=pump, **shared),
        DeviceView(device="right-pump", side=Side.RIGHT, reading=pump, **shared),
        DeviceView(device="warm-pad", side=Side.BOTH, reading=WarmerReading(surface_celsius=38.5), **shared),
        DeviceView(device="massager", side=Side.BOTH, reading=MassagerReading(run_state=on), **shared),
    )


def guides(words: Words) -> Iterator[tuple[str, Guide, str]]:
    """Every text of a language as a guide: its name, the guide, and the step in which it is shown."""
    cautions = [words.message(f"caution_{caution.value}", device="left-pump") for caution in Caution]
    for kind, step in words.steps.items():
        for how, text in (("with_device", step.with_device), ("by_hand", step.by_hand)):
            step_kind = kind if kind in KINDS else "check"
            yield f"{kind}.{how}", _guide(words, kind, text, step.title), step_kind
            yield (
                f"{kind}.{how} and cautions",
                _guide(words, kind, " ".join([text, *cautions[:3]]), step.title),
                step_kind,
            )
    for name, technique in words.techniques.items():
        for side in (Side.LEFT, Side.RIGHT):
            title = f"{technique.title}: {words.sides[side]}"
            yield f"{name} {side}", _guide(words, "massage", technique.words, title), "massage"
    for name, question in words.questions.items():
        guide = guide_of("home", words, question.ask, step="check", title=words.steps["check"].title, question=name)
        yield f"question {name}", guide, "check"
        yield f"{name} yes", _guide(words, "check", question.if_yes, words.steps["check"].title), "check"
    for first, second in itertools.combinations(words.questions.values(), 2):
        text = f"{first.if_yes} {second.if_yes}"
        yield "two yes", _guide(words, "check", text, words.steps["check"].title), "check"
    for name, text in words.prompts.items():
        yield f"prompt {name}", _guide(words, "prompt", text, words.steps["prompt"].title), "check"
    for name in words.messages:
        if not name.startswith(("trip_", "caution_")):
            yield f"message {name}", message_guide("home", words, name, **_VALUES), "express"


def _guide(words: Words, step: str, text: str, title: str) -> Guide:
    return guide_of("home", words, text, step=step, title=title, seconds_left=754.0)


def pictures(words: Words, *, busy: bool) -> Iterator[tuple[str, Picture]]:
    """A picture for every text. `busy`: with a notice, and with every device shown."""
    notice = Notice("left-pump: confirmed off · right-pump: confirmed off", "good", 1e9)
    for name, guide, step in guides(words):
        over = name.startswith("message ") and name.removeprefix("message ") in _ENDS
        snapshot = snapshot_in(words, step)
        if over:
            snapshot = snapshot.model_copy(update={"state": SessionState.STOPPED, "step_index": None, "step": None})
        yield (
            name,
            Picture(
                words=words,
                headline="virtual devices, seed 2",
                snapshot=snapshot,
                guide=guide,
                devices=views(),
                waves={"left-pump": (10.0, 150.0, 80.0)},
                notices=(notice,) if busy else (),
            ),
        )
