"""Bluetooth on this machine, and each configured device, by listening for a while."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence

from controller.app import open_radio
from controller.doctor.finding import Finding, fine, note, trouble
from controller.doctor.machine import output
from controller.settings import DeviceSettings, Settings
from devices.backend import Held
from devices.catalog import Catalog, fit
from devices.clock import RealClock
from devices.errors import NotFoundError
from devices.profiles.schema import Profile
from devices.sighting import Sighting

_OLDEST_BLUEZ = (5, 55)  # what bleak 3 asks for
_SILENT = "switch it on, bring it near, and close its own app: a device that is connected does not advertise"


async def bluetooth(settings: Settings, *, service_runs: bool, seconds: float) -> list[Finding]:
    """Look at the adapters, then listen for the configured devices."""
    devices = [device for station in settings.stations.values() for device in station.devices]
    if not devices:
        return [
            note("Bluetooth", "your settings name no devices, so it is not used", "letdown scan shows what is near")
        ]
    findings: list[Finding] = []
    held: Sequence[Held] = ()
    own = settings.radio.adapters or not settings.radio.proxies  # else only proxies are used
    if settings.radio.kind == "auto" and own and sys.platform == "linux":
        findings, held = await _bluez(settings)
        if any(each.state == "trouble" for each in findings):
            return [*findings, *(note(each.name, "not looked for, without Bluetooth") for each in devices)]
    try:
        return findings + await _devices(settings, devices, held, service_runs=service_runs, seconds=seconds)
    except NotFoundError as error:
        return [*findings, trouble("Bluetooth", str(error))]


async def _bluez(settings: Settings) -> tuple[list[Finding], Sequence[Held]]:
    """Return what is to be said of BlueZ and its adapters, and what it is connected to."""
    from devices import bluez

    try:
        async with bluez.connected() as connection:
            adapters = await connection.adapters()
            held = await connection.held()
            chosen = [bluez.choose(adapters, each) for each in settings.radio.adapters or (None,)]
    except NotFoundError as error:
        return [await _version(), trouble("Bluetooth", str(error))], []
    findings = [await _version()]
    for each in adapters:
        count = sum(one.adapter == each.name for one in held)
        says = f"{each.name} is on" if each.powered else f"{each.name} is off"
        says += f", {count} connected" + (", it scans" if each.discovering else "")
        used = each in chosen
        if used and each.roles and "central" not in each.roles:
            findings.append(trouble("adapter", f"{each.name} cannot do Bluetooth LE", "use another adapter"))
        else:
            findings.append(fine("adapter", says) if used else note("adapter", f"{says}, and not used"))
    return findings, held


async def _version() -> Finding:
    said = re.search(r"(\d+)\.(\d+)", await output("bluetoothctl", "--version") or "")
    if said is None:
        return note("BlueZ", "which version there is cannot be told")
    if tuple(map(int, said.groups())) < _OLDEST_BLUEZ:
        return trouble("BlueZ", f"version {said[0]} is too old for bleak", "update this system: 5.55 is needed")
    return fine("BlueZ", f"version {said[0]}")


async def _devices(
    settings: Settings, devices: Iterable[DeviceSettings], held: Sequence[Held], *, service_runs: bool, seconds: float
) -> list[Finding]:
    clock, catalog = RealClock(), Catalog.load(*settings.profiles)
    async with open_radio(settings, clock) as radio:
        await clock.sleep(seconds)
        now_seconds = clock.now()
        findings = [trouble("receiver", each.trouble) for each in radio.receivers if each.trouble is not None]
        for device in devices:
            profile = catalog.get(device.profile)
            seen = [each for each in radio.sightings.values() if device.wanted(each)]
            if profile is None:
                findings.append(trouble(device.name, f"there is no profile {device.profile}", "letdown profiles"))
            elif any(device.wanted.means(each.address, each.name) for each in held):
                findings.append(_held(device.name, service_runs=service_runs))
            elif len(seen) == 1:
                findings.append(_heard(device, profile, seen[0], now_seconds))
            else:
                findings.append(_not_one(device, len(seen), service_runs=service_runs))
        if not radio.sightings and not held:
            remedy = "if there are devices near, switch it off and on: bluetoothctl power off; bluetoothctl power on"
            findings.append(note("Bluetooth", f"nothing at all was heard in {seconds:g} s", remedy))
    return findings


def _heard(device: DeviceSettings, profile: Profile, sighting: Sighting, now_seconds: float) -> Finding:
    says = f"heard {now_seconds - sighting.seen_at_seconds:.0f} s ago at {sighting.rssi_dbm} dBm"
    says += f" through {sighting.receiver}" if sighting.receiver else ""
    fits = fit(profile, sighting)
    if not fits.fits:
        return trouble(device.name, f"{says}, but it is no {profile.name}: {fits.why}", "letdown scan says what fits")
    if profile.confidence == "unverified" and not device.allow_unverified:
        return note(device.name, f"{says}; it is only read", "allow_unverified: true lets it be controlled")
    return fine(device.name, says)


def _not_one(device: DeviceSettings, count: int, *, service_runs: bool) -> Finding:
    if count:
        says = f"{count} devices near are called {device.advertised_name}"
        return trouble(device.name, says, "name yours by its address: letdown scan --addresses shows them")
    if service_runs:
        return note(device.name, "not heard: the service is connected to it, or it is off", _SILENT)
    return trouble(device.name, "not heard", _SILENT)


def _held(name: str, *, service_runs: bool) -> Finding:
    if service_runs:
        return fine(name, "connected, by the service")
    return trouble(
        name, "another program on this machine is connected to it", "close that program, or: bluetoothctl disconnect"
    )
