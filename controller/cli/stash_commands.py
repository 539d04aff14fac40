"""The commands about stored milk: `stash`, and to store, put elsewhere, thaw, use and discard it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import typer

from controller.cli.examples import examples
from controller.cli.options import ConfigFile, Json
from controller.cli.process import command

stash_app = typer.Typer(
    invoke_without_command=True, help="Show stored milk, what is to be used first at the top.", epilog=examples("stash")
)

Station = Annotated[str | None, typer.Option(help="Which station, where there are several.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="What is written on the bottle or bag.")]
Amount = Annotated[float, typer.Argument(metavar="ML", min=0, max=1000, help="How much, in mL.")]
Where = Annotated[
    Literal["room", "fridge", "freezer"], typer.Argument(metavar="PLACE", help="room, fridge or freezer.")
]


@stash_app.callback()
@command()
async def stash(
    context: typer.Context,  # noqa: ARG001 - read by `command`
    *,
    config: ConfigFile = None,
    station: Station = None,
    as_json: Json = False,
) -> None:
    """Show stored milk, what is to be used first at the top."""
    from controller.cli.stash_work import show

    await show(config, station, as_json=as_json)


@stash_app.command("add", epilog=examples("stash add"))
@command()
async def stash_add(
    name: Name,
    ml: Amount,
    place: Where,
    *,
    expressed: Annotated[
        datetime | None,
        typer.Option(
            help="When it was expressed, in your time zone, such as 2026-03-01T06:30; else now.",
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
        ),
    ] = None,
    config: ConfigFile = None,
    station: Station = None,
) -> None:
    """Store milk: a bottle or bag, how much, and where."""
    from controller.cli.stash_work import move

    await move(config, station, name, "stored", ml=ml, place=place, expressed=expressed)


@stash_app.command("move", epilog=examples("stash move"))
@command()
async def stash_move(name: Name, place: Where, *, config: ConfigFile = None, station: Station = None) -> None:
    """Put milk elsewhere."""
    from controller.cli.stash_work import move

    await move(config, station, name, "moved", place=place)


@stash_app.command("thaw", epilog=examples("stash thaw"))
@command()
async def stash_thaw(name: Name, *, config: ConfigFile = None, station: Station = None) -> None:
    """Thaw milk in the fridge."""
    from controller.cli.stash_work import move

    await move(config, station, name, "thawed", place="fridge")


@stash_app.command("use", epilog=examples("stash use"))
@command()
async def stash_use(
    name: Name,
    ml: Annotated[
        float | None, typer.Argument(metavar="[ML]", min=0, max=1000, help="How much, in mL; else all.")
    ] = None,
    *,
    config: ConfigFile = None,
    station: Station = None,
) -> None:
    """Use milk to feed."""
    from controller.cli.stash_work import move

    await move(config, station, name, "used", ml=ml)


@stash_app.command("discard", epilog=examples("stash discard"))
@command()
async def stash_discard(name: Name, *, config: ConfigFile = None, station: Station = None) -> None:
    """Throw milk away."""
    from controller.cli.stash_work import move

    await move(config, station, name, "discarded")
