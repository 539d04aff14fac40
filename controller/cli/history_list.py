"""Past sessions as a list: totals of the day and of 24 hours, then a line for each session. Pure, but for the width."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from rich.text import Text

from controller.cli.printable import printable
from controller.cli.terminal.amounts import minutes
from controller.contract.session_record import SessionRecord
from controller.contract.words import Words
from controller.figures.local_days import SystemZone, day_of
from controller.figures.summary import SINCE
from controller.figures.totals import Total, ended_at, last_session, rolling, total_of
from controller.history.exports.counted_milk import counted_milk
from devices.roles import Side

DASH = "–"  # noqa: RUF001 - for what is unknown
_MARKS = {"measured": "", "weighed": "w", "entered": "*"}
_WIDE, _WIDEST = 80, 110  # columns of a terminal
_HOURS_AS_DAYS = 48
_TAIL = 6  # characters at the end of an id, which tell sessions apart
_FIGURES = frozenset({"length", "left", "right", "both", "milk", "let_down"})


@dataclass(frozen=True)
class Recent:
    """The sessions of today and of the last 24 hours, and the latest one."""

    now: datetime
    today: Total
    last_24_hours: Total
    latest: SessionRecord | None

    @classmethod
    def of(cls, records: Iterable[SessionRecord], now: datetime) -> Recent:
        """Take these from the sessions since `recent_since(now)`, or the latest one before."""
        found, zone = list(records), SystemZone()
        running = next((each for each in found if each.outcome is None), None)
        return cls(
            now=now,
            today=total_of(each for each in found if day_of(each.began_at, zone) == day_of(now, zone)),
            last_24_hours=rolling(found, now),
            latest=running or last_session(found),
        )


def recent_since(now: datetime) -> datetime:
    """Return from when on sessions are needed for the totals."""
    return now - SINCE


def list_data(recent: Recent, records: Sequence[SessionRecord]) -> dict[str, Any]:
    """Return the JSON of `letdown history --json`: docs/history.md describes it."""
    return {
        "version": 1,
        "today": _total_data(recent.today),
        "last_24_hours": _total_data(recent.last_24_hours),
        "sessions": [session_data(each) for each in records],
    }


def session_data(record: SessionRecord) -> dict[str, Any]:
    """Return one session as JSON: the record, and the milk that counts."""
    volume = record.volume_ml
    return {**record.model_dump(mode="json"), "volume_ml": {**volume.model_dump(), "total": volume.total}}


def _total_data(total: Total) -> dict[str, Any]:
    volume = {**total.volume_ml.model_dump(), "total": total.total_ml}
    return {"sessions": total.sessions, "known": total.measured, "volume_ml": volume}


def recent_lines(recent: Recent, words: Words, width: int) -> Iterator[Text]:
    """Yield the lines at the top: today, the last 24 hours, and how long ago the latest session ended."""
    text = words.listing
    lines = {
        text["today"]: total_words(recent.today, words),
        text["last_24_hours"]: total_words(recent.last_24_hours, words),
    }
    if recent.latest is not None:
        lines[text["latest"]] = _ago(recent.latest, recent.now, words)
    indent = max(map(len, lines)) + 2
    for name, line in lines.items():
        for number, part in enumerate(textwrap.wrap(line, max(width - indent, 10))):
            yield Text.assemble(("" if number else name).ljust(indent), part)


def total_words(total: Total, words: Words) -> str:
    """Return a total as a line of words."""
    text = words.listing
    if not total.sessions:
        return text["no_session"]
    line = text["one_session"] if total.sessions == 1 else text["sessions"].format(count=total.sessions)
    if total.total_ml is None:
        return f"{line}, {text['milk_unknown']}"
    parts = [f"{text[f'column_{side}']} {ml:.0f}" for side, ml in total.volume_ml if ml is not None]
    line += f", {total.total_ml:.0f} mL ({', '.join(parts)})"
    if total.measured < total.sessions:
        line += f", {text['known_of'].format(known=total.measured, count=total.sessions)}"
    return line


def _ago(record: SessionRecord, now: datetime, words: Words) -> str:
    text = words.listing
    if record.outcome is None:
        return text["under_way"]
    passed = max(0, int((now - ended_at(record)).total_seconds() // 60))
    hours, rest = divmod(passed, 60)
    if hours >= _HOURS_AS_DAYS:
        return text["ago_days"].format(days=hours // 24)
    return text["ago"].format(time=f"{hours} h {rest} min" if hours else f"{rest} min")


def session_lines(records: Sequence[SessionRecord], words: Words, width: int) -> Iterator[Text]:
    """Yield a line for each session, by day in the order given; with fewer columns where there is less room."""
    text = words.listing
    wanted = {
        "id": True,
        "began": True,
        "length": True,
        "station": len({each.station for each in records}) > 1,
        "side": width >= _WIDE,
        "left": True,
        "right": True,
        "both": any(each.volume_ml.both is not None for each in records),
        "milk": True,
        "let_down": width >= _WIDE,
        "ended": True,
        "note": width >= _WIDEST and any(each.note for each in records),
    }
    names = [name for name, there in wanted.items() if there]
    head = {name: text[f"column_{name}"] for name in names}
    cells = {each.id: {name: printable(value) for name, value in _cells(each, words).items()} for each in records}
    widths = {name: max(len(row[name]) for row in (head, *cells.values())) for name in names}
    yield Text(_row(head, widths, width), style="dim")
    zone = SystemZone()
    for day, found in groupby(records, lambda record: day_of(record.began_at, zone)):
        yield Text(f"{day}", style="bold")
        yield from (Text(_row(cells[record.id], widths, width)) for record in found)


def _row(cells: Mapping[str, str], widths: Mapping[str, int], width: int) -> str:
    shown = (
        cells[name].rjust(width) if name in _FIGURES else cells[name].ljust(width) for name, width in widths.items()
    )
    return cut("  ".join(shown).rstrip(), width)


def cut(line: str, width: int) -> str:
    """Return a line that is at most so wide."""
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _cells(record: SessionRecord, words: Words) -> dict[str, str]:
    milk = {each.side: f"{each.ml:.0f}{_MARKS[each.source]}" for each in counted_milk(record)}
    total = record.volume_ml.total
    length = None if record.ended_at is None else (record.ended_at - record.began_at).total_seconds() / 60
    return {
        "id": short_id(record.id),
        "began": f"{record.began_at.astimezone():%H:%M}",
        "length": DASH if length is None else f"{length:.0f}",
        "station": record.station,
        "side": words.terminal[record.side.value],
        "left": milk.get(Side.LEFT, DASH),
        "right": milk.get(Side.RIGHT, DASH),
        "both": milk.get(Side.BOTH, DASH),
        "milk": DASH if total is None else f"{total:.0f}",
        "let_down": DASH if record.let_down_seconds is None else minutes(record.let_down_seconds),
        "ended": ended(record, words),
        "note": " ".join((record.note or "").split()),
    }


def marked(records: Iterable[SessionRecord]) -> bool:
    """Return whether some figure in the table has a mark that is to be explained."""
    return any(each.source != "measured" for record in records for each in counted_milk(record))


def ended(record: SessionRecord, words: Words) -> str:
    """Return how a session ended, in words."""
    return words.listing["under_way"] if record.outcome is None else words.labels.session[record.outcome]


def short_id(id_: str) -> str:
    """Return the part of an id that tells sessions apart: its end, where it is one of Letdown's own."""
    head, dash, tail = id_.rpartition("-")
    return tail if dash and head and len(tail) == _TAIL else id_
