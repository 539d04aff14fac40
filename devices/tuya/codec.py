"""Verbs to datapoints, and datapoints to values, as a `tuya:` section says. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from devices.errors import ProtocolError, RefusedError
from devices.profiles.fields import pack, unpack
from devices.profiles.vocabulary import Value
from devices.tuya.datapoints import DataPoint, Datum, Kind
from devices.tuya.schema import DatapointSpec, Rule, Step, TuyaSpec

_TINY = 1e-9


class TuyaCodec:
    """A product's datapoints. Holds no state; `ids` comes from `TuyaSpec.ids`."""

    def __init__(self, spec: TuyaSpec, ids: Mapping[str, int]) -> None:
        self.spec = spec
        self._ids = ids
        self._names = {number: name for name, number in ids.items()}

    def encode(self, verb: str, values: Mapping[str, Value], known: Mapping[str, Value]) -> list[list[DataPoint]]:
        """Return the messages, each a list of datapoints, that carry out a verb. `known` is what the device last said.

        Raise `RefusedError` before anything is sent: for a verb that is not described or a value that does not fit.
        """
        steps = next((steps for name, steps in self.spec.verbs.items() if name == verb), None)
        if steps is None:
            raise RefusedError(f"this device cannot be told to {verb.replace('_', ' ')}")
        return [
            [self.point(name, _given(given, values)) for name, given in step.write.items()]
            for step in steps
            if _applies(step, values, known)
        ]

    def point(self, name: str, value: Value | Mapping[str, Value]) -> DataPoint:
        """Return a datapoint that carries a value, or the fields of a raw one. Raise `RefusedError`."""
        described = self.spec.datapoints[name]
        kind = Kind[described.type.upper()]
        if isinstance(value, Mapping):
            fields = described.fields
            for field in described.optional:
                if not all(each in value for each in field.names):
                    break
                fields = (*fields, field)
            return DataPoint(self._ids[name], kind, pack(fields, value, described.byte_order))
        return DataPoint(self._ids[name], kind, _to_wire(described, name, value))

    def decode(self, point: DataPoint) -> dict[str, Value]:
        """Return what a reported datapoint means; nothing for one that is not described. Raise `ProtocolError`."""
        name = self._names.get(point.id)
        if name is None or self.spec.datapoints[name].trigger:
            return {}
        values = self.fields(name, point)
        for ours, derived in self.spec.means.items():
            if derived.of in values:
                told = values[derived.of]
                values[ours] = None if told is None or isinstance(told, float) else derived.meanings.get(told)
        return values

    def name_of(self, point: DataPoint) -> str | None:
        """Return our name of a datapoint."""
        return self._names.get(point.id)

    def fields(self, name: str, point: DataPoint) -> dict[str, Value]:
        """Return what a datapoint itself carries, triggers included and nothing derived (for the virtual twin, too)."""
        described = self.spec.datapoints[name]
        if described.type != "raw":
            return {name: _from_wire(described, name, point)}
        if not isinstance(point.value, bytes):
            raise ProtocolError(f"{name} is raw, not {point.kind.name.lower()}")
        fields = described.fields
        for field in described.optional:
            if sum(each.width for each in fields) >= len(point.value):
                break
            fields = (*fields, field)
        return unpack(fields, point.value, described.byte_order)


def _applies(step: Step, values: Mapping[str, Value], known: Mapping[str, Value]) -> bool:
    if any(values.get(name) != wanted for name, wanted in step.when.items()):
        return False
    if step.differs is None:
        return True
    if known.get(step.differs) is None:
        raise RefusedError(f"the device has not said its {step.differs}; switching over might go the wrong way")
    return known[step.differs] != values.get(step.differs)


def _given(given: object, values: Mapping[str, Value]) -> Value | dict[str, Value]:
    if isinstance(given, Mapping):
        return {name: _one_given(each, values) for name, each in given.items()}
    return _one_given(given, values)


def _one_given(given: object, values: Mapping[str, Value]) -> Value:
    if isinstance(given, Rule):
        return _ruled(given, _asked(given.of, values))
    if isinstance(given, str) and given.startswith("$"):
        return _asked(given[1:], values)
    return given if isinstance(given, bool | int | float | str) else None


def _asked(name: str, values: Mapping[str, Value]) -> Value:
    if values.get(name) is None:
        raise RefusedError(f"{name} is missing")
    return values[name]


def _ruled(rule: Rule, value: Value) -> Value:
    if rule.meanings is not None:
        if str(value) not in rule.meanings:
            raise RefusedError(f"{rule.of} is one of {', '.join(rule.meanings)}, not {value}")
        return rule.meanings[str(value)]
    number = _number(rule.of, value)
    if rule.up_to is not None:
        fitting = [step for step in rule.up_to if step >= number - _TINY]
        if fitting:
            return rule.up_to[min(fitting)]
        raise RefusedError(f"{rule.of} is at most {max(rule.up_to):g}, not {number:g}")
    at_least = rule.at_least or {}
    fitting = [step for step in at_least if step <= number + _TINY]
    if not fitting:
        raise RefusedError(f"{rule.of} is at least {min(at_least):g}, not {number:g}")
    return at_least[max(fitting)]


def _number(name: str, value: Value) -> float:
    if isinstance(value, str) or value is None or not math.isfinite(value):
        raise RefusedError(f"{name} is a number, not {value!r}")
    return float(value)


def _to_wire(described: DatapointSpec, name: str, value: Value) -> Datum:
    if described.type == "string":
        return str(value)
    if described.type == "bool":
        if value not in (True, False):
            raise RefusedError(f"{name} is true or false, not {value!r}")
        return bool(value)
    if described.meanings:
        codes = {meaning: code for code, meaning in described.meanings.items()}
        if not isinstance(value, str | bool) or value not in codes:
            raise RefusedError(f"{name} is one of {', '.join(map(str, codes))}, not {value}")
        return codes[value]
    number = _number(name, value)
    if described.range is not None and not described.range[0] <= number <= described.range[1]:
        raise RefusedError(f"{name} is from {described.range[0]:g} to {described.range[1]:g}, not {number:g}")
    steps = (number - described.offset) / described.scale
    if described.round == "nearest":
        return round(steps)
    return math.ceil(steps - _TINY) if described.round == "up" else math.floor(steps + _TINY)


def _from_wire(described: DatapointSpec, name: str, point: DataPoint) -> Value:
    value = point.value
    if isinstance(value, bytes) or isinstance(value, str) != (described.type == "string"):
        raise ProtocolError(f"{name} is a {described.type}, not {point.kind.name.lower()}")
    if isinstance(value, str):
        return value
    # A whole number is a whole number, whichever of the types carries it: those in profiles are partly inferred.
    if described.type == "bool":
        return value != 0
    if described.meanings:
        if int(value) not in described.meanings:
            raise ProtocolError(f"{name}: code {int(value)} is not described")
        return described.meanings[int(value)]
    if described.scale == 1 and described.offset == int(described.offset):
        return int(value) + int(described.offset)
    return round(value * described.scale + described.offset, 6)
