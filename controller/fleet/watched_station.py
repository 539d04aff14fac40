"""What the page of a fleet knows of one station, and what it shows of it. Pure: the time is an argument.

What is retained may be old. A station counts as served while the status of its controller is `online`, which the broker
takes back by the last will; and a session counts as running while its states go on coming, which they do every second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from controller.contract.events import Snapshot
from controller.contract.session_state import EndReason, SessionState
from controller.contract.station_board import StationTile, Trouble, tile_of

FRESH_SECONDS = 10.0  # without a state for this long, a session that ran is not known to run
PAIN_SECONDS = 1800.0  # how long it needs attention that a session ended because of pain
UNOWNED_SECONDS = 30.0  # how long a takeover may take before it needs attention

# `served`: its controller is connected. `lost`: it is not, and did not end in order. `none`: none serves it.
Served = Literal["served", "lost", "none"]

_TICKING = frozenset({SessionState.RUNNING, SessionState.STOPPING})
_LATCHED = (Trouble.UNCERTAIN, Trouble.TRIPPED)  # what remains, whether there is contact or not


@dataclass(frozen=True)
class Now:
    """A moment. `seconds`: by a clock that starts anywhere. `at`: the wall clock of this machine."""

    seconds: float
    at: datetime


@dataclass
class WatchedStation:
    """One station. Each `…_seconds` is a moment of the clock.

    `since_seconds`: since when there is a broker, and this controller. `live`: when something was published last.
    `could_be_served_seconds`: since when none serves the station though one could; `None`: that is not known.
    """

    name: str
    snapshot: Snapshot | None = None
    served: Served = "none"
    controller: str | None = None
    since_seconds: float = 0.0
    live: Now | None = None
    could_be_served_seconds: float | None = None
    _pain: tuple[str | None, float] | None = None  # the session, and when it became known
    _online: set[str] = field(default_factory=set)  # devices
    _lost: set[str] = field(default_factory=set)  # devices that the running session had

    def take_state(self, snapshot: Snapshot, now: Now, *, live: bool) -> None:
        """Take a state. One of a former owner is ignored."""
        known = self.snapshot
        if known is not None and (snapshot.epoch or 0) < (known.epoch or 0):
            return
        if live:
            self.live = now
        if not snapshot.running:
            self._lost.clear()
        if snapshot.running or snapshot.reason is not EndReason.PAIN:
            self._pain = None
        elif self._pain is None or self._pain[0] != snapshot.session_id:
            self._pain = (snapshot.session_id, now.seconds)
        self.snapshot = snapshot

    def take_device(self, device: str, now: Now, *, online: bool, live: bool) -> None:
        """Take whether a device answers. Lost is one that did, and does no more while a session is under way."""
        if live:
            self.live = now
        if online:
            self._online.add(device)
            self._lost.discard(device)
        elif device in self._online:
            self._online.discard(device)
            if self.snapshot is not None and self.snapshot.running:
                self._lost.add(device)

    def take_served(self, served: Served, controller: str | None, now_seconds: float) -> None:
        """Take whether its controller is connected, and which one that is."""
        if served == "served" and self.served != "served":
            self.since_seconds = now_seconds
        self.served, self.controller = served, controller

    def tile(self, now: Now, *, in_contact: bool) -> StationTile:
        """Return what is to be shown. `in_contact`: there is a connection to the broker."""
        served = self.served if in_contact else "lost"
        snapshot = self.snapshot
        shown = None if snapshot is None else tile_of(snapshot)
        if snapshot is not None and shown is not None and served == "served" and not self._is_silent(snapshot, now):
            troubles = {*shown.troubles, *self._pain_now(now), *([Trouble.DEVICE_LOST] if self._lost else [])}
            is_known = snapshot.state not in _TICKING or self._is_live(now)
            update = {"troubles": _sorted(troubles), "controller": self.controller}
            if not is_known:  # what was retained is not repeated as if it were now
                update |= {"state": None, "step": None, "ends_at": None}
            return shown.model_copy(update=update)
        troubles = {each for each in (() if shown is None else shown.troubles) if each in _LATCHED}
        troubles |= {*self._pain_now(now), *self._without_contact(served, now)}
        # What no controller serves is not silent: nothing publishes for it.
        silent_since = None if self.live is None or served == "none" else self.live.at.replace(microsecond=0)
        return StationTile(
            station=self.name,
            state=None,
            troubles=_sorted(troubles),
            controller=None if served == "none" else self.controller,
            silent_since=silent_since,
        )

    def _is_live(self, now: Now) -> bool:
        """Return whether a state came since there is this controller, and not too long ago."""
        last = self.live
        return last is not None and last.seconds >= self.since_seconds and now.seconds - last.seconds <= FRESH_SECONDS

    def _is_silent(self, snapshot: Snapshot, now: Now) -> bool:
        """Return whether a session that ran reports nothing any more."""
        heard_seconds = self.since_seconds if self.live is None else max(self.since_seconds, self.live.seconds)
        return snapshot.state in _TICKING and now.seconds - heard_seconds > FRESH_SECONDS

    def _pain_now(self, now: Now) -> set[Trouble]:
        recent = self._pain is not None and now.seconds - self._pain[1] <= PAIN_SECONDS
        return {Trouble.PAIN} if recent else set()

    def _without_contact(self, served: Served, now: Now) -> set[Trouble]:
        if served == "none":
            since = self.could_be_served_seconds
            return {Trouble.UNOWNED} if since is not None and now.seconds - since > UNOWNED_SECONDS else set()
        was_running = self.snapshot is not None and self.snapshot.running
        return {Trouble.SESSION_LOST if was_running else Trouble.UNREACHABLE}


def _sorted(troubles: set[Trouble]) -> tuple[Trouble, ...]:
    """Return troubles, the worst first."""
    return tuple(each for each in Trouble if each in troubles)
