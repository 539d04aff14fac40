"""The declarative driver: devices that a profile in YAML describes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.driver.example_check import ExampleCheck
from devices.driver.model_warning import CheckedValues, ModelWarning
from devices.driver.registry import DEFAULT, ConfigurationError, Driver
from devices.profiles.schema import Profile
from devices.support.clock import Clock

if TYPE_CHECKING:
    from devices.bluetooth.radio import Radio
    from devices.driver.base import BaseDevice, DeviceOptions


class ProfileDriver(Driver[Profile]):
    """Reads the model files without a section for another driver."""

    name = DEFAULT
    model = Profile

    def open_device(self, radio: Radio, clock: Clock, model: Profile, options: DeviceOptions) -> BaseDevice:
        """Return a device. Raise `ConfigurationError` where its protocol is encrypted, or its UUIDs are missing."""
        from devices.profiles.profile_device import ProfileDevice

        if model.encrypted is not None:
            raise ConfigurationError(f"a {model.name} cannot be used: its protocol is encrypted ({model.encrypted})")
        if missing := [channel for channel in model.template if channel not in options.uuids]:
            lines = ", ".join(f"{channel}: [SERVICE, CHARACTERISTIC]" for channel in missing)
            raise ConfigurationError(f"the UUIDs of a {model.name} are not published; add uuids: {{{lines}}}")
        return ProfileDevice(radio, clock, model.with_uuids(options.uuids), options)

    def check_examples(self, model: Profile) -> list[ExampleCheck]:
        """Return what the examples show of each command, report and layout."""
        from devices.profiles.profile_examples import check_examples

        return check_examples(model)

    def warnings(self, model: Profile, checked: CheckedValues) -> list[ModelWarning]:
        """Return which mappings silently defeat a safety check."""
        from devices.profiles.safety_warnings import warnings_in

        return warnings_in(model, checked)
