"""The controllers of a fleet: what the page shows of them, and what an administrator may ask of them."""

from __future__ import annotations

from typing import Protocol

from pydantic import Field

from devices.roles import Frozen


class ControllerView(Frozen):
    """One controller of a fleet."""

    name: str = Field(description="Its name, as in its `mqtt.node`.")
    online: bool = Field(description="Whether it has reported within the time of a lease.")
    serves: tuple[str, ...] = Field((), description="The stations that it serves.")
    draining: bool = Field(
        False, description="It takes no more stations, and releases each when its session has ended."
    )
    version: str | None = Field(None, description="Of Letdown; `null`: unknown.")
    problem: str | None = Field(None, description="What needs attention there; `null`: nothing.")


class FleetView(Frozen):
    """The controllers of a fleet, as far as they are known now."""

    controllers: tuple[ControllerView, ...] = Field((), description="By name.")
    stations: tuple[str, ...] = Field((), description="The stations that can be assigned to one.")
    assigned: dict[str, str] = Field(default_factory=dict, description="The controller that a station prefers.")
    problem: str | None = Field(None, description="Why nothing is known of them; `null`: it is.")


class FleetControlError(Exception):
    """What was asked for was not done. `str()` says why."""


class FleetControl(Protocol):
    """Knows the controllers of a fleet, and asks the cluster what an administrator wants."""

    @property
    def view(self) -> FleetView:
        """What is known of them now."""

    async def drain(self, controller: str, *, draining: bool) -> None:
        """Drain a controller, or let it take stations again. Raise `FleetControlError`."""

    async def assign(self, station: str, controller: str | None) -> None:
        """Prefer a controller for a station; `None`: the one with the best reception. Raise `FleetControlError`."""
