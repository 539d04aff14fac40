"""All stations at a glance: what the page shows of each, wherever that is known from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pydantic import Field

from controller.contract.events import Snapshot
from controller.contract.session_state import SessionState
from devices.roles import HEALTH_RECORD, Frozen


class Trouble(StrEnum):
    """Why somebody should go to a station, the worst first.

    `uncertain`: a device may still run. `tripped`: the guard stopped everything. `pain`: a session ended by it in the
    last half hour. `session_lost`: there is no contact since a session was under way. `device_lost`: a device that the
    session had does not answer any more. `runs_outside`: a device runs that was not started by the controller.
    `blocked`: nothing can start. `unreachable`: its controller does not answer. `unowned`: no controller of the fleet
    serves it, though one could. `pain`, `session_lost`, `device_lost` and the last two are of a fleet.
    """

    UNCERTAIN = "uncertain"
    TRIPPED = "tripped"
    PAIN = "pain"
    SESSION_LOST = "session_lost"
    DEVICE_LOST = "device_lost"
    RUNS_OUTSIDE = "runs_outside"
    BLOCKED = "blocked"
    UNREACHABLE = "unreachable"
    UNOWNED = "unowned"


class StationTile(Frozen):
    """One station among many."""

    station: str = Field(description="The station.")
    state: SessionState | None = Field(
        description="The state of its session; `null`: unknown, as nothing serves it or there is no contact."
    )
    step: str | None = Field(
        None, description="The kind of the current step; `null` without a session.", json_schema_extra=HEALTH_RECORD
    )
    ends_at: datetime | None = Field(
        None, description="When the session ends if every step takes its full time; `null` while that is not known."
    )
    troubles: tuple[Trouble, ...] = Field(
        (), description="Why somebody should go there, the worst first.", json_schema_extra=HEALTH_RECORD
    )
    controller: str | None = Field(None, description="In a fleet, the controller that serves it; else `null`.")
    silent_since: datetime | None = Field(
        None, description="When it was last heard of; `null` while there is contact, or if it never was."
    )

    @property
    def running(self) -> bool:
        """Whether a session is known to be under way."""
        return self.state is not None and not self.state.over


class StationBoard(Protocol):
    """Knows the latest tile of every station: of this controller, or of all."""

    @property
    def tiles(self) -> Mapping[str, StationTile]:
        """The tiles, by station."""

    @property
    def in_contact(self) -> bool:
        """Whether commands can be sent now; where not, nothing is known of any station either."""

    def subscribe(self, changed: Callable[[StationTile], None]) -> Callable[[], None]:
        """Call `changed` with every tile that changes from now on. Return a function to unsubscribe."""


def tile_of(snapshot: Snapshot) -> StationTile:
    """Return what a snapshot says of a station."""
    found = {
        Trouble.UNCERTAIN: snapshot.uncertain,
        Trouble.TRIPPED: snapshot.trip,
        Trouble.RUNS_OUTSIDE: snapshot.running_outside,
        Trouble.BLOCKED: snapshot.problems,
    }
    return StationTile(
        station=snapshot.station,
        state=snapshot.state,
        step=snapshot.step if snapshot.running else None,
        ends_at=snapshot.ends_at if snapshot.running else None,
        troubles=tuple(trouble for trouble, why in found.items() if why),
    )
