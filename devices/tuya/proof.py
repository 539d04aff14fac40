"""Dry-run the `tuya` section of a profile: every example holds, every verb encodes."""

from __future__ import annotations

from collections.abc import Iterator

from devices.errors import DeviceError
from devices.profiles.vocabulary import OWNER, Finding, Value
from devices.tuya.codec import TuyaCodec
from devices.tuya.datapoints import DataPoint, Kind, decode, encode
from devices.tuya.schema import VERBS, TuyaExample, TuyaSpec

_HEAD_BYTES = 3  # id, type and length before a value, in the older protocol
_SAMPLE: dict[str, Value] = {
    "phase": "stimulation",
    "side": "both",
    "intensity": 1 / 3,
    "celsius": 37.0,
    "vacuum_mmhg": 60,
}


def prove_tuya(spec: TuyaSpec) -> Iterator[Finding]:
    """Try everything that can be tried without a device; ids that only the owner knows are made up."""
    taken = {each.id for each in spec.datapoints.values()}
    free = (number for number in range(1, 256) if number not in taken)
    owners = {each.code or name: next(free) for name, each in spec.datapoints.items() if each.id == OWNER}
    ids = spec.ids(owners)
    codec = TuyaCodec(spec, ids)
    for number, example in enumerate(spec.examples):
        try:
            wrong = _wrong(codec, ids, example)
        except DeviceError as error:
            wrong = str(error)
        yield Finding(what=f"tuya.examples.{number}", holds=wrong is None, shows=wrong or "holds")
    for verb in spec.verbs:
        given: dict[str, Value] = {name: _SAMPLE.get(name, 1) for name in VERBS[verb]}
        try:
            written = [encode(points, 3).hex(" ") for points in codec.encode(verb, given, given)]
        except DeviceError as error:
            yield Finding(what=f"tuya.verbs.{verb}", holds=False, shows=str(error))
        else:
            yield Finding(what=f"tuya.verbs.{verb}", holds=True, shows=", ".join(written))


def as_told(spec: TuyaSpec, number: int, name: str, data: bytes) -> DataPoint:
    """Return a datapoint that a device reports with these value bytes, under the type that the profile says."""
    kind = Kind[spec.datapoints[name].type.upper()]
    return decode(bytes([number, kind, len(data)]) + data, 3)[0]


def _wrong(codec: TuyaCodec, ids: dict[str, int], example: TuyaExample) -> str | None:
    if example.receive is not None:
        name, data = example.receive
        told = codec.decode(as_told(codec.spec, ids[name], name, data))
        return None if told == example.gives else f"it means {told}"
    for verb, values in (example.send or {}).items():
        written = tuple(
            tuple((codec.name_of(point), encode([point], 3)[_HEAD_BYTES:]) for point in points)
            for points in codec.encode(verb, values, example.known)
        )
        if written != example.writes:
            return f"{verb} writes " + ", ".join(f"{name} {data.hex(' ')}" for step in written for name, data in step)
    return None
