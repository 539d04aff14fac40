"""What there is of a device, by its role and by what it can tell."""

from __future__ import annotations

from controller.commands import Action
from controller.features.feature import Category, Feature, Kind
from controller.safety import HEAT_CELSIUS
from devices.roles import Capability, DeviceLimits, Frozen, RunState


class _Told(Frozen):
    """A value of a device: shown where the device can tell it (`needs`), or always."""

    id: str
    name: str
    path: str
    words: str
    needs: Capability | None = None
    unit: str | None = None
    category: Category = "main"


_OF_ROLE: dict[str, tuple[_Told, ...]] = {
    "pump": (
        _Told(
            id="vacuum",
            name="Vacuum",
            path="reading.vacuum_mmhg",
            words="The vacuum right now, once a second.",
            needs=Capability.REPORTS_VACUUM,
            unit="mmHg",
        ),
        _Told(
            id="volume",
            name="Milk",
            path="reading.volume_ml",
            words="What the pump counted.",
            needs=Capability.REPORTS_VOLUME,
            unit="mL",
        ),
        _Told(
            id="flow",
            name="Flow",
            path="reading.flow_ml_per_s",
            words="Milk a second.",
            needs=Capability.REPORTS_FLOW,
            unit="mL/s",
        ),
        _Told(
            id="level",
            name="Level",
            path="reading.level",
            words="The pump's own level.",
            needs=Capability.LEVELS,
        ),
    ),
    "warmer": (
        _Told(
            id="surface_temperature",
            name="Surface temperature",
            path="reading.surface_celsius",
            words="What the compress measures.",
            needs=Capability.REPORTS_TEMPERATURE,
            unit="°C",
        ),
    ),
    "massager": (),
}
_OF_ALL = (
    _Told(
        id="battery",
        name="Battery",
        path="reading.battery_percent",
        words="How full it is.",
        needs=Capability.REPORTS_BATTERY,
        unit="%",
        category="diagnostic",
    ),
)


def device_features(role: str, capabilities: frozenset[Capability], limits: DeviceLimits) -> tuple[Feature, ...]:
    """Return what there is of a device of a role."""
    features = [
        Feature(
            id="run_state",
            name="State",
            kind=Kind.READING,
            words="What the device says it is doing.",
            source="device",
            path="reading.run_state",
            options=tuple(state.value for state in RunState),
        )
    ]
    features += [
        Feature(
            id=told.id,
            name=told.name,
            kind=Kind.READING,
            words=told.words,
            source="device",
            path=told.path,
            unit=told.unit,
            category=told.category,
        )
        for told in (*_OF_ROLE[role], *_OF_ALL)
        if told.needs is None or told.needs in capabilities
    ]
    features += [
        Feature(
            id="connected",
            name="Connected",
            kind=Kind.FLAG,
            words="Whether there is a connection to it.",
            source="device",
            path="connected",
            category="diagnostic",
        ),
        Feature(
            id="problem",
            name="Problem",
            kind=Kind.FLAG,
            words="Whether it tells of a fault.",
            source="device",
            path="problem",
            category="diagnostic",
        ),
    ]
    if role == "warmer" and {Capability.START, Capability.TARGET_CELSIUS} <= capabilities:
        features.append(_warmth(limits))
    return tuple(features)


def _warmth(limits: DeviceLimits) -> Feature:
    """Return a compress as something warm. Heat is never on its own: to switch it on starts the routine `warmth`."""
    return Feature(
        id="warmth",
        name="Warmth",
        kind=Kind.WARMTH,
        words="`heat` starts the routine `warmth`, which asks its questions first; `off` stops everything.",
        source="device",
        path="reading",
        unit="°C",
        least=30,
        most=min(HEAT_CELSIUS, limits.celsius or HEAT_CELSIUS),
        says={"heat": (Action.START, {"routine": "warmth"}), "off": (Action.STOP, {})},
    )
