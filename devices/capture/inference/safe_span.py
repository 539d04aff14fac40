"""Safe by construction, and checked once more: a command sends only bytes between those that were captured."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from devices.capture.inference.command_templates import TemplateKey
from devices.capture.inference.interpretation import Interpretation
from devices.driver.field_spec import FieldSpec
from devices.driver.fields import from_wire
from devices.driver.vocabulary import Value
from devices.errors import DeviceError
from devices.profiles.codec import Codec

_CLOCK = frozenset(
    {"year", "year_of_century", "month", "day", "hour", "minute", "second", "weekday", "epoch_seconds", "zone_minutes"}
)
_MOST_COMBINATIONS = 70_000
_COUNTERS = (0, 1, 85, 170, 255)


def outside_captured(codec: Codec, name: str, key: TemplateKey, found: Interpretation) -> str | None:
    """Return in words how a command could send what is outside the captured frames of its kind; `None`: it cannot.

    Every value that the profile allows is tried. What sets a clock is left out, as the time goes on, and so is what
    repeats bytes that the device has just sent.
    """
    spec = codec.profile.commands[name]
    fields = [field for field in (*spec.payload, *spec.fields.values()) if field.name is not None]
    fields = [field for field in fields if not str(field.name).startswith("echo_")]
    if {field.name for field in fields} <= _CLOCK:
        return None
    captured = {
        message.payload
        for message in found.written
        if message.content.handle == key[0] and message.content.opcode == key[1] and len(message.payload) == key[2]
    }
    if not captured:
        return "nothing like it was captured"
    allowed = [list(_values(field)) for field in fields]
    size = 1
    for each in allowed:
        size *= max(len(each), 1)
    if size > _MOST_COMBINATIONS or not all(allowed):
        return "it allows more values than can be tried"
    for values in itertools.product(*allowed):
        given: dict[str, Value] = {field.name or "": value for field, value in zip(fields, values, strict=True)}
        try:
            frames = [codec.encode_command(name, given, counter).data for counter in _COUNTERS]
        except DeviceError as error:
            return str(error)
        if found.framing.layout.rivals and key[0] in found.framing.framed:
            for rival in (each for frame in frames for each in found.framing.layout.rivals_of(frame)):
                return f"its checksum is not decided: {rival.words} fits what was captured, too, and differs at {given}"
    return _beyond(fields, allowed, captured, spec.payload)


def _values(field: FieldSpec) -> Iterator[Value]:
    """Yield every value that a field takes."""
    if field.meanings:
        yield from field.meanings.values()
        return
    low, high = field.wire_range
    for wire in range(max(low, 0), min(high, 0xFFFF) + 1):
        try:
            yield from_wire(field, wire, {})[field.name or ""]
        except DeviceError:
            continue  # outside the range


def _beyond(
    fields: list[FieldSpec], allowed: list[list[Value]], captured: set[bytes], payload: tuple[FieldSpec, ...]
) -> str | None:
    """Return which field allows more than was captured at its place."""
    if not payload:
        return None
    at = 0
    spans = {}
    for field in payload:
        if field.name is not None:
            order = field.order or "little"
            wires = [int.from_bytes(each[at : at + field.width], order, signed=field.signed) for each in captured]
            values = []
            for wire in wires:
                try:
                    values.append(from_wire(field, wire, {})[field.name])
                except DeviceError:
                    continue
            spans[field.name] = values
        at += field.width
    for field, values in zip(fields, allowed, strict=True):
        seen = spans.get(field.name or "", [])
        if field.meanings:
            if not set(map(str, values)) <= set(map(str, seen)):
                return f"{field.name} has codes that were not captured"
            continue
        numbers = [float(value) for value in seen if isinstance(value, int | float)]
        allowed_numbers = [float(value) for value in values if isinstance(value, int | float)]
        if not numbers or min(allowed_numbers) < min(numbers) or max(allowed_numbers) > max(numbers):
            return f"{field.name} reaches beyond what was captured"
    return None
