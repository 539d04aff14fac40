"""The features of a thermometer."""

from __future__ import annotations

from controller.contract.features.feature import Feature, sensor
from controller.contract.features.scale_features import BATTERY, CONNECTED
from devices.roles import Capability

_TEMPERATURE = sensor(
    "temperature",
    "Temperature",
    "reading.celsius",
    "What it measures on the compress or on the breast, updated once a second.",
    "°C",
    source="device",
)


def thermometer_features(capabilities: frozenset[Capability]) -> tuple[Feature, ...]:
    """Return the features of a thermometer. Nothing can be set."""
    battery = (BATTERY,) if Capability.REPORTS_BATTERY in capabilities else ()
    return (_TEMPERATURE, *battery, CONNECTED)
