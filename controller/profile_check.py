"""What `letdown profiles check` says: for each command, report and layout its examples, and where there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from devices.profiles.finding import Finding, Tried
from devices.yaml_reader import KeyPath

_STYLES = {"holds": "green", "fails": "bold red", "no example": "yellow"}


def proof_rows(findings: Sequence[Finding], lines: Mapping[KeyPath, int]) -> list[dict[str, Any]]:
    """Return a row for each part of a profile; `lines` has the line of each value in its file."""
    return [
        {
            "what": each.what,
            "state": each.state,
            "examples": [_example(one, lines) for one in each.examples],
            "lowest": each.shows,
            "problem": each.problem,
        }
        for each in findings
    ]


def _example(tried: Tried, lines: Mapping[KeyPath, int]) -> dict[str, Any]:
    return {
        "line": lines.get(tried.path, 0),
        "holds": tried.holds,
        "expected": tried.expected,
        "found": tried.found,
        "seen_in": tried.seen_in,
    }


def summary(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return in a few words how many parts hold: `1 of 9 fails, 3 of 9 have no example`."""
    counts = {state: sum(row["state"] == state for row in rows) for state in _STYLES}
    said = []
    if failing := counts["fails"]:
        said.append(f"{failing} of {len(rows)} {'fails' if failing == 1 else 'fail'}")
    if bare := counts["no example"]:
        said.append(f"{bare} of {len(rows)} {'has' if bare == 1 else 'have'} no example")
    return ", ".join(said) or f"all {len(rows)} hold"


def print_proof(file: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the rows as a table, then each failure with file and line, then the summary."""
    console = Console()
    if not rows:
        console.print(f"{escape(name)}: there is nothing to try; give it commands, reports and examples.")
        return
    table = Table(Column("what", no_wrap=True), Column("", no_wrap=True), "examples")
    for row in rows:
        style = _STYLES[row["state"]]
        table.add_row(row["what"], f"[{style}]{row['state']}[/]", escape(_examples_in_words(row)))
    console.print(table)
    for line in failures(file, rows):
        console.print(escape(line), soft_wrap=True, highlight=False)
    console.print(f"{escape(name)}: {summary(rows)}", soft_wrap=True)


def _examples_in_words(row: Mapping[str, Any]) -> str:
    if not row["examples"]:
        return f"would send {row['lowest']}" if row["lowest"] else ""
    by_state = [("hold", True), ("fail", False)]
    lines = [
        (word, [str(each["line"]) for each in row["examples"] if each["holds"] is holds]) for word, holds in by_state
    ]
    return ", ".join(
        f"{'line' if len(found) == 1 else 'lines'} {', '.join(found)} {word}{'s' if len(found) == 1 else ''}"
        for word, found in lines
        if found
    )


def failures(file: Path, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return each failure in a line of its own, with the file and the line where it stands."""
    said = []
    for row in rows:
        if row["problem"]:
            said.append(f"{file}: {row['what']}: it cannot be sent with its lowest values: {row['problem']}")
        said += [
            f"{file}:{each['line']}: {row['what']}: expected {each['expected']}; found {each['found']}"
            for each in row["examples"]
            if not each["holds"]
        ]
    return said
