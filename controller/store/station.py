"""One station's memory in the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from controller.memory import Chosen, NotKeptError, Remembered
from controller.safety import Trip
from controller.store.tables import ANSWERS, CHOSEN, RUNNING, TRIP, USED
from controller.store.writer import Writer


class StationMemory:
    """What `controller.memory.Memory` says, by way of the store's one writer."""

    def __init__(self, station: str, remembered: Remembered, writer: Writer, now: Callable[[], datetime]) -> None:
        self.remembered = remembered
        self._key = {"station": station}
        self._running = set(remembered.running)
        self._starting: set[str] = set()  # those that are in there only for a start that is not kept yet
        self._writer = writer
        self._now = now

    async def starting(self, devices: Sequence[str]) -> None:
        """Keep that these devices run, and return when that is on the disk. Raise `NotKeptError`."""
        new = set(devices) - self._running
        for device in new:
            self.doubted(device)
        self._starting |= new
        why_not: str | None = "it was not waited for"
        try:
            why_not = await self._writer.kept()
        finally:
            if why_not is not None:  # then nothing was started
                for device in new & self._starting:
                    self.stopped(device)
            self._starting -= new
        if why_not is not None:
            raise NotKeptError(f"the store at {self._writer.path} cannot be written: {why_not}; nothing was started")

    def doubted(self, device: str) -> None:
        """Keep that a device may still run."""
        self._starting.discard(device)
        self._running.add(device)
        self._writer.put(RUNNING, self._device(device) | {"since": self._now()})

    def stopped(self, device: str) -> None:
        """Keep that a device does not run any more."""
        self._starting.discard(device)
        self._running.discard(device)
        self._writer.drop(RUNNING, self._device(device))

    def tripped(self, trip: Trip | None) -> None:
        """Keep the latched trip, or that it was acknowledged."""
        if trip is None:
            self._writer.drop(TRIP, self._key)
        else:
            self._writer.put(TRIP, self._key | trip.model_dump() | {"tripped_at": self._now()})

    def answered(self, on: date, answers: Mapping[str, bool]) -> None:
        """Keep the day's answers."""
        self._writer.put(ANSWERS, self._key | {"day": on, "answers": dict(answers)})

    def chose(self, chosen: Chosen) -> None:
        """Keep what was chosen beforehand."""
        self._writer.put(CHOSEN, self._key | chosen.model_dump())

    def used(self, budget: str, used_seconds: float, *, ahead_seconds: float = 0.0) -> None:
        """Keep how long something has been on, up to now or to the end of what lies ahead."""
        last_on = self._now() + timedelta(seconds=ahead_seconds)
        self._writer.put(USED, self._key | {"budget": budget, "used_seconds": used_seconds, "last_on": last_on})

    def _device(self, name: str) -> dict[str, Any]:
        return self._key | {"device": name}
