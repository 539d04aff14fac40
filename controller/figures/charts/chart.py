"""A chart: its SVG, what its colours mean, and a table with the same figures; and all of it as HTML."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import NamedTuple

_STYLE = Path(__file__).with_name("charts.css")


class ChartTable(NamedTuple):
    """The figures of a chart as text. The first column names the row."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Chart(NamedTuple):
    """A chart. `keys`: what each kind of shape means, by its class."""

    title: str
    svg: str
    keys: tuple[tuple[str, str], ...]
    table: ChartTable


def chart_style() -> str:
    """Return the style sheet of all charts. It takes the colours of the page around it, if that has any."""
    return _STYLE.read_text(encoding="utf-8")


def figure(chart: Chart, table_label: str) -> str:
    """Return a chart as HTML, with its keys, and its table for those who want the figures, or do not see the chart."""
    keys = _joined(f'<span class="key key-{kind}">{escape(words)}</span> ' for kind, words in chart.keys)
    caption = f"<figcaption>{keys}</figcaption>" if keys else ""
    return f'<figure class="chart-figure">{chart.svg}{caption}{_details(chart, table_label)}</figure>'


def _details(chart: Chart, label: str) -> str:
    title = escape(chart.title)
    head = _joined(f'<th scope="col">{escape(each)}</th>' for each in chart.table.head)
    rows = _joined(
        f'<tr><th scope="row">{escape(first)}</th>{_joined(f"<td>{escape(each)}</td>" for each in rest)}</tr>'
        for first, *rest in chart.table.rows
    )
    return (
        f'<details><summary>{escape(label)}<span class="unseen">: {title}</span></summary>'
        f'<div class="table" role="region" aria-label="{title}" tabindex="0">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def _joined(parts: Iterable[str]) -> str:
    return "".join(parts)
