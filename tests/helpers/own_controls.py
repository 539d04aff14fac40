"""What a person does at a device's own controls, whatever the controller wants. The device says so at once."""

from __future__ import annotations

from devices.roles import Phase
from devices.virtual.open_devices import MassagerBody, PadBody, PumpBody
from devices.virtual.twin import Twin


def press_on(twin: Twin, value: float, phase: Phase = Phase.EXPRESSION) -> None:
    """Switch on, or set what runs: to a vacuum in mmHg, a temperature in °C, or an intensity from 0 to 1."""
    body = twin.body
    if isinstance(body, PumpBody):
        body.press_start(value, body.suction.phase if body.run.on else phase)
    elif isinstance(body, PadBody | MassagerBody):
        body.press_on(value)
    twin.tick()


def press_vacuum(twin: Twin, vacuum_mmhg: float) -> None:
    """Set the vacuum of a pump, which stays off if it is off."""
    assert isinstance(twin.body, PumpBody)
    twin.body.press_vacuum(vacuum_mmhg)
    twin.tick()


def press_off(twin: Twin) -> None:
    """Switch off."""
    if isinstance(twin.body, PumpBody | PadBody | MassagerBody):
        twin.body.press_off()
    twin.tick()


def value_of(twin: Twin) -> float:
    """Return what a device is set to, in truth; 0 while nothing goes out."""
    body = twin.body
    if not body.run.running:
        return 0.0
    if isinstance(body, PumpBody):
        return body.suction.target_mmhg
    if isinstance(body, PadBody):
        return body.pad.target_celsius or 0.0
    assert isinstance(body, MassagerBody)
    return float(body._intensity)
