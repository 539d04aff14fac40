"""The owner's settings of reminders. Times are local times of this machine."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from devices.roles import Frozen

_RANGE = re.compile(r"\s*(\d{1,2}:\d\d)\s*[-\N{EN DASH}]\s*(\d{1,2}:\d\d)\s*")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def _time(value: Any) -> Any:
    if isinstance(value, time):
        return value
    if isinstance(value, str) and (found := _TIME.fullmatch(value.strip())):
        return time(int(found[1]), int(found[2]))
    # Without quotes, YAML 1.1 reads 6:30 as the number 390.
    raise ValueError('a time is written as "06:30", in quotes')


LocalTime = Annotated[time, BeforeValidator(_time)]


class QuietHours(Frozen):
    """A time of day in which no reminder is sent; it may go past midnight."""

    begin: LocalTime
    end: LocalTime

    def contain(self, at: time) -> bool:
        """Return whether a local time is in them."""
        if self.begin <= self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end


def _quiet_hours(value: Any) -> Any:
    if isinstance(value, str):
        if not (found := _RANGE.fullmatch(value)):
            raise ValueError('quiet hours are written as "22:00-06:00", in quotes')
        begin, end = _time(found[1]), _time(found[2])
        if begin == end:
            raise ValueError("quiet hours begin and end at different times")
        return QuietHours(begin=begin, end=end)
    if isinstance(value, QuietHours) or value is None:
        return value
    raise ValueError('quiet hours are written as "22:00-06:00", in quotes')


class ReminderSettings(Frozen):
    """What to be reminded of; by default nothing.

    `next_session_after_hours`: since the end of the last session; or `next_session_times`: at these times of day.
    `clean_parts`: after each session, until somebody says that it is done. `battery_below_percent`: of a pump that
    reports its battery. `quiet_hours` hold reminders until they end.
    """

    next_session_after_hours: Annotated[float, Field(ge=0.5, le=48)] | None = Field(
        None, description="so long after the end of the last session"
    )
    next_session_times: tuple[LocalTime, ...] = Field(
        (), description='or at times of day, in quotes: ["06:30", "14:00"]'
    )
    clean_parts: bool | Literal["after_each"] = Field(
        False, description="ten minutes after each session, until you say that it is done"
    )
    battery_below_percent: Annotated[int, Field(ge=1, le=99)] | None = Field(
        None, description="of a pump that reports its battery"
    )
    quiet_hours: Annotated[QuietHours | None, BeforeValidator(_quiet_hours)] = Field(
        None, description='reminders wait until they end: "22:00-06:00", in quotes'
    )

    @model_validator(mode="after")
    def _one_way_to_tell_the_next(self) -> Self:
        if self.next_session_after_hours is not None and self.next_session_times:
            raise ValueError("name next_session_after_hours or next_session_times, not both")
        return self

    @property
    def next_session(self) -> bool:
        """Whether there are reminders of the next session."""
        return self.next_session_after_hours is not None or bool(self.next_session_times)

    @property
    def on(self) -> bool:
        """Whether there are any reminders."""
        return self.next_session or bool(self.clean_parts) or self.battery_below_percent is not None
