"""The commands about the web page: `web link`."""

from __future__ import annotations

from typing import Annotated

import typer

from controller.cli.examples import examples
from controller.cli.options import ConfigFile, Json, RoleName
from controller.cli.process import command

web_app = typer.Typer(
    no_args_is_help=True, help="Use the web page from a phone or another computer.", epilog=examples("web")
)


@web_app.callback()
def _web() -> None:
    """Have a group of one command."""


@web_app.command("link", epilog=examples("web link"))
@command()
async def link(
    *,
    config: ConfigFile = None,
    url: Annotated[
        str | None, typer.Option(help="The address of the page, where a proxy gives it another one.")
    ] = None,
    role: Annotated[RoleName | None, typer.Option(help="Of the page of a fleet: what the device may do there.")] = None,
    as_json: Json = False,
) -> int:
    """Print a link, and a QR code, that signs a phone in to the web page; it works once, for ten minutes."""
    from controller.cli.command_settings import read_settings
    from controller.cli.web_link import print_link

    return print_link(read_settings(config), url, role, as_json=as_json)
