"""The least that a product can be set to, read from its datapoints. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from devices.profiles.fields import least_value
from devices.tuya.schema import DatapointSpec, FieldGiven, Rule, TuyaSpec

_TINY = 1e-9


def least_given(spec: TuyaSpec, verb: str, name: str, *, above_zero: bool = False) -> float | None:
    """Return the least of a setting that a verb can carry; `None` where no number published says so.

    `above_zero`: the least that is more than 0, for settings whose 0 means off.
    """
    steps = next((steps for key, steps in spec.verbs.items() if key == verb), ())
    written = [(key, given) for step in steps for key, given in step.write.items()]
    found = [each for key, given in written for each in _leasts(spec.datapoints[key], given, name, above_zero)]
    return max(found, default=None)


def _leasts(described: DatapointSpec, given: object, name: str, above_zero: bool) -> Iterator[float]:
    """Yield what each place says that a setting is written to: a datapoint, or fields of a raw one."""
    if isinstance(given, Mapping):
        for field in (*described.fields, *described.optional):
            each: FieldGiven | None = given.get(field.name)
            if each == f"${name}" and (least := least_value(field, above_zero=above_zero)) is not None:
                yield least
            elif isinstance(each, Rule):
                yield from _by_rule(each, name)
    elif isinstance(given, Rule):
        yield from _by_rule(given, name)
    elif given == f"${name}" and described.type in ("value", "enum", "bitmap") and (described.range or above_zero):
        yield _least_step(described, above_zero)


def _by_rule(rule: Rule, name: str) -> Iterator[float]:
    if rule.of == name and rule.at_least:
        yield min(rule.at_least)


def _least_step(described: DatapointSpec, above_zero: bool) -> float:
    lowest = described.range[0] if described.range else 0.0
    lowest = max(lowest, 0.0) if above_zero else lowest
    step = math.ceil((lowest - described.offset) / described.scale - _TINY)
    if above_zero and step * described.scale + described.offset <= 0:
        step += 1
    return round(step * described.scale + described.offset, 6)
