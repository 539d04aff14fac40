"""Does the app set the device's clock? Bytes that are the time at which they were written, each time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from devices.capture.inference.unwrapped import Unwrapped
from devices.driver.vocabulary import ByteOrder

_ZONES_MINUTES = range(-12 * 60, 14 * 60 + 1, 15)
_SLACK_SECONDS = 2
_FEWEST_FIELDS = 3
_PART = tuple[str, str, int, ByteOrder]
_ORDERS: tuple[tuple[str, ...], ...] = (
    ("year", "month", "day", "hour", "minute", "second"),
    ("year", "month", "day", "weekday", "hour", "minute", "second"),
    ("second", "minute", "hour", "day", "month", "year"),
    ("hour", "minute", "second"),
)
_DISTINCT = 2


def clock_layout(messages: Sequence[Unwrapped]) -> list[Any] | None:
    """Return the payload of a command that sets the clock, as the profile language writes it; `None`: it does not.

    `messages`: what is written at the same place of different connections.
    """
    payloads = [message.payload for message in messages]
    if len(set(payloads)) < _DISTINCT:
        return None
    for at in range(len(payloads[0])):
        for fields, width in _candidates(messages, at):
            before, behind = (
                {payload[:at] for payload in payloads},
                {payload[at + width :] for payload in payloads},
            )
            if len(before) == 1 and len(behind) == 1:
                ends = [piece.hex(" ") for piece in (before.pop(), behind.pop())]
                return [*([ends[0]] if ends[0] else []), *fields, *([ends[1]] if ends[1] else [])]
    return None


def _candidates(messages: Sequence[Unwrapped], at: int) -> Iterator[tuple[list[Any], int]]:
    orders: tuple[ByteOrder, ...] = ("little", "big")
    for order in orders:
        if all(_is_epoch(message, at, order) for message in messages):
            yield [{"epoch_seconds": "u32", "order": order}], 4
    for names in _ORDERS:
        for wide in (False, True):
            for order in orders if wide else orders[:1]:
                size = len(names) + wide
                if wide and "year" not in names:
                    continue
                if all(_zones(message, at, names, order, wide=wide, size=size) for message in messages):
                    yield [_field(name, order, wide=wide) for name in names], size


def _is_epoch(message: Unwrapped, at: int, order: ByteOrder) -> bool:
    field = message.payload[at : at + 4]
    return len(field) == 4 and abs(int.from_bytes(field, order) - message.at_seconds) <= _SLACK_SECONDS  # noqa: PLR2004


def _zones(message: Unwrapped, at: int, names: Sequence[str], order: ByteOrder, *, wide: bool, size: int) -> list[int]:
    """Return the time zones, in minutes, in which the bytes are the time of the message."""
    data = message.payload[at : at + size]
    if len(data) < size:
        return []
    read: dict[str, int] = {}
    place = 0
    for name in names:
        width = 2 if wide and name == "year" else 1
        read[name] = int.from_bytes(data[place : place + width], order)
        place += width
    return [zone for zone in _ZONES_MINUTES if _is_time(message.at_seconds, zone, read, wide=wide)]


def _is_time(at_seconds: float, zone_minutes: int, read: dict[str, int], *, wide: bool) -> bool:
    for slack in range(-_SLACK_SECONDS, _SLACK_SECONDS + 1):
        moment = datetime.fromtimestamp(at_seconds + slack, UTC) + timedelta(minutes=zone_minutes)
        values = {
            "year": moment.year if wide else moment.year % 100,
            "month": moment.month,
            "day": moment.day,
            "weekday": moment.isoweekday(),
            "hour": moment.hour,
            "minute": moment.minute,
            "second": moment.second,
        }
        if all(values[name] == value for name, value in read.items()):
            return True
    return False


def _field(name: str, order: ByteOrder, *, wide: bool) -> dict[str, Any]:
    if name == "year":
        return {"year": "u16", "order": order} if wide else {"year_of_century": "u8"}
    return {name: "u8"}
