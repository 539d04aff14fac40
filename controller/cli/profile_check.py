"""Output of `letdown profiles check`: the examples of each command, report and layout, and its warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from controller.safety.limits import (
    HEAT_TRIP_AT_ONCE_CELSIUS,
    RELEASE_MMHG,
    RELEASE_READINGS,
    RELEASE_SECONDS,
    VACUUM_TRIP_AT_ONCE_MMHG,
)
from devices.driver.device_model import OFTEN_SECONDS
from devices.driver.example_check import ExampleCheck
from devices.driver.model_warning import CheckedValues, ModelWarning
from devices.support.file_error import KeyPath, path_of

WARNING = "warning"
CHECKED = CheckedValues(
    release_mmhg=RELEASE_MMHG,
    vacuum_mmhg=VACUUM_TRIP_AT_ONCE_MMHG,
    celsius=HEAT_TRIP_AT_ONCE_CELSIUS,
    each_release_seconds=RELEASE_SECONDS / RELEASE_READINGS,
    fresh_seconds=OFTEN_SECONDS,
)
"""What the safety checks compare with."""

_STYLES = {"holds": "green", "fails": "bold red", "no example": "yellow"}


def check_rows(findings: Sequence[ExampleCheck], lines: Mapping[KeyPath, int]) -> list[dict[str, Any]]:
    """Return a row for each part of a profile; `lines` has the line of each value in its file."""
    return [
        {
            "what": each.what,
            "state": each.state,
            "examples": [{"line": lines.get(one.path, 0), **one.model_dump(exclude={"path"})} for one in each.examples],
            "lowest": each.shows,
            "problem": each.problem,
        }
        for each in findings
    ]


def warning_rows(warnings: Sequence[ModelWarning], lines: Mapping[KeyPath, int]) -> list[dict[str, Any]]:
    """Return a row for each mapping that defeats a safety check."""
    return [
        {
            "what": each.where,
            "state": WARNING,
            "line": lines.get(path_of(each.where, lines), 0),
            "examples": [],
            "lowest": "",
            "problem": each.reason,
            "remedy": each.remedy,
        }
        for each in warnings
    ]


def summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return how many parts failed: `1 of 9 failed, 3 of 9 have no example, 1 warning`."""
    warnings = sum(row["state"] == WARNING for row in rows)
    rows = [row for row in rows if row["state"] != WARNING]
    counts = {state: sum(row["state"] == state for row in rows) for state in _STYLES}
    parts = []
    if failed := counts["fails"]:
        parts.append(f"{failed} of {len(rows)} failed")
    if untested := counts["no example"]:
        parts.append(f"{untested} of {len(rows)} {'has' if untested == 1 else 'have'} no example")
    parts = parts or [f"all {len(rows)} passed"]
    return ", ".join([*parts, f"{warnings} warning{'' if warnings == 1 else 's'}"] if warnings else parts)


def print_checks(file: Path, name: str, rows: Sequence[Mapping[str, Any]], encrypted: str | None) -> None:
    """Print the rows as a table, each failure with its file and line, and the summary."""
    console = Console()
    if encrypted is not None:
        console.print(f"{escape(name)}: recognised, and never connected: its protocol is encrypted.")
        return
    if not rows:
        console.print(f"{escape(name)}: nothing to check: add commands, reports and examples.")
        return
    table = Table(Column("what", no_wrap=True), Column("", no_wrap=True), "examples")
    for row in rows:
        if row["state"] == WARNING:
            continue
        style = _STYLES[row["state"]]
        table.add_row(row["what"], f"[{style}]{row['state']}[/]", escape(_examples_in_words(row)))
    console.print(table)
    for line in failures(file, rows):
        console.print(escape(line), soft_wrap=True, highlight=False)
    console.print(f"{escape(name)}: {summary(rows)}", soft_wrap=True)


def _examples_in_words(row: Mapping[str, Any]) -> str:
    if not row["examples"]:
        return f"would send {row['lowest']}" if row["lowest"] else ""
    parts = []
    for one, several, holds in (("holds", "hold", True), ("fails", "fail", False)):
        lines = [str(each["line"]) for each in row["examples"] if each["holds"] is holds]
        if lines:
            parts.append(f"line {lines[0]} {one}" if len(lines) == 1 else f"lines {', '.join(lines)} {several}")
    return ", ".join(parts)


def failures(file: Path, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return one line per failure or warning, with the file and its line in it."""
    lines = []
    for row in rows:
        if row["state"] == WARNING:
            lines.append(f"{file}:{row['line']}: warning: {row['what']}: {row['problem']}; {row['remedy']}")
        elif row["problem"]:
            lines.append(f"{file}: {row['what']}: cannot be sent with its lowest values: {row['problem']}")
        lines += [
            f"{file}:{each['line']}: {row['what']}: expected {each['expected']}; found {each['found']}"
            for each in row["examples"]
            if not each["holds"]
        ]
    return lines
