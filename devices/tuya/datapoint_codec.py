"""Verbs to datapoints, and datapoints to values, as a `tuya:` section describes. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import takewhile

from devices.driver.field_spec import names_in
from devices.driver.fields import pack, unpack
from devices.driver.vocabulary import Value
from devices.errors import ProtocolError, RefusedError
from devices.tuya.datapoints import DataPoint, Datum, DpType
from devices.tuya.tuya_schema import DatapointSpec, TuyaSpec, ValueRule, WriteStep

_TINY = 1e-9


class TuyaCodec:
    """A product's datapoints. Holds no state; `ids` comes from `TuyaSpec.ids`."""

    def __init__(self, spec: TuyaSpec, ids: Mapping[str, int]) -> None:
        self.spec = spec
        self._ids = ids
        self._names = {number: name for name, number in ids.items()}
        self._written = {name for steps in spec.verbs.values() for step in steps for name in step.write}

    def encode(self, verb: str, values: Mapping[str, Value], known: Mapping[str, Value]) -> list[list[DataPoint]]:
        """Return the messages, each a list of datapoints, that carry out a verb. `known` are the last reported values.

        Raise `RefusedError` before anything is sent: for a verb that is not described or a value that does not fit.
        """
        steps = self.spec.steps(verb)
        if not steps:
            raise RefusedError(f"this device has no command to {verb.replace('_', ' ')}")
        return [
            [self.point(name, _resolve(given, values)) for name, given in step.write.items()]
            for step in steps
            if _applies(step, values, known)
        ]

    def point(self, name: str, value: Value | Mapping[str, Value]) -> DataPoint:
        """Return a datapoint that carries a value, or the fields of a raw one. Raise `RefusedError`."""
        described = self.spec.datapoints[name]
        kind = DpType[described.type.upper()]
        if isinstance(value, Mapping):
            more = takewhile(lambda field: all(each in value for each in field.names), described.optional)
            data = pack((*described.fields, *more), value, described.byte_order)
            return DataPoint(self._ids[name], kind, data)
        return DataPoint(self._ids[name], kind, _to_wire(described, name, value))

    def decode(self, point: DataPoint) -> dict[str, Value]:
        """Return what a reported datapoint means; nothing for one that is not described. Raise `ProtocolError`.

        A target or level above its range is returned as it came: safety must see it, and stop what is set to it.
        """
        name = self._names.get(point.id)
        if name is None or self.spec.datapoints[name].trigger:
            return {}
        values = self.fields(name, point)
        for value in () if name in self._written else values.values():
            if isinstance(value, int | float) and not in_range(self.spec.datapoints[name], value):
                raise ProtocolError(f"{name} = {value:g} is outside its range")
        for ours, derived in self.spec.means.items():
            if derived.of in values:
                code = values[derived.of]
                values[ours] = None if code is None or isinstance(code, float) else derived.meanings.get(code)
        return values

    def reported_by(self, point: DataPoint) -> set[str]:
        """Return the names of what a datapoint reports: its own, or its fields, and what follows from them."""
        name = self._names.get(point.id)
        if name is None or self.spec.datapoints[name].trigger:
            return set()
        described = self.spec.datapoints[name]
        names = set(names_in((*described.fields, *described.optional)) or [name])
        return names | {ours for ours, derived in self.spec.means.items() if derived.of in names}

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


def _applies(step: WriteStep, values: Mapping[str, Value], known: Mapping[str, Value]) -> bool:
    if any(values.get(name) != wanted for name, wanted in step.when.items()):
        return False
    if step.differs is None:
        return True
    if known.get(step.differs) is None:
        raise RefusedError(f"the device has not reported its {step.differs}; toggling it might go the wrong way")
    return known[step.differs] != values.get(step.differs)


def _resolve(given: object, values: Mapping[str, Value]) -> Value | dict[str, Value]:
    if isinstance(given, Mapping):
        return {name: _resolve_one(each, values) for name, each in given.items()}
    return _resolve_one(given, values)


def _resolve_one(given: object, values: Mapping[str, Value]) -> Value:
    if isinstance(given, ValueRule):
        return _apply_rule(given, _required(given.of, values))
    if isinstance(given, str) and given.startswith("$"):
        return _required(given[1:], values)
    return given if isinstance(given, bool | int | float | str) else None


def _required(name: str, values: Mapping[str, Value]) -> Value:
    if values.get(name) is None:
        raise RefusedError(f"{name} is missing")
    return values[name]


def _apply_rule(rule: ValueRule, value: Value) -> Value:
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


def in_range(described: DatapointSpec, number: float) -> bool:
    """Return whether a number, in the unit of its name, is within the range of a datapoint."""
    return described.range is None or described.range[0] - _TINY <= number <= described.range[1] + _TINY


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
    if not in_range(described, number):
        lowest, highest = described.range or (-math.inf, math.inf)
        raise RefusedError(f"{name} is from {lowest:g} to {highest:g}, not {number:g}")
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
