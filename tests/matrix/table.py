"""The table of the matrix: on a terminal, and as a document that changes only when behaviour does."""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from tests.matrix.fault import Fault, GoesOn
from tests.matrix.faults import FAULTS, GROUPS
from tests.matrix.invariants import INVARIANTS
from tests.matrix.moments import MOMENTS, Moment

DOCUMENT = Path(__file__).parents[2] / "docs/fault-matrix.md"
FAIL, KNOWN, GOES_ON, NOTHING = "FAIL", "known", "goes on", "-"

_HEAD = """# The fault matrix

Made by `make fault-matrix`, which runs every cell: every fault below, at every moment of a session, on virtual devices
over a virtual radio, in simulated time. The checks cover what the virtual bodies do, not only what the controller
reports.

A number is how many seconds after its cause everything was off. "goes on": the fault concerns what is on then, or the
session itself, and must not end it. "-": nothing that it concerns is on, and the session goes on unaffected. A session
that goes on is then ended by `stop`, with the same checks.
"""

_KNOWN = f""""{KNOWN}": does not hold yet; the reason is [at the end](#known-and-not-yet-as-it-should-be).
"""


class Found(NamedTuple):
    """The result of one cell: `outcome` is pytest's."""

    outcome: str
    off_seconds: float


Results = Mapping[tuple[str, str], Found]


def text_of(fault: Fault, moment: Moment, results: Results) -> str:
    """Return the text of one cell."""
    found = results.get((fault.name, moment.name))
    if found is None or found.outcome == "failed":
        return FAIL
    if moment.name in fault.known:
        return KNOWN
    if isinstance(fault.outcome_at(moment), GoesOn):
        return GOES_ON if moment.name in fault.concerns else NOTHING
    return f"{math.ceil(found.off_seconds * 10 - 1e-6) / 10:.1f}"


def show(results: Results, console: Console) -> None:
    """Print the table."""
    table = Table(title="Seconds until everything was off", header_style="bold")
    table.add_column("fault", no_wrap=True)
    for moment in MOMENTS:
        table.add_column(moment.name, justify="right", no_wrap=True)
    for fault in FAULTS:
        texts = [text_of(fault, moment, results) for moment in MOMENTS]
        styles = {FAIL: "bold red", KNOWN: "yellow", GOES_ON: "green", NOTHING: "dim"}
        table.add_row(fault.name, *(f"[{styles[text]}]{text}[/]" if text in styles else text for text in texts))
    console.print(table)


def document(results: Results) -> str:
    """Return the whole of `docs/fault-matrix.md`."""
    known = [(fault, moment, why) for fault in FAULTS for moment, why in fault.known.items()]
    lines = [_HEAD, *([_KNOWN] if known else []), *_row("fault", *(moment.name for moment in MOMENTS))]
    lines += _row("---", *("---:" for _ in MOMENTS))
    for fault in FAULTS:
        lines += _row(fault.name, *(text_of(fault, moment, results) for moment in MOMENTS))
    lines += ["", "## What must hold in every cell", ""]
    lines += [_item(" ".join((inspect.getdoc(invariant) or "").split())) for invariant in INVARIANTS]
    lines += ["", "## The moments", "", *_row("moment", "what is on"), *_row("---", "---")]
    lines += [row for moment in MOMENTS for row in _row(f"`{moment.name}`", moment.what)]
    lines += ["", "## The faults", ""]
    for title, faults in GROUPS.items():
        lines += [f"### {title}", "", *_row("fault", "what happens"), *_row("---", "---")]
        lines += [row for fault in faults for row in _row(fault.name, fault.what)]
        lines.append("")
    if known:
        lines += ["## Known, and not yet as it should be", ""]
        lines += [_item(f"{fault.name}, at `{moment}`: {why}.") for fault, moment, why in known]
        lines.append("")
    return "\n".join(lines)


def _row(*texts: str) -> list[str]:
    return [f"| {' | '.join(texts)} |"]


def _item(words: str) -> str:
    return textwrap.fill(words, 120, initial_indent="- ", subsequent_indent="  ", break_long_words=False)
