"""The BTHome driver: devices that advertise in an open format, and are never connected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from devices.bthome.bthome_model import BthomeModel
from devices.bthome.bthome_settings import BthomeSettings
from devices.driver.example_check import ExampleCheck
from devices.driver.owner_value import OwnerValue
from devices.driver.registry import Driver
from devices.support.clock import Clock

if TYPE_CHECKING:
    from devices.bluetooth.radio import Radio
    from devices.driver.base import BaseDevice, DeviceOptions


class BthomeDriver(Driver[BthomeModel]):
    """Reads the model files with a section `bthome`."""

    name = "bthome"
    model = BthomeModel
    settings = BthomeSettings

    def open_device(self, radio: Radio, clock: Clock, model: BthomeModel, options: DeviceOptions) -> BaseDevice:
        """Return a device. It needs no settings of its own: without a key, what is encrypted cannot be read."""
        from devices.bthome.bthome_device import BthomeDevice

        own = options.own if isinstance(options.own, BthomeSettings) else BthomeSettings()
        return BthomeDevice(radio, clock, model, options, own)

    def optional_values(self, model: BthomeModel) -> Sequence[OwnerValue]:  # noqa: ARG002 - the same for all
        """Return the key of a device that encrypts."""
        return (OwnerValue((self.name, "bindkey"), secret=True),)

    def check_examples(self, model: BthomeModel) -> list[ExampleCheck]:
        """Return what the examples show of each value."""
        from devices.bthome.bthome_examples import check_examples

        return check_examples(model)
