"""One run of a virtual device, as the open profile defines it: ended by a command, its timer, its lease or a fault."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from devices.driver.vocabulary import Value


@dataclass(frozen=True)
class CommandResult:
    """A device's answer to a command. `allowed`: the values it applied where it limited the requested ones."""

    result: str
    allowed: Mapping[str, Value] = field(default_factory=dict)


ACCEPTED = CommandResult("accepted")
REFUSED = CommandResult("refused")
NOT_APPLICABLE = CommandResult("not_applicable")


class DeviceRun:
    """The state of one run at a time, its annunciation and its record. Times are the clock's seconds.

    `limit_run_seconds` and `limit_lease_seconds` are the longest run and lease that the device accepts.
    """

    def __init__(self, limit_run_seconds: int, limit_lease_seconds: int = 60) -> None:
        self.limit_run_seconds = limit_run_seconds
        self.limit_lease_seconds = limit_lease_seconds
        self.state = "stopped"
        self.commanded = "stopped"
        self.fault: str | None = None
        self.changed: set[str] = set()
        self.now_seconds = 0.0
        self.annunciation = 0
        self.annunciation_kind: str | None = None
        self.record = 0
        self.record_end: str | None = None
        self.record_run_seconds = 0.0
        self._began_seconds = 0.0
        self._until_seconds = 0.0
        self._lease_until_seconds = 0.0

    @property
    def on(self) -> bool:
        """Whether a run is under way, paused or not."""
        return self.state in ("running", "paused")

    @property
    def running(self) -> bool:
        """Whether it is on and not paused."""
        return self.state == "running"

    def begin(self, values: Mapping[str, Value]) -> None:
        """Start a run with a command's `duration_seconds` and `lease_seconds`."""
        self._lease_until_seconds = self.now_seconds
        self._start(number(values["duration_seconds"]))
        self.renew(values)

    def press_on(self, seconds: float = math.inf) -> None:
        """Start a run without a lease, as the device's own button does; a run that is under way is resumed as it is."""
        if self.on:
            self.pause(paused=False)
        elif self.fault is None:
            self._lease_until_seconds = math.inf
            self._start(seconds)

    def set_duration(self, seconds: float) -> None:
        """Set when the run that is under way ends: `seconds` from now, the longest run at most."""
        if self.on:
            self._until_seconds = self.now_seconds + min(seconds, self.limit_run_seconds)

    def _start(self, seconds: float) -> None:
        self._began_seconds = self.now_seconds
        self._until_seconds = self.now_seconds + min(seconds, self.limit_run_seconds)
        self.state = self.commanded = "running"
        self.changed.add("changed_state")

    @property
    def leased(self) -> bool:
        """Whether a command started the run; one started at the device's own button has no lease."""
        return self.on and self._lease_until_seconds < math.inf

    def renew(self, values: Mapping[str, Value]) -> None:
        """Renew the lease for `lease_seconds`; a run that was started at the device's button has none to renew."""
        if self.on and not self.leased:
            return
        lease_seconds = min(number(values["lease_seconds"]), self.limit_lease_seconds)
        self._lease_until_seconds = self.now_seconds + lease_seconds

    def pause(self, paused: bool) -> None:
        """Pause or resume the run."""
        self.state = self.commanded = "paused" if paused else "running"
        self.changed.add("changed_state")

    def end(self, reason: str) -> None:
        """End the run; any reason but a command becomes an annunciation."""
        if not self.on:
            return
        self.state = "fault" if reason == "fault" else "stopped"
        self.commanded = "stopped"
        self.changed.add("changed_state")
        self.record += 1
        self.record_end = reason
        self.record_run_seconds = self.now_seconds - self._began_seconds
        if reason != "commanded":
            self.annunciation += 1
            self.annunciation_kind = reason

    def advance(self, to_seconds: float) -> str | None:
        """Move to a time; return why the run must end now, `None` if it goes on."""
        self.now_seconds = max(self.now_seconds, to_seconds)
        if self.on and self.fault is not None:
            return "fault"
        if self.on and self.now_seconds >= self._lease_until_seconds:
            return "lease_expired"
        if self.on and self.now_seconds >= self._until_seconds:
            return "duration_ended"
        return None

    def acknowledge(self, values: Mapping[str, Value]) -> CommandResult:
        """Clear the annunciation with this number, and the latched `changed_` flags."""
        if values["annunciation"] != self.annunciation or self.annunciation_kind is None:
            return NOT_APPLICABLE
        self.annunciation_kind = None
        self.changed.clear()
        return ACCEPTED

    def values(self) -> dict[str, Value]:
        """Return the status, annunciation and record values."""
        flags = ("changed_state", "changed_setting", "changed_let_down", "changed_fault")
        return {
            "version": 1,
            "limit_run_seconds": self.limit_run_seconds,
            "limit_lease_seconds": self.limit_lease_seconds,
            "stops_on_disconnect": True,
            "commanded": self.commanded,
            "run_state": self.state,
            "fault": self.fault,
            "remaining_seconds": self._left(self._until_seconds),
            "lease_left_seconds": self._left(self._lease_until_seconds) if self.leased else None,
            **{flag: flag in self.changed for flag in flags},
            "annunciation": self.annunciation if self.annunciation_kind else None,
            "annunciation_kind": self.annunciation_kind,
            "record": self.record,
            "record_end": self.record_end,
            "record_run_seconds": round(self.record_run_seconds),
        }

    def _left(self, until_seconds: float) -> int | None:
        return max(0, round(until_seconds - self.now_seconds)) if self.on else None


def number(value: Value) -> float:
    """Return a numeric value, 0 for any other."""
    return float(value) if isinstance(value, int | float) else 0.0
