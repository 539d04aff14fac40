"""What must survive the end of the controller, however it ends. Bodies and stations say it here; `store` keeps it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Protocol

from pydantic import Field

from controller.safety import Trip
from devices.roles import Frozen, Side

CUT_OFF = "the controller ended in mid-session"  # why a session ended of which nobody saw the end


class Identity(Frozen):
    """What is needed to find a device and to stop it, also when the settings no longer name it. Holds no secret."""

    name: str
    profile: str
    side: Side = Side.BOTH
    address: str | None = None
    advertised_name: str | None = None
    uuids: dict[str, tuple[str, str]] = Field(default_factory=dict)


class Use(Frozen):
    """A stretch of time in which an energy was on, and the budgets that it counts against.

    In seconds before now; `ended_seconds_ago` is below 0 where it was planned to go on.
    """

    budgets: frozenset[str]
    began_seconds_ago: float
    ended_seconds_ago: float


class Answers(Frozen):
    """Answers to the check. `standing`: symptoms of an earlier day about which nobody has been asked again.

    The day is over when the date is a later one and `day_left_seconds` have passed by a clock that nobody sets.
    """

    on: date | None = None
    values: dict[str, bool] = Field(default_factory=dict)
    standing: frozenset[str] = frozenset()
    day_left_seconds: float = 0.0


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
    """What was known of one body, or of one station, when the controller ended.

    `running`: devices that were started and are not known to have stopped, by name.
    """

    running: dict[str, Identity] = Field(default_factory=dict)
    trip: Trip | None = None
    answers: Answers = Answers()
    uses: tuple[Use, ...] = ()
    chosen: Chosen = Chosen()
    cut_off: CutOff | None = None


class NotKeptError(Exception):
    """It could not be kept, so nothing may start that relies on it. `str()` is for the person."""


class Memory(Protocol):
    """The memory of one body or station. Everything is kept in the order in which it was said.

    Only `starting` waits for that, and only a start needs it: stopping works whatever is wrong here.
    """

    @property
    def remembered(self) -> Remembered:
        """What was known when this memory was opened."""

    @property
    def trouble(self) -> str | None:
        """Why nothing can be kept now, with the remedy; `None` when all is well."""

    async def starting(self, devices: Iterable[Identity]) -> None:
        """Keep, before they are told to start, that these devices run. Return when that, and all before it, is kept.

        Raise `NotKeptError` when it cannot be kept.
        """

    def doubted(self, device: Identity) -> None:
        """Note that a device may still run."""

    def stopped(self, device: str) -> None:
        """Note that a device does not run any more."""

    def tripped(self, trip: Trip | None) -> None:
        """Note the latched trip, or that the person acknowledged it."""

    def answered(self, answers: Answers) -> None:
        """Note all answers, in place of those noted before."""

    def chose(self, chosen: Chosen) -> None:
        """Note all that was chosen beforehand."""

    def used(self, number: int, budgets: frozenset[str], began_seconds_ago: float, ended_seconds_ago: float) -> None:
        """Note a stretch of use, in place of what was noted of the same `number` since this memory was opened."""


class ShortMemory:
    """Remembers nothing beyond this process: for the demo, and for tests. `trouble` may be set by a test."""

    def __init__(self, remembered: Remembered = Remembered(), trouble: str | None = None) -> None:  # noqa: B008 - frozen
        self.remembered = remembered
        self.trouble = trouble

    async def starting(self, devices: Iterable[Identity]) -> None:  # noqa: ARG002 - the protocol's
        """Return at once. Raise `NotKeptError` where there is a trouble."""
        if self.trouble is not None:
            raise NotKeptError(f"{self.trouble}; nothing was started")

    def doubted(self, device: Identity) -> None:
        """Forget it."""

    def stopped(self, device: str) -> None:
        """Forget it."""

    def tripped(self, trip: Trip | None) -> None:
        """Forget it."""

    def answered(self, answers: Answers) -> None:
        """Forget it."""

    def chose(self, chosen: Chosen) -> None:
        """Forget it."""

    def used(self, number: int, budgets: frozenset[str], began_seconds_ago: float, ended_seconds_ago: float) -> None:
        """Forget it."""
