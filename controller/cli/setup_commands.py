"""The command `letdown setup`: from the box to settings with which a session runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.cli.options import ConfigFile
from controller.cli.process import command


@command()
async def setup(
    *,
    config: ConfigFile = None,
    virtual: Annotated[bool, typer.Option("--virtual", help="Try it with the demo's virtual devices.")] = False,
    language: Annotated[
        str | None, typer.Option(help="en or de; else that of your settings, or you are asked.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=120, help="How long to search, in seconds.")] = 8.0,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: save what the options below say.")] = False,
    device: Annotated[
        list[str] | None,
        typer.Option(help="With --yes: NAME=ADDRESS or NAME=ADVERTISED_NAME; may be given several times."),
    ] = None,
    profile: Annotated[
        list[str] | None, typer.Option(help="With --yes: the profile of each --device; else it is found by searching.")
    ] = None,
    side: Annotated[list[str] | None, typer.Option(help="With --yes: left, right or both, for each --device.")] = None,
    allow_unverified: Annotated[
        bool, typer.Option("--allow-unverified", help="With --yes: start devices that nobody has tried on hardware.")
    ] = False,
    broker: Annotated[str | None, typer.Option(help="With --yes: mqtt://USER:PASSWORD@HOST:PORT.")] = None,
    comfort: Annotated[float | None, typer.Option(help="With --yes: your comfortable vacuum, in mmHg.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --yes: print what was saved as JSON.")] = False,
) -> int:
    """Find your devices, ask what is needed, and write the settings file. Nothing is written before your last yes."""
    from controller.cli.run_setup import run_dialogue
    from controller.cli.scripted_setup import ScriptedSetup, run_script
    from controller.contract.words import load_words

    if language is not None:
        load_words(language)
    file = _target(config, virtual=virtual)
    if not yes:
        if device or profile or side or allow_unverified or broker or comfort is not None or as_json:
            options = "--device, --profile, --side, --allow-unverified, --broker, --comfort and --json"
            raise ValueError(f"{options} go with --yes; without it, you are asked")
        return await run_dialogue(file, language, seconds, named=config is not None, virtual=virtual)
    script = ScriptedSetup(
        tuple(device or ()), tuple(profile or ()), tuple(side or ()), broker, comfort, allow_unverified=allow_unverified
    )
    return await run_script(file, language, seconds, script, virtual=virtual, as_json=as_json)


def _target(config: Path | None, *, virtual: bool) -> Path:
    """Return the file to write: the one that is used anyway, else the user's; for virtual ones, in this folder."""
    from controller.assembly.settings_file import FILE_NAME, find_settings, user_file

    if config is not None:
        return Path.cwd() / config
    if virtual:  # they do not belong into the settings of real devices
        return Path.cwd() / FILE_NAME
    try:
        return find_settings().file or user_file()
    except RuntimeError:
        raise ValueError("there is no home folder for the settings; say with --config where to write them") from None
