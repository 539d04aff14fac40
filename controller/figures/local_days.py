"""Local days: which day an instant belongs to, where the clocks change, and the days of a week or a month."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo


class SystemZone(tzinfo):
    """The time zone of this machine, as it is at each instant: with its changes of the clocks, on every platform."""

    def utcoffset(self, when: datetime | None) -> timedelta | None:
        """Return the offset from UTC at a local time."""
        return None if when is None else when.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, when: datetime | None) -> timedelta | None:  # noqa: ARG002 - of the base class
        """Return `None`: the platform does not say which part of the offset is for summer."""
        return None

    def tzname(self, when: datetime | None) -> str | None:
        """Return the name of the time zone at a local time."""
        return None if when is None else when.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, when: datetime) -> datetime:
        """Return the local time of a time in UTC."""
        there = when.replace(tzinfo=UTC).astimezone()
        local = there.replace(tzinfo=None)
        again = local.astimezone().utcoffset() != there.utcoffset()  # the hour that comes twice, for the second time
        return local.replace(tzinfo=self, fold=int(again))


def day_of(when: datetime, zone: tzinfo) -> date:
    """Return the local day of an instant."""
    return when.astimezone(zone).date()


def start_of(day: date, zone: tzinfo) -> datetime:
    """Return the instant at which a local day begins, in UTC. It has 23, 24 or 25 hours."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def days_until(last: date, count: int) -> tuple[date, ...]:
    """Return `count` days, of which `last` is the last."""
    return tuple(last - timedelta(days=ago) for ago in reversed(range(count)))
