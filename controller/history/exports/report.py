"""A report of a range of days to print, for somebody such as a lactation consultant: one HTML file, without a script.

It says what was recorded and where each figure comes from, and assesses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from html import escape
from itertools import groupby
from pathlib import Path
from statistics import median

from controller.contract.session_record import SessionRecord
from controller.contract.units import Units
from controller.contract.words import Words
from controller.figures.charts.chart import Chart, chart_style
from controller.figures.charts.days_chart import days_chart
from controller.figures.charts.let_down_chart import let_down_chart
from controller.figures.charts.time_of_day_chart import time_of_day_chart
from controller.figures.figure_words import milk, milk_with_unit, minutes_and_seconds, weekday
from controller.figures.local_days import SystemZone, day_of
from controller.figures.patterns import by_time_of_day, let_down_groups
from controller.figures.totals import Day, Total, by_day, counts, total_of
from controller.history.exports.counted_milk import counted_milk, counted_sources
from devices.roles import Side

_STYLE = Path(__file__).with_name("report.css")
_DASH = "\N{EN DASH}"  # from one day to another, and for what is unknown
_SIDES = ("left", "right", "both")


@dataclass(frozen=True)
class ReportRange:
    """The days that a report is about; without one of them, from the first or to the last session."""

    first: date | None = None
    last: date | None = None


def report_chunks(
    records: Iterable[SessionRecord],
    words: Words,
    written_at: datetime,
    *,
    asked: ReportRange = ReportRange(),
    name: str | None = None,
    notes: bool = False,
    units: Units = Units.ML,
    zone: tzinfo | None = None,
) -> Iterator[str]:
    """Yield the parts of the HTML document.

    `name`: of the person, for the head of the report. `notes`: with the person's own words. `units`: of milk. Times in
    `zone`, by default that of this machine.
    """
    zone = zone or SystemZone()
    found = sorted(records, key=lambda record: record.began_at)
    days = _days(found, zone)
    yield from _head(days, words, written_at.astimezone(zone), asked, name)
    if found:
        yield from _tiles(found, days, words, units)
        yield from _charts(found, days, words, units, zone)
        yield from _day_table(found, days, words, units, zone)
        yield from _session_table(found, words, units, zone, notes=notes)
        yield from _about(found, words, units)
    else:
        yield f"<p>{escape(words.report['nothing'])}</p>"
    yield "</body></html>\n"


def _days(records: Sequence[SessionRecord], zone: tzinfo) -> tuple[Day, ...]:
    """Return the days from the first to the last session, also those without any."""
    if not records:
        return ()
    first, last = (day_of(each.began_at, zone) for each in (records[0], records[-1]))
    return by_day(records, last, (last - first).days + 1, zone)


def _head(
    found: Sequence[Day], words: Words, written_at: datetime, asked: ReportRange, name: str | None
) -> Iterator[str]:
    text = words.report
    yield (
        f'<!DOCTYPE html>\n<html lang="{words.code}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(text['title'])}</title>"
        f"<style>{chart_style()}{_STYLE.read_text(encoding='utf-8')}</style></head><body>\n"
    )
    yield f"<header><h1>{escape(text['title'])}</h1>"
    first = asked.first or (found[0].day if found else None)
    last = asked.last or (found[-1].day if found else None)
    if first is not None and last is not None:
        span = _date(first, words) if first == last else f"{_date(first, words)} {_DASH} {_date(last, words)}"
        yield f'<p class="range">{escape(span)}</p>'
    if name:
        yield f'<p class="range">{escape(name)}</p>'
    written = text["written"].format(date=_date(written_at.date(), words), time=f"{written_at:%H:%M}")
    yield f'<p class="written">{escape(written)}</p></header>\n'


def _tiles(records: Sequence[SessionRecord], days: Sequence[Day], words: Words, units: Units) -> Iterator[str]:
    """Yield the figures over all days, each with how many sessions or days it is from."""
    text, total = words.report, total_of(records)
    known = text["known"].format(known=total.measured, count=total.sessions)
    yield '<dl class="tiles">'
    yield _tile(text["sessions"], str(total.sessions), text["in_days"].format(count=len(days)))
    yield _tile(text["milk"], milk_with_unit(total.total_ml, units, words), known)
    for side, ml in total.volume_ml:
        if ml is not None:
            count = sum(getattr(record.volume_ml, side) is not None for record in records)
            of_sessions = text["of_sessions"].format(count=count)
            yield _tile(text[f"side_{side}"], milk_with_unit(ml, units, words), of_sessions)
    if total.total_ml is not None:
        yield _tile(text["a_session"], milk_with_unit(total.total_ml / total.measured, units, words), known)
    if whole := [day.total.total_ml or 0.0 for day in days if 0 < day.total.sessions == day.total.measured]:
        of_days = text["of_days"].format(count=len(whole))
        yield _tile(text["a_day"], milk_with_unit(sum(whole) / len(whole), units, words), of_days)
    if times := [record.let_down_seconds for record in records if record.let_down_seconds is not None]:
        median_of = text["median_of"].format(count=len(times))
        yield _tile(text["let_down"], minutes_and_seconds(median(times)), median_of)
    yield "</dl>\n"


def _tile(name: str, value: str, detail: str) -> str:
    return (
        f'<div><dt>{escape(name)}</dt><dd class="value">{escape(value)}</dd>'
        f'<dd class="detail">{escape(detail)}</dd></div>'
    )


def _charts(
    records: Sequence[SessionRecord], days: Sequence[Day], words: Words, units: Units, zone: tzinfo
) -> Iterator[str]:
    yield f'<section><h2>{escape(words.report["charts"])}</h2><div class="charts">'
    if any(day.total.total_ml is not None for day in days):
        yield _figure(days_chart(days, words, units), words.report["chart_days"])
        chart = time_of_day_chart(by_time_of_day(records, zone), words, units)
        yield _figure(chart, chart.title)
    if any(record.let_down_seconds is not None for record in records):
        chart = let_down_chart(let_down_groups(records), words)
        yield _figure(chart, chart.title)
    yield "</div></section>\n"


def _figure(chart: Chart, title: str) -> str:
    keys = "".join(f'<span class="key key-{kind}">{escape(label)}</span> ' for kind, label in chart.keys)
    return f"<figure><figcaption>{escape(title)}</figcaption>{chart.svg}<p>{keys}</p></figure>"


def _day_table(
    records: Sequence[SessionRecord], days: Sequence[Day], words: Words, units: Units, zone: tzinfo
) -> Iterator[str]:
    text = words.report
    sides = _sides(records)
    yield f'<section class="wide"><h2>{escape(text["by_day"])}</h2><table><thead><tr>'
    yield f'<th class="text">{escape(text["day"])}</th>'
    heads = [text[column] for column in ("sessions", "known_short", *(f"side_{side}" for side in sides))]
    for head in (*heads, _milk_head(words, units), text["suction"]):
        yield f"<th>{escape(head)}</th>"
    yield "</tr></thead><tbody>"
    suction: dict[date, float] = {}
    for record in records:
        if record.suction_seconds is not None:
            day = day_of(record.began_at, zone)
            suction[day] = suction.get(day, 0.0) + record.suction_seconds
    for each in days:
        yield f'<tr><td class="text">{escape(_day(each.day, words))}</td>'
        yield f"{_total_cells(each.total, sides, suction.get(each.day), words, units)}</tr>"
    yield f'</tbody><tfoot><tr><td class="text">{escape(text["all_days"])}</td>'
    yield _total_cells(total_of(records), sides, sum(suction.values()) if suction else None, words, units)
    yield "</tr></tfoot></table></section>\n"


def _sides(records: Sequence[SessionRecord]) -> tuple[str, ...]:
    """Return the columns of milk: left, right, and both where something is known for both together only."""
    return _SIDES if any(record.volume_ml.both is not None for record in records) else _SIDES[:2]


def _total_cells(total: Total, sides: Sequence[str], suction_seconds: float | None, words: Words, units: Units) -> str:
    values = [*(getattr(total.volume_ml, side) for side in sides), total.total_ml]
    known = str(total.measured) if total.sessions else ""
    cells = [f"<td>{total.sessions}</td><td>{known}</td>", *(_cell(_milk(ml, words, units)) for ml in values)]
    return "".join([*cells, _cell(None if suction_seconds is None else _hours(suction_seconds))])


def _session_table(
    records: Sequence[SessionRecord], words: Words, units: Units, zone: tzinfo, *, notes: bool
) -> Iterator[str]:
    text, sides = words.report, _sides(records)
    yield f'<section class="wide"><h2>{escape(text["each_session"])}</h2><table><thead><tr>'
    heads = [*(text[f"side_{side}"] for side in sides), _milk_head(words, units)]
    yield "".join(f'<th class="text">{escape(text[column])}</th>' for column in ("began", "length", "side"))
    yield "".join(f"<th>{escape(head)}</th>" for head in heads)
    yield f'<th class="text">{escape(text["source"])}</th><th>{escape(text["let_down_short"])}</th>'
    yield f'<th class="text">{escape(text["ended"])}</th></tr></thead>'
    width = len(heads) + 6
    for day, found in groupby(records, lambda record: day_of(record.began_at, zone)):
        yield f'<tbody><tr><th class="text" colspan="{width}">{escape(_day(day, words))}</th></tr>'
        for record in found:
            yield _session_row(record, words, units, zone, sides)
            if notes and record.note:
                yield f'<tr class="note"><td class="text" colspan="{width}">{escape(record.note)}</td></tr>'
        yield "</tbody>"
    yield "</table></section>\n"


def _session_row(record: SessionRecord, words: Words, units: Units, zone: tzinfo, sides: Sequence[str]) -> str:
    text, volume = words.report, record.volume_ml
    length = None if record.ended_at is None else (record.ended_at - record.began_at).total_seconds()
    values = [*(getattr(volume, side) for side in sides), volume.total]
    cells = [
        f'<td class="text">{record.began_at.astimezone(zone):%H:%M}</td>',
        _cell(None if length is None else minutes_and_seconds(length), "text"),
        f'<td class="text">{escape(words.terminal[record.side.value])}</td>',
        *(_cell(_milk(ml, words, units)) for ml in values),
        _cell(", ".join(text[f"source_{each}"] for each in counted_sources(record)), "text"),
        _cell(None if record.let_down_seconds is None else minutes_and_seconds(record.let_down_seconds)),
        f'<td class="text">{escape(ended(record, words))}</td>',
    ]
    return f"<tr>{''.join(cells)}</tr>"


def ended(record: SessionRecord, words: Words) -> str:
    """Return how a session ended, in words."""
    if record.outcome is None:
        return words.report["under_way"]
    return words.labels.session[record.outcome]


def _about(records: Sequence[SessionRecord], words: Words, units: Units) -> Iterator[str]:
    """Yield where the figures come from, and what they are not."""
    text = words.report
    yield f'<section class="about"><h2>{escape(text["about"])}</h2>'
    yield f"<p>{escape(text['about_rounded' if units is Units.ML else 'about_rounded_oz'])}</p>"
    used = [each.source for record in records for each in counted_milk(record)]
    for source in ("measured", "weighed", "entered"):
        if count := used.count(source):
            yield f"<p>{escape(text[f'about_{source}'].format(count=count))}</p>"
    if unknown := sum(record.volume_ml.total is None and counts(record) for record in records):
        yield f"<p>{escape(text['about_unknown'].format(count=unknown))}</p>"
    if any(Side.BOTH in {each.side for each in counted_milk(record)} for record in records):
        yield f"<p>{escape(text['about_both'])}</p>"
    if empty := sum(not counts(record) for record in records):
        yield f"<p>{escape(text['about_empty'].format(count=empty))}</p>"
    yield f"<p>{escape(text['about_let_down'])}</p><p>{escape(text['about_report'])}</p></section>\n"


def _cell(value: str | None, kind: str = "") -> str:
    classes = " ".join([*([kind] if kind else []), *([] if value else ["none"])])
    return f'<td class="{classes}">{escape(value or _DASH)}</td>' if classes else f"<td>{escape(value or '')}</td>"


def _milk_head(words: Words, units: Units) -> str:
    return f"{words.report['milk']}, {units.value}"


def _milk(value_ml: float | None, words: Words, units: Units) -> str | None:
    return None if value_ml is None else milk(value_ml, units, words)


def _hours(seconds: float) -> str:
    """Return hours and minutes: `1:05`."""
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours}:{minutes:02d}"


def _date(day: date, words: Words) -> str:
    month = words.report["months"].split()[day.month - 1]
    return words.report["long_date"].format(day=day.day, month=month, year=day.year)


def _day(day: date, words: Words) -> str:
    short = words.report["short_date"].format(day=day.day, month=day.month)
    return f"{weekday(day, words)} {short}"
