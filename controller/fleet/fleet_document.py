"""The stations of a whole fleet as one document, which every node reads from the cluster. Pure functions.

It is the section `stations` of the settings, without secrets: those stay in the settings of the nodes, under the same
names of station and device, and are added there.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, SecretStr, model_validator

from controller.cluster.fleet_names import check_names
from controller.mqtt.topics import check_station
from controller.settings import DeviceSettings, StationSettings, check_each_device_once
from devices.roles import Frozen
from devices.support.file_error import ModelError
from devices.support.yaml_file import parse_document


class FleetDocument(Frozen):
    """The stations of a fleet, by name."""

    stations: dict[Annotated[str, AfterValidator(check_station)], StationSettings] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_device_once(self) -> FleetDocument:
        check_each_device_once(self.stations)
        return self

    @model_validator(mode="after")
    def _names_are_keys(self) -> FleetDocument:
        check_names({name: each.body for name, each in self.stations.items()})
        return self

    @model_validator(mode="after")
    def _holds_no_secret(self) -> FleetDocument:
        found = [
            f"stations.{station}.devices.{at}.{place}"
            for station, settings in self.stations.items()
            for at, device in enumerate(settings.devices)
            for place in _secrets(device)
        ]
        if found:
            words = (
                "a secret does not belong here, where every node and every administrator reads it: "
                "write it into the settings of the nodes, under the same station and device"
            )
            raise ModelError(*((place, words) for place in found))
        return self


def read_fleet_document(text: str, name: str) -> FleetDocument:
    """Return a document; `name`: what it is called in errors. Raise `FileError`, which names the line."""
    return parse_document(text, name).validate(FleetDocument)


def with_secrets(document: FleetDocument, own: Mapping[str, StationSettings]) -> dict[str, StationSettings]:
    """Return the stations of a document, with the sections of drivers that a node's own settings have beside them."""
    found = {}
    for name, station in document.stations.items():
        known = {each.name: each for each in own[name].devices} if name in own else {}
        devices = tuple(_completed(each, known.get(each.name)) for each in station.devices)
        found[name] = station.model_copy(update={"devices": devices})
    return found


def difference(before: str, after: str, names: tuple[str, str]) -> str:
    """Return what differs between two documents, as a unified diff; empty: nothing."""
    lines = difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), *names)
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _completed(device: DeviceSettings, own: DeviceSettings | None) -> DeviceSettings:
    if own is None:
        return device
    own_values = {name: getattr(own, name) for name in type(own).model_fields}
    missing = {
        name: value
        for name, value in own_values.items()
        if isinstance(value, BaseModel) and getattr(device, name) is None
    }
    return device.model_copy(update=missing)


def _secrets(value: Any, place: str = "") -> Iterator[str]:
    """Yield where a model holds secrets."""
    if isinstance(value, SecretStr):
        yield place
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name), f"{place}.{name}".lstrip("."))
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _secrets(each, f"{place}.{name}")
    elif isinstance(value, list | tuple):
        for at, each in enumerate(value):
            yield from _secrets(each, f"{place}.{at}")
