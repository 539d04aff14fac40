"""Output of the listing commands: a table, cards, or JSON."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from controller.cli.standard_streams import print_json
from controller.contract.words import Words

_LABEL_WIDTH = 10


@contextlib.contextmanager
def progress(words: str, *, quiet: bool) -> Iterator[None]:
    """Show a spinner inside the block, on a terminal."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield
        return
    with console.status(words):
        yield


def print_rows(
    rows: list[dict[str, Any]],
    as_json: bool,
    nothing: str,
    card: Callable[[dict[str, Any]], Iterable[Text]] | None = None,
) -> None:
    """Print JSON, or a table, or with `card` the lines of a card for each row."""
    if as_json:
        print_json(rows)
        return
    console = Console()
    if not rows:
        console.print(nothing)
        return
    if card is not None:
        for line in itertools.chain.from_iterable(map(card, rows)):
            console.print(line, soft_wrap=True)
        return
    table = Table(*[key.replace("_", " ") for key in rows[0]])
    for row in rows:
        table.add_row(*[_cell(value) for value in row.values()])
    console.print(table)


def print_line(line: str) -> None:
    """Print one line, as it is."""
    Console().print(line, highlight=False, soft_wrap=True)


# Listings that do not fit into a table: one card per row, with lines that can be copied


def advertisement_card(row: dict[str, Any], *, why: bool) -> Iterator[Text]:
    """Yield the lines about one advertisement; `why` adds for every profile why it does not fit."""
    yield Text.assemble((row["name"] or "(no name)", "bold"), f"   {row['address']}   {row['rssi_dbm']} dBm")
    yield from _line("services", row["services"])
    yield from _line("company", [_company(each) for each in row["manufacturer_data"]])
    yield from _line("data of", [f"{each['uuid']}: {each['data']}" for each in row["service_data"]])
    if row["profile"] is None:
        yield from _line("fits", ["no profile" if why else "no profile (--why shows the reason for each)"])
    else:
        yield from _line("fits", [row["profile"]], "green")
    if why or row["profile"]:
        yield from _line("why", row["why"])
    if row["settings"]:
        yield from _line("to paste", ["below `devices:` of your settings (`letdown setup` does it for you)"])
        yield from (Text(f"    {line}", style="cyan") for line in row["settings"])
    elif row["configured_as"]:
        yield from _line("settings", [f"is in them, as {row['configured_as']}"], "green")
    elif row["encrypted"]:
        yield from _line("to paste", ["nothing: its protocol is encrypted, and it cannot be used"], "yellow")
    elif row["profile"]:
        yield from _line("to paste", ["run again with --addresses: this device must be named by its address"])


def _company(row: dict[str, Any]) -> str:
    return f"{row['company_id']} {row['company'] or 'unknown'}: {row['data'] or 'no data'}"


def device_card(row: dict[str, Any], words: Words) -> Iterator[Text]:
    """Yield the lines about one configured device."""
    head = f"   {row['station']}, {row['side']}   {row['profile']} ({row['confidence']})   found by {row['known_by']}"
    yield Text.assemble((row["name"], "bold"), head)
    yield from _line("can", [", ".join(each.replace("_", " ") for each in row["capabilities"]) or "nothing"])
    yield from _line(
        "caution", [words.message(f"caution_{each}", device=row["name"]) for each in row["cautions"]], "yellow"
    )
    yield from _line("link loss", [row["on_link_loss"]])
    yield from _line("needs", row["needs"], "yellow")


def routine_card(row: dict[str, Any]) -> Iterator[Text]:
    """Yield the lines about one routine."""
    yield Text.assemble((row["id"], "bold"), f"   {row['name']}, {row['minutes_at_most']} minutes at most")
    yield from _line("", [row["summary"]])
    yield from _line("", [" → ".join(row["steps"])], "cyan")
    if row["opt_in"]:
        yield from _line("", [f"off until you turn on limits.{row['opt_in']}"], "yellow")


_MARKS = {"ok": ("✓", "green"), "note": ("•", "yellow"), "problem": ("✗", "bold red")}


def finding_card(row: dict[str, Any]) -> Iterator[Text]:
    """Yield the lines about one check of the doctor."""
    mark, style = _MARKS[row["state"]]
    yield Text.assemble((f"{mark} ", style), (f"{row['subject']:<{_LABEL_WIDTH}} ", "bold"), row["message"])
    if row["remedy"]:
        yield Text(f"  {'':<{_LABEL_WIDTH}} → {row['remedy']}", style="cyan")


def _line(label: str, values: list[str], style: str = "") -> Iterator[Text]:
    for number, value in enumerate(values):
        shown = f"  {'' if number else label:<{_LABEL_WIDTH}}"
        yield Text.assemble((shown, "dim"), (value, style))


def _cell(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return "" if value is None else str(value)
