"""Reminders: what is due, for a topic of its own. A reminder never starts anything."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from devices.roles import Frozen

ReminderKind = Literal["next_session", "clean_parts", "battery_low"]


class Reminders(Frozen):
    """What is due now. It is shown also during quiet hours, which hold the event `reminder` alone."""

    station: str = Field(description="The station.")
    next_session_at: datetime | None = Field(
        None, description="When the next session is due, in UTC; `null`: unknown, or this reminder is off."
    )
    next_session_due: bool | None = Field(None, description="Whether that time has come; `null` like it.")
    parts_to_clean: bool | None = Field(
        None, description="Whether the parts wait to be cleaned; `null`: no session yet, or this reminder is off."
    )
    battery_low: bool | None = Field(
        None, description="Whether a pump last reported less than the setting; `null`: none reported it, or it is off."
    )
    low_batteries: tuple[str, ...] = Field((), description="Those pumps, as named in the settings.")
