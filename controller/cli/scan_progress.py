"""Scanning for a while, with a bar on a terminal: the seconds left, and how many devices were found."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from devices.bluetooth.radio import Radio
from devices.support.clock import Clock

_REDRAW_SECONDS = 0.1
_BAR_CHARACTERS = 24


def english(count: int, seconds_left: int) -> str:
    """Return the words beside the bar."""
    return f"{count} device{'' if count == 1 else 's'} found, {seconds_left} s left"


async def scan_for(
    radio: Radio, clock: Clock, seconds: float, *, quiet: bool, words: Callable[[int, int], str] = english
) -> None:
    """Let the radio scan. `words`: from the number of devices and the seconds left, what stands beside the bar."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        await clock.sleep(seconds)
        return
    columns = BarColumn(_BAR_CHARACTERS), TextColumn("{task.description}", markup=False)
    with Progress(*columns, console=console, transient=True) as progress:
        task, began_at_seconds = progress.add_task(words(0, round(seconds)), total=seconds), clock.now()
        while (passed_seconds := clock.now() - began_at_seconds) < seconds:
            left_seconds = round(seconds - passed_seconds)
            progress.update(task, completed=passed_seconds, description=words(len(radio.advertisements), left_seconds))
            await clock.sleep(min(_REDRAW_SECONDS, seconds - passed_seconds))
