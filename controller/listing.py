"""What the listing commands show, as rows of plain data."""

from __future__ import annotations

from typing import Any

from controller.guide import load_words
from controller.routine import MassageStep, Routine, load_routines
from controller.settings import Settings
from devices.catalog import Catalog, fit
from devices.profiles.roles import capabilities_of
from devices.radio import Radio, Sighting, masked


def sighting_rows(radio: Radio, catalog: Catalog, *, whole_addresses: bool) -> list[dict[str, Any]]:
    """Return what was heard, the strongest first, which profile fits, and the lines to paste into the settings."""
    sightings = sorted(radio.sightings.values(), key=lambda each: -each.rssi_dbm)
    return [_sighting_row(each, catalog, whole_addresses=whole_addresses) for each in sightings]


def _sighting_row(sighting: Sighting, catalog: Catalog, *, whole_addresses: bool) -> dict[str, Any]:
    fits = catalog.fitting(sighting)
    lines = []
    if fits:
        best = fits[0].profile
        known_by = (
            f'address: "{sighting.address}"'
            if whole_addresses or best.match.ambiguous or not sighting.name
            else f"advertised_name: {sighting.name}"
        )
        if whole_addresses or not known_by.startswith("address"):
            lines = [f"- name: my-{best.roles[0]}", f"  profile: {best.id}", f"  {known_by}"]
    why = [f"{each.profile.id}: {each.why}" for each in fits] or [
        f"{profile.id}: {fit(profile, sighting).why}" for profile in catalog
    ]
    return {
        "name": sighting.name,
        "address": sighting.address if whole_addresses else masked(sighting.address),
        "rssi_dbm": sighting.rssi_dbm,
        "services": sorted(sighting.services),
        "profile": fits[0].profile.id if fits else None,
        "why": why,
        "settings": lines,
    }


def device_rows(settings: Settings, catalog: Catalog) -> list[dict[str, Any]]:
    """Return the configured devices, and what their profiles can do."""
    rows = []
    for station_name, station in settings.stations.items():
        for device in station.devices:
            profile = catalog.get(device.profile)
            rows.append(
                {
                    "station": station_name,
                    "name": device.name,
                    "side": device.side.value,
                    "profile": device.profile,
                    "known_by": device.advertised_name if device.address is None else masked(device.address),
                    "confidence": profile.confidence if profile else "there is no such profile",
                    "roles": list(profile.roles) if profile else [],
                    "can": sorted(each.value for role in profile.roles for each in capabilities_of(profile, role))
                    if profile
                    else [],
                    "on_link_loss": profile.on_link_loss if profile else "unknown",
                }
            )
    return rows


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
