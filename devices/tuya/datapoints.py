"""Datapoints, the reports that carry them, and the replies to what a device asks. Pure: bytes in, values out.

Source of the facts: published MIT-licensed integrations for Tuya BLE and Tuya's own Apache-licensed device SDK, whose
device side shows the layouts of protocols 3 and 4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from devices.errors import ProtocolError, RefusedError

Datum = bytes | bool | int | str


class Code(IntEnum):
    """What a message is."""

    DEVICE_INFO = 0x0000
    PAIR = 0x0001
    WRITE = 0x0002
    STATUS = 0x0003
    WRITE_V4 = 0x0027
    REPORT = 0x8001
    TIMED_REPORT = 0x8003
    FLAGGED_REPORT = 0x8004
    FLAGGED_TIMED_REPORT = 0x8005
    REPORT_V4 = 0x8006
    TIMED_REPORT_V4 = 0x8007
    TIME_MILLISECONDS = 0x8011
    TIME_DATE = 0x8012
    TIME_LOCAL_DATE = 0x8013


class DpType(IntEnum):
    """A datapoint's type on the wire."""

    RAW = 0
    BOOL = 1
    VALUE = 2
    STRING = 3
    ENUM = 4
    BITMAP = 5


@dataclass(frozen=True)
class DataPoint:
    """One value under its number. `value` is bytes for RAW, bool for BOOL, text for STRING, else a whole number."""

    id: int
    kind: DpType
    value: Datum


@dataclass(frozen=True)
class DatapointReport:
    """What a device reports of its own accord. `answer` is what it waits for, if it waits for anything."""

    points: tuple[DataPoint, ...]
    unix_seconds: float | None
    answer: bytes | None


REPORTS = frozenset(code for code in Code if Code.REPORT <= code <= Code.TIMED_REPORT_V4)

TIME_REQUESTS = frozenset({Code.TIME_MILLISECONDS, Code.TIME_DATE, Code.TIME_LOCAL_DATE})

_NEEDS_NO_ANSWER = 0x80
_HEAD_BYTES: dict[int, int] = {
    **dict.fromkeys((Code.FLAGGED_REPORT, Code.FLAGGED_TIMED_REPORT), 3),  # number u16, flags
    **dict.fromkeys((Code.REPORT_V4, Code.TIMED_REPORT_V4), 7),  # version 0, number u32, flags, mode
}
_MILLISECOND_DIGITS = 13


def encode(points: Iterable[DataPoint], protocol: int) -> bytes:
    """Return the bytes of datapoints in a message. Raise `RefusedError` for a value that does not fit."""
    data = b""
    for point in points:
        value = _value_bytes(point)
        size = 1 if protocol < 4 else 2  # noqa: PLR2004 - from protocol 4 on
        if len(value) >= 1 << 8 * size:
            raise RefusedError(f"{len(value)} bytes do not fit into datapoint {point.id}")
        data += bytes([point.id, point.kind]) + len(value).to_bytes(size, "big") + value
    return data


def decode(data: bytes, protocol: int) -> tuple[DataPoint, ...]:
    """Return the datapoints in `data`. Raise `ProtocolError` where one of them does not end."""
    points = []
    head = 3 if protocol < 4 else 4  # noqa: PLR2004
    at = 0
    while at < len(data):
        if at + head > len(data):
            raise ProtocolError(f"a datapoint begins at byte {at} of {len(data)} and does not end")
        end = at + head + int.from_bytes(data[at + 2 : at + head], "big")
        if end > len(data):
            raise ProtocolError(f"datapoint {data[at]} ends at byte {end} of {len(data)}")
        points.append(_point(data[at], data[at + 1], data[at + head : end]))
        at = end
    return tuple(points)


def write_request(points: Iterable[DataPoint], protocol: int, number: int) -> tuple[Code, bytes]:
    """Return code and data of a message that writes datapoints; `number` counts the writes (protocol 4)."""
    if protocol < 4:  # noqa: PLR2004
        return Code.WRITE, encode(points, protocol)
    return Code.WRITE_V4, struct.pack(">BI", 0, number & 0xFFFFFFFF) + encode(points, protocol)


