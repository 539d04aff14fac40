"""The memory of one body or station in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from controller.memory import Answers, Chosen, Identity, NotKeptError, Remembered
from controller.safety import Trip
from controller.store.stamp import Stamp
from controller.store.tables import ANSWERS, CHOSEN, RUNNING, TRIP, USE, stamp_values
from controller.store.writer import Writer


class StoredMemory:
    """What `controller.memory.Memory` says, by way of the store's one writer.

    `first_use`: what is added to the numbers of uses, so that they are not those of an earlier opening.
    """

    def __init__(
        self, name: str, remembered: Remembered, writer: Writer, now: Callable[[], Stamp], first_use: int
    ) -> None:
        self.remembered = remembered
        self._name = name
        self._key = {"station": name}
        self._running = dict(remembered.running)
        self._starting: set[str] = set()  # those that are in there only for a start that is not kept yet
        self._one_start = asyncio.Lock()  # one that is given up must not take back what another has kept
        self._writer = writer
        self._now = now
        self._first_use = first_use

    @property
    def trouble(self) -> str | None:
        """Why nothing can be kept now, with the remedy; `None` when all is well."""
        return self._writer.trouble

    async def starting(self, devices: Iterable[Identity]) -> None:
        """Keep that these devices run, and return when that is on the disk. Raise `NotKeptError`."""
        async with self._one_start:
            changed = [device for device in devices if self._running.get(device.name) != device]
            new = {device.name for device in changed} - self._running.keys()
            for device in changed:
                self.doubted(device)
            self._starting |= new
            trouble: str | None = "it was not waited for"
            try:
                trouble = await self._writer.kept()
            finally:
                if trouble is not None:  # then nothing was started
                    for name in new & self._starting:
                        self.stopped(name)
                self._starting -= new
        if trouble is not None:
            raise NotKeptError(f"{trouble}; nothing was started")

    def doubted(self, device: Identity) -> None:
        """Keep that a device may still run, and what is needed to find it."""
        self._starting.discard(device.name)
        self._running[device.name] = device
        known = device.model_dump(mode="json", exclude={"name"})
        self._writer.put(RUNNING, self._device(device.name) | known | {"since": self._now().wall})

    def stopped(self, device: str) -> None:
        """Keep that a device does not run any more."""
        self._starting.discard(device)
        self._running.pop(device, None)
        self._writer.drop(RUNNING, self._device(device))

    def tripped(self, trip: Trip | None) -> None:
        """Keep the latched trip, or that it was acknowledged."""
        if trip is None:
            self._writer.drop(TRIP, self._key)
        else:
            self._writer.put(TRIP, self._key | trip.model_dump() | {"tripped_at": self._now().wall})

    def answered(self, answers: Answers) -> None:
        """Keep all answers, in place of those kept before."""
        row = {
            "day": answers.on,
            "answers": dict(answers.values),
            "standing": sorted(answers.standing),
            "day_left_seconds": answers.day_left_seconds,
        }
        self._writer.put(ANSWERS, self._key | row | stamp_values(self._now()))

    def chose(self, chosen: Chosen) -> None:
        """Keep what was chosen beforehand."""
        self._writer.put(CHOSEN, self._key | chosen.model_dump())

    def used(self, number: int, budgets: frozenset[str], began_seconds_ago: float, ended_seconds_ago: float) -> None:
        """Keep a stretch of use, in place of what was kept of the same number since the store was opened."""
        row = {
            "body": self._name,
            "number": self._first_use + number,
            "budgets": sorted(budgets),
            "began_seconds_ago": began_seconds_ago,
            "ended_seconds_ago": ended_seconds_ago,
        }
        self._writer.put(USE, row | stamp_values(self._now()))

    def _device(self, name: str) -> dict[str, Any]:
        return self._key | {"device": name}
