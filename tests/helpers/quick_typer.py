"""Typer without building the whole tree of commands anew for each command that a test runs in its own process."""

from __future__ import annotations

import functools
import sys


def speed_up() -> None:
    """Build the commands of each application once, if anything has imported Typer. They keep nothing of a run."""
    if "typer.main" not in sys.modules:
        return
    import typer.main
    import typer.testing

    built = functools.cache(typer.main.get_command)
    typer.main.get_command = built
    typer.testing._get_command = built  # type: ignore[attr-defined]
