"""The commands about a fleet of controllers: `fleet status`, `page`, `drain`, `undrain`, `assign`, `fleet config`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.cli.examples import examples
from controller.cli.options import Broker, ConfigFile, Json, RoleName, Verbose
from controller.cli.process import command

fleet_app = typer.Typer(
    no_args_is_help=True,
    help="Look after many controllers that share their stations; a home does not need it.",
    epilog=examples("fleet"),
)
config_app = typer.Typer(
    no_args_is_help=True, help="The shared document of all stations.", epilog=examples("fleet config")
)
fleet_app.add_typer(config_app, name="config")

Node = Annotated[str, typer.Argument(metavar="NODE", help="The controller, as in its mqtt.node.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A file with the section stations, without secrets.")]


@fleet_app.command(epilog=examples("fleet status"))
@command()
async def status(*, config: ConfigFile = None, as_json: Json = False) -> int:
    """Show every station and node: who owns what, who could, and what needs attention. Exit code 1: something does."""
    from controller.cli.fleet_work import show_status

    return await show_status(config, as_json=as_json)


@fleet_app.command(epilog=examples("fleet page"))
@command(log="INFO", service=True)
async def page(
    *,
    config: ConfigFile = None,
    broker: Broker = None,
    role: Annotated[RoleName, typer.Option(help="The most that anybody may do on it.")] = "administer",
    verbose: Verbose = False,  # noqa: ARG001 - read by `command`
) -> None:
    """Serve one page with all stations of the fleet, until it is stopped. It needs the broker, and no Bluetooth."""
    from controller.cli.fleet_page import serve_fleet_page

    await serve_fleet_page(config, broker or [], role)


@fleet_app.command(epilog=examples("fleet drain"))
@command()
async def drain(
    node: Node,
    *,
    config: ConfigFile = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Return when it serves nothing. Ctrl+C ends the waiting, not the draining.")
    ] = False,
) -> None:
    """Let a node take no more stations, and release each when its session has ended: before an update, for example."""
    from controller.cli.fleet_drain import set_draining, wait_until_drained

    await set_draining(config, node, draining=True)
    if wait:
        await wait_until_drained(config, node)


@fleet_app.command(epilog=examples("fleet undrain"))
@command()
async def undrain(node: Node, *, config: ConfigFile = None) -> None:
    """Let a node take stations again."""
    from controller.cli.fleet_drain import set_draining

    await set_draining(config, node, draining=False)


@fleet_app.command(epilog=examples("fleet assign"))
@command()
async def assign(
    station: Annotated[str, typer.Argument(metavar="STATION", help="The station.")],
    node: Annotated[
        str | None, typer.Argument(metavar="NODE", help="The controller; without one, the one with the best reception.")
    ] = None,
    *,
    config: ConfigFile = None,
) -> None:
    """Prefer a node for a station, as long as it is in range. A session that runs is not disturbed."""
    from controller.cli.fleet_work import set_assigned

    await set_assigned(config, station, node)


@config_app.command("show", epilog=examples("fleet config show"))
@command()
async def show(*, config: ConfigFile = None, as_json: Json = False) -> None:
    """Print the shared document, and which versions of it are kept."""
    from controller.cli.fleet_config_work import show_document

    await show_document(config, as_json=as_json)


@config_app.command("diff", epilog=examples("fleet config diff"))
@command()
async def diff(file: File, *, config: ConfigFile = None) -> int:
    """Check a file, and show what it would change. Exit code 1: something."""
    from controller.cli.fleet_config_work import show_difference

    return await show_difference(config, file)


@config_app.command("apply", epilog=examples("fleet config apply"))
@command()
async def apply(
    file: File,
    *,
    config: ConfigFile = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> int:
    """Check a file, show what it changes, ask, and let every node use it. No running session is disturbed."""
    from controller.cli.fleet_config_work import apply_file

    return await apply_file(config, file, yes=yes)


@config_app.command("rollback", epilog=examples("fleet config rollback"))
@command()
async def rollback(
    revision: Annotated[
        int | None, typer.Argument(metavar="REVISION", help="Which version; by default the one before.")
    ] = None,
    *,
    config: ConfigFile = None,
) -> None:
    """Let every node use an earlier version of the shared document."""
    from controller.cli.fleet_config_work import roll_back

    await roll_back(config, revision)
