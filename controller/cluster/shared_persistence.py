"""The state of one body or station as a running controller changes it, for the document in the cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from typing import Protocol

from controller.cluster.lease import now
from controller.cluster.state_document import LONGEST_BUDGET_SECONDS, older
from controller.safety.limits import Trip
from controller.safety.persistence import (
    DeviceIdentity,
    EnergyUse,
    PersistenceError,
    SavedAnswers,
    SavedStartDefaults,
    SavedState,
)


class _Store(Protocol):
    @property
    def problem(self) -> str | None:
        """Why nothing can be saved or started now; `None` if everything can."""

    def changed(self) -> None:
        """Write the state soon."""

    async def flush(self) -> str | None:
        """Write the state now. Return why it cannot be saved, or why nothing may start; `None` if it was saved."""


class SharedPersistence:
    """`controller.safety.persistence.Persistence` in the cluster."""

    def __init__(self, name: str, saved: SavedState, store: _Store) -> None:
        self.name = name
        self.saved = saved
        self.running = dict(saved.running)
        self._store = store
        self._trip = saved.trip
        self._answers = saved.answers
        self._answered_at = now()
        self._start_defaults = saved.start_defaults
        # Uses of energy by their number; those from before have negative ones. Each with when it was saved.
        self._uses = {-1 - at: (use, now()) for at, use in enumerate(saved.energy_uses)}
        self._starting: set[str] = set()  # added for a start that is not saved yet
        self._one_start = asyncio.Lock()  # a failed start must not undo what another one has saved

    @property
    def problem(self) -> str | None:
        """Why nothing can be saved or started now; `None` if everything can."""
        return self._store.problem

    async def save_starting(self, devices: Iterable[DeviceIdentity]) -> None:
        """Save that these devices run, and return when the cluster has it. Raise `PersistenceError`."""
        async with self._one_start:
            problem = self._store.problem or await self._save_start(tuple(devices))
        if problem is not None:
            raise PersistenceError(f"{problem}; nothing was started")

    async def _save_start(self, devices: Collection[DeviceIdentity]) -> str | None:
        new = {device.name for device in devices} - self.running.keys()
        self.running |= {device.name: device for device in devices}
        self._starting |= new
        problem: str | None = "the start was cancelled"
        try:
            problem = await self._store.flush()
        finally:
            if problem is not None:  # then nothing was started
                for name in new & self._starting:
                    self.save_stopped(name)
            self._starting -= new
        return problem

    def save_uncertain(self, device: DeviceIdentity) -> None:
        """Save that a device may still run, and what is needed to find it."""
        self._starting.discard(device.name)
        self.running[device.name] = device
        self._store.changed()

    def save_stopped(self, device: str) -> None:
        """Save that a device does not run any more."""
        self._starting.discard(device)
        if self.running.pop(device, None) is not None:
            self._store.changed()

    def save_trip(self, trip: Trip | None) -> None:
        """Save the latched trip, or that it was acknowledged."""
        self._trip = trip
        self._store.changed()

    def save_answers(self, answers: SavedAnswers) -> None:
        """Save all answers, replacing those saved before."""
        self._answers, self._answered_at = answers, now()
        self._store.changed()

    def save_start_defaults(self, chosen: SavedStartDefaults) -> None:
        """Save the start defaults and the comfort cap."""
        self._start_defaults = chosen
        self._store.changed()

    def save_energy_use(
        self, number: int, budgets: frozenset[str], began_seconds_ago: float, ended_seconds_ago: float
    ) -> None:
        """Save a use period, replacing the one that was saved under the same number since the store was opened."""
        use = EnergyUse(budgets=budgets, began_seconds_ago=began_seconds_ago, ended_seconds_ago=ended_seconds_ago)
        self._uses[number] = (use, now())
        self._store.changed()

    def state(self) -> SavedState:
        """Return all of it as it is now."""
        at = now()
        self._forget_old_uses(at)
        left_seconds = max(0.0, self._answers.day_left_seconds - (at - self._answered_at))
        return SavedState(
            running=self.running,
            trip=self._trip,
            answers=self._answers.model_copy(update={"day_left_seconds": left_seconds}),
            energy_uses=tuple(older(use, at - saved_at) for use, saved_at in self._uses.values()),
            start_defaults=self._start_defaults,
        )

    def _forget_old_uses(self, at: float) -> None:
        """Forget what no budget counts any more: else the document grows for as long as this controller runs."""
        self._uses = {
            number: (use, saved_at)
            for number, (use, saved_at) in self._uses.items()
            if older(use, at - saved_at).ended_seconds_ago <= LONGEST_BUDGET_SECONDS
        }
