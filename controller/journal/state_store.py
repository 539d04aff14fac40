"""What a service needs of the store that keeps its state, wherever that is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from controller.contract.events import Event
from controller.database.database import Row
from controller.mqtt.backlog import Backlog
from controller.safety.persistence import DeviceIdentity, Persistence


class StateStore(Protocol):
    """Keeps what must survive a crash: one file of this machine, or the cluster of a fleet."""

    @property
    def backlog(self) -> Backlog:
        """The events that no broker has acknowledged yet."""

    @property
    def interrupted_sessions(self) -> Sequence[Row]:
        """The sessions that were under way when the controller ended last, as in the table `under_way`."""

    @property
    def earlier_sessions(self) -> Sequence[Row]:
        """The sessions that an earlier version kept here, and that the history has not taken over yet."""

    def persistence(self, name: str) -> Persistence:
        """Return the persistence of a body or station, with its state as it was when the store was opened."""

    def orphaned_devices(self, names: Collection[str]) -> dict[str, dict[str, DeviceIdentity]]:
        """Return the devices that may still run at bodies and stations other than `names`, by body or station."""

    def forget_earlier_sessions(self) -> None:
        """Delete them: the history has them."""

    def watch(self, event: Event) -> None:
        """Save which session is under way at a station: after a crash, it was interrupted."""
