"""What a fleet of the tests is made of: its stations, and the range and settings of each controller."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fleet.air_process import AirPlan
from tests.fleet.nats_cluster import PASSWORD, USER, NatsNode

PROFILES = Path(__file__).with_name("profiles")
TTL_SECONDS = 6.0
OWNERS = "letdown_owners"  # the bucket of the owners' keys
_HEARD_BY = 4  # so many controllers hear each station

_TWO = (("left-pump", "open-pump", "left"), ("right-pump", "open-pump", "right"))
_TEXT = (("left-pump", "text-pump", "left"),)
_TIMER = (("left-pump", "timer-pump", "left"),)
_MIXED = (("left-pump", "open-pump", "left"), ("right-pump", "timer-pump", "right"))
_KINDS = (_TWO, _TEXT, _TIMER, _TWO, _MIXED, _TWO)
_NAMES = {"open-pump": "Letdown", "text-pump": "LD-PUMP", "timer-pump": "LD-TIMER"}

ROUTINE = """
id: fleet
name: {en: Fleet, de: Flotte}
summary: {en: One minute, de: Eine Minute}
steps:
  - check
  - express: {minutes: 1, vacuum_mmhg: comfort, until_dry_minutes: null}
"""


@dataclass(frozen=True)
class FleetLayout:
    """Stations with their devices (key, profile, name, side), and for each controller the stations that it receives."""

    stations: Mapping[str, tuple[tuple[str, str, str, str], ...]]
    in_range: Mapping[str, tuple[str, ...]]

    def air(self, host: str) -> AirPlan:
        """Return the plan of the process with the air."""
        return AirPlan(self.stations, self.in_range, str(PROFILES), host)

    def parents(self) -> dict[str, tuple[str, frozenset[str]]]:
        """Return which breasts each station can serve, and its devices."""
        return {
            name: ("both" if len(devices) > 1 else devices[0][3], frozenset(device[0] for device in devices))
            for name, devices in self.stations.items()
        }


def layout(controllers: Sequence[str], stations: int, *, alone: bool) -> FleetLayout:
    """Return a layout. `alone`: each station is received by one controller only, so none of them needs a cluster."""
    made = {}
    for number in range(stations):
        name = f"s{number + 1}"
        made[name] = tuple(
            (key, profile, f"{_NAMES[profile]} {name} {side}", side)
            for key, profile, side in _KINDS[number % len(_KINDS)]
        )
    names, count = list(made), len(controllers)
    if alone:
        in_range = {each: tuple(names[at::count]) for at, each in enumerate(controllers)}
        return FleetLayout(made, in_range)
    received_by = {
        name: {controllers[(at + more) % count] for more in range(min(_HEARD_BY, count))}
        for at, name in enumerate(names)
    }
    in_range = {each: tuple(name for name in names if each in received_by[name]) for each in controllers}
    return FleetLayout(made, in_range)


def settings(
    made: FleetLayout,
    controller: str,
    *,
    alone: bool,
    transport: str,
    nodes: Sequence[NatsNode],
    database: str,
    folder: Path,
) -> str:
    """Return a settings file (JSON is YAML). In a fleet no stations are in it: they are in the shared document."""
    folder.mkdir(parents=True, exist_ok=True)
    routines = folder / "routines"
    routines.mkdir(exist_ok=True)
    (routines / "fleet.yaml").write_text(ROUTINE, encoding="utf-8")
    brokers = [f"mqtt://{USER}:{PASSWORD}@{each.address.host}:{each.address.mqtt}" for each in nodes]
    content: dict[str, Any] = {
        "radio": {"kind": "bumble", "transport": transport},
        "mqtt": {"brokers": brokers, "node": controller, "discovery": "off"},
        "store": {"path": str(folder / "letdown.db")},
        "history": {"url": database},
        "web": {"enabled": False},
        "limits": {"comfort_vacuum_mmhg": 100},
        "profiles": [str(PROFILES)],
        "routines": [str(routines)],
    }
    if alone:
        content["stations"] = _stations(made, made.in_range[controller])
    else:
        servers = [each.url for each in nodes]
        content["fleet"] = {"servers": servers, "ttl_seconds": TTL_SECONDS, "user": USER, "password": PASSWORD}
    return json.dumps(content, indent=1)


def shared_document(made: FleetLayout) -> str:
    """Return the document of all stations, as `letdown fleet config apply` takes it."""
    return json.dumps({"stations": _stations(made, tuple(made.stations))}, indent=1)


def _stations(made: FleetLayout, names: Sequence[str]) -> dict[str, Any]:
    return {
        name: {
            "devices": [
                {"name": key, "profile": profile, "side": side, "advertised_name": advertised}
                for key, profile, advertised, side in made.stations[name]
            ]
        }
        for name in names
    }
