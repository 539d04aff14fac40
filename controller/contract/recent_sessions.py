"""The latest sessions of a station, for a topic that the owner turns on: they are health data."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict, Field

from controller.contract.session_state import SessionState, Volume
from devices.roles import HEALTH_RECORD, Frozen, Side


class RecentSession(Frozen):
    """A past session, or the one that is under way."""

    session_id: str = Field(description="The session.")
    routine: str = Field(description="The id of the routine.")
    side: Side = Field(description="The breasts that it was for.")
    began_at: datetime = Field(description="When it began, in UTC.")
    ended_at: datetime | None = Field(description="When it ended; `null` like `outcome`.")
    outcome: SessionState | None = Field(description="How it ended; `null`: under way, or cut off by a crash.")
    volume_ml: Volume = Field(description="Milk; what was logged by hand counts before what a device measured.")


class RecentSessions(Frozen):
    """The latest sessions of a station, the latest first; at most ten."""

    model_config = ConfigDict(json_schema_extra=HEALTH_RECORD)

    station: str = Field(description="The station.")
    sessions: tuple[RecentSession, ...] = Field(description="The sessions.")
