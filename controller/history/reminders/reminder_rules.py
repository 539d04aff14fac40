"""What is due, and what to remind of now: pure functions of the settings, what happened, and the time.

A time of day becomes a moment by the rules of its zone: where the clocks go forward, one that does not exist is
as long after midnight as ever; where they go back, the first of two counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from controller.contract.reminders import ReminderKind, Reminders
from controller.history.reminders.reminder_settings import ReminderSettings

# So that no reminder comes right after a session.
CLEAN_AFTER = timedelta(minutes=10)
# A session this long before a time of day stands for it.
EARLY_BY = timedelta(minutes=60)
# What became due longer ago, while the controller was off, is shown but no longer announced.
STALE_AFTER = timedelta(hours=3)
# A battery around the threshold reminds once: it has to be charged by this much first.
CHARGED_BY_PERCENT = 5


@dataclass(frozen=True)
class ReminderState:
    """What happened at a station, in UTC. `reminded`: for each reminder, what was due when it was last sent.

    `pumped_at`: the end of the last session in which a pump ran or the person pumped by hand. `cleaned_at`: when the
    parts were last said to be clean. `since`: since when there are reminders. `batteries`: in %, as last reported.
    """

    since: datetime
    pumped_at: datetime | None = None
    cleaned_at: datetime | None = None
    batteries: Mapping[str, float] = field(default_factory=dict)
    low_since: Mapping[str, datetime] = field(default_factory=dict)
    reminded: Mapping[str, datetime] = field(default_factory=dict)
    running: bool = False


@dataclass(frozen=True)
class Due:
    """A reminder to send. `key`: of `ReminderState.reminded`."""

    key: str
    kind: ReminderKind
    at: datetime
    device: str | None = None


def reminders(
    station: str, settings: ReminderSettings, state: ReminderState, now: datetime, zone: tzinfo | None = None
) -> Reminders:
    """Return what is due now. `zone`: of the times of day; `None`: that of this machine."""
    next_at = next_session_at(settings, state, now, zone)
    low = tuple(sorted(state.low_since))
    watched = settings.battery_below_percent is not None and bool(state.batteries)
    return Reminders(
        station=station,
        next_session_at=next_at,
        next_session_due=None if next_at is None else next_at <= now and not state.running,
        parts_to_clean=_to_clean(state) if settings.clean_parts and state.pumped_at is not None else None,
        battery_low=bool(low) if watched else None,
        low_batteries=low if watched else (),
    )


def due(settings: ReminderSettings, state: ReminderState, now: datetime, zone: tzinfo | None = None) -> tuple[Due, ...]:
    """Return the reminders to send now: none during a session or quiet hours, none twice, none that is long past."""
    if state.running or is_quiet(settings, now, zone):
        return ()
    found = []
    next_at = next_session_at(settings, state, now, zone)
    if next_at is not None:
        found.append(Due("next_session", "next_session", next_at))
    if settings.clean_parts and state.pumped_at is not None and _to_clean(state):
        found.append(Due("clean_parts", "clean_parts", state.pumped_at + CLEAN_AFTER))
    if settings.battery_below_percent is not None:
        found += [Due(f"battery_low {name}", "battery_low", at, name) for name, at in sorted(state.low_since.items())]
    return tuple(
        each
        for each in found
        if each.at <= now < _announced_until(settings, each.at, zone) and state.reminded.get(each.key) != each.at
    )


def is_quiet(settings: ReminderSettings, at: datetime, zone: tzinfo | None = None) -> bool:
    """Return whether a moment is in the quiet hours."""
    return settings.quiet_hours is not None and settings.quiet_hours.contain(at.astimezone(zone).time())


def next_session_at(
    settings: ReminderSettings, state: ReminderState, now: datetime, zone: tzinfo | None = None
) -> datetime | None:
    """Return when the next session is, or has been, due; `None` where that is unknown or off."""
    if settings.next_session_after_hours is not None:
        if state.pumped_at is None:
            return None
        return state.pumped_at + timedelta(hours=settings.next_session_after_hours)
    if not settings.next_session_times:
        return None
    times = _around(settings.next_session_times, now, zone)
    past = [each for each in times if state.since <= each <= now]
    if past and (state.pumped_at is None or state.pumped_at < past[-1] - EARLY_BY):
        return past[-1]
    pumped = state.pumped_at
    return next((each for each in times if each > now and (pumped is None or pumped < each - EARLY_BY)), None)


def _around(times: tuple[time, ...], now: datetime, zone: tzinfo | None) -> list[datetime]:
    """Return the moments of some times of day, from yesterday to the day after tomorrow."""
    today = now.astimezone(zone).date()
    days = (today + timedelta(days=number) for number in range(-1, 3))
    return sorted({moment(day, at, zone) for day in days for at in times})


def moment(day: date, at: time, zone: tzinfo | None) -> datetime:
    """Return a local time of a day, in UTC."""
    return datetime.combine(day, at, zone).astimezone(UTC)


def _to_clean(state: ReminderState) -> bool:
    return state.pumped_at is not None and (state.cleaned_at is None or state.cleaned_at < state.pumped_at)


def _announced_until(settings: ReminderSettings, at: datetime, zone: tzinfo | None) -> datetime:
    """Return until when a reminder that was due at a time is still sent: quiet hours in between do not count."""
    quiet = settings.quiet_hours
    if quiet is None or not (is_quiet(settings, at, zone) or is_quiet(settings, at + STALE_AFTER, zone)):
        return at + STALE_AFTER
    end = moment(at.astimezone(zone).date(), quiet.end, zone)
    while end <= at:
        end = moment(end.astimezone(zone).date() + timedelta(days=1), quiet.end, zone)
    return end + STALE_AFTER
