"""The features of a button: its presses as events, and its battery. Nothing can be set."""

from __future__ import annotations

from controller.contract.event_data import EventType
from controller.contract.features.feature import Feature, FeatureKind, flag, sensor
from devices.roles import Capability, PressEvent

_BATTERY = sensor(
    "battery",
    "Battery",
    "reading.battery_percent",
    "Charge of the battery, as the button reported with its last press.",
    "%",
    source="device",
    category="diagnostic",
)
_HEARD = flag(
    "connected", "Connected", "connected", "Whether it advertised lately.", source="device", category="diagnostic"
)


def button_features(name: str, capabilities: frozenset[Capability]) -> tuple[Feature, ...]:
    """Return the features of a button. `name`: its own, since presses are among the events of its station."""
    presses = Feature(
        id="press_event",
        name="Pressed",
        kind=FeatureKind.EVENT,
        words="How it was pressed. A press can be missed.",
        source="event",
        types=(EventType.BUTTON_PRESSED,),
        options=tuple(each.value for each in PressEvent),
        of_device=name,
    )
    battery = (_BATTERY,) if Capability.REPORTS_BATTERY in capabilities else ()
    return (presses, *battery, _HEARD)
