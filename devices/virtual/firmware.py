"""What may be wrong with a device's own firmware: attributes of every body, off until a test switches them on."""

from __future__ import annotations

from collections.abc import Mapping, Set

from devices.virtual.duty import ACCEPTED, Duty, Result


class Firmware:
    """How a body answers and starts again when its firmware is faulty.

    `ignores`: commands that it acknowledges and does not carry out. `refuses_adjust`: it turns down every change of a
    running setting. `restarts_after_stop_seconds`: it starts again by itself so long after each end of a run.
    """

    refusal: Result
    ignores: Set[str] = frozenset()
    refuses_adjust = False
    restarts_after_stop_seconds: float | None = None
    duty: Duty

    def _faulty_answer(self, name: str) -> Result | None:
        if name in self.ignores:
            return ACCEPTED
        return self.refusal if name == "adjust" and self.refuses_adjust else None

    def _restart_when_due(self) -> None:
        stopped_at_seconds = self.duty.stopped_at_seconds
        if self.restarts_after_stop_seconds is None or stopped_at_seconds is None:
            return
        if self.duty.now_seconds >= stopped_at_seconds + self.restarts_after_stop_seconds:
            self._restart()

    def _restart(self) -> None:
        """Run again at the last setting, as if somebody had pressed the button."""
        raise NotImplementedError


def within(value: float, lowest: float, highest: float) -> float:
    """Return a value as a unit with this range sets it at its own buttons."""
    return min(max(value, lowest), highest)


def nearest(levels: Mapping[int, float], value: float) -> int:
    """Return the level that does most nearly this."""
    return min(levels, key=lambda level: abs(levels[level] - value))
