"""What the pages of the history show: pure functions of session records, in a person's words, units and time zone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

from controller.contract.session_record import SessionDetails, SessionRecord
from controller.contract.session_state import EndReason, Volume
from controller.contract.units import Units
from controller.contract.words import Words
from controller.figures.charts.chart import figure
from controller.figures.charts.days_chart import days_chart
from controller.figures.charts.let_down_chart import let_down_chart
from controller.figures.charts.session_chart import session_chart
from controller.figures.charts.time_of_day_chart import time_of_day_chart
from controller.figures.figure_words import (
    clock_time,
    day_text,
    duration,
    milk,
    milk_with_unit,
    minutes_and_seconds,
    number,
    total_milk,
    total_with_unit,
    weekday,
)
from controller.figures.local_days import day_of, start_of
from controller.figures.patterns import by_time_of_day, let_down_groups
from controller.figures.totals import (
    Total,
    average_day_ml,
    by_day,
    ended_at,
    last_session,
    rolling,
    side_share,
    total_of,
)
from devices.roles import Side

WEEK, MONTH, QUARTER = 7, 30, 90  # days: of the bars by day, of the time of day, of let-downs


class ShownFigure(NamedTuple):
    """A figure: its name, the figure, its unit, and what is to be known about it.

    `seconds_ago`: of a duration that goes on."""

    name: str
    value: str
    unit: str = ""
    about: str = ""
    seconds_ago: float | None = None


class SessionLine(NamedTuple):
    """A session, in a list."""

    id: str
    began_at: datetime
    time: str
    amount: str
    known: bool
    sides: str
    about: str
    note: str


class DayRows(NamedTuple):
    """The sessions of a local day, the latest first."""

    title: str
    rows: tuple[SessionLine, ...]


class Shown(NamedTuple):
    """How something is shown to a person. `routines`: the names of the routines, by id."""

    words: Words
    units: Units
    zone: tzinfo
    now: datetime
    routines: Mapping[str, str]

    @property
    def today(self) -> date:
        """The local day."""
        return day_of(self.now, self.zone)


def since_days(shown: Shown, days: int) -> datetime:
    """Return when the first of the last `days` local days began."""
    return start_of(shown.today - timedelta(days=days - 1), shown.zone)


def today_readings(records: Sequence[SessionRecord], shown: Shown) -> list[ShownFigure]:
    """Return what comes first: milk of today and of 24 hours, and the time since the last session."""
    web, last = shown.words.web, last_session(records)
    of_today = total_of(each for each in records if day_of(each.began_at, shown.zone) == shown.today)
    found = [
        _total_reading(web["today"], of_today, shown),
        _total_reading(web["last_24h"], rolling(records, shown.now), shown),
    ]
    if last is not None:
        ago = (shown.now - ended_at(last)).total_seconds()
        about = f"{day_and_time(ended_at(last), shown)}, {milk_or_none(last.volume_ml, shown)}"
        found.append(ShownFigure(web["since_last"], duration(ago), "", about, ago))
    return found


def _total_reading(name: str, total: Total, shown: Shown) -> ShownFigure:
    about = "\n".join(filter(None, (sides_words(total.volume_ml, shown), sessions_words(total, shown.words))))
    return ShownFigure(name, total_milk(total.volume_ml, shown.units, shown.words), shown.units.value, about)


def sides_words(volume: Volume, shown: Shown) -> str:
    """Return the milk of each breast, as far as it is known."""
    sides = (("left", volume.left), ("right", volume.right))
    return ", ".join(
        f"{shown.words.terminal[side]}\N{NO-BREAK SPACE}{milk(ml, shown.units, shown.words)}"
        for side, ml in sides
        if ml is not None
    )


def sessions_words(total: Total, words: Words) -> str:
    """Return from how many sessions a total is."""
    if total.measured < total.sessions:
        return words.web["of_sessions"].format(measured=total.measured, sessions=total.sessions)
    if total.sessions == 1:
        return words.web["one_session"]
    return words.web["some_sessions"].format(sessions=total.sessions)


def milk_or_none(volume: Volume, shown: Shown) -> str:
    """Return all milk with its unit, or that there is no figure."""
    if volume.total is None:
        return shown.words.web["no_figure"]
    return total_with_unit(volume, shown.units, shown.words)


def by_days(records: Iterable[SessionRecord], shown: Shown) -> list[DayRows]:
    """Return sessions under the days on which they began."""
    found: dict[date, list[SessionLine]] = {}
    for each in records:
        found.setdefault(day_of(each.began_at, shown.zone), []).append(session_line(each, shown))
    return [DayRows(_day_title(day, shown), tuple(rows)) for day, rows in found.items()]


def session_line(record: SessionRecord, shown: Shown) -> SessionLine:
    """Return a session as a line of a list."""
    volume = record.volume_ml
    return SessionLine(
        record.id,
        record.began_at,
        clock_time(record.began_at, shown.zone),
        milk_or_none(volume, shown),
        volume.total is not None,
        sides_words(volume, shown) if record.side is Side.BOTH else "",
        " · ".join(_about(record, shown)),
        record.note or "",
    )


def _about(record: SessionRecord, shown: Shown) -> list[str]:
    words = shown.words
    found = [shown.routines.get(record.routine, record.routine)]
    if record.outcome is None:
        found.append(words.web["under_way"])
    elif record.ended_at is not None:
        found.append(duration((record.ended_at - record.began_at).total_seconds()))
    if record.entered:
        found.append(words.web["entered"])
    return found


def days_figure(records: Sequence[SessionRecord], days: int, shown: Shown) -> tuple[str, list[str]]:
    """Return the chart of the last days, and what there is to say about them."""
    words = shown.words
    found = by_day(records, shown.today, days, shown.zone)
    chart = figure(days_chart(found, words, shown.units), words.web["show_table"])
    sentences = []
    if (average := average_day_ml(found)) is not None:
        amount = milk_with_unit(average[0], shown.units, words)
        sentences.append(words.web["average_day"].format(amount=amount, days=average[1]))
    first = since_days(shown, days)
    if (share := side_share(each for each in records if each.began_at >= first)) is not None:
        left = round(share.left_percent)
        sentences.append(words.web["side_share"].format(left=left, right=100 - left, sessions=share.sessions))
    return chart, sentences


def time_of_day_figure(records: Iterable[SessionRecord], shown: Shown) -> str:
    """Return the chart of the time of day, of the last `MONTH` days."""
    first = since_days(shown, MONTH)
    groups = by_time_of_day((each for each in records if each.began_at >= first), shown.zone)
    return figure(time_of_day_chart(groups, shown.words, shown.units), shown.words.web["show_table"])


def let_down_figure(records: Iterable[SessionRecord], shown: Shown) -> str:
    """Return the chart of let-downs."""
    return figure(let_down_chart(let_down_groups(records), shown.words), shown.words.web["show_table"])


def session_figure(details: SessionDetails, shown: Shown) -> str | None:
    """Return the chart of a session; `None` where no curves were kept."""
    chart = session_chart(details, shown.words)
    return None if chart is None else figure(chart, shown.words.web["show_table"])


def session_title(record: SessionRecord, shown: Shown) -> str:
    """Return when a session began, in words."""
    return day_and_time(record.began_at, shown, always=True)


def reason_of(record: SessionRecord, words: Words) -> str:
    """Return why a session ended, in today's language; of an earlier version, as it was kept."""
    try:
        return words.labels.reason[EndReason(record.reason or "")]
    except (KeyError, ValueError):
        return record.reason_words or ""


