"""Checks of Bluetooth on this machine, and of each configured device, by scanning for a while."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Sequence

from controller.assembly.extras import open_radio
from controller.doctor.check_result import CheckResult, note, ok, problem, problem_of
from controller.doctor.machine_checks import output
from controller.settings import DeviceSettings, Settings
from devices.bluetooth.advertisement import Advertisement
from devices.bluetooth.backend import ConnectedDevice
from devices.driver.device_model import DeviceModel
from devices.errors import DeviceError
from devices.profiles.catalog import Catalog, fit
from devices.support.clock import RealClock

_OLDEST_BLUEZ = (5, 55)  # what bleak 3 requires
_NOT_ADVERTISING = "switch it on, bring it near, and close its own app: a connected device does not advertise"


async def bluetooth(settings: Settings, *, service_runs: bool, seconds: float) -> list[CheckResult]:
    """Check the adapters, then scan for the configured devices; without any, for whatever is near."""
    configured = [device for station in settings.stations.values() for device in station.devices]
    devices = [device for device in configured if device.reached_by is None]
    if configured and not devices:
        return [note("Bluetooth", "not checked: none of your devices needs it")]
    results: list[CheckResult] = []
    connected: Sequence[ConnectedDevice] = ()
    local = settings.radio.adapters or not settings.radio.proxies  # otherwise only proxies are used
    if settings.radio.kind == "auto" and local and sys.platform == "linux":
        results, connected = await _bluez(settings)
        if any(each.state == "problem" for each in results):
            return [*results, *(note(each.name, "not checked, without Bluetooth") for each in devices)]
    try:
        return results + await _devices(settings, devices, connected, service_runs=service_runs, seconds=seconds)
    except DeviceError as error:
        return [*results, problem_of("Bluetooth", error)]


async def _bluez(settings: Settings) -> tuple[list[CheckResult], Sequence[ConnectedDevice]]:
    """Return the results for BlueZ and its adapters, and the devices that it is connected to."""
    from devices.bluetooth import bluez

    try:
        async with bluez.connected() as connection:
            adapters = await connection.adapters()
            connected = await connection.connected_devices()
            chosen = [bluez.choose(adapters, each) for each in settings.radio.adapters or (None,)]
    except DeviceError as error:
        return [await _version(), problem_of("Bluetooth", error)], []
    results = [await _version()]
    for each in adapters:
        count = sum(device.adapter == each.name for device in connected)
        message = f"{each.name} is on" if each.powered else f"{each.name} is off"
        message += f", {count} connected" + (", scanning" if each.discovering else "")
        if each not in chosen:
            results.append(note("adapter", f"{message}, not used"))
        elif each.roles and "central" not in each.roles:
            results.append(problem("adapter", f"{each.name} does not support Bluetooth LE", "use another adapter"))
        else:
            results.append(ok("adapter", message))
    return results, connected


async def _version() -> CheckResult:
    version = re.search(r"(\d+)\.(\d+)", await output("bluetoothctl", "--version") or "")
    if version is None:
        return note("BlueZ", "version unknown")
    if tuple(map(int, version.groups())) < _OLDEST_BLUEZ:
        return problem("BlueZ", f"version {version[0]} is too old for bleak", "update this system: 5.55 is needed")
    return ok("BlueZ", f"version {version[0]}")


async def _devices(
    settings: Settings,
    devices: Sequence[DeviceSettings],
    connected: Sequence[ConnectedDevice],
    *,
    service_runs: bool,
    seconds: float,
) -> list[CheckResult]:
    clock, catalog = RealClock(), Catalog.load(*settings.profiles)
    async with open_radio(settings, clock) as radio:
        await clock.sleep(seconds)
        now_seconds = clock.now()
        results = [problem_of("adapter", each.error) for each in radio.adapters if each.error is not None]
        for device in devices:
            profile = catalog.get(device.profile)
            matching = radio.matching(device.wanted)
            if profile is None:
                results.append(problem(device.name, f"there is no profile {device.profile}", "letdown profiles"))
            elif any(device.wanted.identifies(each.address, each.name) for each in connected):
                results.append(_connected(device.name, service_runs=service_runs))
            elif len(matching) == 1:
                results.append(_advertising(device, profile, matching[0], now_seconds))
            else:
                results.append(_not_unique(device, profile, len(matching), service_runs=service_runs))
        if not devices and radio.advertisements:
            results.append(_near(radio.advertisements.values(), catalog))
        if not radio.advertisements and not connected:
            remedy = "if devices are near, switch it off and on: bluetoothctl power off; bluetoothctl power on"
            results.append(note("Bluetooth", f"no advertisements received in {seconds:g} s", remedy))
    return results


def _near(advertisements: Collection[Advertisement], catalog: Catalog) -> CheckResult:
    """Return how many devices are near, where the settings name none."""
    fitting = sum(bool(catalog.fitting(each)) for each in advertisements)
    near = f"{len(advertisements)} device{'' if len(advertisements) == 1 else 's'} near, {fitting} with a profile"
    return note("devices", f"{near}; your settings name none", "letdown scan shows what to write for each")


def _advertising(
    device: DeviceSettings, profile: DeviceModel, advertisement: Advertisement, now_seconds: float
) -> CheckResult:
    message = f"advertised {now_seconds - advertisement.seen_at_seconds:.0f} s ago at {advertisement.rssi_dbm} dBm"
    message += f" through {advertisement.adapter}" if advertisement.adapter else ""
    match = fit(profile, advertisement)
    if not match.fits:
        return problem(
            device.name, f"{message}, but it is no {profile.name}: {match.why}", "letdown scan shows matching profiles"
        )
    if profile.encrypted is not None:
        return problem(device.name, f"{message}; {match.why}", "take it out of your settings")
    if profile.confidence == "unverified" and profile.verbs and not device.allow_unverified:
        return note(device.name, f"{message}; read only", "allow_unverified: true lets it be controlled")
    return ok(device.name, message)


def _not_unique(device: DeviceSettings, profile: DeviceModel, count: int, *, service_runs: bool) -> CheckResult:
    if count:
        message = f"{count} devices near are called {device.advertised_name}"
        return problem(device.name, message, "name yours by its address: letdown scan --addresses shows them")
    if profile.roles == ("button",):
        return note(device.name, "not found; a button sends nothing until it is pressed", "press it during this check")
    if service_runs:
        return note(device.name, "not advertising: the service is connected to it, or it is off", _NOT_ADVERTISING)
    return problem(device.name, "not advertising", _NOT_ADVERTISING)


def _connected(name: str, *, service_runs: bool) -> CheckResult:
    if service_runs:
        return ok(name, "connected, by the service")
    return problem(
        name, "another program on this machine is connected to it", "close that program, or: bluetoothctl disconnect"
    )
