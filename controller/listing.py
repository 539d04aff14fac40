"""What the listing commands show, as rows of plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from controller.cautions import cautions_by
from controller.guide import load_words
from controller.routine import MassageStep, Routine, load_routines
from controller.settings import DeviceSettings, Settings
from controller.store.sessions import SessionRow
from devices.catalog import Catalog, fit
from devices.profiles.roles import capabilities_of
from devices.profiles.schema import Profile
from devices.radio import Radio
from devices.roles import Capability
from devices.sighting import Sighting, masked


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
            lines += ["  side: left   # or right"] if best.sides == "one" else []
            if best.confidence == "unverified":
                lines.append("  allow_unverified: false   # nobody has tried it on hardware; true lets it move")
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
    """Return the configured devices, what each can do, and what it cannot."""
    return [
        _device_row(station_name, device, catalog.get(device.profile))
        for station_name, station in settings.stations.items()
        for device in station.devices
    ]


def _device_row(station: str, device: DeviceSettings, profile: Profile | None) -> dict[str, Any]:
    row = {
        "station": station,
        "name": device.name,
        "side": device.side.value,
        "profile": device.profile,
        "known_by": device.advertised_name if device.address is None else masked(device.address),
        "confidence": "there is no such profile" if profile is None else profile.confidence,
    }
    if profile is None:
        return row | {"roles": [], "can": [], "mind": [], "on_link_loss": "unknown", "needs": []}
    may_control = profile.confidence == "verified" or device.allow_unverified
    needs = [] if may_control else ["allow_unverified: true, before it can be started from here"]
    return row | _abilities(profile, may_control=may_control) | {"needs": needs}


def _abilities(profile: Profile, *, may_control: bool = True) -> dict[str, Any]:
    can: set[Capability] = set()
    mind: list[str] = []
    for role in profile.roles:
        abilities = capabilities_of(profile, role, may_control=may_control)
        can |= abilities
        mind += [each.value for each in cautions_by(role, abilities, profile.on_link_loss) if each.value not in mind]
    return {
        "roles": list(profile.roles),
        "can": sorted(each.value for each in can),
        "mind": mind,
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


def _needs(profile: Profile) -> list[str]:
    """Return what an owner has to say before such a device can be used."""
    needs = ["allow_unverified"] if profile.confidence == "unverified" else []
    needs += ["address"] if profile.match.ambiguous else []
    return needs + (["uuids"] if profile.template else [])


def profiles_markdown(catalog: Catalog) -> str:
    """Return docs/devices.md."""
    lines = [
        "# Devices",
        "",
        "Made by `make docs` from `config/profiles`; do not edit. `unverified` means that nobody has tried the profile",
        "on hardware: it controls a device only after `allow_unverified: true`. What confirms the bytes of each",
        "command and report without hardware: [truth.md](truth.md).",
        "",
        "| device | profile | roles | can | mind | link lost | needs |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = profile_rows(catalog)
    for row in rows:
        cells = [row["name"], f"`{row['id']}` ({row['confidence']})", ", ".join(row["roles"]), _words(row["can"])]
        cells += [_words(row["mind"]), row["on_link_loss"], _words(row["needs"])]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## Where the facts come from", ""]
    for row in rows:
        limits = ", ".join(f"{_words([name])} {value:g}" for name, value in row["limits"].items())
        lines.append(
            f"- **{row['name']}** (`{row['id']}`): {row['provenance']}." + (f" Limits: {limits}." if limits else "")
        )
        lines += [f"  - {note}" for note in row["notes"]]
    return "\n".join(lines) + "\n"


def _words(names: list[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in names)


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


def session_rows(sessions: Sequence[SessionRow]) -> list[dict[str, Any]]:
    """Return past sessions as a person reads them, in local time."""
    return [
        {
            "began": f"{each.began_at.astimezone():%Y-%m-%d %H:%M}",
            "minutes": _minutes(each),
            "station": each.station,
            "routine": each.routine,
            "side": each.side.value,
            "milk": _millilitres(each),
            "ended": each.outcome.value if each.outcome else "under way",
            "why": each.reason or "",
        }
        for each in sessions
    ]


def _minutes(session: SessionRow) -> str:
    return f"{(session.ended_at - session.began_at).total_seconds() / 60:.0f}" if session.ended_at else ""


def _millilitres(session: SessionRow) -> str:
    total_ml = session.volume_ml.total
    return "" if total_ml is None else f"{total_ml:.0f} mL"
