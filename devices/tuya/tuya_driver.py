"""The Tuya driver: Tuya BLE products, with keys from the owner's account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from devices.driver.example_check import ExampleCheck
from devices.driver.owner_value import OwnerValue
from devices.driver.registry import ConfigurationError, Driver
from devices.support.clock import Clock
from devices.tuya.tuya_credentials import TuyaCredentials
from devices.tuya.tuya_model import TuyaModel

if TYPE_CHECKING:
    from devices.bluetooth.radio import Radio
    from devices.driver.base import BaseDevice, DeviceOptions


class TuyaDriver(Driver[TuyaModel]):
    """Reads the model files with a section `tuya`."""

    name = "tuya"
    model = TuyaModel
    settings = TuyaCredentials

    def open_device(self, radio: Radio, clock: Clock, model: TuyaModel, options: DeviceOptions) -> BaseDevice:
        """Return a device. Raise `ConfigurationError` where keys or ids of the owner's account are missing."""
        from devices.tuya.tuya_device import TuyaDevice

        if not isinstance(options.own, TuyaCredentials):
            raise ConfigurationError(
                f"a {model.name} needs its keys; add tuya: {{local_key: …, uuid: …, device_id: …}}"
            )
        try:
            return TuyaDevice(radio, clock, model, options, options.own)
        except ValueError as error:  # ids of datapoints that only the owner's account knows
            raise ConfigurationError(str(error)) from None

    def owner_values(self, model: TuyaModel) -> Sequence[OwnerValue]:
        """Return the keys and ids of the owner's account, and the ids of datapoints that the model leaves open."""
        codes = [each.code or name for name, each in model.tuya.datapoints.items() if not isinstance(each.id, int)]
        open_ids = [OwnerValue((self.name, "datapoints", code), "number") for code in codes]
        return *super().owner_values(model), *open_ids

    def check_examples(self, model: TuyaModel) -> list[ExampleCheck]:
        """Return what the examples show of each verb and datapoint."""
        from devices.tuya.tuya_examples import check_examples

        return check_examples(model.tuya)
