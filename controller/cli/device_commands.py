"""The commands about devices and this machine: `scan`, `devices`, `devices test`, `doctor`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import Annotated

import typer

from controller.cli.examples import examples
from controller.cli.options import Broker, ConfigFile, Json, Virtual
from controller.cli.process import command

devices_app = typer.Typer(
    invoke_without_command=True, help="List the devices of your settings, or test one.", epilog=examples("devices")
)


@command()
async def scan(
    *,
    config: ConfigFile = None,
    virtual: Virtual = False,
    seconds: Annotated[float, typer.Option(min=0.1, max=120, help="How long to scan, in seconds.")] = 8.0,
    addresses: Annotated[bool, typer.Option("--addresses", help="Show whole addresses.")] = False,
    why: Annotated[bool, typer.Option("--why", help="Show for every profile why it does not fit.")] = False,
    as_json: Json = False,
) -> None:
    """Scan for Bluetooth devices, and show which profile fits each."""
    from controller.cli.command_settings import command_radio, read_settings
    from controller.cli.listings import advertisement_rows
    from controller.cli.printing import advertisement_card, print_rows
    from controller.cli.scan_progress import scan_for
    from devices.profiles.catalog import Catalog
    from devices.support.clock import RealClock

    settings, clock = read_settings(config), RealClock()
    catalog = Catalog.load(*settings.profiles)
    async with command_radio(settings, clock, virtual=virtual) as radio:
        await scan_for(radio, clock, min(seconds, 1.0) if virtual else seconds, quiet=as_json)
        rows = advertisement_rows(radio, settings, catalog, whole_addresses=addresses)
    nothing = "No device found. Is it switched on, and not connected to its own app?"
    print_rows(rows, as_json, nothing, lambda row: advertisement_card(row, why=why))


@command(log="CRITICAL")
async def doctor(
    *,
    config: ConfigFile = None,
    broker: Broker = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=120, help="How long to scan, in seconds.")] = 8.0,
    as_json: Json = False,
) -> int:
    """Check Bluetooth, devices, broker, web page and this machine, and say what to do. Exits with 1 on a problem."""
    from controller.cli.command_settings import load_command_settings, settings_file
    from controller.cli.printing import finding_card, print_rows, progress
    from controller.doctor.examination import examine

    file = settings_file(config)
    settings = load_command_settings(file, broker)
    with progress(f"checking, and scanning for {seconds:g} s", quiet=as_json):
        findings = await examine(settings, seconds, file)
    print_rows([each.model_dump() for each in findings], as_json, "There is nothing to check.", finding_card)
    return int(any(each.state == "problem" for each in findings))


@devices_app.callback()
@command()
async def devices(
    context: typer.Context,  # noqa: ARG001 - read by `command`
    *,
    config: ConfigFile = None,
    virtual: Virtual = False,
    as_json: Json = False,
) -> None:
    """List the devices of your settings, what each can do, and what it cannot."""
    from controller.cli.command_settings import read_settings
    from controller.cli.listings import device_rows
    from controller.cli.printing import device_card, print_rows
    from controller.contract.words import load_words
    from devices.profiles.catalog import Catalog

    settings = read_settings(config, virtual=virtual)
    rows = device_rows(settings, Catalog.load(*settings.profiles))
    words = load_words(settings.language)
    nothing = "Your settings name no devices. `letdown scan` shows those nearby."
    print_rows(rows, as_json, nothing, lambda row: device_card(row, words))


@devices_app.command("test", epilog=examples("devices test"))
@command()
async def devices_test(
    name: Annotated[str, typer.Argument(help="The device's name in your settings.")],
    *,
    config: ConfigFile = None,
    virtual: Virtual = False,
    yes: Annotated[bool, typer.Option("--yes", help="Run it without asking. Keep it off your body!")] = False,
    repeated_stop: Annotated[
        bool, typer.Option("--repeated-stop", help="Also stop it twice more: it must stay off, and answer.")
    ] = False,
    link_loss: Annotated[
        bool, typer.Option("--link-loss", help="Also drop its link while it runs, and look whether it goes on.")
    ] = False,
    own_timer: Annotated[
        int | None,
        typer.Option(
            "--own-timer", min=1, max=60, metavar="MINUTES", help="Also let it run until it stops by itself, so long."
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Connect one device, read it, run it briefly at its lowest setting, and stop it. Keep it off your body.

    With --json the steps are printed at the end, and everything else goes to the error output.
    """
    from controller.assembly.device_opening import check_device_named, device_named
    from controller.assembly.extras import SetupError
    from controller.cli.command_settings import command_radio, read_settings
    from controller.cli.device_test import confirmed, run_device_test
    from controller.cli.printing import print_line
    from controller.cli.standard_streams import print_json
    from controller.contract.device_test_view import DeviceTestStages, DeviceTestStep
    from controller.doctor.file_checks import store
    from devices.bluetooth.radio import Radio
    from devices.support.clock import RealClock

    async def allow(question: str) -> bool:
        return yes or await confirmed(question, sys.stderr if as_json else sys.stdout)

    def show(line: str) -> None:
        if as_json:
            sys.stderr.write(f"{line}\n")
        else:
            print_line(line)

    stages = DeviceTestStages(repeated_stop=repeated_stop, link_loss=link_loss, own_timer_minutes=own_timer)
    steps: list[DeviceTestStep] = []

    settings, clock = read_settings(config, virtual=virtual), RealClock()
    needs_radio = check_device_named(name, settings).reached_by is None  # before any Bluetooth is needed
    if not virtual and (await store(settings.store.file))[1]:
        raise SetupError(f"a service is running and may use {name}: stop it first (sudo systemctl stop letdown)")
    opening = command_radio(settings, clock, virtual=virtual) if needs_radio else nullcontext(Radio(clock))
    async with opening as radio:
        device = device_named(name, settings, clock, radio)
        passed = await run_device_test(device, clock, show, allow, stages=stages, on_step=steps.append)
    if as_json:
        print_json({"device": name, "passed": passed, "steps": [step.model_dump(mode="json") for step in steps]})
    return 0 if passed else 1
