"""What keeps everything off: a stop, a trip, a device that may still run. Only a person's word lifts it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable

from controller.memory import Identity, Memory
from controller.safety import HELD_OFF_SECONDS, Trip


class Latch:
    """One body's latch. A trip, and what may still run, outlive a crash.

    `halted`: everything was stopped, and no new session has begun since. `trip`: a hard stop that nobody has
    acknowledged. `uncertain`: devices that were on, and of which it is not known that they have stopped.
    """

    def __init__(self, memory: Memory, uncertain: Iterable[str], identity_of: Callable[[str], Identity]) -> None:
        self.halted = False
        self.trip: Trip | None = memory.remembered.trip
        self.uncertain = frozenset(uncertain)
        self._memory = memory
        self._identity_of = identity_of
        self._on = set(self.uncertain)  # what the memory takes for running
        self._held_until_seconds = -math.inf

    @property
    def why(self) -> str | None:
        """Why nothing may start, in words for the person; `None` when only a new session is missing, or nothing."""
        if self.trip is not None:
            return f"stopped because {self.trip.device}: {self.trip.words}; acknowledge it first"
        if self.uncertain:
            names = ", ".join(sorted(self.uncertain))
            return f"it is not known whether {names} has stopped; switch it off at its button, then acknowledge that"
        return None

    def halt(self, now_seconds: float) -> None:
        """Hold everything off: after a stop, pain or a trip, nothing may start by itself, not at the device either."""
        self.halted = True
        self._held_until_seconds = now_seconds + HELD_OFF_SECONDS

    def begin_session(self) -> None:
        """Let devices be started again."""
        self.halted = False
        self._held_until_seconds = -math.inf

    def holds_off(self, now_seconds: float) -> bool:
        """Say whether a device that is on must be stopped, whoever switched it on."""
        return self.trip is not None or bool(self.uncertain) or now_seconds < self._held_until_seconds

    def set_trip(self, trip: Trip) -> bool:
        """Latch a trip. Return `False` when there was one already: the first counts."""
        if self.trip is not None:
            return False
        self.trip = trip
        self._memory.tripped(trip)
        return True

    def mark_uncertain(self, device: str) -> bool:
        """Note that a device may still run. Return whether that is new."""
        new = device not in self.uncertain
        self.uncertain |= {device}
        if device not in self._on:  # the person had seen to it, or so it was thought
            self._on.add(device)
            self._memory.doubted(self._identity_of(device))
        return new

    async def starting(self, devices: Iterable[str]) -> None:
        """Have it kept that devices run, before they do. Raise `NotKeptError`."""
        names = list(devices)
        self._on |= set(names)
        await self._memory.starting([self._identity_of(name) for name in names])

    def confirm_stopped(self, device: str) -> bool:
        """Note that a device does not run any more. Return whether that was uncertain."""
        if device in self._on:
            self._on.discard(device)
            self._memory.stopped(device)
        uncertain = device in self.uncertain
        self.uncertain -= {device}
        return uncertain

    def acknowledge(self, *, still_on: Collection[str]) -> bool:
        """Lift a trip and every doubt, on the person's word. Return whether there was any.

        `still_on`: devices that say themselves that they run. No word hides that.
        """
        there_was = self.why is not None
        if self.trip is not None:
            self.trip = None
            self._memory.tripped(None)
        for device in self.uncertain - set(still_on):
            self.confirm_stopped(device)
        return there_was
