"""Keeps one energy while it is on: looks at every report and every second, renews leases, and ends it in time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from controller import safety
from controller.safety import Energy, Trip, TripKind
from controller.watch import Watch
from devices.clock import Clock
from devices.errors import DeviceError, RefusedError
from devices.roles import Role, RunState

_LOOK_EVERY_SECONDS = 1.0
_RENEW_EVERY_SECONDS = 3.0
_LATE_SECONDS = 2.0  # how much longer than planned anything may be on, before that itself is a reason to trip


class Keeper:
    """Looks after running devices until it is cancelled, or found a reason to stop, which it says once.

    `may_lose(device)`: asked when a link was lost; where it says so, the others go on, and this one is somebody else's.
    """

    def __init__(
        self,
        clock: Clock,
        energy: Energy,
        devices: Sequence[Role],
        seconds: float,
        on_trip: Callable[[Trip], None],
        on_ended: Callable[[str], None],
        may_lose: Callable[[str], bool],
    ) -> None:
        self._clock = clock
        self._energy = energy
        self._seconds = seconds
        self._on_trip = on_trip
        self._on_ended = on_ended
        self._may_lose = may_lose
        self._began_seconds = clock.now()
        self._watches = [Watch(device, self._began_seconds) for device in devices]
        self._over = False
        self._renewed_seconds = self._began_seconds

    async def run(self) -> None:
        """Look, renew, wait a second, and again."""
        with contextlib.ExitStack() as unsubscribe:
            for watch in self._watches:
                unsubscribe.callback(watch.device.on_change(self.look))
            while not self._over:
                self.look()
                if not self._over and self._clock.now() - self._renewed_seconds >= _RENEW_EVERY_SECONDS:
                    self._renewed_seconds = self._clock.now()
                    await self._renew()
                await self._clock.sleep(_LOOK_EVERY_SECONDS)

    def dismiss(self) -> None:
        """Look no more: what stops now is stopped by us."""
        self._over = True

    def died(self, task: asyncio.Task[None]) -> None:
        """Trip when the keeping ended before it was dismissed: nobody would look after what runs."""
        if not self._over:
            error = None if task.cancelled() else task.exception()
            words = f"the controller stopped looking after it ({error or 'cancelled'})"
            self._trip(Trip(kind=TripKind.LEASE, device=self._watches[0].device.name, words=words))

    def look(self) -> None:
        """Look once, and say whether there is a reason to stop."""
        if self._over:
            return
        now_seconds = self._clock.now()
        if (late_seconds := now_seconds - self._renewed_seconds) >= safety.LEASE_SECONDS:
            # It was frozen as a whole. What its devices did meanwhile, they did because it was away.
            words = f"the controller hung, and did not look after it for {late_seconds:.0f} s"
            self._trip(Trip(kind=TripKind.LEASE, device=self._watches[0].device.name, words=words))
            return
        for watch in tuple(self._watches):
            if trip := watch.look(now_seconds):
                if trip.kind is TripKind.LINK_LOST and self._may_lose(watch.device.name):
                    self._watches.remove(watch)
                else:
                    self._trip(trip)
            elif watch.stopped_itself():
                self._end(watch.device.name)
        if now_seconds - self._began_seconds >= self._seconds + _LATE_SECONDS:
            words = f"{self._energy.value} went on longer than its {self._seconds:.0f} s"
            self._trip(Trip(kind=TripKind.TIME, device=self._watches[0].device.name, words=words))

    async def _renew(self) -> None:
        for device in [watch.device for watch in self._watches]:
            try:
                await device.renew(safety.LEASE_SECONDS)
            except RefusedError:
                # Overtaken by a stop, which ends the block anyway; or the device ended by itself.
                if device.reading.run_state is not RunState.RUNNING and not self._over:
                    self._end(device.name)
            except DeviceError as error:
                if not device.connected and self._may_lose(device.name):
                    self._watches = [watch for watch in self._watches if watch.device is not device]
                    continue
                words = f"its lease could not be renewed: {error}"
                self._trip(Trip(kind=TripKind.LEASE, device=device.name, words=words))

    def _trip(self, trip: Trip) -> None:
        if not self._over:
            self._over = True
            self._on_trip(trip)

    def _end(self, device: str) -> None:
        if not self._over:
            self._over = True
            self._on_ended(device)
