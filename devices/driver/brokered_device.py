"""A device that a driver outside Bluetooth found: what it is, and what its settings need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devices.driver.device_model import DeviceModel


@dataclass(frozen=True)
class BrokeredDevice:
    """One device. `name`: as its owner calls it there. `section`: its section of the settings, by the driver's name.

    `refusal`: why it cannot be used, in English; `None` as far as is known.
    """

    model: DeviceModel
    name: str
    section: Mapping[str, Mapping[str, object]]
    refusal: str | None = None