def read_result(code: int, data: bytes) -> int:
    """Return the result byte of an answer to PAIR, WRITE, STATUS or WRITE_V4; 0 means done."""
    size = 6 if code == Code.WRITE_V4 else 1
    if len(data) != size:
        raise ProtocolError(f"an answer to {code:#06x} has {size} bytes, not {len(data)}")
    return data[-1]


def decode_report(code: int, data: bytes) -> DatapointReport:
    """Return a report's datapoints, its time if it has one, and the answer it waits for. Raise `ProtocolError`."""
    protocol = 4 if code in (Code.REPORT_V4, Code.TIMED_REPORT_V4) else 3
    at = _HEAD_BYTES.get(code, 0)
    wanted: bytes | None = data[:at] + b"\0"
    if len(data) < at:
        raise ProtocolError(f"a report {code:#06x} of {len(data)} bytes")
    if protocol == 4:  # noqa: PLR2004
        if data[0] != 0:
            raise ProtocolError(f"a report in version {data[0]}")
        if data[5] & _NEEDS_NO_ANSWER:
            wanted = None
    unix_seconds = None
    if code in (Code.TIMED_REPORT, Code.FLAGGED_TIMED_REPORT, Code.TIMED_REPORT_V4):
        unix_seconds, at = _timestamp(data, at)
    return DatapointReport(decode(data[at:], protocol), unix_seconds, wanted)


def time_reply(code: int, now: datetime) -> bytes:
    """Return the answer to a request for the time: `now` is aware of its zone."""
    zone = round((now.utcoffset() or timedelta()).total_seconds() / 36)  # hundredths of an hour
    if code == Code.TIME_MILLISECONDS:
        milliseconds = int(now.timestamp() * 1000)
        return f"{milliseconds:0{_MILLISECOND_DIGITS}d}".encode() + struct.pack(">h", zone)
    # 8013 is the newest SDK's, which says that it wants local time. Of 8012 it makes a time in UTC, yet the published
    # integrations answer it with local time, too: that is unconfirmed, and 8011 is what devices ask for.
    # They count weekdays from Monday = 0; no device is known to use it.
    date = (now.year % 100, now.month, now.day, now.hour, now.minute, now.second, now.weekday())
    return struct.pack(">7Bh", *date, zone)


def _value_bytes(point: DataPoint) -> bytes:
    value = point.value
    if point.kind is DpType.RAW and isinstance(value, bytes):
        return value
    if point.kind is DpType.STRING and isinstance(value, str):
        return value.encode()
    if point.kind is DpType.BOOL and isinstance(value, int) and value in (0, 1):
        return bytes([value])
    if isinstance(value, int):
        if point.kind is DpType.VALUE and -(1 << 31) <= value < 1 << 31:
            return value.to_bytes(4, "big", signed=True)
        if point.kind in (DpType.ENUM, DpType.BITMAP) and 0 <= value < 1 << 32:
            size = 1 if value < 1 << 8 else 2 if value < 1 << 16 else 4
            return value.to_bytes(size, "big")
    raise RefusedError(f"{value!r} does not fit into datapoint {point.id}, which is a {point.kind.name.lower()}")


def _point(number: int, kind_code: int, value: bytes) -> DataPoint:
    """Return one datapoint. What its type cannot mean stays raw, so that one of them does not cost all the others."""
    raw = DataPoint(number, DpType.RAW, value)
    try:
        kind = DpType(kind_code)
    except ValueError:
        return raw
    if kind is DpType.STRING:
        try:
            return DataPoint(number, kind, value.decode())
        except UnicodeDecodeError:
            return raw
    if kind is DpType.RAW or not 1 <= len(value) <= 4:  # noqa: PLR2004 - bytes of an i32
        return raw
    whole = int.from_bytes(value, "big", signed=kind is DpType.VALUE)
    return DataPoint(number, kind, whole != 0 if kind is DpType.BOOL else whole)


def _timestamp(data: bytes, at: int) -> tuple[float, int]:
    kind, at = data[at : at + 1], at + 1
    if kind == b"\0":
        digits = data[at : at + _MILLISECOND_DIGITS]
        if len(digits) == _MILLISECOND_DIGITS and digits.isdigit():
            return int(digits) / 1000, at + _MILLISECOND_DIGITS
    elif kind == b"\1" and at + 4 <= len(data):
        return float(int.from_bytes(data[at : at + 4], "big")), at + 4
    raise ProtocolError(f"a timed report of {len(data)} bytes has no time")
