"""The bytes of an Ooler, from the constants and the code of ooler_ble_client 1.0.0: one byte in each characteristic.

Also what the profile does not use: its schedule, its clock and what it says of itself. Whether the schedule and the
clock can be written while it is off is not published; the published client does so, and here they can.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from bleak.exc import BleakGATTProtocolErrorCode as ErrorCode

from devices.profiles.codec import Message
from devices.profiles.vocabulary import full_uuid
from devices.virtual.gatt import GattCharacteristic, GattError, GattService
from devices.virtual.wire import Obey

if TYPE_CHECKING:
    from devices.virtual.ooler import OolerBody

_SCHEDULE = "b430cd72-3a7f-4720-86fd-66ae8f6f3493"
_HEADER = "8cb4ec90-cd94-4f69-b963-5473fbd94ec8"
_TIMES = "8cb4ec90-cd94-4f69-b963-5473fbd94ea9"
_TEMPERATURES = "fa242bc0-bf85-41f7-8dbb-53ba2e8b0895"
_STATE_OF_SCHEDULE = "fa242bc0-bf85-41f7-8dbb-53ba2e8b08a3"
_CLOCK, _CURRENT_TIME, _LOCAL_TIME, _REFERENCE_TIME = map(full_uuid, ("1805", "2a2b", "2a0f", "2a14"))
_ABOUT, _MAKER, _FIRMWARE, _MODEL = map(full_uuid, ("180a", "2a29", "2a26", "2a24"))

_EMPTY = {
    _HEADER: bytes(2),
    _TIMES: bytes(140),
    _TEMPERATURES: b"\xff" * 70,
    _STATE_OF_SCHEDULE: bytes(4),
    _CURRENT_TIME: bytes(10),
    _LOCAL_TIME: bytes.fromhex("ec 04"),
    _REFERENCE_TIME: bytes.fromhex("04 ff ff ff"),
    _MAKER: b"Kryo, Inc.",
    _FIRMWARE: b"15.20",
    _MODEL: b"999",
}
_SWAPPED = {_HEADER, _TIMES}  # of each two bytes that are written there, the firmware keeps the second first
_WRITABLE = {_HEADER, _TIMES, _TEMPERATURES, _CURRENT_TIME, _LOCAL_TIME}
_PLACES = {
    _SCHEDULE: (_HEADER, _TIMES, _TEMPERATURES, _STATE_OF_SCHEDULE),
    _CLOCK: (_CURRENT_TIME, _LOCAL_TIME, _REFERENCE_TIME),
    _ABOUT: (_MAKER, _FIRMWARE, _MODEL),
}


class OolerWire:
    """The device's end of its bytes. `kept`: what stands in the characteristics that change nothing here."""

    gone = False

    def __init__(self, body: OolerBody) -> None:
        self.kept = dict(_EMPTY)
        self._body = body

    def hear(self, channel: str, data: bytes, obey: Obey) -> Iterator[tuple[str, bytes]]:
        """Take in one byte; others mean nothing. It answers nothing but the write itself."""
        if len(data) == 1:
            self._hear(channel, data[0], obey)
        yield from ()

    def _hear(self, channel: str, number: int, obey: Obey) -> None:
        if channel == "power" and number in (0, 1):
            obey(Message("switch_on" if number else "switch_off", {}))
        elif channel == "target":
            obey(Message("target", {"celsius": (number - 32) / 1.8}))
        elif channel == "mode":
            self._body.set_mode(number)
        elif channel == "unit":
            self._body.set_unit(number)
        elif channel == "clean":
            self._body.set_cleaning(bool(number))

    def says(self, channel: str) -> bytes | None:
        """Return the byte of a characteristic."""
        body = self._body
        celsius = body.measured_celsius
        numbers = {
            "power": int(body.duty.on),
            "mode": body.mode,
            "target": body.fahrenheit,
            "actual": round(celsius if body.unit else celsius * 1.8 + 32),
            "unit": body.unit,
            "water": body.water_percent,
            "clean": int(body.cleaning),
        }
        return bytes([numbers[channel]])

    def services(self) -> Sequence[GattService]:
        """Return its schedule, its clock and what it says of itself."""
        return [GattService(service, list(map(self._characteristic, uuids))) for service, uuids in _PLACES.items()]

    def reset(self) -> None:
        """Keep everything: nothing here belongs to a connection."""

    def _characteristic(self, uuid: str) -> GattCharacteristic:
        writable = uuid in _WRITABLE
        return GattCharacteristic(
            uuid,
            frozenset({"read", "write"} if writable else {"read"}),
            read=lambda: self.kept[uuid],
            write=self._writer(uuid) if writable else None,
        )

    def _writer(self, uuid: str) -> Callable[[bytes], Awaitable[None]]:
        async def write(data: bytes) -> None:
            if len(data) != len(_EMPTY[uuid]):
                raise GattError(ErrorCode.INVALID_ATTRIBUTE_VALUE_LENGTH)
            self.kept[uuid] = _swapped(data) if uuid in _SWAPPED else data

        return write


def _swapped(data: bytes) -> bytes:
    return b"".join(data[at : at + 2][::-1] for at in range(0, len(data), 2))
