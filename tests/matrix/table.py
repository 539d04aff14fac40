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
from tests.matrix.places import PLACES, Place

DOCUMENT = Path(__file__).parents[2] / "docs/fault-matrix.md"
FAIL, KNOWN, GOES_ON, NOTHING = "FAIL", "known", "goes on", "-"

_HEAD = """# The fault matrix

Made by `make fault-matrix`, which runs every cell anew: every fault below, in every place of a session, on virtual
devices over a virtual radio, with simulated time. What is looked at is what the virtual bodies do, not only what the
controller says of them.

A number is how many seconds after its cause everything was off, in truth. "goes on": it concerns what is on there, or
the session itself, and must not end it. "-": nothing that it concerns is on there, and the session goes on as if
nothing had been. A session that goes on is ended by `stop` then, and that is looked at in the same way.
"""

_KNOWN = f""""{KNOWN}": not yet as it should be; why, stands [at the end](#known-and-not-yet-as-it-should-be).
"""


class Found(NamedTuple):
    """What one cell came to: `outcome` is pytest's word for it."""

    outcome: str
    off_seconds: float


Results = Mapping[tuple[str, str], Found]


def text_of(fault: Fault, place: Place, results: Results) -> str:
    """Return what stands in one cell."""
    found = results.get((fault.name, place.name))
    if found is None or found.outcome == "failed":
        return FAIL
    if place.name in fault.known:
        return KNOWN
    if isinstance(fault.outcome_in(place), GoesOn):
        return GOES_ON if place.name in fault.concerns else NOTHING
    return f"{math.ceil(found.off_seconds * 10 - 1e-6) / 10:.1f}"


def show(results: Results, console: Console) -> None:
    """Print the table."""
    table = Table(title="Seconds until everything was off", header_style="bold")
    table.add_column("fault", no_wrap=True)
    for place in PLACES:
        table.add_column(place.name, justify="right", no_wrap=True)
    for fault in FAULTS:
        texts = [text_of(fault, place, results) for place in PLACES]
        styles = {FAIL: "bold red", KNOWN: "yellow", GOES_ON: "green", NOTHING: "dim"}
        table.add_row(fault.name, *(f"[{styles[text]}]{text}[/]" if text in styles else text for text in texts))
    console.print(table)


def document(results: Results) -> str:
    """Return the whole of `docs/fault-matrix.md`."""
    known = [(fault, place, why) for fault in FAULTS for place, why in fault.known.items()]
    lines = [_HEAD, *([_KNOWN] if known else []), *_row("fault", *(place.name for place in PLACES))]
    lines += _row("---", *("---:" for _ in PLACES))
    for fault in FAULTS:
        lines += _row(fault.name, *(text_of(fault, place, results) for place in PLACES))
    lines += ["", "## What must hold in every cell", ""]
    lines += [_item(" ".join((inspect.getdoc(invariant) or "").split())) for invariant in INVARIANTS]
    lines += ["", "## The places", "", *_row("place", "what is on"), *_row("---", "---")]
    lines += [row for place in PLACES for row in _row(f"`{place.name}`", place.what)]
    lines += ["", "## The faults", ""]
    for title, faults in GROUPS.items():
        lines += [f"### {title}", "", *_row("fault", "what happens"), *_row("---", "---")]
        lines += [row for fault in faults for row in _row(fault.name, fault.what)]
        lines.append("")
    if known:
        lines += ["## Known, and not yet as it should be", ""]
        lines += [_item(f"{fault.name}, in `{place}`: {why}.") for fault, place, why in known]
        lines.append("")
    return "\n".join(lines)


def _row(*texts: str) -> list[str]:
    return [f"| {' | '.join(texts)} |"]


def _item(words: str) -> str:
    return textwrap.fill(words, 120, initial_indent="- ", subsequent_indent="  ", break_long_words=False)
