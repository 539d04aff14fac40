"""What differs among a person's own sessions: yield by the time of day, and the time to let-down with and without
warmth and massage. Medians with their number of sessions, and nothing below `FEWEST`: no claim beyond the figures."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo
from statistics import median
from typing import NamedTuple

from controller.contract.session_record import SessionRecord

FEWEST = 5  # sessions for a median. Ours: with fewer, one odd session would decide it
HOURS = 3  # of the day in one group


class HoursOfDay(NamedTuple):
    """The sessions that began from this hour on, within `HOURS` hours, and have a figure of their milk."""

    first_hour: int
    median_ml: float | None
    sessions: int


class LetDownGroup(NamedTuple):
    """The sessions with a let-down that were prepared alike. `None`: fewer than `FEWEST`.

    `fastest`, `slowest`: of these sessions.
    """

    warmth: bool
    massage: bool
    median_seconds: float | None
    fastest_seconds: float | None
    slowest_seconds: float | None
    sessions: int


def by_time_of_day(records: Iterable[SessionRecord], zone: tzinfo) -> tuple[HoursOfDay, ...]:
    """Return the median milk of a session for each part of the day, by the local time at which it began."""
    groups: dict[int, list[float]] = {hour: [] for hour in range(0, 24, HOURS)}
    for record in records:
        if (ml := record.volume_ml.total) is not None:
            groups[record.began_at.astimezone(zone).hour // HOURS * HOURS].append(ml)
    return tuple(HoursOfDay(hour, _median(values), len(values)) for hour, values in groups.items())


def let_down_groups(records: Iterable[SessionRecord]) -> tuple[LetDownGroup, ...]:
    """Return the times from suction to let-down: without anything, with warmth, with massage, with both.

    A session of which it is not known whether there was any is left out.
    """
    groups: dict[tuple[bool, bool], list[float]] = {
        (warmth, massage): [] for warmth, massage in ((False, False), (True, False), (False, True), (True, True))
    }
    for record in records:
        prepared = _prepared(record)
        if record.let_down_seconds is not None and prepared is not None:
            groups[prepared].append(record.let_down_seconds)
    return tuple(_group(*prepared, sorted(values)) for prepared, values in groups.items())


def _prepared(record: SessionRecord) -> tuple[bool, bool] | None:
    if record.suction_seconds is None and record.heat_seconds is None and record.massage_seconds is None:
        return None  # nothing was recorded of what took place
    return bool(record.heat_seconds), bool(record.massage_seconds)


def _group(warmth: bool, massage: bool, seconds: list[float]) -> LetDownGroup:
    if len(seconds) < FEWEST:
        return LetDownGroup(warmth, massage, None, None, None, len(seconds))
    return LetDownGroup(warmth, massage, median(seconds), seconds[0], seconds[-1], len(seconds))


def _median(values: list[float]) -> float | None:
    return median(values) if len(values) >= FEWEST else None
