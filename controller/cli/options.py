"""Options that several commands share.

The modules with commands import nothing but Typer, so that `--help` and `--version` are quick: what a command needs is
imported inside its function.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from controller.cli.completion import complete_language

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="Your settings file; else letdown.yaml in this folder, in ~/.config/letdown or in /etc/letdown.",
    ),
]
Virtual = Annotated[bool, typer.Option("--virtual", help="Use the virtual devices of the demo.")]
Broker = Annotated[list[str] | None, typer.Option("--broker", help="mqtt://HOST:PORT; may be given several times.")]
Speed = Annotated[float, typer.Option("--speed", min=0.1, max=1000, help="Simulated seconds per real second.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the simulated body: the same seed gives the same session.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log debug messages, too.")]
Language = Annotated[
    str | None,
    typer.Option("--language", help="en or de; by default, that of your settings.", autocompletion=complete_language),
]
RoleName = Literal["view", "operate", "administer"]
"""The values of `controller.web.role.Role`, which would import the package of the page."""
SideName = Literal["left", "right", "both"]
"""The values of `devices.roles.Side`, which would import pydantic."""
