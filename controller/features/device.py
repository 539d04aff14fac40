"""What there is of a device, by its role and by what it can tell."""

from __future__ import annotations

from functools import partial

from controller.commands import Action
from controller.features.feature import Feature, Kind, flag, reading
from controller.safety import HEAT_CELSIUS
from devices.roles import Capability, DeviceLimits, RunState

_reading = partial(reading, source="device")
_flag = partial(flag, source="device", category="diagnostic")

_STATES = tuple(state.value for state in RunState)

# What is shown of a role, and the capability without which there is nothing to show.
_OF_ROLE: dict[str, tuple[tuple[Capability, Feature], ...]] = {
    "pump": (
        (
            Capability.REPORTS_VACUUM,
            _reading("vacuum", "Vacuum", "reading.vacuum_mmhg", "The vacuum right now, once a second.", "mmHg"),
        ),
        (Capability.REPORTS_VOLUME, _reading("volume", "Milk", "reading.volume_ml", "What the pump counted.", "mL")),
        (Capability.REPORTS_FLOW, _reading("flow", "Flow", "reading.flow_ml_per_s", "Milk a second.", "mL/s")),
        (Capability.LEVELS, _reading("level", "Level", "reading.level", "The pump's own level.")),
    ),
    "warmer": (
        (
            Capability.REPORTS_TEMPERATURE,
            _reading(
                "surface_temperature",
                "Surface temperature",
                "reading.surface_celsius",
                "What the compress measures.",
                "°C",
            ),
        ),
    ),
    "massager": (),
}
_OF_ALL = (
    (
        Capability.REPORTS_BATTERY,
        _reading("battery", "Battery", "reading.battery_percent", "How full it is.", "%", category="diagnostic"),
    ),
)


def device_features(role: str, capabilities: frozenset[Capability], limits: DeviceLimits) -> tuple[Feature, ...]:
    """Return what there is of a device of a role."""
    told = [feature for needed, feature in (*_OF_ROLE[role], *_OF_ALL) if needed in capabilities]
    features = [
        _reading("run_state", "State", "reading.run_state", "What the device says it is doing.", options=_STATES),
        *told,
        _flag("connected", "Connected", "connected", "Whether there is a connection to it."),
        _flag("problem", "Problem", "problem", "Whether it tells of a fault."),
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
