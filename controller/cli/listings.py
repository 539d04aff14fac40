"""The rows of the listing commands, as plain data."""

from __future__ import annotations

from typing import Any

from controller.cli.advertised_data import manufacturer_rows, service_data_rows
from controller.contract.cautions import cautions_by
from controller.contract.words import load_words
from controller.session.routine import MassageStep, Routine, load_routines
from controller.settings import DeviceSettings, Settings
from controller.setup.device_entry import asks_consent, entry_of, lines_to_paste
from controller.setup.nearby import NearbyDevice, devices_nearby, free_name, likely_side
from devices.bluetooth.advertisement import masked
from devices.bluetooth.radio import Radio
from devices.driver.device_model import DeviceModel
from devices.driver.registry import driver_of
from devices.driver.role_base import capabilities_of
from devices.profiles.catalog import Catalog, fit
from devices.roles import Capability, Side


def advertisement_rows(
    radio: Radio, settings: Settings, catalog: Catalog, *, whole_addresses: bool
) -> list[dict[str, Any]]:
    """Return each advertisement, the strongest first: which profile fits, and the lines to paste into the settings."""
    configured = [device for station in settings.stations.values() for device in station.devices]
    names = {each.name for each in configured}
    sides: dict[str, set[Side]] = {}
    rows = []
    for device in devices_nearby(radio.advertisements.values(), catalog, configured):
        lines: list[str] = []
        if device.profiles and device.configured_as is None:
            lines = _lines_to_paste(device, names, sides, whole_addresses=whole_addresses)
        rows.append(_advertisement_row(device, catalog, lines, whole_addresses=whole_addresses))
    return rows


def _lines_to_paste(
    device: NearbyDevice, names: set[str], sides: dict[str, set[Side]], *, whole_addresses: bool
) -> list[str]:
    """Return the lines for a device, and note the name and side that they take."""
    profile = device.profiles[0]
    role = profile.roles[0]
    side = likely_side(profile, device.advertisement.name, sides.setdefault(role, set()))
    sides[role].add(side)
    name = free_name(role if side is Side.BOTH else f"{side.value}-{role}", names)
    names.add(name)
    entry = entry_of(device, profile, name, side, by_address=whole_addresses)
    # An address is shown only on request, or where it is the only way to tell two devices of one name apart.
    if entry.address is not None and not (whole_addresses or (device.shares_name and device.advertisement.name)):
        return []
    return lines_to_paste(entry, unverified=asks_consent(profile))


def _advertisement_row(
    device: NearbyDevice, catalog: Catalog, lines: list[str], *, whole_addresses: bool
) -> dict[str, Any]:
    advertisement = device.advertisement
    fits = catalog.fitting(advertisement)
    why = [f"{each.profile.id}: {each.why}" for each in fits] or [
        f"{profile.id}: {fit(profile, advertisement).why}" for profile in catalog if profile.bluetooth
    ]
    return {
        "name": advertisement.name,
        "address": advertisement.address if whole_addresses else masked(advertisement.address),
        "rssi_dbm": advertisement.rssi_dbm,
        "services": sorted(advertisement.services),
        "manufacturer_data": manufacturer_rows(advertisement, whole_addresses=whole_addresses),
        "service_data": service_data_rows(advertisement, whole_addresses=whole_addresses),
        "profile": fits[0].profile.id if fits else None,
        "encrypted": bool(device.encrypted) and not device.profiles,
        "configured_as": device.configured_as,
        "why": why,
        "settings": lines,
    }


def device_rows(settings: Settings, catalog: Catalog) -> list[dict[str, Any]]:
    """Return the configured devices, what each can do, and what it cannot."""
    return [
        _device_row(station_name, device, catalog.get(device.profile))
        for station_name, station in settings.stations.items()
        for device in station.devices
    ]


def _device_row(station: str, device: DeviceSettings, profile: DeviceModel | None) -> dict[str, Any]:
    row = {
        "station": station,
        "name": device.name,
        "side": device.side.value,
        "profile": device.profile,
        "known_by": _known_by(device),
        "confidence": "there is no such profile" if profile is None else profile.confidence,
    }
    if profile is None:
        return row | {"roles": [], "capabilities": [], "cautions": [], "on_link_loss": "unknown", "needs": []}
    may_control = profile.confidence == "verified" or device.allow_unverified
    consent = "allow_unverified: true, before it can be started from here"
    needs = [] if may_control or not asks_consent(profile) else [consent]
    return row | _abilities(profile, may_control=may_control) | {"needs": needs}


def _known_by(device: DeviceSettings) -> str | None:
    if device.reached_by is not None:
        return f"topic {getattr(device.reached_by, 'topic', '')}"
    return device.advertised_name if device.address is None else masked(device.address)


def _abilities(profile: DeviceModel, *, may_control: bool = True) -> dict[str, Any]:
    capabilities: set[Capability] = set()
    cautions: list[str] = []
    for role in profile.roles:
        abilities = capabilities_of(profile, role, may_control=may_control)
        capabilities |= abilities
        found = cautions_by(role, abilities, profile.on_link_loss)
        cautions += [each.value for each in found if each.value not in cautions]
    return {
        "roles": list(profile.roles),
        "capabilities": sorted(each.value for each in capabilities),
        "cautions": cautions,
        "on_link_loss": profile.on_link_loss,
    }


def profile_rows(catalog: Catalog) -> list[dict[str, Any]]:
    """Return every profile, what its devices can do, and where its facts come from."""
    return [
        {
            "id": profile.id,
            "name": profile.name,
            "confidence": profile.confidence,
            **_abilities(profile),
            "limits": profile.limits.model_dump(exclude_none=True),
            "own_timer_seconds": profile.own_timer_seconds,
            "needs": _needs(profile),
            "provenance": profile.provenance,
            "notes": list(profile.notes),
        }
        for profile in sorted(catalog, key=lambda each: (each.roles, each.id))
    ]


def _needs(profile: DeviceModel) -> list[str]:
    """Return which settings such a device needs before it can be used."""
    needs = ["allow_unverified"] if asks_consent(profile) else []
    needs += ["address"] if profile.match.ambiguous else []
    needs += [] if profile.bluetooth else [f"{driver_of(profile).name}: {{topic}}"]
    return needs + (["uuids"] if profile.template else [])


def routine_rows(settings: Settings, language: str) -> list[dict[str, Any]]:
    """Return the routines in a language."""
    words = load_words(language)
    return [
        {
            "id": routine.id,
            "name": routine.name.get(language, routine.id),
            "summary": routine.summary.get(language, ""),
            "steps": [words.steps[step.kind].title for step in routine.steps],
            "minutes_at_most": round(_seconds(routine) / 60),
            "opt_in": routine.opt_in,
        }
        for routine in load_routines(*settings.routines).values()
    ]


def _seconds(routine: Routine) -> float:
    return sum((step.planned_seconds or 0) * (2 if isinstance(step, MassageStep) else 1) for step in routine.steps)
