"""`letdown capture draft`: a draft profile from a capture and labels, what shows it, and what to do next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Column, Table
from rich.text import Text

from controller.cli.capture_show import chosen_device, read_with_progress
from controller.cli.printing import print_line
from controller.cli.standard_streams import print_json
from devices.capture.conversation import CapturedDevice
from devices.capture.draft import Draft
from devices.capture.draft_file import draft_yaml, frames_in_words, in_words
from devices.capture.inference.drafting import draft_profile
from devices.capture.labels import Labels, load_labels
from devices.profiles.catalog import id_problem

_MOST_UNEXPLAINED = 12


async def draft_from_capture(
    file: Path,
    labels_file: Path,
    number: int | None,
    *,
    profile_id: str | None,
    name: str | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Write a draft profile, and print what it rests on. Return the exit code: 1 where there is nothing to draft.

    `number`: of the device, from 1; `None`: the one with most values. Raise `FileError` for a file that cannot be
    read, `ValueError` where the draft cannot be written as asked.
    """
    labels = load_labels(labels_file)
    capture = await read_with_progress(file, quiet=as_json)
    device = chosen_device(capture, number)
    if device is None:
        raise ValueError("the capture has no Bluetooth LE device that was connected")
    draft = await _drafted(device, labels, profile_id, name, quiet=as_json)
    written = _written(draft, out, as_json=as_json)
    if as_json:
        print_json(draft_row(draft, written))
    else:
        for problem in capture.problems:
            Console().print(Text(f"! {problem}", style="yellow"), soft_wrap=True)
        _print_summary(draft, written)
    return 0 if draft.profile is not None else 1


async def _drafted(
    device: CapturedDevice, labels: Labels, profile_id: str | None, name: str | None, *, quiet: bool
) -> Draft:
    """Infer beside the event loop, with a bar on a terminal. It can be interrupted."""
    console, ended = Console(stderr=True), False

    async def infer(on_progress: Callable[[float], None]) -> Draft:
        nonlocal ended

        def step(done: float) -> None:
            if ended:
                raise asyncio.CancelledError
            on_progress(done)

        try:
            return await asyncio.to_thread(
                draft_profile, device, labels, profile_id=profile_id, name=name, on_progress=step
            )
        finally:
            ended = True

    if quiet or not console.is_terminal:
        return await infer(lambda _: None)
    columns = TextColumn("inferring"), BarColumn(), TaskProgressColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=1.0)
        return await infer(lambda done: progress.update(task, completed=done))


def _written(draft: Draft, out: Path | None, *, as_json: bool) -> Path | None:
    """Write the profile, and return where; JSON alone writes no file. Raise `ValueError` rather than overwrite one."""
    if draft.profile is None or (as_json and out is None):
        return None
    file = out or Path(f"{draft.profile['id']}.yaml")
    if problem := id_problem(str(draft.profile["id"]), file):
        raise ValueError(f"--id: {problem}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as opened:
            opened.write(draft_yaml(draft))
    except FileExistsError:
        raise ValueError(f"{file} is there already: name another file with --out") from None
    except OSError as error:
        raise ValueError(f"{file} cannot be written: {error.strerror}") from None
    return file


def draft_row(draft: Draft, written: Path | None) -> dict[str, Any]:
    """Return a draft as data. The frames themselves are left out: the capture has them."""
    return {
        "profile": draft.profile,
        "file": None if written is None else str(written),
        "evidence": [asdict(each) for each in draft.evidence],
        "unexplained": [asdict(each) for each in draft.unexplained],
        "missing": list(draft.missing),
        "refusal": draft.refusal,
    }


# For a person


def _print_summary(draft: Draft, written: Path | None) -> None:
    console = Console()
    if draft.refusal is not None:
        console.print(Text(f"No draft. {draft.refusal}", style="yellow"), soft_wrap=True)
    if draft.profile is not None:
        print_line(f"{draft.profile['name']}: {_understood(draft)}")
        console.print(_table(draft))
    for line in _lists(draft):
        console.print(line, soft_wrap=True, highlight=False)
    if written is not None:
        print_line(f"Written to {written}. Nothing in it was tried. Keep the device off the body, and next:")
        print_line(f"  letdown profiles check {written}")
        print_line("  letdown setup           (name its folder under `profiles:` in your settings first)")
        print_line("  letdown devices test NAME")


def _understood(draft: Draft) -> str:
    commands = (draft.profile or {}).get("commands", {})
    reports = (draft.profile or {}).get("reports", {})
    listed = ", ".join(commands) or "no command"
    return f"{listed}; reports: {', '.join(reports) or 'none'}"


def _table(draft: Draft) -> Table:
    table = Table(Column("line", no_wrap=True), "what shows it")
    for each in draft.evidence:
        table.add_row(Text(each.key), Text(in_words(each)))
    return table


def _lists(draft: Draft) -> Iterator[Text]:
    if draft.missing:
        yield Text("Missing, and what would decide it:", style="bold")
        yield from (Text(f"  - {words}") for words in draft.missing)
    if draft.unexplained:
        yield Text("Seen, and not understood:", style="bold")
        shown = draft.unexplained[:_MOST_UNEXPLAINED]
        for each in shown:
            yield Text(f"  - {each.place}: {each.words} ({frames_in_words(each.frame_count)})", style="dim")
        if left := len(draft.unexplained) - len(shown):
            yield Text(f"  - and {left} more, at the end of the file", style="dim")
