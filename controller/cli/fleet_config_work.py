"""What `letdown fleet config show`, `diff`, `apply` and `rollback` do."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.syntax import Syntax

from controller.cli.fleet_cluster import on_cluster
from controller.cli.line_reader import EndOfInputError, LineReader
from controller.cli.standard_streams import print_json
from controller.fleet.fleet_config import Version, apply, latest, rolled_back, versions
from controller.fleet.fleet_document import difference, read_fleet_document
from devices.support.yaml_file import read_file

_DIFFERENT = _NOT_APPLIED = 1


async def show_document(config: Path | None, *, as_json: bool = False) -> None:
    """Print the shared document, and which versions are kept."""
    found = await on_cluster(config, lambda _, cluster: versions(cluster.config))
    if as_json:
        print_json([{**asdict(each), "written_at": each.written_at.isoformat()} for each in found])
        return
    console = Console(highlight=False, markup=False)
    if not found:
        console.print("there is no shared document: each node uses its own settings", soft_wrap=True)
        return
    for each in found:
        used = ", in use" if each is found[-1] else ""
        console.print(f"# version {each.revision}, {each.written_at:%Y-%m-%d %H:%M:%S} UTC{used}", soft_wrap=True)
    console.print(found[-1].text, end="", soft_wrap=True)


async def show_difference(config: Path | None, file: Path) -> int:
    """Check a file, and print what it would change. Return 0, or 1 where it changes something. Raise `FileError`."""
    text = _checked(file)
    before = await on_cluster(config, lambda _, cluster: latest(cluster.config))
    return _DIFFERENT if _print_difference(before, text, file) else 0


async def apply_file(config: Path | None, file: Path, *, yes: bool) -> int:
    """Let every node use a file. Return 0, or 1 where the person did not agree. Raise `FileError`, `ClusterError`."""
    text = _checked(file)
    before = await on_cluster(config, lambda _, cluster: latest(cluster.config))
    if not _print_difference(before, text, file):
        Console(highlight=False).print("nothing changes")
        return 0
    if not (yes or await _agreed()):
        Console(highlight=False).print("nothing was changed")
        return _NOT_APPLIED
    follows = 0 if before is None else before.revision
    revision = await on_cluster(config, lambda _, cluster: apply(cluster.config, text, str(file), follows))
    _say_used(revision)
    return 0


async def roll_back(config: Path | None, revision: int | None) -> None:
    """Let every node use an earlier version. Raise `ClusterError` where there is none."""
    new = await on_cluster(config, lambda _, cluster: rolled_back(cluster.config, revision))
    _say_used(new.revision)


def _checked(file: Path) -> str:
    text = read_file(file)
    read_fleet_document(text, str(file))
    return text


def _print_difference(before: Version | None, text: str, file: Path) -> bool:
    """Print what differs. Return whether something does."""
    name = "nothing yet" if before is None else f"version {before.revision}"
    found = difference("" if before is None else before.text, text, (name, str(file)))
    if found:
        Console(highlight=False).print(Syntax(found, "diff", background_color="default"), soft_wrap=True)
    return bool(found)


async def _agreed() -> bool:
    Console(highlight=False, stderr=True).print("Let every node use this? (y/n) ", end="")
    try:
        return (await LineReader().line()).lower() in ("y", "yes")
    except EndOfInputError:
        return False


def _say_used(revision: int) -> None:
    words = f"version {revision} is used from now on; a station with a session uses it when that has ended"
    Console(highlight=False).print(words, soft_wrap=True)
