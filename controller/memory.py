"""What must not be forgotten, however the controller ends. Stations and guards say it here; `store` keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

from pydantic import Field

from controller.safety import Trip
from devices.roles import Frozen, Side

CUT_OFF = "the controller ended in mid-session"  # why a session ended of which nobody saw the end


class Used(Frozen):
    """How long one energy was on without the rest that starts it anew, and how long it has rested since."""

    used_seconds: float
    rested_seconds: float


class Chosen(Frozen):
    """What a person chose beforehand; `None` where they chose nothing."""

    routine: str | None = None
    side: Side | None = None
    comfort_vacuum_mmhg: float | None = None


class CutOff(Frozen):
    """A session that was under way when the controller ended without a chance to end it."""

    session_id: str
    routine: str
    side: Side


class Remembered(Frozen):
    """What one station knew when the controller ended.

    `running`: devices that were started and are not known to have stopped. `used`: by the name of a budget.
    """

    running: frozenset[str] = frozenset()
    trip: Trip | None = None
    answers: dict[str, bool] = Field(default_factory=dict)
    answered_on: date | None = None
    used: dict[str, Used] = Field(default_factory=dict)
    chosen: Chosen = Chosen()
    cut_off: CutOff | None = None


class NotKeptError(Exception):
    """It could not be kept, so nothing may start that relies on it. `str()` is for the person."""


class Memory(Protocol):
    """One station's memory. Everything is kept in the order in which it was said; only `starting` waits for that."""

    @property
    def remembered(self) -> Remembered:
        """What was known when this memory was opened."""

    async def starting(self, devices: Sequence[str]) -> None:
        """Keep, before they are told to start, that these devices run. Return when that, and all before it, is kept.

        Raise `NotKeptError` when it cannot be kept.
        """

    def doubted(self, device: str) -> None:
        """Note that a device may still run."""

    def stopped(self, device: str) -> None:
        """Note that a device does not run any more."""

    def tripped(self, trip: Trip | None) -> None:
        """Note the latched trip, or that the person acknowledged it."""

    def answered(self, on: date, answers: Mapping[str, bool]) -> None:
        """Note the day's answers."""

    def chose(self, chosen: Chosen) -> None:
        """Note all that was chosen beforehand."""

    def used(self, budget: str, used_seconds: float, *, ahead_seconds: float = 0.0) -> None:
        """Note how long something has been on without the rest that starts it anew.

        Up to now; or, where it is about to be on, with the `ahead_seconds` that it will be on: its rest begins then.
        """


class ShortMemory:
    """Remembers nothing beyond this process: for the demo, and for tests."""

    def __init__(self, remembered: Remembered = Remembered()) -> None:  # noqa: B008 - it is frozen
        self.remembered = remembered

    async def starting(self, devices: Sequence[str]) -> None:
        """Return at once."""

    def doubted(self, device: str) -> None:
        """Forget it."""

    def stopped(self, device: str) -> None:
        """Forget it."""

    def tripped(self, trip: Trip | None) -> None:
        """Forget it."""

    def answered(self, on: date, answers: Mapping[str, bool]) -> None:
        """Forget it."""

    def chose(self, chosen: Chosen) -> None:
        """Forget it."""

    def used(self, budget: str, used_seconds: float, *, ahead_seconds: float = 0.0) -> None:
        """Forget it."""
