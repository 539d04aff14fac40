"""What the safety of a body reports, and to whom: every call is quick, and waits for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from controller.envelope import Do
from controller.safety import Limit, Trip


class SupervisorListener(Protocol):
    """What the supervisor reports of a body's devices."""

    def on_trip(self, trip: Trip) -> None:
        """Something must stop everything at once, until the person acknowledges it."""

    def on_ended(self, device: str, words: str | None) -> None:
        """What ran has ended: a device was switched off at its button, or (`words`) did not do as it was told."""

    def on_outside(self, device: str, words: str | None) -> None:
        """A device is on and nobody here started it (`words`: how), or (`None`) it is not any more."""

    def on_enforced(self, device: str, do: Do, words: str) -> None:
        """A device exceeded what is allowed, and was lowered or stopped."""

    def on_changed(self) -> None:
        """What running devices are set to has changed."""


class GuardListener(SupervisorListener, Protocol):
    """What the guard reports beside that."""

    def on_limit(self, limits: Sequence[Limit]) -> None:
        """A wish met a limit."""

    def on_uncertain(self, device: str) -> None:
        """A device did not confirm its stop. It is stopped again until it does."""

    def on_settled(self, device: str) -> None:
        """Now it did."""
