"""What a device of the open profile does on its own: it ends a run by its timer, its lease, a lost link or a fault."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from devices.profiles.vocabulary import Value


@dataclass(frozen=True)
class Result:
    """A device's answer to a command; `allowed` holds what it came to where it was limited."""

    result: str
    allowed: Mapping[str, Value] = field(default_factory=dict)


ACCEPTED = Result("accepted")
NOT_APPLICABLE = Result("not_applicable")


class Body(Protocol):
    """The physical side of a virtual device."""

    @property
    def duty(self) -> Duty:
        """What is run now, and by what it ends."""

    def command(self, name: str, values: Mapping[str, Value]) -> Result:
        """Do as told, or say why not."""

    def advance(self, to_seconds: float) -> None:
        """Let physics run up to a time of the clock."""

    def lose_link(self) -> None:
        """Do what the device does when its link is lost."""

    def values(self, since_seconds: float | None = None) -> dict[str, Value]:
        """Return everything the device can tell, by the names in its profile.

        Highest and lowest values are those after `since_seconds`; without it, those of this moment.
        """


class Duty:
    """One run at a time, with the reasons that end it. Times are the clock's seconds."""

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
        self.stopped_at_seconds: float | None = None  # while it is off after a run
        self._began_seconds = 0.0
        self._until_seconds = 0.0
        self._lease_until_seconds = 0.0

    @property
    def on(self) -> bool:
        """Whether a run is under way, paused or not."""
        return self.state in ("running", "paused")

    @property
    def running(self) -> bool:
        """Whether energy goes out."""
        return self.state == "running"

    def begin(self, values: Mapping[str, Value]) -> None:
        """Start a run with the duration and lease of its command."""
        self._lease_until_seconds = self.now_seconds
        self._run_for(_number(values["duration_seconds"]))
        self.renew(values)

    def press_on(self, seconds: float = math.inf) -> None:
        """Start a run without a lease, as at a device's own button; one that is under way goes on as it was started."""
        if self.on:
            self.pause(paused=False)
        elif self.fault is None:
            self._lease_until_seconds = math.inf
            self._run_for(seconds)

    def run_for(self, seconds: float) -> None:
        """Let what is on end so long from now."""
        if self.on:
            self._until_seconds = self.now_seconds + min(seconds, self.limit_run_seconds)

    def _run_for(self, seconds: float) -> None:
        self._began_seconds = self.now_seconds
        self._until_seconds = self.now_seconds + min(seconds, self.limit_run_seconds)
        self.stopped_at_seconds = None
        self.state = self.commanded = "running"
        self.changed.add("changed_state")

    @property
    def leased(self) -> bool:
        """Whether what runs was started by a command; what was started at a button has no lease."""
        return self.on and self._lease_until_seconds < math.inf

    def renew(self, values: Mapping[str, Value]) -> None:
        """Let the lease begin anew, where there is one."""
        if self.on and not self.leased:
            return
        lease_seconds = min(_number(values["lease_seconds"]), self.limit_lease_seconds)
        self._lease_until_seconds = self.now_seconds + lease_seconds

    def pause(self, paused: bool) -> None:
        """Hold the run, or go on with it."""
        self.state = self.commanded = "paused" if paused else "running"
        self.changed.add("changed_state")

    def end(self, reason: str) -> None:
        """End the run; anything but a command is announced."""
        if not self.on:
            return
        self.state = "fault" if reason == "fault" else "stopped"
        self.commanded = "stopped"
        self.changed.add("changed_state")
        self.record += 1
        self.record_end = reason
        self.record_run_seconds = self.now_seconds - self._began_seconds
        self.stopped_at_seconds = self.now_seconds
        if reason != "commanded":
            self.annunciation += 1
            self.annunciation_kind = reason

    def due(self, to_seconds: float) -> str | None:
        """Move to a time, and return what ends the run there, if anything."""
        self.now_seconds = max(self.now_seconds, to_seconds)
        if self.on and self.fault is not None:
            return "fault"
        if self.on and self.now_seconds >= self._lease_until_seconds:
            return "lease_expired"
        if self.on and self.now_seconds >= self._until_seconds:
            return "duration_ended"
        return None

    def answer(self, name: str, values: Mapping[str, Value], *, start: str) -> Result | None:
        """Answer what every device answers alike; `None` for what is its own. `start` names the command that begins."""
        if name == "acknowledge":
            return self.acknowledge(values)
        if self.fault is not None or (name != start and not self.on):
            return NOT_APPLICABLE
        if name == "renew":
            self.renew(values)
            return ACCEPTED
        return None

    def acknowledge(self, values: Mapping[str, Value]) -> Result:
        """Let go of an annunciation and of the latched flags."""
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


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
