"""Which units this controller receives advertisements of: only those can it serve."""

from __future__ import annotations

import contextlib
import math

from controller.fleet.fleet_units import Unit
from devices.bluetooth.advertisement import Advertisement, ByNothing
from devices.bluetooth.radio import Radio
from devices.support.clock import Clock

# A device that advertises is received every few seconds; BlueZ pauses its scan for 5 s.
RECEIVED_SECONDS = 30.0


class Reception:
    """Remembers when a device of each unit was last received, and how well."""

    def __init__(self, radio: Radio, clock: Clock) -> None:
        self._radio = radio
        self._clock = clock
        self._listening: dict[str, contextlib.ExitStack] = {}  # by unit
        self._everywhere: set[str] = set()  # units without Bluetooth
        self._received: dict[str, tuple[float, int]] = {}  # by unit: when, and with how many dBm

    def listen(self, unit: Unit) -> None:
        """Listen for the devices of a unit, instead of those that it had before."""
        self.forget(unit.name)
        stack = self._listening[unit.name] = contextlib.ExitStack()
        wanted = [each.wanted for each in unit.devices if not isinstance(each.wanted, ByNothing)]

        def on_received(advertisement: Advertisement) -> None:
            self._received[unit.name] = (self._clock.now(), advertisement.rssi_dbm)

        for each in wanted:
            stack.callback(self._radio.listen(each, on_received))
        if not wanted:
            self._everywhere.add(unit.name)

    def forget(self, name: str) -> None:
        """Listen for the devices of a unit no more."""
        if (stack := self._listening.pop(name, None)) is not None:
            stack.close()
        self._everywhere.discard(name)
        self._received.pop(name, None)

    def close(self) -> None:
        """Listen for nothing any more."""
        for name in list(self._listening):
            self.forget(name)

    def receives(self, name: str) -> bool:
        """Return whether a device of a unit was received lately. A unit without Bluetooth can be served anywhere."""
        return name in self._everywhere or self.silent_seconds(name) <= RECEIVED_SECONDS

    def silent_seconds(self, name: str) -> float:
        """Return for how long no device of a unit was received."""
        received = self._received.get(name)
        return math.inf if received is None else self._clock.now() - received[0]

    def rssi_dbm(self, name: str) -> int | None:
        """Return how well a unit was received last; `None` if it never was."""
        received = self._received.get(name)
        return None if received is None else received[1]
