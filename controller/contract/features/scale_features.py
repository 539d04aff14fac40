"""The features of a scale, and those of a station that has one: its weight, and the milk that was weighed."""

from __future__ import annotations

from functools import partial

from controller.contract.features.feature import Feature, flag, sensor
from devices.roles import Capability

WEIGHED_FEATURES = (
    sensor("weighed_left", "Milk left, weighed", "weighed_ml.left", "The same by a scale under the left bottle.", "mL"),
    sensor(
        "weighed_right", "Milk right, weighed", "weighed_ml.right", "The same by a scale under the right bottle.", "mL"
    ),
    sensor("weighed_total", "Milk, weighed", "weighed_total_ml", "Milk of this session, as scales weighed it.", "mL"),
)

_reading = partial(sensor, source="device")
_WEIGHT = _reading("weight", "Weight", "reading.weight_g", "The weight on the scale, updated once a second.", "g")
BATTERY = _reading(
    "battery", "Battery", "reading.battery_percent", "Charge of the battery.", "%", category="diagnostic"
)
CONNECTED = flag(
    "connected", "Connected", "connected", "Whether it is connected.", source="device", category="diagnostic"
)


def scale_features(capabilities: frozenset[Capability]) -> tuple[Feature, ...]:
    """Return the features of a scale. Nothing can be set."""
    battery = (BATTERY,) if Capability.REPORTS_BATTERY in capabilities else ()
    return (_WEIGHT, *battery, CONNECTED)
