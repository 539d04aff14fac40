"""The status of a fleet: each station and node, and what needs attention. Pure functions of what was received."""

from __future__ import annotations

from pydantic import Field

from controller.cluster.node_view import Nodes, NodeView
from controller.cluster.owners import Owners
from controller.fleet.fleet_units import Unit
from controller.fleet.shared_settings import SharedSettings
from devices.roles import Frozen


class StationStatus(Frozen):
    """One station of a fleet."""

    station: str
    unit: str = Field(description="The body that it serves: its stations are owned together.")
    node: str | None = Field(description="The node that owns it; `null`: none does.")
    epoch: int | None = Field(None, description="Of its lease.")
    session_id: str | None = Field(None, description="The session that runs there.")
    in_contact: bool = Field(False, description="Whether one of its devices is connected or received.")
    in_range_of: tuple[str, ...] = Field((), description="The nodes that receive one of its devices.")
    assigned_to: str | None = Field(None, description="The node that is preferred.")


class FleetStatus(Frozen):
    """The stations and nodes of a fleet, and in words what needs attention."""

    stations: tuple[StationStatus, ...]
    nodes: tuple[NodeView, ...]
    problems: tuple[str, ...] = ()


def fleet_status(owners: Owners, nodes: Nodes, shared: SharedSettings) -> FleetStatus:
    """Return the status as far as it is known now."""
    views = nodes.views
    stations = [_station(name, unit, owners, views, shared) for unit in shared.units.values() for name in unit.stations]
    return FleetStatus(
        stations=tuple(sorted(stations, key=lambda each: (each.node is not None, each.station))),
        nodes=tuple(views[name] for name in sorted(views)),
        problems=tuple(_problems(stations, views, shared)),
    )


def _station(
    name: str, unit: Unit, owners: Owners, views: dict[str, NodeView], shared: SharedSettings
) -> StationStatus:
    owner = owners.owner(unit.name)
    view = views.get(owner or "")
    served = None if view is None else view.serves.get(unit.name)
    return StationStatus(
        station=name,
        unit=unit.name,
        node=owner,
        epoch=None if served is None else served.epoch,
        session_id=None if served is None else served.session_id,
        in_contact=served is not None and served.in_contact,
        in_range_of=tuple(sorted(each.node for each in views.values() if unit.name in each.in_range)),
        assigned_to=shared.assigned(unit.name),
    )


def _problems(stations: list[StationStatus], views: dict[str, NodeView], shared: SharedSettings) -> list[str]:
    found = [] if shared.problem is None else [shared.problem]
    if not views:
        return [*found, "no node is running: start letdown run on the controllers"]
    for each in stations:
        if each.node is not None and not each.in_contact:
            found.append(f"{each.station}: no device is in contact; is it switched on, and near {each.node}?")
        elif each.node is None and each.in_range_of:
            found.append(f"{each.station}: no node serves it, though {', '.join(each.in_range_of)} could")
        elif each.node is None:
            found.append(f"{each.station}: no node receives its devices; switch one on, or put a controller nearer")
    revisions = {view.config_revision for view in views.values()}
    if len(revisions) > 1:
        found.append("not all nodes use the same version of the shared document yet")
    found += [f"{view.node}: {view.problem}" for view in views.values() if view.problem is not None]
    return found
