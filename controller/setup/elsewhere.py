"""Devices outside Bluetooth that can be set up: those that a broker reaches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controller.assembly.device_opening import broker_access
from controller.mqtt.mqtt_settings import MqttSettings
from controller.settings import DeviceSettings
from controller.setup.device_entry import DeviceEntry
from devices.driver.brokered_device import BrokeredDevice
from devices.driver.registry import driver_of, drivers
from devices.profiles.catalog import Catalog
from devices.roles import Side
from devices.support.clock import Clock

FIND_SECONDS = 3.0
"""How long is listened for devices on a broker: what is kept comes at once, an answer within a second."""


@dataclass(frozen=True)
class DeviceElsewhere:
    """One device. `configured_as`: its name in the settings, if it is in them already."""

    found: BrokeredDevice
    configured_as: str | None = None


async def devices_elsewhere(
    mqtt: MqttSettings, clock: Clock, catalog: Catalog, configured: Iterable[DeviceSettings]
) -> list[DeviceElsewhere]:
    """Return the devices that drivers outside Bluetooth find; none without a broker. Raise `LinkLostError`."""
    broker = broker_access(mqtt)
    if broker is None:
        return []
    found: list[BrokeredDevice] = []
    for driver in drivers().values():
        models = [model for model in catalog if isinstance(model, driver.model)]
        if not driver.bluetooth and models:
            found += await driver.find_devices(broker, clock, models, FIND_SECONDS)
    known = tuple(configured)
    return [DeviceElsewhere(each, _name_in(known, each)) for each in found]


def entry_elsewhere(device: BrokeredDevice, name: str, side: Side, *, allow_unverified: bool) -> DeviceEntry:
    """Return the entry of such a device."""
    return DeviceEntry(
        name=name,
        profile=device.model.id,
        side=side,
        allow_unverified=allow_unverified and device.model.confidence == "unverified",
        sections=device.section,
    )


def _name_in(configured: Sequence[DeviceSettings], device: BrokeredDevice) -> str | None:
    driver = driver_of(device.model)
    if driver.settings is None:
        return None
    section = driver.settings.model_validate(device.section[driver.name])
    return next((each.name for each in configured if each.of_driver(driver.name) == section), None)
