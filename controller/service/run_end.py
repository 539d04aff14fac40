"""How the run of one device ended: by itself, or because the guard ended it."""

from __future__ import annotations

from collections.abc import Sequence

from controller.safety.envelope import Correction
from controller.safety.limits import Limit, Trip
from controller.safety.message import KeyedMessage


class RunEnd:
    """A `SafetyListener` for one device. `why`: the reason, where the guard ended its run; `None`: it did so itself."""

    def __init__(self, device: str) -> None:
        self.ended = False
        self.why: KeyedMessage | None = None
        self._device = device

    def on_run_ended(self, device: str, why: KeyedMessage | None) -> None:
        """Note how its run ended. The first end counts."""
        if device == self._device and not self.ended:
            self.ended, self.why = True, why

    # Nothing else that is reported means that a run ended by itself.

    def on_trip(self, trip: Trip) -> None:
        """Everything was stopped: seen by the guard."""

    def on_running_outside(self, device: str, how: KeyedMessage | None) -> None:
        """Nothing to note."""

    def on_corrected(self, device: str, correction: Correction, why: KeyedMessage) -> None:
        """Nothing to note."""

    def on_setting_changed(self) -> None:
        """Nothing to note."""

    def on_limited(self, limits: Sequence[Limit]) -> None:
        """Nothing to note."""

    def on_stop_uncertain(self, device: str) -> None:
        """Nothing to note."""

    def on_stop_confirmed(self, device: str) -> None:
        """Nothing to note."""
