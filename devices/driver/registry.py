"""The installed drivers, found by the entry point group `letdown.drivers`, and which of them reads a model file."""

from __future__ import annotations

import difflib
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel

from devices.driver.broker_access import BrokerAccess
from devices.driver.brokered_device import BrokeredDevice
from devices.driver.device_model import DeviceModel
from devices.driver.example_check import ExampleCheck
from devices.driver.model_warning import CheckedValues, ModelWarning
from devices.driver.owner_value import OwnerValue, of_section, of_template
from devices.support.clock import Clock
from devices.support.file_error import FileError, Problem
from devices.support.yaml_file import Document, read_document

if TYPE_CHECKING:  # reading model files needs no Bluetooth
    from devices.bluetooth.radio import Radio
    from devices.driver.base import BaseDevice, DeviceOptions

_LOGGER = logging.getLogger(__name__)

GROUP = "letdown.drivers"
DEFAULT = "profile"  # reads the files without a section for another driver
_OWN_DISTRIBUTION = "letdown"
_MISSPELT = 0.8  # of 1: a key that is as similar to one of ours is not meant for another driver

ModelT = TypeVar("ModelT", bound=DeviceModel)


class ConfigurationError(Exception):
    """The settings of a device lack what its driver needs. `str()` names what to add."""


class Driver(ABC, Generic[ModelT]):
    """One way to talk to devices. An entry point of the group `letdown.drivers` names a subclass.

    `name` is also the key of its section, in model files and in the settings of a device, and none of their other keys.
    `model` reads such a file. `settings` reads its section of a device's settings, which then is `DeviceOptions.own`;
    it is a `support.confidential.Confidential` where no error may show what is in it. `bluetooth`: whether its devices
    are found by Bluetooth; else its section of the settings says where they are, and `radio` is of no use to them.
    """

    name: str
    model: type[ModelT]
    settings: type[BaseModel] | None = None
    bluetooth = True

    @abstractmethod
    def open_device(self, radio: Radio, clock: Clock, model: ModelT, options: DeviceOptions) -> BaseDevice:
        """Return a device that connects once its `run` runs. Raise `ConfigurationError`."""

    def owner_values(self, model: ModelT) -> Sequence[OwnerValue]:
        """Return what the settings of such a device must contain that only its owner knows."""
        return *of_template(model.template), *of_section(self.name, self.settings)

    def optional_values(self, model: ModelT) -> Sequence[OwnerValue]:  # noqa: ARG002 - most have none
        """Return what the settings of such a device may contain beside, and `letdown setup` asks for."""
        return ()

    @abstractmethod
    def check_examples(self, model: ModelT) -> list[ExampleCheck]:
        """Return what the examples in a model file show of each of its parts, without any device."""

    async def find_devices(
        self,
        broker: BrokerAccess,  # noqa: ARG002 - those of Bluetooth are found by their advertisements
        clock: Clock,  # noqa: ARG002
        models: Sequence[ModelT],  # noqa: ARG002
        seconds: float,  # noqa: ARG002
    ) -> list[BrokeredDevice]:
        """Look for `seconds` for devices that a broker reaches, of these models. Raise `LinkLostError`."""
        return []

    def warnings(self, model: ModelT, checked: CheckedValues) -> list[ModelWarning]:  # noqa: ARG002 - most have none
        """Return which mappings of a model file silently defeat a safety check. `checked`: what the checks look for."""
        return []


@cache
def drivers() -> Mapping[str, Driver[Any]]:
    """Return the installed drivers by name. One that cannot be loaded is logged and left out."""
    found: dict[str, Driver[Any]] = {}
    ours_first = sorted(
        entry_points(group=GROUP), key=lambda each: (_distribution(each) != _OWN_DISTRIBUTION, each.name)
    )
    for point in ours_first:
        try:
            driver = _loaded(point)
            if driver.name in found:
                raise ValueError(f"the name {driver.name} is taken")  # noqa: TRY301 - logged below, like an error of the driver
        except Exception as error:  # noqa: BLE001 - code of others, and no reason to be without all other devices
            words = "the driver %s of %s cannot be loaded, and its devices are not available: %s: %s"
            _LOGGER.warning(words, point.name, _distribution(point), type(error).__name__, error)
        else:
            found[driver.name] = driver
    return found


def _loaded(point: EntryPoint) -> Driver[Any]:
    driver = point.load()()
    if not isinstance(driver, Driver):
        raise TypeError(f"{point.value} is not a subclass of devices.driver.registry.Driver")
    if not issubclass(driver.model, DeviceModel):
        raise TypeError(f"{driver.model} is not a subclass of devices.driver.device_model.DeviceModel")
    if driver.settings is not None and not issubclass(driver.settings, BaseModel):
        raise TypeError(f"{driver.settings} is not a pydantic model")
    if driver.name in DeviceModel.model_fields:
        raise ValueError(f"the name {driver.name} is taken")
    return driver


def driver_of(model: DeviceModel) -> Driver[Any]:
    """Return the driver of a device model. Raise `LookupError` where it is not installed."""
    for driver in drivers().values():
        if isinstance(model, driver.model):
            return driver
    raise LookupError(f"no installed driver is for {model.id}; there are {', '.join(drivers())}")


def load_model(file: Path) -> DeviceModel:
    """Read a model file with the driver whose section it has, else as a profile. Raise `FileError`."""
    document = read_document(file)
    model: DeviceModel = document.validate(_driver_for(document).model)
    return model


def _driver_for(document: Document) -> Driver[Any]:
    keys = list(document.data) if isinstance(document.data, dict) else []
    sections = [key for key in keys if key in drivers() and key != DEFAULT]
    if len(sections) > 1:
        raise document.error(sections[1], f"a file is for one driver, and there is a section {sections[0]}")
    default = drivers().get(DEFAULT)
    driver = drivers()[sections[0]] if sections else default
    if driver is None:
        raise FileError(document.file, [Problem(0, "", "the driver for it is not installed", "install Letdown again")])
    for key in keys:
        if key in driver.model.model_fields:
            continue
        if sections and default is not None and key in default.model.model_fields:
            raise document.error(key, f"a device with a section {sections[0]} is described there alone")
        is_section = not sections and isinstance(document.data[key], dict)
        if is_section and not difflib.get_close_matches(str(key), driver.model.model_fields, 1, _MISSPELT):
            installed = ", ".join(drivers())
            raise document.error(str(key), f"no installed driver reads this section; there are {installed}")
    return driver


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "an unknown distribution"
