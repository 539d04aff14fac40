"""The state of a session, how a step of it ended, and the milk it gave: what snapshots and events have in common."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from devices.roles import Frozen


class SessionState(StrEnum):
    """The state of a session. The last four are final."""

    IDLE = "idle"
    CHECKING = "checking"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    COMPLETED = "completed"
    STOPPED = "stopped"
    TRIPPED = "tripped"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """Whether no session is under way in this state."""
        return self not in (SessionState.CHECKING, SessionState.RUNNING, SessionState.PAUSED, SessionState.STOPPING)


class EndReason(StrEnum):
    """Why a session ended.

    `completed`: the routine is done. `stop`, `pain`: by that command. `symptom`: a symptom was reported meanwhile.
    `no_answer`: a question was not answered, or suction not started, in time. `paused_too_long`: for more than an hour.
    `time_over`: it reached the longest time of a session. `nothing_today`: today's symptoms left nothing to do.
    `nothing_started`: limits or budgets let no step start. `not_allowed`: something could not start in mid-session.
    `trip`: the guard stopped everything. `device_ended`: a device ended by itself or at its button. `device_stopped`: a
    device exceeded its limits and was stopped. `device_failed`: a device did not do what was asked. `shut_down`: the
    controller ended in order. `cut_off`: it crashed or was killed in mid-session. `cancelled`: the session was
    cancelled inside the controller. `error`: an error in the controller.
    """

    COMPLETED = "completed"
    STOP = "stop"
    PAIN = "pain"
    SYMPTOM = "symptom"
    NO_ANSWER = "no_answer"
    PAUSED_TOO_LONG = "paused_too_long"
    TIME_OVER = "time_over"
    NOTHING_TODAY = "nothing_today"
    NOTHING_STARTED = "nothing_started"
    NOT_ALLOWED = "not_allowed"
    TRIP = "trip"
    DEVICE_ENDED = "device_ended"
    DEVICE_STOPPED = "device_stopped"
    DEVICE_FAILED = "device_failed"
    SHUT_DOWN = "shut_down"
    CUT_OFF = "cut_off"
    CANCELLED = "cancelled"
    ERROR = "error"


class Question(StrEnum):
    """The questions of the check, in the order in which they are asked; each waits for `ANSWER_SECONDS`."""

    LUMP = "lump"
    REDNESS = "redness"
    FEVER = "fever"
    BROKEN_SKIN = "broken_skin"
    NUMB = "numb"
    SURGERY = "surgery"


# The description of the field `epoch`.
EPOCH = "In a fleet: rises each time that another controller takes the station over; else `null`."
ANSWER_SECONDS = 600.0  # how long the questions together, or the flange, wait; then the session ends with `no_answer`

StepOutcome = Literal["done", "skipped", "let_down", "dry", "not_today", "ended"]


class Volume(Frozen):
    """Milk in mL; `None` where no device measures it."""

    left: float | None = Field(None, description="From the left breast, in mL.")
    right: float | None = Field(None, description="From the right breast, in mL.")
    both: float | None = Field(None, description="By a pump with one counter for both breasts, in mL.")

    @property
    def total(self) -> float | None:
        """The sum of the known values; `None` if none is known."""
        known = [value for value in (self.left, self.right, self.both) if value is not None]
        return sum(known) if known else None
