"""How far a session is: one object that the session drives and that its steps read and write."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from controller.contract.event_data import LetDownBy
from controller.contract.events import EndReason, PartView, SessionState, StepOutcome, StepView
from controller.contract.words import Words
from controller.safety.limits import Limit
from controller.safety.message import KeyedMessage, message
from controller.safety.pump_run import PumpRun
from controller.session.routine import MassageStep, Step
from devices.roles import Phase, PumpSetting, Side

_SUCTION = ("stimulate", "express")
_USES_DEVICES = ("warm", "stimulate", "express")
_TOOK_PLACE = ("done", "let_down", "dry", "skipped")


def planned_step(step: Step, words: Words, side: Side) -> StepView:
    """Return the view of a step before it begins."""
    return StepView(name=step.kind, title=words.steps[step.kind].title, planned_seconds=planned_seconds(step, side))


def planned_seconds(step: Step, side: Side) -> float | None:
    """Return how long a step takes at most; `None`: as long as the person needs."""
    if isinstance(step, MassageStep) and side is Side.BOTH:
        return step.planned_seconds * 2
    return step.planned_seconds


@dataclass
class SessionProgress:
    """The state of one session. Times in seconds by the session's clock, vacuums in mmHg.

    `outcome`, `reason`: how and why the session ends, as soon as that is decided; `reason_details`: with the device.
    `blocked`: why something could not start. `pumps_starting`: set once pumps that are starting run, or could not.
    `flange_wait`: suction waits until the flange is on: for a countdown, or for the person's command. `flange_on`: the
    person had time to put it on, and nothing but suction has run since. `bottle_weighed`: the bottles were taken for
    empty, and nothing but suction has run since. `person_mmhg`: the vacuum that the person set by command, by phase;
    `person_celsius`: the temperature. `pumps_used`: pumps that ran in this session. `suction_began_seconds`: when
    suction began for the first time, by a pump or by hand. `set_at_end`: what the pumps were set to when the end was
    decided.
    """

    station: str
    session_id: str
    routine: str
    side: Side
    steps: list[StepView]
    state: SessionState = SessionState.IDLE
    outcome: SessionState | None = None
    reason: EndReason | None = None
    reason_details: KeyedMessage | None = None
    blocked: list[KeyedMessage] = field(default_factory=list)
    ends_at: datetime | None = None

    # The current step
    step_index: int | None = None
    step_began_seconds: float = 0.0
    step_seconds_left: float | None = None
    by_hand: bool = False
    parts: tuple[PartView, ...] = ()

    # Suction
    pump_run: PumpRun | None = None
    pumps_starting: asyncio.Event | None = None
    flange_on: bool = False
    bottle_weighed: bool = False
    flange_wait: Literal["countdown", "command"] | None = None
    person_mmhg: dict[Phase, float] = field(default_factory=dict)
    person_celsius: float | None = None
    pumps_used: set[str] = field(default_factory=set)
    highest_target_mmhg: float | None = None
    suction_began_seconds: float | None = None
    set_at_end: PumpSetting | None = None
    let_down_seconds: float | None = None
    let_down_by: LetDownBy | None = None
    limits: dict[str, Limit] = field(default_factory=dict)

    def begin_step(self, index: int, now_seconds: float) -> None:
        """Begin a step. After anything but suction, the flange may be off."""
        kind = self.steps[index].name
        self.step_index = index
        self.step_began_seconds = now_seconds
        self.step_seconds_left = None
        self.by_hand = False
        self.parts = ()
        self.flange_on = self.flange_on and kind in _SUCTION
        self.bottle_weighed = self.bottle_weighed and kind in _SUCTION
        self.state = SessionState.CHECKING if kind == "check" else SessionState.RUNNING
        self.plan_end(now_seconds)

    def update_step(self, now_seconds: float, outcome: StepOutcome | None = None) -> StepView | None:
        """Update the view of the running step, and return it; `None` when no step is running."""
        if self.step_index is None or self.steps[self.step_index].outcome is not None:
            return None
        step = self.steps[self.step_index].model_copy(
            update={
                "seconds": round(now_seconds - self.step_began_seconds, 1),
                "outcome": outcome,
                "by_hand": self.by_hand,
                "parts": self.parts,
            }
        )
        self.steps[self.step_index] = step
        return step

    def plan_end(self, now_seconds: float) -> None:
        """Set `ends_at`: when a step begins, not every second, since people read it as a time of day."""
        self.update_step(now_seconds)
        left_seconds = sum(
            max(0.0, (step.planned_seconds or 0.0) - step.seconds) for step in self.steps if step.outcome is None
        )
        checking = self.state is SessionState.CHECKING
        self.ends_at = None if checking else datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=left_seconds)

    def mark_suction(self, now_seconds: float) -> None:
        """Set when suction began, if it begins for the first time."""
        if self.suction_began_seconds is None:
            self.suction_began_seconds = now_seconds

    def record_target(self) -> None:
        """Record what the pumps are set to now, if it is the highest target so far."""
        run = self.pump_run
        if run is not None and run.setting.vacuum_mmhg is not None:
            self.highest_target_mmhg = max(run.setting.vacuum_mmhg, self.highest_target_mmhg or 0.0)

    def decide_end(self, outcome: SessionState, reason: EndReason, details: KeyedMessage | None = None) -> bool:
        """Decide how the session ends. The first decision stands; return whether this was it."""
        if self.outcome is not None:
            return False
        self.outcome, self.reason, self.reason_details = outcome, reason, details
        self.set_at_end = None if self.pump_run is None else self.pump_run.setting
        self.state = SessionState.STOPPING
        return True

    @property
    def routine_outcome(self) -> tuple[SessionState, EndReason, KeyedMessage | None]:
        """How the session ends once its last step is over, why, and details of that."""
        if self.blocked and not any(step.name in _USES_DEVICES and step.outcome in _TOOK_PLACE for step in self.steps):
            return SessionState.FAILED, EndReason.NOTHING_STARTED, message("nothing_started", why=self.blocked[0])
        if all(step.outcome == "not_today" for step in self.steps[1:]):
            return SessionState.STOPPED, EndReason.NOTHING_TODAY, None
        return SessionState.COMPLETED, EndReason.COMPLETED, None

    @property
    def fraction_done(self) -> float:
        """How much of the planned time is over, from 0 to 1; a step that ended early counts in full."""
        planned = done = 0.0
        for step in self.steps:
            planned_seconds = step.planned_seconds or 0.0
            planned += planned_seconds
            done += planned_seconds if step.outcome else min(step.seconds, planned_seconds)
        return round(done / planned, 3) if planned else 0.0

    @property
    def requested_mmhg(self) -> float | None:
        """The vacuum that was requested last, also while the pumps still change; `None` where none can be set."""
        run = self.pump_run
        if run is None or run.setting.vacuum_mmhg is None or run.requested.vacuum_mmhg is None:
            return None
        return min(run.setting.vacuum_mmhg, run.requested.vacuum_mmhg)
