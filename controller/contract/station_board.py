"""All stations at a glance: what the page shows of each, wherever that is known from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pydantic import Field

from controller.contract.session_state import SessionState
from devices.roles import HEALTH_RECORD, Frozen


class Trouble(StrEnum):
    """Why somebody should go to a station.

    `tripped`: the guard stopped everything. `uncertain`: a device may still run. `runs_outside`: a device runs that was
    not started by the controller. `blocked`: nothing can start. `unreachable`: its controller does not answer.
    """

    UNREACHABLE = "unreachable"
    UNCERTAIN = "uncertain"
    TRIPPED = "tripped"
    RUNS_OUTSIDE = "runs_outside"
    BLOCKED = "blocked"


class StationTile(Frozen):
    """One station among many."""

    station: str = Field(description="The station.")
    state: SessionState = Field(description="The state of its session.")
    step: str | None = Field(
        None, description="The kind of the current step; `null` without a session.", json_schema_extra=HEALTH_RECORD
    )
    ends_at: datetime | None = Field(
        None, description="When the session ends if every step takes its full time; `null` while that is not known."
    )
    troubles: tuple[Trouble, ...] = Field((), description="Why somebody should go there, the worst first.")


class StationBoard(Protocol):
    """Knows the latest tile of every station: of this controller, or of all."""

    @property
    def tiles(self) -> Mapping[str, StationTile]:
        """The tiles, by station."""

    def subscribe(self, changed: Callable[[StationTile], None]) -> Callable[[], None]:
        """Call `changed` with every tile that changes from now on. Return a function to unsubscribe."""
