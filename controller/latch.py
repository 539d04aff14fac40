"""What keeps everything off: a stop, a trip, a device that may still run. Nothing but a person lets go of it."""

from __future__ import annotations

from collections.abc import Sequence

from controller.memory import Memory
from controller.safety import Trip


class Latch:
    """One station's latch. A trip, and what may still run, outlive a crash.

    `halted`: everything was stopped, and no new session has begun since. `trip`: a hard stop that nobody has
    acknowledged. `uncertain`: devices that were on, and of which it is not known that they have stopped.
    """

    def __init__(self, memory: Memory) -> None:
        self.halted = False
        self.trip: Trip | None = memory.remembered.trip
        self.uncertain: frozenset[str] = memory.remembered.running
        self._memory = memory
        self._on = set(memory.remembered.running)  # what the memory takes for running

    @property
    def why(self) -> str | None:
        """Why nothing may start, in words for the person; `None` when only a new session is missing, or nothing."""
        if self.trip is not None:
            return f"stopped because {self.trip.device}: {self.trip.words}; acknowledge it first"
        if self.uncertain:
            names = ", ".join(sorted(self.uncertain))
            return f"it is not known whether {names} has stopped; switch it off at its button, then acknowledge that"
        return None

    def set_trip(self, trip: Trip) -> bool:
        """Latch a trip. Return `False` when there was one already: the first counts."""
        if self.trip is not None:
            return False
        self.trip = trip
        self._memory.tripped(trip)
        return True

    def doubt(self, device: str) -> bool:
        """Note that a device may still run. Return whether that is new."""
        new = device not in self.uncertain
        self.uncertain |= {device}
        if device not in self._on:  # the person had seen to it, or so it was thought
            self._on.add(device)
            self._memory.doubted(device)
        return new

    async def starting(self, devices: Sequence[str]) -> None:
        """Have it kept that devices run, before they do. Raise `NotKeptError`."""
        self._on |= set(devices)
        await self._memory.starting(devices)

    def settle(self, device: str) -> bool:
        """Note that a device does not run any more. Return whether that was in doubt."""
        if device in self._on:
            self._on.discard(device)
            self._memory.stopped(device)
        doubted = device in self.uncertain
        self.uncertain -= {device}
        return doubted

    def acknowledge(self) -> bool:
        """Let go of a trip and of every doubt, on the person's word. Return whether there was any."""
        there_was = self.why is not None
        if self.trip is not None:
            self.trip = None
            self._memory.tripped(None)
        for device in self.uncertain:
            self.settle(device)
        return there_was
