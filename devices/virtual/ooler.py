"""A virtual Ooler: a water-cooled and -heated pad that keeps its last target, and ignores most writes while it is off.

Bytes and behaviour follow ooler_ble_client 1.0.0, which describes firmware 15.20 of model 999: one byte in each
characteristic. Not published, and our own choice: targets below 45 °F and above 120 °F, modes above 2 and units above 1
are ignored; a cleaning runs until it is ended, and then the target from before applies again; the schedule and the
clock, which are stored and switch nothing here, can be written while it is off, as the published client does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from bleak.exc import BleakGATTProtocolErrorCode as ErrorCode

from devices.driver.vocabulary import Value, full_uuid
from devices.profiles.codec import DecodedMessage
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.virtual.device_run import ACCEPTED, CommandResult
from devices.virtual.gatt_server import GattCharacteristic, GattError, GattService
from devices.virtual.native_protocol import Execute, NativeProtocol
from devices.virtual.simple_bodies import SimpleWarmer

_COLDEST_F, _LOWEST_F, _HIGHEST_F, _HOTTEST_F = 45, 55, 115, 120
_CLEANING_F = 75
_MODES, _UNITS = 3, 2

_SCHEDULE = "b430cd72-3a7f-4720-86fd-66ae8f6f3493"
_HEADER = "8cb4ec90-cd94-4f69-b963-5473fbd94ec8"
_TIMES = "8cb4ec90-cd94-4f69-b963-5473fbd94ea9"
_TEMPERATURES = "fa242bc0-bf85-41f7-8dbb-53ba2e8b0895"
_SCHEDULE_STATE = "fa242bc0-bf85-41f7-8dbb-53ba2e8b08a3"
_CLOCK, _CURRENT_TIME, _LOCAL_TIME, _REFERENCE_TIME = map(full_uuid, ("1805", "2a2b", "2a0f", "2a14"))
_DEVICE_INFORMATION, _MANUFACTURER, _FIRMWARE, _MODEL = map(full_uuid, ("180a", "2a29", "2a26", "2a24"))

_INITIAL = {
    _HEADER: bytes(2),
    _TIMES: bytes(140),
    _TEMPERATURES: b"\xff" * 70,
    _SCHEDULE_STATE: bytes(4),
    _CURRENT_TIME: bytes(10),
    _LOCAL_TIME: bytes.fromhex("ec 04"),
    _REFERENCE_TIME: bytes.fromhex("04 ff ff ff"),
    _MANUFACTURER: b"Kryo, Inc.",
    _FIRMWARE: b"15.20",
    _MODEL: b"999",
}
_SWAPPED = {_HEADER, _TIMES}  # the firmware stores each pair of written bytes in reverse order
_WRITABLE = {_HEADER, _TIMES, _TEMPERATURES, _CURRENT_TIME, _LOCAL_TIME}
_EXTRA_SERVICES = {
    _SCHEDULE: (_HEADER, _TIMES, _TEMPERATURES, _SCHEDULE_STATE),
    _CLOCK: (_CURRENT_TIME, _LOCAL_TIME, _REFERENCE_TIME),
    _DEVICE_INFORMATION: (_MANUFACTURER, _FIRMWARE, _MODEL),
}


def snapped(fahrenheit: int) -> int | None:
    """Return the target in °F that it applies for a written number; `None` where it ignores the number."""
    if not _COLDEST_F <= fahrenheit <= _HOTTEST_F:
        return None
    if fahrenheit < _LOWEST_F:
        return _COLDEST_F
    return _HOTTEST_F if fahrenheit > _HIGHEST_F else fahrenheit


class OolerBody(NativeProtocol, SimpleWarmer):
    """A pad that starts at `last_fahrenheit` however it is switched on.

    `stored`: the values of the characteristics that change nothing here, by UUID.
    """

    def __init__(self, profile: Profile, side: Side, seed: int | str) -> None:
        super().__init__(profile, side, seed)
        self.last_fahrenheit = 68
        self.mode = 1
        self.unit = 0
        self.cleaning = False
        self.water_percent = 100
        self.stored = dict(_INITIAL)

    @property
    def fahrenheit(self) -> int:
        """The target, or that of its next start while it is off."""
        return _CLEANING_F if self.cleaning else self.last_fahrenheit

    def command(self, name: str, values: Mapping[str, Value]) -> CommandResult:
        """Switch on at the last target, switch off, or set a new target. Sequences do nothing beyond their parts."""
        if name == "switch_on" and not self.run.on:
            return self._begin({"celsius": _celsius(self.fahrenheit)})
        if name == "switch_off":
            self._end("commanded")
        celsius = values.get("celsius")
        if name == "target" and isinstance(celsius, int | float):
            self._set_target(round(celsius * 1.8 + 32))
        return ACCEPTED

    def _set_target(self, fahrenheit: int) -> None:
        target = snapped(fahrenheit)
        if target is None or not self.run.on:
            return
        self.last_fahrenheit = target
        self._apply({"celsius": _celsius(self.fahrenheit)})

    def _end(self, reason: str) -> None:
        self.cleaning = False
        super()._end(reason)

    def _own_values(self, since_seconds: float) -> dict[str, Value]:
        own = {"pump_mode": ("silent", "regular", "boost")[self.mode], "water_percent": self.water_percent}
        own |= {"display_unit": ("fahrenheit", "celsius")[self.unit], "cleaning": self.cleaning}
        return {**super()._own_values(since_seconds), **own, "target_celsius": _celsius(self.fahrenheit)}

    def on_write(self, channel: str, data: bytes, execute: Execute) -> Iterable[tuple[str, bytes]]:
        """Apply a write of one byte; nothing else has a meaning, and nothing is notified in answer."""
        if len(data) == 1:
            self._on_byte(channel, data[0], execute)
        return ()

    def _on_byte(self, channel: str, number: int, execute: Execute) -> None:
        if channel == "power" and number in (0, 1):
            execute(DecodedMessage("switch_on" if number else "switch_off", {}))
        elif channel == "target":
            execute(DecodedMessage("target", {"celsius": _celsius(number)}))
        elif not self.run.on:
            return
        elif channel == "mode" and number < _MODES:
            self.mode = number
        elif channel == "unit" and number < _UNITS:
            self.unit = number
        elif channel == "clean":
            self.cleaning = bool(number)
            self._apply({"celsius": _celsius(self.fahrenheit)})

    def read_channel(self, channel: str) -> bytes:
        """Return the byte of a characteristic."""
        celsius = self.pad.sampled_celsius
        numbers = {
            "power": int(self.run.on),
            "mode": self.mode,
            "target": self.fahrenheit,
            "actual": round(celsius if self.unit else celsius * 1.8 + 32),
            "unit": self.unit,
            "water": self.water_percent,
            "clean": int(self.cleaning),
        }
        return bytes([numbers[channel]])

    def extra_services(self) -> Sequence[GattService]:
        """Return its schedule, its clock and its device information."""
        return [
            GattService(service, list(map(self._characteristic, uuids))) for service, uuids in _EXTRA_SERVICES.items()
        ]

    def _characteristic(self, uuid: str) -> GattCharacteristic:
        writable = uuid in _WRITABLE
        return GattCharacteristic(
            uuid,
            frozenset({"read", "write"} if writable else {"read"}),
            read=lambda: self.stored[uuid],
            write=self._writer(uuid) if writable else None,
        )

    def _writer(self, uuid: str) -> Callable[[bytes], Awaitable[None]]:
        async def write(data: bytes) -> None:
            if len(data) != len(_INITIAL[uuid]):
                raise GattError(ErrorCode.INVALID_ATTRIBUTE_VALUE_LENGTH)
            self.stored[uuid] = _swapped(data) if uuid in _SWAPPED else data

        return write


def _celsius(fahrenheit: int) -> float:
    return (fahrenheit - 32) / 1.8


def _swapped(data: bytes) -> bytes:
    return b"".join(data[at : at + 2][::-1] for at in range(0, len(data), 2))
