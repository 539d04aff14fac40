"""Listings that do not fit into a table: one card for each thing, with lines that can be copied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from controller.guide import Words

_LABEL_WIDTH = 10


def sighting_card(row: dict[str, Any], *, why: bool) -> Iterator[Text]:
    """Yield the lines about one advertisement; `why` adds what speaks against every profile."""
    yield Text.assemble((row["name"] or "(no name)", "bold"), f"   {row['address']}   {row['rssi_dbm']} dBm")
    yield from _line("services", row["services"])
    if row["profile"] is None:
        yield from _line("fits", ["no profile" if why else "no profile (--why says what speaks against each)"])
    else:
        yield from _line("fits", [row["profile"]], "green")
    if why or row["profile"]:
        yield from _line("why", row["why"])
    if row["settings"]:
        yield from _line("to paste", [""])
        yield from (Text(f"    {line}", style="cyan") for line in row["settings"])
    elif row["profile"]:
        yield from _line("to paste", ["run it again with --addresses: this one has to be known by its address"])


def device_card(row: dict[str, Any], words: Words) -> Iterator[Text]:
    """Yield the lines about one configured device."""
    head = f"   {row['station']}, {row['side']}   {row['profile']} ({row['confidence']})   known by {row['known_by']}"
    yield Text.assemble((row["name"], "bold"), head)
    yield from _line("can", [", ".join(each.replace("_", " ") for each in row["can"]) or "nothing"])
    yield from _line("mind", [words.message(f"caution_{each}", device=row["name"]) for each in row["mind"]], "yellow")
    yield from _line("link lost", [row["on_link_loss"]])
    yield from _line("needs", row["needs"], "yellow")


def routine_card(row: dict[str, Any]) -> Iterator[Text]:
    """Yield the lines about one routine."""
    yield Text.assemble((row["id"], "bold"), f"   {row['name']}, {row['minutes_at_most']} minutes at most")
    yield from _line("", [row["summary"]])
    yield from _line("", [" → ".join(row["steps"])], "cyan")
    if row["opt_in"]:
        yield from _line("", [f"off until you turn on limits.{row['opt_in']}"], "yellow")


_MARKS = {"ok": ("✓", "green"), "note": ("•", "yellow"), "trouble": ("✗", "bold red")}


def finding_card(row: dict[str, Any]) -> Iterator[Text]:
    """Yield the lines about one thing that the doctor looked at."""
    mark, style = _MARKS[row["state"]]
    yield Text.assemble((f"{mark} ", style), (f"{row['about']:<{_LABEL_WIDTH}} ", "bold"), row["says"])
    if row["remedy"]:
        yield Text(f"  {'':<{_LABEL_WIDTH}} → {row['remedy']}", style="cyan")


def _line(label: str, values: list[str], style: str = "") -> Iterator[Text]:
    for number, value in enumerate(values):
        shown = f"  {'' if number else label:<{_LABEL_WIDTH}}"
        yield Text.assemble((shown, "dim"), (value, style))
