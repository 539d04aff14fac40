"""The units of a fleet: stations that are owned together, because they serve the same body. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass

from controller.settings import DeviceSettings, Settings, StationSettings


@dataclass(frozen=True)
class Unit:
    """The stations of one body, which one controller serves at a time. `name`: of the body, and of its lease."""

    name: str
    stations: dict[str, StationSettings]

    @property
    def devices(self) -> tuple[DeviceSettings, ...]:
        """The devices of all its stations."""
        return tuple(device for station in self.stations.values() for device in station.devices)


def units_of(settings: Settings) -> dict[str, Unit]:
    """Return the units of all stations, by name. A station that names no body is a unit by itself."""
    found: dict[str, dict[str, StationSettings]] = {}
    for name, station in settings.stations.items():
        found.setdefault(station.body or name, {})[name] = station
    return {name: Unit(name, stations) for name, stations in found.items()}


def settings_of(unit: Unit, settings: Settings) -> Settings:
    """Return the settings with which one unit is served, as a home with these stations alone.

    Its MQTT client is named after the unit, so that the broker closes the connection of a former owner. What a node has
    once is not made for each unit: a page, metrics. No unit switches the adapter off: others use it, too.
    """
    return settings.model_copy(
        update={
            "stations": unit.stations,
            "mqtt": settings.mqtt.model_copy(update={"node": unit.name}),
            "web": settings.web.model_copy(update={"enabled": False}),
            "metrics": settings.metrics.model_copy(update={"enabled": False}),
            "radio": settings.radio.model_copy(update={"power_cycle": False}),
            "fleet": None,
        }
    )
