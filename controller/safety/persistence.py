"""What must survive a crash of the controller: a protocol that `history` implements, and the values that it saves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Protocol

from pydantic import Field

from controller.safety.limits import Trip
from devices.roles import Frozen, Side


class DeviceIdentity(Frozen):
    """What is needed to find and stop a device that the settings no longer name. Holds no secret."""

    name: str
    profile: str
    side: Side = Side.BOTH
    address: str | None = None
    advertised_name: str | None = None
    uuids: dict[str, tuple[str, str]] = Field(default_factory=dict)


class EnergyUse(Frozen):
    """A period in which an energy was on, in seconds before now, and the budgets that it counts against.

    `ended_seconds_ago` is negative where the period was planned to last beyond now.
    """

    budgets: frozenset[str]
    began_seconds_ago: float
    ended_seconds_ago: float


class SavedAnswers(Frozen):
    """The day's answers to the symptom check. `standing`: symptoms of an earlier day that were not asked about again.

    The day ends when the date is later than `on` and `day_left_seconds` have passed on a monotonic clock.
    """

    on: date | None = None
    values: dict[str, bool] = Field(default_factory=dict)
    standing: frozenset[str] = frozenset()
    day_left_seconds: float = 0.0


class SavedStartDefaults(Frozen):
    """The defaults of `start` that a person chose; `None` where nothing was chosen."""

    routine: str | None = None
    side: Side | None = None
    comfort_vacuum_mmhg: float | None = None


class InterruptedSession(Frozen):
    """A session that was running when the controller crashed."""

    session_id: str
    routine: str
    side: Side


class SavedState(Frozen):
    """What was saved of one body or station when the controller ended.

    `running`: devices by name that were started and did not confirm that they stopped.
    """

    running: dict[str, DeviceIdentity] = Field(default_factory=dict)
    trip: Trip | None = None
    answers: SavedAnswers = SavedAnswers()
    energy_uses: tuple[EnergyUse, ...] = ()
    start_defaults: SavedStartDefaults = SavedStartDefaults()
    interrupted: InterruptedSession | None = None


class PersistenceError(Exception):
    """Saving failed, so nothing that depends on it may start. `str()` says why, with the remedy."""


class Persistence(Protocol):
    """Saves the state of one body or station, in the order of the calls.

    Only `save_starting` waits for the disk, and only a start needs it: stopping works whatever is wrong here.
    """

    @property
    def saved(self) -> SavedState:
        """The state when this was opened."""

    @property
    def problem(self) -> str | None:
        """Why nothing can be saved now, with the remedy; `None` when saving works."""

    async def save_starting(self, devices: Iterable[DeviceIdentity]) -> None:
        """Save that devices run, before they are started. Return once this and all before it is on disk.

        Raises:
            PersistenceError: It could not be saved; the devices must not start.
        """

    def save_uncertain(self, device: DeviceIdentity) -> None:
        """Save that a device may still run."""

    def save_stopped(self, device: str) -> None:
        """Save that a device has stopped."""

    def save_trip(self, trip: Trip | None) -> None:
        """Save the latched trip; `None` once the person has acknowledged it."""

    def save_answers(self, answers: SavedAnswers) -> None:
        """Save all answers of the day, replacing the earlier ones."""

    def save_start_defaults(self, chosen: SavedStartDefaults) -> None:
        """Save all start defaults, replacing the earlier ones."""

    def save_energy_use(
        self, number: int, budgets: frozenset[str], began_seconds_ago: float, ended_seconds_ago: float
    ) -> None:
        """Save a period of use, replacing the one that was saved under the same `number` since this was opened."""


class InMemoryPersistence:
    """Saves nothing beyond this process: for the demo and for tests."""

    def __init__(self, saved: SavedState = SavedState(), problem: str | None = None) -> None:  # noqa: B008 - frozen
        self.saved = saved
        self.problem = problem

    async def save_starting(self, devices: Iterable[DeviceIdentity]) -> None:  # noqa: ARG002 - the protocol's
        """Return at once. Raise `PersistenceError` while there is a `problem`."""
        if self.problem is not None:
            raise PersistenceError(f"{self.problem}; nothing was started")

    def _ignore(self, *args: object, **kwargs: object) -> None:
        """Save nothing."""

    save_uncertain = save_stopped = save_trip = _ignore
    save_answers = save_start_defaults = save_energy_use = _ignore
