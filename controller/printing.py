"""How the listing commands print: a table, cards, or JSON."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


@contextlib.contextmanager
def progress(words: str, *, quiet: bool) -> Iterator[None]:
    """Show that something takes its time, on a terminal."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield
        return
    with console.status(words):
        yield


def print_rows(rows: list[dict[str, Any]], as_json: bool, nothing: str) -> None:
    """Print a table, or JSON."""
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))  # noqa: T201 - what was asked for
        return
    console = Console()
    if not rows:
        console.print(nothing)
        return
    table = Table(*[key.replace("_", " ") for key in rows[0]])
    for row in rows:
        table.add_row(*[_cell(value) for value in row.values()])
    console.print(table)


def print_cards(
    rows: list[dict[str, Any]], as_json: bool, nothing: str, card: Callable[[dict[str, Any]], Iterable[Text]]
) -> None:
    """Print a card for each row, or JSON."""
    if as_json or not rows:
        print_rows(rows, as_json, nothing)
        return
    console = Console()
    for row in rows:
        for line in card(row):
            console.print(line, soft_wrap=True)


def _cell(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return "" if value is None else str(value)
