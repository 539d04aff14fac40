"""What a measurement came to: ours beside the bare loop's, and what the ratio has to be."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One figure. `at_most`, `at_least`: the ratio to the bare loop that is promised; `None` where none is."""

    name: str
    unit: str
    letdown: float
    bare: float
    at_most: float | None = None
    at_least: float | None = None

    @property
    def ratio(self) -> float:
        """Ours over the bare loop's."""
        return self.letdown / self.bare

    @property
    def promised(self) -> str:
        """The promise, in words."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return "" if self.at_least is None else f"≥ {self.at_least:g}"

    @property
    def is_kept(self) -> bool:
        """Whether the promise is kept, if there is one."""
        return (self.at_most is None or self.ratio <= self.at_most) and (
            self.at_least is None or self.ratio >= self.at_least
        )


def latencies(name: str, ours_seconds: Sequence[float], bare_seconds: Sequence[float], at_most: float) -> list[Row]:
    """Return the median and the 99th percentile in milliseconds."""
    rows = []
    for what, of in (("median", statistics.median), ("99th percentile", _p99)):
        rows.append(Row(f"{name}, {what}", "ms", of(ours_seconds) * 1000, of(bare_seconds) * 1000, at_most=at_most))
    return rows


def _p99(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=100, method="inclusive")[98]


def as_data(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return rows as plain data, for `--json`."""
    return [{**asdict(row), "ratio": row.ratio, "kept": row.is_kept} for row in rows]


def print_rows(rows: Iterable[Row]) -> None:
    """Print a table for people."""
    table = Table("measured", "unit", "letdown", "bare", "ratio", "promised")
    for row in rows:
        style = None if row.is_kept else "bold red"
        table.add_row(
            row.name, row.unit, f"{row.letdown:.2f}", f"{row.bare:.2f}", f"{row.ratio:.2f}", row.promised, style=style
        )
    Console().print(table)
