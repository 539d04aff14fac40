"""Sessions as CSV: one line each, in columns that keep their names and their order."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, tzinfo

from controller.contract.session_record import SessionRecord
from controller.contract.units import Units
from controller.history.exports.counted_milk import counted_sources

_Cell = str | float | datetime | None

_COLUMNS: dict[str, Callable[[SessionRecord], _Cell]] = {
    "id": lambda record: record.id,
    "station": lambda record: record.station,
    "began_at": lambda record: record.began_at,
    "ended_at": lambda record: record.ended_at,
    "routine": lambda record: record.routine,
    "side": lambda record: record.side.value,
    "outcome": lambda record: record.outcome and record.outcome.value,
    "left_ml": lambda record: record.volume_ml.left,
    "right_ml": lambda record: record.volume_ml.right,
    "both_ml": lambda record: record.volume_ml.both,
    "total_ml": lambda record: record.volume_ml.total,
    "source": lambda record: " ".join(counted_sources(record)),
    "let_down_seconds": lambda record: record.let_down_seconds,
    "let_down_by": lambda record: record.let_down_by,
    "peak_vacuum_mmhg": lambda record: record.peak_vacuum_mmhg,
    "highest_target_mmhg": lambda record: record.highest_target_mmhg,
    "rate_cpm": lambda record: record.rate_cpm,
    "warmest_celsius": lambda record: record.warmest_celsius,
    "suction_seconds": lambda record: record.suction_seconds,
    "heat_seconds": lambda record: record.heat_seconds,
    "massage_seconds": lambda record: record.massage_seconds,
    "cautions": lambda record: " ".join(record.cautions),
    "reason": lambda record: record.reason,
    "revision": lambda record: record.revision,
    "note": lambda record: record.note,
    "seconds": lambda record: record.seconds,
}
_OF_MILK = "_ml"  # at the end of the name of a column

# What a spreadsheet takes for a formula, also after a tab or a line break, and as a wide character.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_lines(records: Iterable[SessionRecord], zone: tzinfo | None = None, units: Units = Units.ML) -> Iterator[str]:
    """Yield the header and one line a session, each with its line end (RFC 4180).

    Times in `zone`, by default that of this machine, with their offset from UTC; volumes in `units`, which are in the
    names of their columns. What is unknown is empty. A text that a spreadsheet would take for a formula, or that begins
    with an apostrophe, gets an apostrophe before it: removing one from each text that begins with one gives back the
    original.
    """
    yield _line(_named(name, units) for name in _COLUMNS)
    for record in records:
        yield _line(_text(_in_units(name, column(record), units), zone) for name, column in _COLUMNS.items())


def _named(column: str, units: Units) -> str:
    return f"{column.removesuffix(_OF_MILK)}_{units.field}" if column.endswith(_OF_MILK) else column


def _in_units(column: str, cell: _Cell, units: Units) -> _Cell:
    return units.from_ml(cell) if column.endswith(_OF_MILK) and isinstance(cell, float) else cell


def _line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _text(cell: _Cell, zone: tzinfo | None) -> str:
    match cell:
        case None:
            return ""
        case str():
            return f"'{cell}" if cell.startswith((*_FORMULA, "'")) else cell
        case datetime():
            return cell.astimezone(zone).isoformat(timespec="seconds")
        case _:
            return f"{cell:.3f}".rstrip("0").rstrip(".")
