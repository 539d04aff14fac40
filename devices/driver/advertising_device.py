"""A device that only advertises: what its driver adds is the meaning of an advertisement."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import NoReturn

from devices.bluetooth.advertisement import Advertisement
from devices.bluetooth.advertisement_link import AdvertisementLink
from devices.bluetooth.radio import Radio
from devices.driver.base import BaseDevice, DeviceOptions
from devices.driver.device_connection import DeviceConnection
from devices.driver.device_model import DeviceModel
from devices.driver.vocabulary import Value
from devices.errors import RefusedError
from devices.roles import ButtonPress
from devices.support.clock import Clock


class AdvertisingDevice(BaseDevice):
    """One device that only advertises: it is never connected, and takes no command.

    `link.connected`: whether an advertisement was received in the last `silent_seconds`. After that, its values are
    dropped.
    """

    def __init__(
        self, radio: Radio, clock: Clock, model: DeviceModel, options: DeviceOptions, *, silent_seconds: float
    ) -> None:
        self._silent_seconds = silent_seconds
        self._press_callbacks: list[Callable[[ButtonPress], None]] = []
        super().__init__(radio, clock, model, options)

    @abstractmethod
    def _on_advertisement(self, advertisement: Advertisement) -> None:
        """Decode an advertisement. Called as soon as it is received."""

    def on_press(self, callback: Callable[[ButtonPress], None]) -> Callable[[], None]:
        """Call `callback` with every press of a button, at once; the result unsubscribes."""
        self._press_callbacks.append(callback)
        return lambda: self._press_callbacks.remove(callback)

    def _pressed(self, press: ButtonPress) -> None:
        for callback in tuple(self._press_callbacks):
            callback(press)

    def _make_link(self, radio: Radio | None, options: DeviceOptions) -> DeviceConnection:
        if radio is None:
            raise TypeError("a device that advertises needs a radio")
        return AdvertisementLink(
            radio,
            self.clock,
            self.name,
            options.wanted,
            self._on_advertisement,
            self._on_link_change,
            self._silent_seconds,
        )

    async def _set_up(self) -> None:
        """Do nothing: there is no connection."""

    async def _carry_out(self, verb: str, values: Mapping[str, Value], undone_by: str | None) -> None:  # noqa: ARG002
        self._refuse()

    async def write_urgently(self, verb: str) -> None:  # noqa: ARG002 - it takes none
        """Refuse: it takes no command."""
        self._refuse()

    async def send_again(self, verb: str, within_seconds: float) -> None:  # noqa: ARG002 - it takes none
        """Refuse: it takes no command."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise RefusedError(f"{self.name} only advertises, and takes no command")
