"""The command `letdown`. Thin: each command gathers options, and others do the work."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from controller.app import SetupError, device_named, open_radio, require_demo, with_broker
from controller.cards import device_card, finding_card, routine_card, sighting_card
from controller.demo import DemoOptions, run_demo
from controller.doctor.examination import LISTEN_SECONDS, examine
from controller.doctor.store import store
from controller.guide import load_words
from controller.listing import device_rows, profile_rows, profiles_markdown, routine_rows, session_rows, sighting_rows
from controller.mqtt.asyncapi import asyncapi
from controller.mqtt.page import mqtt_markdown
from controller.mqtt.settings import MqttSettings
from controller.printing import print_cards, print_rows, progress
from controller.process import finish, log
from controller.profile_check import print_proof, proof_rows
from controller.serve import ServeOptions, serve
from controller.settings import Settings, load_settings
from controller.store.sessions import sessions
from controller.trial import confirmed, try_device
from devices.catalog import Catalog
from devices.clock import Clock, RealClock, ScaledClock
from devices.profiles.proof import prove
from devices.profiles.schema import Profile
from devices.radio import Radio
from devices.roles import Side
from devices.yaml_file import lines_in, load_yaml

app = typer.Typer(
    name="letdown",
    help="Warmth, massage, then the pump: a local controller for smart breast pumps.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", "-c", help="Your settings; see config/letdown.yaml.")]
Virtual = Annotated[bool, typer.Option("--virtual", help="Use the virtual devices of the demo.")]
Broker = Annotated[list[str] | None, typer.Option("--broker", help="mqtt://HOST:PORT; may be given several times.")]
Speed = Annotated[float, typer.Option("--speed", min=0.1, max=1000, help="Simulated seconds in a real one.")]
Seed = Annotated[int, typer.Option("--seed", help="Another seed, another mother.")]
TakeOver = Annotated[
    bool, typer.Option("--take-over", help="Run although another controller uses the same stations or devices.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")]


@app.command()
def demo(
    *,
    speed: Speed = 60.0,
    seed: Seed = 2,
    routine: Annotated[str, typer.Option(help="See `letdown routines`.")] = "classic",
    side: Annotated[Side, typer.Option(help="left, right or both.")] = Side.BOTH,
    language: Annotated[str, typer.Option(help="Words of the guide: en or de.")] = "en",
    broker: Broker = None,
    as_json: Json = False,
    keep: Annotated[bool, typer.Option("--keep", help="Go on after the session, until Ctrl+C.")] = False,
    verbose: Verbose = False,
) -> None:
    """Run one whole session on virtual devices, and watch it."""
    log(logging.DEBUG if verbose else logging.ERROR)

    def options() -> DemoOptions:
        mqtt = with_broker(MqttSettings(embedded_port=0), broker or [])
        return DemoOptions(
            routine=routine,
            side=side,
            speed=speed,
            seed=seed,
            language=language,
            as_json=as_json,
            keep=keep,
            mqtt=mqtt,
        )

    finish(lambda: run_demo(options()), cut_off=130)


@app.command()
def run(
    *,
    config: ConfigFile = None,
    virtual: Virtual = False,
    broker: Broker = None,
    speed: Speed = 1.0,
    seed: Seed = 2,
    ask: Annotated[bool, typer.Option("--ask", help="With --virtual: answer the questions yourself.")] = False,
    take_over: TakeOver = False,
    verbose: Verbose = False,
) -> None:
    """Run the service until it is told to end."""
    log(logging.DEBUG if verbose else logging.INFO)

    options = ServeOptions(virtual=virtual, ask=ask, speed=speed, seed=seed, take_over=take_over)
    finish(lambda: serve(lambda: _settings(config, broker), options))


@app.command()
def scan(
    *,
    config: ConfigFile = None,
    virtual: Virtual = False,
    seconds: Annotated[float, typer.Option(min=0.1, max=120, help="How long to listen.")] = 8.0,
    addresses: Annotated[bool, typer.Option("--addresses", help="Show whole addresses.")] = False,
    why: Annotated[bool, typer.Option("--why", help="Say of every profile why it does not fit.")] = False,
    as_json: Json = False,
) -> None:
    """Listen for Bluetooth devices, and say which profile fits each."""
    log(logging.ERROR)

    async def listen() -> int:
        settings = _settings(config, None)
        catalog = Catalog.load(*settings.profiles)
        async with contextlib.AsyncExitStack() as stack:
            clock: Clock = RealClock()
            if virtual:
                radio = await stack.enter_async_context(_virtual_radio(clock, settings))
            else:
                radio = await stack.enter_async_context(open_radio(settings, clock))
            with progress(f"listening for {seconds:g} s", quiet=as_json):
                await clock.sleep(min(seconds, 1.0) if virtual else seconds)
            rows = sighting_rows(radio, catalog, whole_addresses=addresses)
        nothing = "Nothing was heard. Is a device on, and not connected to its own app?"
        print_cards(rows, as_json, nothing, lambda row: sighting_card(row, why=why))
        return 0

    finish(listen)


@app.command()
def doctor(
    *,
    config: ConfigFile = None,
    broker: Broker = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=120, help="How long to listen.")] = LISTEN_SECONDS,
    as_json: Json = False,
) -> None:
    """Say what is wrong on this machine, and what to do about it. Exits with 1 if something needs doing."""
    log(logging.CRITICAL)

    async def look() -> int:
        settings = _settings(config, broker)
        with progress(f"looking around, and listening for {seconds:g} s", quiet=as_json):
            findings = await examine(settings, seconds, config)
        print_cards([each.model_dump() for each in findings], as_json, "There is nothing to look at.", finding_card)
        return int(any(each.state == "trouble" for each in findings))

    finish(look)


devices_app = typer.Typer(invoke_without_command=True, help="List the devices of your settings, or try one.")
app.add_typer(devices_app, name="devices")


@devices_app.callback()
def devices(
    context: typer.Context, *, config: ConfigFile = None, virtual: Virtual = False, as_json: Json = False
) -> None:
    """List the devices of your settings, what each can do, and what it cannot."""
    if context.invoked_subcommand is not None:
        return

    async def show() -> int:
        settings = _virtual_settings(config) if virtual else _settings(config, None)
        rows = device_rows(settings, Catalog.load(*settings.profiles))
        words = load_words(settings.language)
        nothing = "Your settings name no devices. `letdown scan` shows what is near."
        print_cards(rows, as_json, nothing, lambda row: device_card(row, words))
        return 0

    finish(show)


@devices_app.command("test")
def devices_test(
    name: Annotated[str, typer.Argument(help="The device's name in your settings.")],
    *,
    config: ConfigFile = None,
    virtual: Virtual = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before running it. Nobody may be attached!")] = False,
) -> None:
    """Connect one device, read it, run it shortly at its lowest, and stop it. With nobody attached."""
    log(logging.ERROR)
    console = Console()

    async def work() -> int:
        settings = _virtual_settings(config) if virtual else _settings(config, None)
        if not virtual and (await store(settings.store.file))[1]:
            raise SetupError(f"a service runs, and {name} may be in use: stop it first (sudo systemctl stop letdown)")
        clock: Clock = RealClock()
        async with contextlib.AsyncExitStack() as stack:
            radio = await stack.enter_async_context(
                _virtual_radio(clock, settings) if virtual else open_radio(settings, clock)
            )
            device = device_named(name, settings, clock, radio)

            def say(words: str) -> None:
                console.print(words, highlight=False, soft_wrap=True)

            async def allow(words: str) -> bool:
                return yes or await confirmed(words)

            went_well = await try_device(device, clock, say, allow)
        return 0 if went_well else 1

    finish(work)


profiles_app = typer.Typer(invoke_without_command=True, help="List the device profiles, or check one.")
app.add_typer(profiles_app, name="profiles")


@profiles_app.callback()
def profiles(
    context: typer.Context,
    *,
    config: ConfigFile = None,
    as_json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", hidden=True)] = False,
) -> None:
    """List the device profiles, what their devices can do, and where their facts come from."""
    if context.invoked_subcommand is not None:
        return

    async def show() -> int:
        catalog = Catalog.load(*_settings(config, None).profiles)
        if markdown:
            print(profiles_markdown(catalog), end="")  # noqa: T201 - a file, for docs/
            return 0
        columns = None if as_json else ("id", "name", "roles", "confidence")
        rows = [{key: row[key] for key in columns or row} for row in profile_rows(catalog)]
        print_rows(rows, as_json, "There are no profiles.")
        return 0

    finish(show)


@profiles_app.command("check")
def profiles_check(file: Annotated[Path, typer.Argument(help="A profile, in YAML.")], *, as_json: Json = False) -> None:
    """Check a profile of your own, and hold its examples against every command, report and layout in it."""

    async def check() -> int:
        profile = load_yaml(file, Profile)
        findings = prove(profile)
        rows = proof_rows(findings, lines_in(file))
        if as_json:
            print_rows(rows, as_json, "")
        else:
            print_proof(file, profile.name, rows)
        return 1 if any(each.state == "fails" for each in findings) else 0

    finish(check)


@app.command()
def routines(
    *,
    config: ConfigFile = None,
    language: Annotated[str | None, typer.Option(help="en or de; by default, that of your settings.")] = None,
    as_json: Json = False,
) -> None:
    """List the routines."""

    async def show() -> int:
        settings = _settings(config, None)
        rows = routine_rows(settings, language or settings.language)
        print_cards(rows, as_json, "There are no routines.", routine_card)
        return 0

    finish(show)


@app.command()
def history(
    *,
    config: ConfigFile = None,
    station: Annotated[str | None, typer.Option(help="Only this station's.")] = None,
    last: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the latest first.")] = 20,
    as_json: Json = False,
) -> None:
    """List past sessions: when, how each ended, and how much milk there was."""
    log(logging.ERROR)

    async def show() -> int:
        rows = await sessions(_settings(config, None).store.file, station, last)
        shown = [row.model_dump(mode="json") for row in rows] if as_json else session_rows(rows)
        print_rows(shown, as_json, "There were no sessions yet.")
        return 0

    finish(show)


schema_app = typer.Typer(no_args_is_help=True, help="Print what programs need to know of Letdown.")
app.add_typer(schema_app, name="schema")


@schema_app.command("asyncapi")
def schema_asyncapi(*, markdown: Annotated[bool, typer.Option("--markdown", hidden=True)] = False) -> None:
    """Print the AsyncAPI 3 document of the MQTT topics."""
    document = asyncapi(version("letdown"))
    text = mqtt_markdown(document) if markdown else json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    print(text, end="")  # noqa: T201 - a file, for other programs or for docs/


@app.command()
def virtual(
    *,
    transport: Annotated[
        str,
        typer.Option(help="tcp-server:HOST:PORT serves all devices to `letdown run`; usb:0 puts one on air."),
    ] = "tcp-server:127.0.0.1:6402",
    device: Annotated[str, typer.Option(help="Which device, on a controller that can carry one.")] = "left-pump",
    speed: Speed = 1.0,
    seed: Seed = 2,
    verbose: Verbose = False,
) -> None:
    """Serve the virtual devices to another process, or on air."""
    log(logging.DEBUG if verbose else logging.INFO)

    async def serve() -> int:
        require_demo()
        from devices.virtual.serving import serve_home

        await serve_home(ScaledClock(speed), seed, transport, device)
        return 0

    finish(serve)


def _settings(config: Path | None, brokers: list[str] | None) -> Settings:
    settings = load_settings(config)
    return settings.model_copy(update={"mqtt": with_broker(settings.mqtt, brokers or [])})


def _virtual_settings(config: Path | None) -> Settings:
    require_demo()
    from controller.virtual import STATION, station_settings

    return _settings(config, None).model_copy(update={"stations": {STATION: station_settings()}})


@contextlib.asynccontextmanager
async def _virtual_radio(clock: Clock, settings: Settings) -> AsyncIterator[Radio]:
    require_demo()
    from devices.virtual.air import Air
    from devices.virtual.home import VirtualHome
    from devices.virtual.radio import radio_on_air

    air = Air()
    async with VirtualHome(clock, Catalog.load(*settings.profiles), 1).on_air(air), radio_on_air(clock, air) as radio:
        yield radio
