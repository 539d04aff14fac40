"""The history of a station in a few figures: for dashboards and automations. It is health data."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import ConfigDict, Field

from controller.contract.session_state import Volume
from devices.roles import HEALTH_RECORD, Frozen


class HistorySummary(Frozen):
    """The latest session and the totals. Everything is `null` while the history cannot be read, or nothing is known.

    Sessions count on the local day on which they began. A total is of what is known: it says from how many sessions.
    """

    model_config = ConfigDict(json_schema_extra=HEALTH_RECORD)

    station: str = Field(description="The station.")
    last_session_id: str | None = Field(None, description="The latest session that is over.")
    last_session_at: datetime | None = Field(
        None, description="When it ended, in UTC; when it began, where that is unknown. The time since then is yours."
    )
    last_volume_ml: Volume = Field(Volume(), description="Its milk.")
    last_volume_total_ml: float | None = Field(None, description="Its milk in mL, as far as it is known.")
    rolling_24h_ml: float | None = Field(None, description="Milk of the sessions that began in the last 24 hours.")
    rolling_24h_sessions: int | None = Field(None, description="How many they are.")
    rolling_24h_measured: int | None = Field(None, description="Of how many of them the milk is known.")
    today: date | None = Field(None, description="The local day of the next three.")
    today_ml: float | None = Field(None, description="Milk of today.")
    today_sessions: int | None = Field(None, description="How many sessions began today.")
    today_measured: int | None = Field(None, description="Of how many of them the milk is known.")
