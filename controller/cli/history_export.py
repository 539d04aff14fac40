"""`letdown history export`: sessions in the format of others, piece by piece, to a file or to the output."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from controller.cli.command_settings import read_settings
from controller.cli.history_opening import Chosen, OpenedHistory, check_station, choose, opened_history
from controller.contract.session_record import SessionRecord
from controller.contract.units import Units
from controller.contract.words import Words, load_words

Format = Literal["csv", "json", "fhir", "html"]

_BY_SUFFIX: dict[str, Format] = {".csv": "csv", ".json": "json", ".html": "html", ".htm": "html"}
_PRIVATE = 0o600  # it contains health data


class ExportOptions(NamedTuple):
    """What is written, and where. Without a format, that of the file's name, else CSV."""

    form: Format | None
    output: Path | None
    force: bool
    notes: bool
    name: str | None
    patient: str | None
    units: Units = Units.ML

    @property
    def format(self) -> Format:
        """The format."""
        named = None if self.output is None else _BY_SUFFIX.get(self.output.suffix.lower())
        return self.form or named or "csv"

    def check(self) -> None:
        """Raise `ValueError` for options that do not go together."""
        from controller.history.exports.fhir_export import check_patient

        if self.patient is not None:
            if self.format != "fhir":
                raise ValueError("--patient goes with --format fhir")
            check_patient(self.patient)
        if self.name is not None and self.format != "html":
            raise ValueError("--name goes with --format html")
        if self.units is not Units.ML and self.format not in ("csv", "html"):
            raise ValueError(f"--units {self.units.value} goes with --format csv or html; {self.format} is in mL")
        if self.output is not None and self.output.exists() and not self.force:
            raise ValueError(f"{self.output} is there already; --force replaces it")
        if self.output is not None and self.output.is_dir():
            raise ValueError(f"{self.output} is a folder; name a file in it")


async def export_sessions(
    config: Path | None,
    station: str | None,
    since: str | None,
    until: str | None,
    language: str | None,
    options: ExportOptions,
) -> None:
    """Write the chosen sessions, the earliest first."""
    options.check()
    settings = read_settings(config, named=False)
    words, now = load_words(language or settings.language), datetime.now(UTC)
    chosen = choose(station, since, until, now)
    async with opened_history(settings) as history:
        await check_station(settings, chosen, history)
        records = (await chosen.sessions(history))[::-1]
        with _output(options) as file:
            if options.format == "json":
                async for chunk in _json(history, records, now):
                    file.write(chunk.encode())
            else:
                for chunk in _chunks(records, words, now, chosen, options):
                    file.write(chunk.encode())
    if options.output is not None:
        count = f"{len(records)} session" + ("" if len(records) == 1 else "s")
        sys.stderr.write(f"letdown: {count} written to {options.output}\n")


def _chunks(
    records: Sequence[SessionRecord], words: Words, now: datetime, chosen: Chosen, options: ExportOptions
) -> Iterator[str]:
    from controller.history.exports.csv_export import csv_lines
    from controller.history.exports.fhir_export import fhir_chunks
    from controller.history.exports.report import ReportRange, report_chunks

    match options.format:
        case "fhir":
            return fhir_chunks(records, words, now, patient=options.patient, notes=options.notes)
        case "html":
            first = None if chosen.since is None else chosen.since.astimezone().date()
            last = None if chosen.until is None else (chosen.until - timedelta(seconds=1)).astimezone().date()
            asked = ReportRange(first, last)
            return report_chunks(
                records, words, now, asked=asked, name=options.name, notes=options.notes, units=options.units
            )
        case _:
            return csv_lines(records, units=options.units)


async def _json(history: OpenedHistory | None, records: Sequence[SessionRecord], now: datetime) -> AsyncIterator[str]:
    """Yield the JSON export; curves are read one session at a time."""
    from controller.history.exports.json_export import TAIL, head, session

    yield head(now)
    first = True
    for record in records:
        details = None if history is None else await history.records.details(record.id)
        if details is not None:  # else it was erased meanwhile
            yield session(details, first=first)
            first = False
    yield TAIL


@contextlib.contextmanager
def _output(options: ExportOptions) -> Iterator[BinaryIO]:
    """Open the file, which takes its name once it is complete; or the output, as bytes: exports are always UTF-8."""
    if options.output is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = options.output.resolve()  # a link stays a link
    new = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)
