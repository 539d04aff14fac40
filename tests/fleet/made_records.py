"""Records of the air as `air_process` writes them, made by hand: lines for tests of what judges them."""

from __future__ import annotations

from typing import Any

LEFT, RIGHT, TIMER = "s1/left", "s1/right", "s2/left"


def line(at: float, what: str, device: str = LEFT, **more: Any) -> dict[str, Any]:
    return {"at": at, "what": what, "device": device, **more}


def devices_of_two_stations() -> list[dict[str, Any]]:
    lease = {"has_lease": True, "stops_on_link_loss": True, "own_timer_seconds": None}
    timer = {"has_lease": False, "stops_on_link_loss": False, "own_timer_seconds": 60}
    return [
        line(0, "device", LEFT, station="s1", **lease),
        line(0, "device", RIGHT, station="s1", **lease),
        line(0, "device", TIMER, station="s2", **timer),
    ]


def up(at: float, controller: str = "c1", device: str = LEFT) -> dict[str, Any]:
    return line(at, "link_up", device, controller=controller)


def down(at: float, controller: str = "c1", device: str = LEFT) -> dict[str, Any]:
    return line(at, "link_down", device, controller=controller)


def start(at: float, controller: str = "c1", device: str = LEFT, **more: Any) -> list[dict[str, Any]]:
    """A start command, and the run that it begins."""
    how = {"lease_seconds": 10, "duration_seconds": 600, **more}
    sent = line(at, "command", device, controller=controller, name="start", drives=True, stops=False, **how)
    return [sent, line(at + 0.01, "on", device)]


def renew(at: float, controller: str = "c1", device: str = LEFT) -> dict[str, Any]:
    how = {"name": "renew", "drives": True, "stops": False, "lease_seconds": 10}
    return line(at, "command", device, controller=controller, **how)


def stop(at: float, controller: str = "c1", device: str = LEFT) -> list[dict[str, Any]]:
    """A stop, and the end of the run."""
    sent = line(at, "command", device, controller=controller, name="stop", drives=False, stops=True)
    return [sent, off(at + 0.01, "commanded", device)]


def off(at: float, why: str, device: str = LEFT) -> dict[str, Any]:
    return line(at, "off", device, why=why)


def made(*parts: dict[str, Any] | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A record of the two stations, in the order of time."""
    lines = devices_of_two_stations()
    for each in parts:
        lines += [each] if isinstance(each, dict) else each
    return sorted(lines, key=lambda each: each["at"])


def put(at: float, node: str = "c1", station: str = "s1", lease: str | None = None) -> dict[str, Any]:
    """The owner's key is created or renewed. `lease`: of this time; by default each node has one."""
    return {"at": at, "what": "put", "station": station, "node": node, "lease": lease or f"lease of {node}"}


def delete(at: float, station: str = "s1") -> dict[str, Any]:
    return {"at": at, "what": "delete", "station": station, "node": None, "lease": None}
