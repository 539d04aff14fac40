"""The command `letdown`: registers every command. The commands are in the `*_commands` modules beside this one."""

from __future__ import annotations

from typing import Annotated

import typer

from controller.cli.capture_commands import capture_app
from controller.cli.comfort_commands import comfort_app
from controller.cli.device_commands import devices_app, doctor, scan
from controller.cli.examples import examples
from controller.cli.fleet_commands import fleet_app
from controller.cli.history_commands import history_app
from controller.cli.listing_commands import profiles_app, routines, schema_app
from controller.cli.run_commands import demo, run, virtual, watch
from controller.cli.setup_commands import setup
from controller.cli.stash_commands import stash_app
from controller.cli.web_commands import web_app

app = typer.Typer(
    name="letdown",
    help="Warmth, massage, then the pump: a local controller for smart breast pumps.",
    epilog=examples("letdown"),
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (demo, setup, run, watch, scan, doctor, routines, virtual):
    app.command(epilog=examples(command.__name__))(command)
_GROUPS = {
    "fleet": fleet_app,
    "history": history_app,
    "comfort": comfort_app,
    "stash": stash_app,
    "devices": devices_app,
    "capture": capture_app,
    "profiles": profiles_app,
    "schema": schema_app,
    "web": web_app,
}
for name, group in _GROUPS.items():
    app.add_typer(group, name=name)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"letdown {version('letdown')}")  # noqa: T201 - what was asked for
        raise typer.Exit


@app.callback()
def _letdown(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take the options that come before a command."""
