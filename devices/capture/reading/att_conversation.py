"""ATT on one connection: requests, responses and notifications become messages and a GATT table.

Opcodes and layouts are those of Bluetooth Core 5.4, Vol 3, Part F, 3.4. The client is the app, the server the device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from devices.capture.conversation import GattMessage, MessageKind
from devices.capture.reading.gatt_discovery import (
    CHARACTERISTIC,
    PRIMARY_SERVICE,
    SECONDARY_SERVICE,
    GattTable,
    uuid_of,
)

_ERROR, _MTU, _WRITE, _READ, _READ_BLOB, _PREPARE, _EXECUTE = 0x01, 0x02, 0x12, 0x0A, 0x0C, 0x16, 0x18
_FIND_INFORMATION, _FIND_BY_VALUE, _READ_BY_TYPE, _READ_BY_GROUP = 0x04, 0x06, 0x08, 0x10
_READ_MULTIPLE_VARIABLE = 0x20
_WRITE_COMMAND, _SIGNED_WRITE, _CONFIRMATION = 0x52, 0xD2, 0x1E
_NOTIFICATION, _INDICATION, _MULTIPLE_NOTIFICATION = 0x1B, 0x1D, 0x23
_SIGNATURE_BYTES = 12
_SMALLEST_MTU_BYTES, _LARGEST_MTU_BYTES = 23, 517  # GATT needs 23; no attribute is longer than 512
_MOST_PREPARED = 1000  # parts of one write; 512 bytes have 29
_END_OF_VALUE = (0x07, 0x0B)  # invalid offset, attribute not long: how a long read may end


class AttConversation:
    """Collects the messages of one connection, in the order of time. `table` is shared by the device's connections.

    `allow`: says before each value of so many bytes whether there is room for it.
    """

    def __init__(self, table: GattTable, allow: Callable[[int], bool]) -> None:
        self.messages: list[GattMessage] = []
        self.mtu_bytes = _SMALLEST_MTU_BYTES
        self._table = table
        self._allow = allow
        self._request = b""
        self._written: int | None = None  # where the message of a write is, until it is answered
        self._prepared: list[tuple[int, int, bytes]] = []  # handle, offset, value
        self._executed: range = range(0)
        self._answers: dict[int, Callable[[float, bytes], None]] = {
            _MTU: self._on_mtu,
            _FIND_INFORMATION: self._on_information,
            _FIND_BY_VALUE: self._on_found,
            _READ_BY_TYPE: self._on_read_by_type,
            _READ_BY_GROUP: self._on_group,
            _READ: self._on_read,
            _READ_BLOB: self._on_blob,
            _READ_MULTIPLE_VARIABLE: self._on_several,
        }

    def feed(self, at_seconds: float, pdu: bytes, *, from_server: bool) -> None:
        """Take a PDU. One that makes no sense is passed over."""
        if not pdu:
            return
        if from_server:
            self._on_server(at_seconds, pdu)
        elif pdu[0] in (_WRITE_COMMAND, _SIGNED_WRITE):
            end = len(pdu) - _SIGNATURE_BYTES if pdu[0] == _SIGNED_WRITE else len(pdu)
            if end >= 3:  # opcode and handle
                self._add(at_seconds, "write-without-response", _handle(pdu, 1), pdu[3:end])
        elif pdu[0] != _CONFIRMATION and not pdu[0] & 1:
            self._on_request(at_seconds, pdu)

    def _on_request(self, at_seconds: float, pdu: bytes) -> None:
        self._request, self._written = pdu, None
        if pdu[0] == _WRITE and len(pdu) >= 3:  # opcode and handle
            if self._add(at_seconds, "write", _handle(pdu, 1), pdu[3:]):
                self._written = len(self.messages) - 1
        elif pdu[0] == _PREPARE and len(pdu) >= 5:  # opcode, handle, offset
            if len(self._prepared) < _MOST_PREPARED:
                self._prepared.append((_handle(pdu, 1), _handle(pdu, 3), pdu[5:]))
        elif pdu[0] == _EXECUTE:
            self._execute(at_seconds, cancelled=pdu[1:2] == b"\0")

    def _execute(self, at_seconds: float, *, cancelled: bool) -> None:
        prepared, self._prepared = self._prepared, []
        begin = len(self.messages)
        for handle in () if cancelled else dict.fromkeys(handle for handle, _, _ in prepared):
            value = b"".join(part for its, _, part in sorted(prepared, key=lambda each: each[1]) if its == handle)
            self._add(at_seconds, "write", handle, value)
        self._executed = range(begin, len(self.messages))

    def _on_server(self, at_seconds: float, pdu: bytes) -> None:
        opcode = pdu[0]
        if opcode == _NOTIFICATION and len(pdu) >= 3:  # opcode and handle
            self._add(at_seconds, "notify", _handle(pdu, 1), pdu[3:])
        elif opcode == _INDICATION and len(pdu) >= 3:
            self._add(at_seconds, "indicate", _handle(pdu, 1), pdu[3:])
        elif opcode == _MULTIPLE_NOTIFICATION:
            at = 1
            while at + 4 <= len(pdu):
                end = at + 4 + _handle(pdu, at + 2)
                self._add(at_seconds, "notify", _handle(pdu, at), pdu[at + 4 : end])
                at = end
        elif opcode == _ERROR and len(pdu) == 5:  # opcode, request, handle, error
            self._on_error(at_seconds, pdu[1], _handle(pdu, 2), pdu[4])
        elif self._request and opcode == self._request[0] + 1:
            request, answer = self._request, self._answers.get(self._request[0])
            if answer is not None:
                answer(at_seconds, pdu)
            if self._request is request:
                self._request = b""

    def _on_error(self, at_seconds: float, request: int, handle: int, error: int) -> None:
        if request == _WRITE and self._written is not None:
            self._refuse(range(self._written, self._written + 1), error)
        elif request == _EXECUTE:
            self._refuse(self._executed, error)
        elif request == _PREPARE:
            self._prepared.clear()
        elif request == _READ or (request == _READ_BLOB and error not in _END_OF_VALUE):
            self._add(at_seconds, "read", handle, b"", error)
        self._request, self._written = b"", None

    def _refuse(self, places: range, error: int) -> None:
        for place in places:
            self.messages[place] = replace(self.messages[place], error=error)

    def _on_mtu(self, _: float, pdu: bytes) -> None:
        if len(self._request) >= 3 and len(pdu) >= 3:
            agreed = min(_handle(self._request, 1), _handle(pdu, 1), _LARGEST_MTU_BYTES)
            self.mtu_bytes = max(_SMALLEST_MTU_BYTES, agreed)

    def _on_information(self, _: float, pdu: bytes) -> None:
        width = {1: 4, 2: 18}.get(pdu[1] if len(pdu) > 1 else 0)
        for row in _rows(pdu[2:], width):
            self._table.add_attribute(_handle(row, 0), uuid_of(row[2:]))

    def _on_found(self, _: float, pdu: bytes) -> None:
        if len(self._request) < 7 or _handle(self._request, 5) != PRIMARY_SERVICE:
            return
        for row in _rows(pdu[1:], 4):
            self._table.add_service(_handle(row, 0), _handle(row, 2), uuid_of(self._request[7:]))

    def _on_group(self, _: float, pdu: bytes) -> None:
        kind = int.from_bytes(self._request[5:], "little")
        if kind in (PRIMARY_SERVICE, SECONDARY_SERVICE):
            for row in _rows(pdu[2:], pdu[1] if len(pdu) > 1 else None):
                self._table.add_service(_handle(row, 0), _handle(row, 2), uuid_of(row[4:]))

    def _on_read_by_type(self, at_seconds: float, pdu: bytes) -> None:
        uuid = uuid_of(self._request[5:])
        declared = self._request[5:] == CHARACTERISTIC.to_bytes(2, "little")
        for row in _rows(pdu[2:], pdu[1] if len(pdu) > 1 else None):
            if declared:
                self._table.add_declaration(row[2:])
            elif uuid is not None:
                self._table.add_attribute(_handle(row, 0), uuid)
                self._add(at_seconds, "read", _handle(row, 0), row[2:])

    def _on_read(self, at_seconds: float, pdu: bytes) -> None:
        if len(self._request) >= 3:
            self._add(at_seconds, "read", _handle(self._request, 1), pdu[1:])

    def _on_blob(self, at_seconds: float, pdu: bytes) -> None:
        """Append to the value that was read before it; a part whose beginning is missing is left out."""
        if len(self._request) < 5:
            return
        handle, offset = _handle(self._request, 1), _handle(self._request, 3)
        if offset == 0:
            self._add(at_seconds, "read", handle, pdu[1:])
            return
        for place in range(len(self.messages) - 1, max(-1, len(self.messages) - 20), -1):
            read = self.messages[place]
            if read.kind == "read" and read.handle == handle:
                if read.error is None and len(read.value) == offset and self._allow(len(pdu) - 1):
                    self.messages[place] = replace(read, value=read.value + pdu[1:])
                return

    def _on_several(self, at_seconds: float, pdu: bytes) -> None:
        at = 1
        for place in range(1, len(self._request) - 1, 2):
            length = _handle(pdu, at)
            if at + 2 + length > len(pdu):
                return
            self._add(at_seconds, "read", _handle(self._request, place), pdu[at + 2 : at + 2 + length])
            at += 2 + length

    def _add(self, at_seconds: float, kind: MessageKind, handle: int, value: bytes, error: int | None = None) -> bool:
        if not self._allow(len(value)):
            return False
        self.messages.append(GattMessage(at_seconds, kind, handle, value, error))
        return True


def _handle(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "little")


def _rows(data: bytes, width: int | None) -> list[bytes]:
    """Return the rows of a list; none where their width is missing or too small for a handle and a value."""
    if width is None or width < 3:
        return []
    return [data[at : at + width] for at in range(0, len(data) - width + 1, width)]
