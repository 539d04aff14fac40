"""Changes of a profile that make its layout another one: what a mistake in reading a source would look like.

Fields change places, get another type, scale, unit or byte order; codes, flags and constant bytes become others; a
command goes to another channel. Each change leaves a valid profile, which encodes and decodes, and agrees with itself.
What no bytes can show is left alone: UUIDs, kinds of writing, pauses, ranges, duties.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from devices.bthome.bthome_model import BthomeModel
from devices.driver.checksums import checksum_size
from devices.driver.device_model import DeviceModel
from devices.driver.field_spec import FieldSpec
from devices.plugs.plug_model import PlugModel
from devices.profiles.schema import Profile
from devices.tuya.tuya_model import TuyaModel

_ORDERS = {"little": "big", "big": "little"}
_TYPES = {"u8": ("s8", "u16"), "s8": ("u8",), "u16": ("s16", "u8"), "s16": ("u16",), "u24": ("u16",)}
_WIDE = ("u16", "s16", "u24", "u32", "s32")
_ORDERED = frozenset((*_WIDE, "crc16-ccitt-false", "crc16-xmodem", "crc16-kermit", "crc16-modbus", "crc16-mcrf4xx"))
_TUYA_TYPES = {"value": "bool", "enum": "value", "string": "value"}  # a bool and an enum have the same bytes
_COUNTS = ("frame", "payload", "rest")
_LAYOUTS = frozenset({"payload", "fields", "optional"})
_CONSTANTS = frozenset({"opcode", "head", "tail", "payload"})
_CHECKSUMS = (
    *("sum8", "sum8-inverted", "sum8-twos-complement", "xor8", "crc8", "crc16-ccitt-false", "crc16-xmodem"),
    *("crc16-kermit", "crc16-modbus", "crc16-mcrf4xx"),
)
_LITERAL = re.compile(r"\{\w+(?::\w+)?\}|\(\?P<\w+>|\\.|([A-Za-z]+)")  # words of a text, and none of its placeholders

Path = tuple[str | int, ...]


class Change(NamedTuple):
    """A place, what becomes of it, and the whole profile with it."""

    where: str
    becomes: str
    profile: DeviceModel


def changes(raw: Mapping[str, Any]) -> Iterator[Change]:
    """Yield every change of a profile, as read from its file, that this module knows and that leaves a profile."""
    for path, value in _places(raw):
        for instead in _instead(path, value, raw):
            try:
                profile = model_class(raw).model_validate(_with(raw, path, instead))
            except ValidationError:
                continue  # `profiles check` says so without any example
            yield Change(".".join(map(str, path)), repr(instead), profile)


def model_class(raw: Mapping[str, Any]) -> type[DeviceModel]:
    if "bthome" in raw:
        return BthomeModel
    return TuyaModel if "tuya" in raw else PlugModel if "plug" in raw else Profile


def _with(data: Any, path: Path, value: Any) -> Any:
    """Return data with another value at a place."""
    if not path:
        return value
    if isinstance(data, list):
        return [_with(each, path[1:], value) if at == path[0] else each for at, each in enumerate(data)]
    return {**data, path[0]: _with(data.get(path[0]), path[1:], value)}


def _places(raw: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    described = [section for name, section in raw.items() if name != "tuya"]  # which has an order of its own
    if any(_is_ordered(value) for section in described for _, value in _below((), section)):
        yield ("byte_order",), raw.get("byte_order", "little")
    for section in ("frame", "text", "commands", "reports"):
        yield from _below((section,), raw.get(section, {}))
    for name, channel in raw.get("channels", {}).items():
        yield from _below(("channels", name, "fields"), channel.get("fields", []))
    for section in ("datapoints", "means", "verbs"):
        yield from _below(("tuya", section), raw.get("tuya", {}).get(section, {}))


def _is_ordered(value: Any) -> bool:
    """Say whether something has more than one byte, and takes their order from the profile."""
    return isinstance(value, dict) and "order" not in value and bool(_ORDERED & {*map(str, value.values())})


def _below(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    yield path, value
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in pairs:
        yield from _below((*path, key), each)


def _instead(path: Path, value: Any, raw: Mapping[str, Any]) -> Iterator[Any]:
    """Yield what may stand at a place instead."""
    order = raw.get("byte_order", "little")
    if path == ("commands",):
        yield from _exchanged(value)
    elif path == ("reports",):
        yield from _exchanged_marks(value)
    elif path[0] == "tuya":
        yield from _tuya(path, value)
    elif path[-1] in ("byte_order", "order"):
        yield _ORDERS[value]
    elif path[0] == "frame":
        yield from _frame(path, value, order)
    elif path[-1] == "channel":
        yield from (name for name in raw["channels"] if name != value)
    elif len(path) > 1:
        yield from _entry(path[-2], path[-1], value, order)


def _entry(above: str | int, key: str | int, value: Any, order: str) -> Iterator[Any]:
    """Yield what may stand in a command, a report or a layout instead."""
    if key == "sequence" or (key in _LAYOUTS and isinstance(value, list)):
        yield from _neighbours(value)
        yield from _one_less(value)
    elif isinstance(value, str) and (key in _CONSTANTS or (above in _LAYOUTS and isinstance(key, int))):
        yield from _bytes(value)
    elif isinstance(value, dict) and above in _LAYOUTS:
        yield from _field(value, order)
    elif isinstance(value, str) and key in ("text", "pattern"):
        yield from _words(value)
    elif key == "terminator":
        yield "\r" if value != "\r" else "\n"
    elif isinstance(value, int | float) and above == "values":
        yield value + 1


def _frame(path: Path, value: Any, order: str) -> Iterator[Any]:
    match path[1:]:
        case ("layout",):
            yield from _neighbours(value)
        case ("head",) | ("tail",):
            yield from _bytes(value)
        case ("checksum",):
            yield from ({**value, "over": over} for over in ("frame", "payload") if over != value.get("over", "frame"))
            if checksum_size(value["kind"]) > 1:
                yield {**value, "order": _ORDERS[value.get("order", order)]}
        case ("checksum", "kind"):
            size = checksum_size(value)
            yield from (kind for kind in _CHECKSUMS if kind != value and checksum_size(kind) == size)
        case ("length", "counts"):
            yield from (counts for counts in _COUNTS if counts != value)


def _field(field: dict[str, Any], order: str) -> Iterator[dict[str, Any]]:
    """Yield a field that means something else."""
    for name, type_ in field.items():
        if isinstance(type_, str) and (type_ in _TYPES or type_ == "bool"):
            others = (other for other in _TYPES.get(type_, ()) if other[0] == type_[0] or _reaches_the_sign(field))
            yield from ({**field, name: other} for other in others)
            yield from _number(field, type_, order)
    for key in ("is", "flags"):
        codes = field.get(key, {})
        yield from ({**field, key: other} for other in _exchanged(codes))
        yield from ({**field, key: {**_without(codes, code), code + 1: word}} for code, word in codes.items())
    if "unknown" in field:
        yield _without(field, "unknown")
        yield {**field, "unknown": field["unknown"] - 1}
    if "inverse_of" in field:
        yield {"skip": 1} if len(field) == 1 else _without(field, "inverse_of")
    if "otherwise" in field:
        yield {**field, "otherwise": next(iter(field["is"].values())), "is": {0xEE: field["otherwise"]}}
    if "skip" in field:
        yield from ({"skip": size} for size in (field["skip"] + 1, field["skip"] - 1) if size)
    if "size" in field:
        yield {**field, "size": field["size"] + 1}


def _reaches_the_sign(field: dict[str, Any]) -> bool:
    """Say whether a number may be so large, or so small, that its highest bit matters."""
    spec = FieldSpec.model_validate(field)
    half = 1 << 8 * spec.width - 1
    if spec.meanings or spec.flags:
        return any(not 0 <= code < half for code in spec.meanings or ())
    ends = [end * 1.8 + 32 if spec.unit == "fahrenheit" else end for end in spec.range or ()]
    return not ends or any(not 0 <= (end - spec.offset) / spec.factor + spec.bias < half for end in ends)


def _number(field: dict[str, Any], type_: str, order: str) -> Iterator[dict[str, Any]]:
    if type_ in _WIDE:
        yield {**field, "order": _ORDERS[field.get("order", order)]}
    if "is" in field or "flags" in field or type_ == "bool":
        return
    if "full_scale" in field:
        yield from ({**field, "full_scale": field["full_scale"] + by} for by in (1, -1))
    else:
        yield from ({**field, "scale": field.get("scale", 1) * by} for by in (10, 0.1, -1))
    yield from ({**field, "bias": field.get("bias", 0) + by} for by in (1, -1))
    yield from ({**field, "offset": field.get("offset", 0) + by} for by in (1, -1))
    if any(name.endswith("celsius") for name in field):
        units = [unit for unit in ("celsius", "fahrenheit") if unit != field.get("unit", "celsius")]
        yield from ({**field, "unit": unit} for unit in units)


def _words(text: str) -> Iterator[str]:
    """Yield a text with one word spelt otherwise, without one optional letter, or with two values exchanged."""
    for found in _LITERAL.finditer(text):
        if found[1]:
            yield text[: found.start(1)] + found[1].swapcase() + text[found.end(1) :]
    yield from (text.replace(found, "", 1) for found in re.findall(r"\w\?", text) if "(?" not in found)
    placeholders = list(re.finditer(r"\{\w+(?::\w+)?\}", text))
    for one, other in itertools.pairwise(placeholders):
        between = text[one.end() : other.start()]
        yield text[: one.start()] + other[0] + between + one[0] + text[other.end() :]


def _bytes(text: str) -> Iterator[str]:
    """Yield hex digits with one byte changed, and without the last byte."""
    data = bytes.fromhex(text)
    for at, byte in enumerate(data):
        yield (data[:at] + bytes([byte ^ 1]) + data[at + 1 :]).hex(" ")
    if len(data) > 1:
        yield data[:-1].hex(" ")


def _tuya(path: Path, value: Any) -> Iterator[Any]:
    """Yield other datapoints, rules and steps. Numbers and types are not in the bytes of an example, only values."""
    key = path[-1]
    if key in ("fields", "optional") and isinstance(value, list):
        yield from _neighbours(value)
        yield from _one_less(value)
    elif path[-2] in ("fields", "optional") and isinstance(value, dict) and path[1] == "datapoints":
        yield from _field(value, "big")
    elif path[1] == "datapoints" and len(path) == 3:
        if value["type"] == "value":
            yield from ({**value, "scale": value.get("scale", 1) * by} for by in (10, 0.1))
            yield from ({**value, "offset": value.get("offset", 0) + by} for by in (1, -1))
        if value["type"] in _TUYA_TYPES:
            yield {**value, "type": _TUYA_TYPES[value["type"]]}
        if any(_is_ordered(field) for field in value.get("fields", ())):
            yield {**value, "byte_order": "little"}
    elif key == "is" or key in ("up_to", "at_least"):
        yield from _exchanged(value)
    elif path[1] == "verbs":
        yield from _verb(path, value)


def _verb(path: Path, value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        # Of steps for different phases only one is taken, so their order means nothing.
        swaps = [at for at, pair in enumerate(itertools.pairwise(value)) if not all("when" in each for each in pair)]
        yield from ([*value[:at], value[at + 1], value[at], *value[at + 2 :]] for at in swaps)
        yield from _one_less(value)
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float) and path[-2] not in ("up_to", "at_least"):
        yield value + 1
    elif isinstance(value, dict) and len(path) > 3:
        yield from _exchanged(value)


def _neighbours(items: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield the items with two neighbours in each other's place."""
    for at, (one, other) in enumerate(itertools.pairwise(items)):
        if one != other:
            yield [*items[:at], other, one, *items[at + 2 :]]


def _one_less(items: Sequence[Any]) -> Iterator[list[Any]]:
    if len(items) > 1:
        yield from ([*items[:at], *items[at + 1 :]] for at in range(len(items)))


def _exchanged(entries: Mapping[Any, Any]) -> Iterator[dict[Any, Any]]:
    """Yield a mapping in which two neighbours have each other's value."""
    for (one, value), (other, its_value) in itertools.pairwise(entries.items()):
        if value != its_value:
            yield {**entries, one: its_value, other: value}


def _exchanged_marks(reports: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the reports with two of them known by each other's opcode or pattern; their names are not on the wire."""
    for key in ("opcode", "pattern"):
        marks = _exchanged({name: report[key] for name, report in reports.items() if key in report})
        yield from (
            {**reports, **{name: {**reports[name], key: mark} for name, mark in each.items()}} for each in marks
        )


def _without(mapping: Mapping[Any, Any], key: Any) -> dict[Any, Any]:
    return {each: value for each, value in mapping.items() if each != key}
