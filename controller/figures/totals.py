"""Totals of milk: what is known is added up, what is unknown stays unknown, and each total says how many sessions it
is from. Days are local days; a session belongs to the day on which it began, also if it went on past midnight."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, tzinfo
from math import fsum
from typing import NamedTuple

from controller.contract.session_record import SessionRecord
from controller.contract.session_state import SessionState, Volume
from controller.figures.local_days import day_of, days_until

ROLLING = timedelta(hours=24)


class Total(NamedTuple):
    """Milk of some sessions, in mL. `measured`: how many of the `sessions` have a figure of their milk.

    Each volume is the sum of what is known, and `None` where nothing is.
    """

    volume_ml: Volume = Volume()
    sessions: int = 0
    measured: int = 0

    @property
    def total_ml(self) -> float | None:
        """All milk that is known."""
        return self.volume_ml.total


class Day(NamedTuple):
    """A local day, and its milk."""

    day: date
    total: Total


class SideShare(NamedTuple):
    """How much of the milk came from the left breast: of those `sessions` of which both sides are known."""

    left_percent: float
    sessions: int


def counts(record: SessionRecord) -> bool:
    """Return whether a session counts: it gave milk, had suction, warmth or massage, was completed, or has an entry.

    One that was stopped during the questions is in the history, but is no reason to begin "time since last" anew.
    """
    took_place = (record.suction_seconds, record.heat_seconds, record.massage_seconds)
    return (
        bool(record.volume_ml.total)
        or record.entered
        or record.let_down_seconds is not None
        or any(took_place)
        or record.outcome is SessionState.COMPLETED
    )


def total_of(records: Iterable[SessionRecord]) -> Total:
    """Return the milk of these sessions, those that do not count left out."""
    volumes = [record.volume_ml for record in records if counts(record)]
    return Total(
        Volume(
            left=_sum(each.left for each in volumes),
            right=_sum(each.right for each in volumes),
            both=_sum(each.both for each in volumes),
        ),
        len(volumes),
        sum(each.total is not None for each in volumes),
    )


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fsum(known) if known else None


def by_day(records: Iterable[SessionRecord], last: date, count: int, zone: tzinfo) -> tuple[Day, ...]:
    """Return `count` local days up to `last`, with the milk of each; days without a session, too."""
    found: dict[date, list[SessionRecord]] = {day: [] for day in days_until(last, count)}
    for record in records:
        if (day := day_of(record.began_at, zone)) in found:
            found[day].append(record)
    return tuple(Day(day, total_of(of_day)) for day, of_day in found.items())


def rolling(records: Iterable[SessionRecord], now: datetime) -> Total:
    """Return the milk of the sessions that began in the 24 hours before `now`."""
    return total_of(record for record in records if now - ROLLING < record.began_at <= now)


def last_session(records: Iterable[SessionRecord]) -> SessionRecord | None:
    """Return the latest session that is over, of those that count."""
    over = (record for record in records if record.outcome is not None and counts(record))
    return max(over, key=lambda record: record.began_at, default=None)


def ended_at(record: SessionRecord) -> datetime:
    """Return when a session ended; where that is unknown, when it began."""
    return record.ended_at or record.began_at


def side_share(records: Iterable[SessionRecord]) -> SideShare | None:
    """Return the share of the left breast, of the sessions of which both sides are known; `None` without any milk."""
    pairs = [
        (volume.left, volume.right)
        for volume in (record.volume_ml for record in records)
        if volume.left is not None and volume.right is not None
    ]
    both = fsum(left + right for left, right in pairs)
    return SideShare(100 * fsum(left for left, _ in pairs) / both, len(pairs)) if both > 0 else None


def average_day_ml(days: Sequence[Day]) -> tuple[float, int] | None:
    """Return the average of the days with a figure, in mL, and how many they are; `None` if there is none."""
    known = [each.total.total_ml for each in days if each.total.total_ml is not None]
    return (fsum(known) / len(known), len(known)) if known else None