def session_readings(record: SessionRecord, shown: Shown) -> list[ShownFigure]:
    """Return the figures of a session that are known; its milk in any case."""
    words, volume = shown.words, record.volume_ml
    names, unit = words.entities.names, shown.units.value
    found = [ShownFigure(words.terminal["milk"], total_milk(volume, shown.units, words), unit)]
    for side, ml in ((Side.LEFT, volume.left), (Side.RIGHT, volume.right)):
        if record.side in (side, Side.BOTH) and volume.both is None:
            found.append(ShownFigure(words.sides[side], milk(ml, shown.units, words), unit))
    if record.let_down_seconds is not None:
        by = words.labels.let_down_by.get(record.let_down_by or "", "")
        found.append(ShownFigure(names["let_down_after"], minutes_and_seconds(record.let_down_seconds), "min", by))
    for name, seconds in (
        (words.web["suction"], record.suction_seconds),
        (names["warmth"], record.heat_seconds),
        (words.charts["massage_time"], record.massage_seconds),
    ):
        if seconds:
            found.append(ShownFigure(name, minutes_and_seconds(seconds), "min"))
    if record.peak_vacuum_mmhg is not None:
        found.append(ShownFigure(names["peak_vacuum"], number(record.peak_vacuum_mmhg, words), "mmHg"))
    if record.warmest_celsius is not None:
        found.append(ShownFigure(words.terminal["warmest"], number(record.warmest_celsius, words, 1), "°C"))
    return found


def _day_title(day: date, shown: Shown, *, inside_sentence: bool = False) -> str:
    named = {shown.today: "today", shown.today - timedelta(days=1): "yesterday"}.get(day)
    if named is not None:
        title = shown.words.web[named]
        return title.lower() if inside_sentence else title
    year = f" {day.year}" if day.year != shown.today.year else ""
    return f"{weekday(day, shown.words)}, {day_text(day, shown.words)}{year}"


def day_and_time(when: datetime, shown: Shown, *, always: bool = False, inside_sentence: bool = False) -> str:
    """Return a local day and time of day in words; of today without the day, unless `always`.

    `inside_sentence`: it does not stand at the beginning, so today and yesterday are in small letters.
    """
    day, time = day_of(when, shown.zone), clock_time(when, shown.zone)
    return (
        time
        if day == shown.today and not always
        else f"{_day_title(day, shown, inside_sentence=inside_sentence)}, {time}"
    )
