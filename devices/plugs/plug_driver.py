"""The driver of plugs: devices that a broker reaches, not Bluetooth."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from devices.driver.broker_access import BrokerAccess
from devices.driver.brokered_device import BrokeredDevice
from devices.driver.example_check import ExampleCheck
from devices.driver.registry import ConfigurationError, Driver
from devices.plugs.plug_kinds import plug_kind
from devices.plugs.plug_model import PlugModel
from devices.plugs.plug_settings import PlugSettings
from devices.support.clock import Clock

if TYPE_CHECKING:
    from devices.bluetooth.radio import Radio
    from devices.driver.base import BaseDevice, DeviceOptions


class PlugDriver(Driver[PlugModel]):
    """Reads the model files with a section `plug`."""

    name = "plug"
    model = PlugModel
    settings = PlugSettings
    bluetooth = False

    def open_device(self, radio: Radio, clock: Clock, model: PlugModel, options: DeviceOptions) -> BaseDevice:  # noqa: ARG002
        """Return a device. Raise `ConfigurationError` where its topic or the broker is missing."""
        from devices.plugs.broker_connection import mqtt_connection
        from devices.plugs.plug_device import PlugDevice

        if not isinstance(options.own, PlugSettings):
            raise ConfigurationError(f"say where on the broker it is; add plug: {{topic: {model.plug.topic}}}")
        if options.broker is None:
            raise ConfigurationError("a plug is reached through a broker; name yours in mqtt.brokers")
        name = f"letdown-{secrets.token_hex(8)}"  # random, so that no other client gets its responses
        try:
            kind = plug_kind(model.plug.kind, options.own, name)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        return PlugDevice(clock, model, options, kind, partial(mqtt_connection, options.broker, name))

    async def find_devices(
        self, broker: BrokerAccess, clock: Clock, models: Sequence[PlugModel], seconds: float
    ) -> list[BrokeredDevice]:
        """Look for plugs on the broker."""
        from devices.plugs.broker_connection import mqtt_connection
        from devices.plugs.plug_discovery import find_plugs

        name = f"letdown-{secrets.token_hex(8)}"
        by_kind = {model.plug.kind: model for model in models}
        found = await find_plugs(partial(mqtt_connection, broker, name), clock, seconds, name)
        return [
            BrokeredDevice(by_kind[plug.kind], plug.name, {self.name: plug.settings}, plug.refusal)
            for plug in found
            if plug.kind in by_kind
        ]

    def check_examples(self, model: PlugModel) -> list[ExampleCheck]:
        """Return what the examples show of each command and of its reports."""
        from devices.plugs.plug_examples import check_examples

        return check_examples(model.plug)
