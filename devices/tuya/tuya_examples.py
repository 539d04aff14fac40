"""Try the `tuya` section of a profile: does every example hold, and which verbs and datapoints have none?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from devices.driver.example_check import DROPPED, ExampleCheck, by_part, compared, in_words
from devices.driver.vocabulary import OWNER, Value
from devices.errors import DeviceError
from devices.tuya.datapoint_codec import TuyaCodec
from devices.tuya.datapoints import DataPoint, DpType, decode, encode
from devices.tuya.tuya_schema import VERBS, TuyaExample, TuyaSpec

_HEAD_BYTES = 3  # id, type and length before a value, in the older protocol
_SAMPLE: dict[str, Value] = {
    "phase": "stimulation",
    "side": "both",
    "intensity": 1 / 3,
    "celsius": 37.0,
    "vacuum_mmhg": 60,
}


def check_examples(spec: TuyaSpec) -> list[ExampleCheck]:
    """Return what the examples show of each verb and of each datapoint that the device reports.

    Ids that only the owner knows are made up.
    """
    taken = {each.id for each in spec.datapoints.values()}
    free = (number for number in range(1, 256) if number not in taken)
    owners = {each.code or name: next(free) for name, each in spec.datapoints.items() if each.id == OWNER}
    ids = spec.ids(owners)
    codec = TuyaCodec(spec, ids)
    tried = (_tried(codec, ids, example) for example in spec.examples)
    return [_with_bytes(codec, each) for each in by_part(_parts(spec), ("tuya", "examples"), tried)]


def _parts(spec: TuyaSpec) -> Iterator[str]:
    yield from (f"tuya.verbs.{verb}" for verb in spec.verbs)
    yield from (f"tuya.datapoints.{name}" for name, each in spec.datapoints.items() if not each.trigger)


def _tried(
    codec: TuyaCodec, ids: Mapping[str, int], example: TuyaExample
) -> tuple[tuple[str, ...], str, str, str | None]:
    part, expected, found = _received(codec, ids, example) if example.receive else _sent(codec, example)
    return (part,), expected, found, example.seen_in


def _sent(codec: TuyaCodec, example: TuyaExample) -> tuple[str, str, str]:
    ((verb, values),) = (example.send or {}).items()
    expected = "; ".join(", ".join(f"{name} {data.hex(' ')}" for name, data in step) for step in example.writes)
    try:
        messages = codec.encode(verb, values, example.known)
    except DeviceError as error:
        return f"tuya.verbs.{verb}", expected, str(error)
    found = "; ".join(", ".join(_shown(codec, point) for point in points) for points in messages)
    return f"tuya.verbs.{verb}", expected, found


def _shown(codec: TuyaCodec, point: DataPoint) -> str:
    return f"{codec.name_of(point)} {encode([point], 3)[_HEAD_BYTES:].hex(' ')}"


def _received(codec: TuyaCodec, ids: Mapping[str, int], example: TuyaExample) -> tuple[str, str, str]:
    name, data = example.receive or ("", b"")
    part, given = f"tuya.datapoints.{name}", example.means or {}
    if name not in codec.spec.datapoints:
        return part, name, f"there is no datapoint {name}, there are {', '.join(codec.spec.datapoints)}"
    if codec.spec.datapoints[name].trigger:
        part = DROPPED  # what is reported of a trigger means nothing
    try:
        values = codec.decode(as_reported(codec.spec, ids[name], name, data))
    except DeviceError as error:
        return part, in_words(given), str(error)
    if values.keys() > given.keys():  # an example gives all that its bytes mean
        return part, in_words(given), in_words(values)
    return part, *compared(given, values)


def as_reported(spec: TuyaSpec, number: int, name: str, data: bytes) -> DataPoint:
    """Return a datapoint that a device reports with these value bytes, under the type in the profile."""
    kind = DpType[spec.datapoints[name].type.upper()]
    return decode(bytes([number, kind, len(data)]) + data, 3)[0]


def _with_bytes(codec: TuyaCodec, finding: ExampleCheck) -> ExampleCheck:
    section, _, verb = finding.what.rpartition(".")
    if section != "tuya.verbs":
        return finding
    given: dict[str, Value] = {name: _SAMPLE.get(name, 1) for name in VERBS[verb]}
    try:
        written = [encode(points, 3).hex(" ") for points in codec.encode(verb, given, given)]
    except DeviceError as error:
        return finding.model_copy(update={"problem": str(error)})
    return finding.model_copy(update={"shows": ", ".join(written)})
