"""The commands that run a session, the service, or virtual devices: `demo`, `run`, `watch`, `virtual`."""

from __future__ import annotations

from typing import Annotated

import typer

from controller.cli.completion import complete_language, complete_profile, complete_routine
from controller.cli.options import Broker, ConfigFile, Json, Seed, SideName, Speed, Verbose, Virtual
from controller.cli.process import command


@command(log="ERROR")
async def demo(
    *,
    speed: Speed = 60.0,
    seed: Seed = 2,
    routine: Annotated[str, typer.Option(help="See `letdown routines`.", autocompletion=complete_routine)] = "classic",
    side: Annotated[SideName, typer.Option(help="left, right or both.")] = "both",
    language: Annotated[
        str, typer.Option(help="Language of the guide: en or de.", autocompletion=complete_language)
    ] = "en",
    broker: Broker = None,
    as_json: Json = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep running after the session, until Ctrl+C.")] = False,
    ask: Annotated[bool, typer.Option("--ask", help="Answer the questions yourself.")] = False,
    verbose: Verbose = False,  # noqa: ARG001 - read by `command`
) -> int:
    """Run one whole session on virtual devices, and watch it.

    In a terminal, p is pain, the space bar stops, and ? shows the other keys.
    """
    from controller.app import with_broker
    from controller.cli.demo import DemoOptions, run_demo
    from controller.mqtt.mqtt_settings import MqttSettings
    from controller.settings import Settings
    from devices.roles import Side

    settings = Settings(language=language, mqtt=with_broker(MqttSettings(embedded_port=0), broker or []))
    options = DemoOptions(routine, Side(side), speed, seed, as_json=as_json, keep=keep, ask=ask)
    return await run_demo(settings, options)


@command(log="INFO", service=True)
async def run(
    *,
    config: ConfigFile = None,
    virtual: Virtual = False,
    broker: Broker = None,
    speed: Speed = 1.0,
    seed: Seed = 2,
    ask: Annotated[bool, typer.Option("--ask", help="With --virtual: answer the questions yourself.")] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Start even if another controller uses the same stations or devices.")
    ] = False,
    reload_on_hangup: Annotated[
        bool,
        typer.Option(
            "--reload-on-hangup", help="Read the settings again on SIGHUP instead of ending, as under systemd."
        ),
    ] = False,
    verbose: Verbose = False,  # noqa: ARG001 - read by `command`
) -> int:
    """Run the service until it is stopped."""
    from controller.cli.command_settings import load_command_settings, require_settings, settings_file
    from controller.cli.serve import ServeOptions, serve

    file = settings_file(config)
    if not virtual:
        require_settings(file)
    options = ServeOptions(
        virtual=virtual,
        ask=ask,
        speed=speed,
        seed=seed,
        take_over=take_over,
        reload_on_hangup=reload_on_hangup,
        file=file,
    )
    return await serve(lambda: load_command_settings(file, broker, virtual=virtual), options)


@command(log="ERROR")
async def watch(
    *,
    broker: Broker = None,
    station: Annotated[str | None, typer.Option(help="Which station, where there are several.")] = None,
    language: Annotated[str | None, typer.Option(help="en or de; by default that of the service.")] = None,
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON for each message.")] = False,
    verbose: Verbose = False,  # noqa: ARG001 - read by `command`
) -> int:
    """Watch and control a running service over MQTT.

    In a terminal, p is pain, the space bar stops, q leaves without stopping, and ? shows the other keys.
    """
    from controller.assembly.settings_file import find_settings
    from controller.cli.watch import WatchOptions, read_watch_settings, watch_station

    settings = read_watch_settings(config or find_settings().file, broker or [])
    return await watch_station(settings, WatchOptions(station, language, as_json))


@command(log="INFO", service=True)
async def virtual(
    *,
    transport: Annotated[
        str,
        typer.Option(help="tcp-server:HOST:PORT serves all devices to `letdown run`; usb:0 puts one on air."),
    ] = "tcp-server:127.0.0.1:6402",
    device: Annotated[
        str | None, typer.Option(help="Which device, on a controller that carries only one; by default the first.")
    ] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option(
            help="A device of this profile instead of the demo's; may be given several times.",
            autocompletion=complete_profile,
        ),
    ] = None,
    config: ConfigFile = None,
    speed: Speed = 1.0,
    seed: Seed = 2,
    verbose: Verbose = False,  # noqa: ARG001 - read by `command`
) -> None:
    """Serve virtual devices to another process, or put one on air."""
    import asyncio

    import yaml

    from controller.assembly.extras import require_demo
    from controller.cli.command_settings import read_settings
    from devices.profiles.catalog import Catalog
    from devices.support.clock import ScaledClock

    require_demo()
    from devices.virtual.profile_devices import devices_of, serve_home
    from devices.virtual.virtual_home import DEVICES, Home

    catalog = Catalog.load(*read_settings(config).profiles)
    home = Home(ScaledClock(speed), catalog, devices_of(catalog, profile) if profile else DEVICES, seed)
    async with serve_home(home, transport, device) as settings:
        if profile:
            print("# Settings for `letdown run --config FILE`:")  # noqa: T201 - a file to copy
            print(yaml.safe_dump(settings, sort_keys=False), end="", flush=True)  # noqa: T201 - as above
        await asyncio.Event().wait()
