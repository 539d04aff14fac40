"""What the safety package reports, and to whom. Every method returns at once and waits for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from controller.safety.envelope import Correction
from controller.safety.limits import Limit, Trip
from controller.safety.message import KeyedMessage


class SafetyListener(Protocol):
    """Receives every safety report of one body. Devices are given by name, reasons as messages."""

    def on_trip(self, trip: Trip) -> None:
        """Everything was stopped, until the person acknowledges it."""

    def on_run_ended(self, device: str, why: KeyedMessage | None) -> None:
        """A block has ended: its device stopped by itself or at its button, or (`why`) had to be stopped."""

    def on_running_outside(self, device: str, how: KeyedMessage | None) -> None:
        """A device runs that this controller did not start (`how`), or (`None`) does so no longer."""

    def on_corrected(self, device: str, correction: Correction, why: KeyedMessage) -> None:
        """A device exceeded what is allowed, and is being lowered or stopped."""

    def on_setting_changed(self) -> None:
        """What running devices are set to has changed."""

    def on_limited(self, limits: Sequence[Limit]) -> None:
        """A request was limited."""

    def on_stop_uncertain(self, device: str) -> None:
        """A device did not confirm its stop. It is stopped again until it does."""

    def on_stop_confirmed(self, device: str) -> None:
        """A device whose stop was uncertain has confirmed it."""


def report_limits(listeners: Iterable[SafetyListener], limits: Iterable[Limit]) -> None:
    """Report those of the limits that allow something else than was requested, if any."""
    if limited := [limit for limit in limits if limit.limited]:
        for listener in listeners:
            listener.on_limited(limited)
