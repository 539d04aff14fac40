"""The latch: a stop, a trip, or a device that may still run keeps everything off until a person lifts it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable

from controller.safety.limits import HELD_OFF_SECONDS, Trip
from controller.safety.message import KeyedMessage, message
from controller.safety.persistence import DeviceIdentity, Persistence


class Latch:
    """One body's latch. A trip, and what may still run, outlive a crash.

    `halted`: everything was stopped, and no new session has begun since. `trip`: a hard stop that was not acknowledged.
    `uncertain`: devices that were started, and did not confirm that they stopped.
    """

    def __init__(
        self, persistence: Persistence, uncertain: Iterable[str], identity_of: Callable[[str], DeviceIdentity]
    ) -> None:
        self.halted = False
        self.trip: Trip | None = persistence.saved.trip
        self.uncertain = frozenset(uncertain)
        self._persistence = persistence
        self._identity_of = identity_of
        self._saved_running = set(self.uncertain)
        self._off_until_seconds = -math.inf

    @property
    def blocked_reason(self) -> KeyedMessage | None:
        """Why nothing may start until the person acknowledges it; `None` where nothing blocks a start."""
        if self.trip is not None:
            return message("stopped_by_trip", device=self.trip.device, why=message(f"trip_{self.trip.kind.value}"))
        if self.uncertain:
            return message("stop_uncertain", devices=", ".join(sorted(self.uncertain)))
        return None

    def halt(self, now_seconds: float) -> None:
        """Keep everything off for 15 min after a stop, pain or a trip, also what starts by itself."""
        self.halted = True
        self._off_until_seconds = now_seconds + HELD_OFF_SECONDS

    def begin_session(self) -> None:
        """Let devices start again."""
        self.halted = False
        self._off_until_seconds = -math.inf

    def must_stay_off(self, now_seconds: float) -> bool:
        """Return whether a device that is on must be stopped, even if it was switched on by hand."""
        return self.trip is not None or bool(self.uncertain) or now_seconds < self._off_until_seconds

    def set_trip(self, trip: Trip) -> bool:
        """Latch a trip. Return `False` where there is one already: the first counts."""
        if self.trip is not None:
            return False
        self.trip = trip
        self._persistence.save_trip(trip)
        return True

    def mark_uncertain(self, device: str) -> bool:
        """Latch a device that may still run. Return whether that is new."""
        new = device not in self.uncertain
        self.uncertain |= {device}
        if device not in self._saved_running:  # it had been saved as stopped
            self._saved_running.add(device)
            self._persistence.save_uncertain(self._identity_of(device))
        return new

    async def save_starting(self, devices: Iterable[str]) -> None:
        """Save that devices run, before they do. Raise `PersistenceError`."""
        names = list(devices)
        self._saved_running |= set(names)
        await self._persistence.save_starting([self._identity_of(name) for name in names])

    def confirm_stopped(self, device: str) -> bool:
        """Save that a device has stopped. Return whether that was uncertain."""
        if device in self._saved_running:
            self._saved_running.discard(device)
            self._persistence.save_stopped(device)
        uncertain = device in self.uncertain
        self.uncertain -= {device}
        return uncertain

    def acknowledge(self, *, still_on: Collection[str]) -> bool:
        """Lift a trip and every uncertain stop that the person acknowledged. Return whether there was any.

        `still_on`: devices that report that they run: these stay latched.
        """
        there_was = self.blocked_reason is not None
        if self.trip is not None:
            self.trip = None
            self._persistence.save_trip(None)
        for device in self.uncertain - set(still_on):
            self.confirm_stopped(device)
        return there_was
