"""Logs of the phone app nRF Connect, as it exports them: text with the written and notified values in hex.

Such a log has no handles. Numbers stand in for them, in the order in which the log names the characteristics.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from devices.capture.conversation import CapturedConnection, CapturedDevice, GattMessage, MessageKind
from devices.capture.reading.app_log_lines import LogLine, long_uuid
from devices.capture.reading.app_log_table import AppLogTable
from devices.capture.reading.reading_notes import ReadingNotes

_UUID = r"([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|(?:0x)?[0-9A-Fa-f]{4})"
_ADDRESS = r"((?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2})"
_MOST_VALUES = 500_000
_MOST_CONNECTIONS = 10_000
_DEFAULT_MTU_BYTES = 23
_UNKNOWN = "unknown address"


@dataclass
class _LoggedConnection:
    began_seconds: float | None
    ended_seconds: float | None = None
    mtu_bytes: int = _DEFAULT_MTU_BYTES
    messages: list[GattMessage] = field(default_factory=list)


@dataclass
class _LoggedDevice:
    name: str | None = None
    table: AppLogTable = field(default_factory=AppLogTable)
    connections: list[_LoggedConnection] = field(default_factory=list)


@dataclass
class _BegunOperation:
    """A write or a read that the app began, until the log shows its end."""

    kind: MessageKind
    uuid: str
    at_seconds: float
    value: bytes | None = None


class AppLog:
    """Reads a log line by line."""

    def __init__(self, notes: ReadingNotes) -> None:
        self.line_count = 0
        self._notes = notes
        self._devices: dict[str, _LoggedDevice] = {}
        self._address = _UNKNOWN
        self._name: str | None = None
        self._pending: _BegunOperation | None = None
        self._values = 0
        self._connections = 0
        self._rules: tuple[tuple[re.Pattern[str], Callable[[float, re.Match[str]], None]], ...] = tuple(
            (re.compile(pattern), rule)
            for pattern, rule in (
                (rf"Connected to {_ADDRESS}", self._on_connected),
                (r"Connected\.?$", self._on_connected),
                (r"Disconnected", self._on_disconnected),
                (r"MTU (?:changed to|updated to|set to):? (\d+)", self._on_mtu),
                (rf"Writing request to characteristic {_UUID}", lambda at, found: self._begin(at, "write", found[1])),
                (rf"Writing command to characteristic {_UUID}", self._on_command),
                (rf"(?:gatt\.)?writeCharacteristic\({_UUID}, (?:value=)?0x([0-9A-Fa-f]*)", self._on_write_call),
                (rf"peripheral\.writeValue\((?:0x)?([0-9A-Fa-f ]*), for: {_UUID}, type: \.(\w+)\)", self._on_ios_write),
                (rf"peripheral\.readValue\(for: {_UUID}\)", lambda at, found: self._begin(at, "read", found[1])),
                (rf"Data written to {_UUID}, value:(.*)", self._on_written),
                (rf"Read Response received from {_UUID}, value:(.*)", lambda at, found: self._tell(at, "read", found)),
                (rf"Notification received from {_UUID}, value:(.*)", lambda at, found: self._tell(at, "notify", found)),
                (rf"Indication received from {_UUID}, value:(.*)", lambda at, found: self._tell(at, "indicate", found)),
                (rf"Updated Value of Characteristic {_UUID} to ((?:0x)?[0-9A-Fa-f ]*)", self._on_updated),
                (r"Error (\d+) \(0x[0-9A-Fa-f]+\)", self._on_error),
                (r"Discovered (.+) Characteristics for Service (\S+?)\.?$", self._on_ios_table),
            )
        )

    def read(self, lines: Iterable[LogLine]) -> None:
        """Take the lines."""
        for line in lines:
            self.line_count += 1
            if line.head is not None:
                self._name, self._address = line.head
            elif line.at_seconds is None:
                self._device.table.take_listing(line.text)
            else:
                self._take(line.at_seconds, line.text)

    def finish(self) -> tuple[CapturedDevice, ...]:
        """Return the devices."""
        number, devices = 0, []
        for address, device in self._devices.items():
            connections = []
            for each in device.connections:
                number += 1
                ends = (each.began_seconds, each.ended_seconds)
                connections.append(CapturedConnection(number, *ends, tuple(each.messages), each.mtu_bytes))
            if connections:
                messages = [message for each in connections for message in each.messages]
                rows = device.table.characteristics(messages)
                devices.append(CapturedDevice(address, device.name, tuple(connections), rows))
        return tuple(devices)

    @property
    def _device(self) -> _LoggedDevice:
        device = self._devices.setdefault(self._address, _LoggedDevice())
        device.name = device.name or self._name
        return device

    @property
    def _connection(self) -> _LoggedConnection:
        connections = self._device.connections
        if not connections or connections[-1].ended_seconds is not None:
            self._connect(None)
        return connections[-1]

    def _connect(self, began_seconds: float | None) -> None:
        self._connections += 1
        if self._connections <= _MOST_CONNECTIONS or not self._device.connections:
            self._device.connections.append(_LoggedConnection(began_seconds))
        else:
            self._notes.add(f"The log has more than {_MOST_CONNECTIONS} connections; the later ones count as one.")
            self._device.connections[-1].ended_seconds = None

    def _take(self, at_seconds: float, text: str) -> None:
        for pattern, rule in self._rules:
            found = pattern.search(text)
            if found is not None:
                rule(at_seconds, found)
                return
        self._device.table.take_listing(text)

    def _on_connected(self, at_seconds: float, found: re.Match[str]) -> None:
        if found.re.groups:
            address = found[1].upper()
            if address != self._address:
                self._address, self._name = address, None
        self._connect(at_seconds)

    def _on_disconnected(self, at_seconds: float, _: re.Match[str]) -> None:
        connections = self._device.connections
        if connections and connections[-1].ended_seconds is None:
            connections[-1].ended_seconds = at_seconds

    def _on_mtu(self, _: float, found: re.Match[str]) -> None:
        self._connection.mtu_bytes = max(_DEFAULT_MTU_BYTES, min(517, int(found[1][:5])))

    def _begin(self, at_seconds: float, kind: MessageKind, uuid: str) -> None:
        self._pending = _BegunOperation(kind, long_uuid(uuid), at_seconds)

    def _on_command(self, at_seconds: float, found: re.Match[str]) -> None:
        self._begin(at_seconds, "write-without-response", found[1])

    def _on_write_call(self, at_seconds: float, found: re.Match[str]) -> None:
        uuid = long_uuid(found[1])
        if self._pending is None or self._pending.uuid != uuid:
            self._pending = _BegunOperation(self._device.table.write_kind(uuid), uuid, at_seconds)
        self._pending.value = _bytes(found[2])

    def _on_ios_write(self, at_seconds: float, found: re.Match[str]) -> None:
        kind: MessageKind = "write" if found[3] == "withResponse" else "write-without-response"
        self._add(at_seconds, kind, long_uuid(found[2]), _bytes(found[1]))

    def _on_written(self, at_seconds: float, found: re.Match[str]) -> None:
        uuid, value = long_uuid(found[1]), _value(found[2])
        pending, self._pending = self._pending, None
        if pending is not None and pending.uuid == uuid and pending.kind != "read":
            self._add(pending.at_seconds, pending.kind, uuid, pending.value if value is None else value)
        else:
            self._add(at_seconds, self._device.table.write_kind(uuid), uuid, value)

    def _tell(self, at_seconds: float, kind: MessageKind, found: re.Match[str]) -> None:
        self._add(at_seconds, kind, long_uuid(found[1]), _value(found[2]))

    def _on_updated(self, at_seconds: float, found: re.Match[str]) -> None:
        uuid = long_uuid(found[1])
        requested = self._pending is not None and self._pending.kind == "read" and self._pending.uuid == uuid
        if requested:
            self._pending = None
        self._add(at_seconds, "read" if requested else "notify", uuid, _bytes(found[2]))

    def _on_error(self, _: float, found: re.Match[str]) -> None:
        pending, self._pending = self._pending, None
        error = int(found[1][:4])
        if pending is not None and pending.value is not None and 0 < error <= 0xFF:  # what ATT has
            self._add(pending.at_seconds, pending.kind, pending.uuid, pending.value, error)

    def _on_ios_table(self, _: float, found: re.Match[str]) -> None:
        for uuid in re.findall(_UUID, found[1]):
            self._device.table.add(long_uuid(uuid), long_uuid(found[2]), frozenset())

    def _add(
        self, at_seconds: float, kind: MessageKind, uuid: str, value: bytes | None, error: int | None = None
    ) -> None:
        if value is None:
            self._notes.count("unreadable_values")
            return
        self._values += 1
        if self._values > _MOST_VALUES:
            self._notes.count("dropped")
            return
        handle = self._device.table.handle(uuid)
        self._connection.messages.append(GattMessage(at_seconds, kind, handle, value, error))


def _bytes(digits: str) -> bytes | None:
    try:
        return bytes.fromhex(digits.removeprefix("0x"))
    except ValueError:
        return None


def _value(text: str) -> bytes | None:
    """Return the hex in what stands behind `value:`, such as `(0x) 01-A0, "text"`; `None` where there is none."""
    found = re.match(r"\s*\(?0x\)?:?\s*((?:[0-9A-Fa-f]{2}-?)*)(?![0-9A-Za-z])", text)
    return None if found is None else bytes.fromhex(found[1].replace("-", ""))
