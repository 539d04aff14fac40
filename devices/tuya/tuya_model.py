"""A Tuya BLE device model: what callers may ask of any model, answered from its `tuya:` section."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Set
from itertools import chain

from devices.driver.device_model import OFTEN_SECONDS, DeviceModel
from devices.driver.fields import least_value
from devices.driver.vocabulary import VERB_ARGUMENTS
from devices.support.file_error import Misfits
from devices.tuya.tuya_schema import DatapointSpec, FieldGiven, TuyaSpec, ValueRule

_TINY = 1e-9


class TuyaModel(DeviceModel):
    """A Tuya BLE device model: verbs and datapoints in place of a profile's channels and commands."""

    tuya: TuyaSpec

    @property
    def verbs(self) -> Set[str]:
        """The verbs that write datapoints."""
        return self.tuya.verbs.keys()

    @property
    def reported(self) -> frozenset[str]:
        """The names of its datapoints, of the fields of raw ones, and of what follows from them."""
        return self.tuya.carried | self.tuya.means.keys()

    @property
    def regular(self) -> frozenset[str]:
        """The names of the values that come at least every 5 s: all, where it is polled as often as that."""
        return self.reported if self.tuya.poll_seconds <= OFTEN_SECONDS else frozenset()

    def carried_by(self, verb: str) -> frozenset[str]:
        """Return the names of the values that the steps of a verb take."""
        return frozenset(name for step in self.tuya.steps(verb) for name in step.taken)

    def least(self, verb: str, setting: str, *, above_zero: bool) -> float | None:
        """Return the lowest value of a setting that can be written: the highest of those of all its places."""
        written = [(key, given) for step in self.tuya.steps(verb) for key, given in step.write.items()]
        found = [_leasts(self.tuya.datapoints[key], given, setting, above_zero) for key, given in written]
        return max(chain.from_iterable(found), default=None)

    def place_of(self, verb: str) -> str:
        """Return the key under which the file describes a verb."""
        return f"tuya.verbs.{verb}"

    def problems(self) -> Misfits:
        """Yield what does not fit together."""
        yield from super().problems()
        for role in self.roles:
            for verb in sorted(self.verbs & VERB_ARGUMENTS[role].keys()):
                names = self.arguments_of(role, verb)
                for name in sorted(self.carried_by(verb) - set(names)):
                    yield self.place_of(verb), f"{verb} is never given {name}, it gets {', '.join(names)}"


def _leasts(described: DatapointSpec, given: object, name: str, above_zero: bool) -> Iterator[float]:
    """Yield the least of each place that a setting is written to: a datapoint, or fields of a raw one."""
    if isinstance(given, Mapping):
        for field in (*described.fields, *described.optional):
            each: FieldGiven | None = given.get(field.name)
            if each == f"${name}" and (least := least_value(field, above_zero=above_zero)) is not None:
                yield least
            elif isinstance(each, ValueRule):
                yield from _by_rule(each, name)
    elif isinstance(given, ValueRule):
        yield from _by_rule(given, name)
    elif given == f"${name}" and described.type in ("value", "enum", "bitmap") and (described.range or above_zero):
        yield _least_step(described, above_zero)


def _by_rule(rule: ValueRule, name: str) -> Iterator[float]:
    if rule.of == name and rule.at_least:
        yield min(rule.at_least)


def _least_step(described: DatapointSpec, above_zero: bool) -> float:
    lowest = described.range[0] if described.range else 0.0
    lowest = max(lowest, 0.0) if above_zero else lowest
    step = math.ceil((lowest - described.offset) / described.scale - _TINY)
    if above_zero and step * described.scale + described.offset <= 0:
        step += 1
    return round(step * described.scale + described.offset, 6)
