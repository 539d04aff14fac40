"""The `tuya:` section of a model file: datapoints by our names, and what each verb writes to them.

Data only; the bytes are made in `datapoint_codec` and `datapoints`, `tuya_device` has the link.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from devices.driver.field_spec import Payload, names_in
from devices.driver.vocabulary import (
    NUMBERS,
    OWNER,
    STOP_VERB,
    VERB_ARGUMENTS,
    ByteOrder,
    HexBytes,
    Name,
    Value,
    one_or_more,
)
from devices.roles import Frozen
from devices.support.file_error import Misfits, ModelError
from devices.tuya.packets import PACKET_BYTES

# The values that a role passes with each verb; a step may take any of them as `$name`.
VERBS = {verb: names for verbs in VERB_ARGUMENTS.values() for verb, names in verbs.items()}
_STOPS = frozenset(STOP_VERB.values())

Verb = Literal["start", "adjust", "pause", "resume", "stop", "set_target", "off", "run", "renew"]
Constant = bool | int | float | str


class ValueRule(Frozen):
    """A value worked out from what a verb is given: `{of: duration_seconds, up_to: {900: 0, 1200: 1}}`.

    `is`: a word for each word. `up_to`: the first step that is not below it. `at_least`: the last step that is not
    above it, which is what anything that acts on a body takes.
    """

    of: Name
    meanings: Mapping[str, Constant] | None = Field(None, alias="is")
    up_to: Mapping[float, Constant] | None = None
    at_least: Mapping[float, Constant] | None = None

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if sum(bool(each) for each in (self.meanings, self.up_to, self.at_least)) != 1:
            raise ValueError("a rule has one of: is, up_to, at_least")
        return self


def _kind_of_given(value: object) -> str:
    if isinstance(value, ValueRule) or (isinstance(value, dict) and "of" in value):
        return "rule"
    return "fields" if isinstance(value, Mapping) else "constant"


def _kind_in_fields(value: object) -> str:
    return "constant" if not isinstance(value, ValueRule | Mapping) else "rule"


FieldGiven = Annotated[
    Annotated[Constant, Tag("constant")] | Annotated[ValueRule, Tag("rule")], Discriminator(_kind_in_fields)
]
Given = Annotated[
    Annotated[Constant, Tag("constant")]
    | Annotated[ValueRule, Tag("rule")]
    | Annotated[Mapping[Name, FieldGiven], Tag("fields")],
    Discriminator(_kind_of_given),
]


class WriteStep(Frozen):
    """Datapoints that are written in one message. `{stop: true}` is short for `{write: {stop: true}}`.

    `when`: only where the verb was given these values. `differs`: only where what the verb was given is not what the
    device last reported; that is for datapoints that toggle.
    """

    write: Mapping[Name, Given] = Field(min_length=1)
    when: Mapping[Name, Value] = Field(default_factory=dict)
    differs: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"write": data} if isinstance(data, dict) and "write" not in data else data

    @property
    def taken(self) -> frozenset[str]:
        """The names of what it takes from the verb."""
        found = set(self.when) | ({self.differs} if self.differs else set())
        for given in self.write.values():
            for each in given.values() if isinstance(given, Mapping) else (given,):
                if isinstance(each, ValueRule):
                    found.add(each.of)
                elif isinstance(each, str) and each.startswith("$"):
                    found.add(each[1:])
        return frozenset(found)


Steps = Annotated[tuple[WriteStep, ...], BeforeValidator(one_or_more), Field(min_length=1)]


class DatapointSpec(Frozen):
    """One datapoint under our name. `id: owner`: its standard `code` is known, and the owner's settings give the id.

    A number on the wire means `wire * scale + offset`. `range`: what may be written; of a datapoint that no verb
    writes, what may be reported, and anything else is unknown. `round`: where a value between two steps goes; down by
    default, because most of them act on a body. `trigger`: written to make something happen; what the
    device reports back means nothing. `fields`: the layout of a raw datapoint; `optional` may follow them, as far as it
    comes.
    """

    id: Annotated[int, Field(ge=1, le=255)] | Literal["owner"]
    code: str | None = Field(None, min_length=1)
    type: Literal["raw", "bool", "value", "string", "enum", "bitmap"]
    scale: float = Field(1.0, gt=0, allow_inf_nan=False)
    offset: float = Field(0.0, allow_inf_nan=False)
    range: tuple[float, float] | None = None
    round: Literal["down", "up", "nearest"] = "down"
    meanings: Mapping[int, str | bool] | None = Field(None, alias="is")
    trigger: bool = False
    fields: Payload = ()
    optional: Payload = ()
    byte_order: ByteOrder = "big"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.type == "raw") != bool(self.fields):
            raise ValueError("a raw datapoint has fields, and no other has")
        if self.optional and not self.fields:
            raise ValueError("optional fields follow others")
        if self.meanings and self.type not in ("enum", "value"):
            raise ValueError("`is` belongs to an enum or a value")
        if self.meanings and len(set(self.meanings.values())) != len(self.meanings):
            raise ValueError("two codes mean the same; then it could not be written")
        if self.range is not None and self.range[0] > self.range[1]:
            raise ValueError("range is [lowest, highest]")
        return self


class Derived(Frozen):
    """A value of ours that follows from a reported one: `{of: switch, is: {true: running, false: stopped}}`.

    Several codes may mean the same here. What is not listed is unknown.
    """

    of: Name
    meanings: Mapping[bool | int | str, Value] = Field(alias="is", min_length=1)


class TuyaExample(Frozen):
    """What a verb writes, as (datapoint, value bytes), or what a datapoint's bytes mean.

    `known`: what the device reported before. `seen_in`: the publication or recording with these very bytes.
    """

    send: Mapping[Verb, Mapping[str, Value]] | None = None
    known: Mapping[str, Value] = Field(default_factory=dict)
    writes: tuple[tuple[tuple[Name, HexBytes], ...], ...] = ()
    receive: tuple[Name, HexBytes] | None = None
    means: Mapping[str, Value] | None = None
    seen_in: str | None = Field(None, min_length=5)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        sends = self.send is not None and len(self.send) == 1 and bool(self.writes)
        if sends == (self.receive is not None and self.means is not None):
            raise ValueError("an example is {send: {verb: values}, writes: …} or {receive: [name, bytes], means: …}")
        return self


class TuyaSpec(Frozen):
    """A product's verbs and datapoints.

    `protocol`: only for devices that misreport theirs. `device_info_request`: data of the first request, where
    a device wants some. `poll_seconds`: how long a device may report nothing before its status is queried.
    """

    protocol: Literal[3, 4] | None = None
    packet_bytes: int = Field(PACKET_BYTES, ge=PACKET_BYTES, le=244)
    device_info_request: HexBytes = b""
    poll_seconds: float = Field(4.0, ge=1, le=8)
    datapoints: Mapping[Name, DatapointSpec] = Field(min_length=1)
    verbs: Mapping[Verb, Steps] = Field(default_factory=dict)
    means: Mapping[Name, Derived] = Field(default_factory=dict)
    examples: tuple[TuyaExample, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if problems := [*self._datapoint_problems(), *self._write_problems(), *self._derived_problems()]:
            raise ModelError(*problems)
        return self

    def _datapoint_problems(self) -> Misfits:
        ids = [each.id for each in self.datapoints.values() if each.id != OWNER]
        for number in sorted({i for i in ids if ids.count(i) > 1}):
            yield "datapoints", f"two datapoints have the id {number}"
        for name, each in self.datapoints.items():
            if name in NUMBERS and each.type == "string":
                yield f"datapoints.{name}", "it is a number, and a string cannot be relied on to be one"

    def _write_problems(self) -> Misfits:
        for verb, steps in self.verbs.items():
            for step in steps:
                for name in sorted(step.taken - set(VERBS[verb])):
                    words = f"it is given no {name}, only {', '.join(VERBS[verb]) or 'nothing'}"
                    yield f"verbs.{verb}", words
                if verb in _STOPS and (step.taken or step.when or step.differs):
                    yield f"verbs.{verb}", "a stop depends on nothing; write constants only"
                yield from self._written(verb, step)

    def _written(self, verb: str, step: WriteStep) -> Misfits:
        for name, given in step.write.items():
            described, words = self.datapoints.get(name), ""
            if described is None:
                words = f"there is no datapoint {name}; there are {', '.join(self.datapoints)}"
            elif isinstance(given, Mapping) != (described.type == "raw"):
                words = f"a raw datapoint is written field by field, any other as one value: {name}"
            elif isinstance(given, Mapping) and set(given) != set(names_in(described.fields)):
                words = f"{name} is written with all of {', '.join(names_in(described.fields))}"
            if words:
                yield f"verbs.{verb}", words

    def _derived_problems(self) -> Misfits:
        for name, derived in self.means.items():
            if derived.of not in self.carried:
                yield f"means.{name}", f"no datapoint reports {derived.of}"

    @property
    def carried(self) -> frozenset[str]:
        """The names of the values that reported datapoints carry themselves."""
        reported = [(name, each) for name, each in self.datapoints.items() if not each.trigger]
        return frozenset(x for name, each in reported for x in names_in((*each.fields, *each.optional)) or (name,))

    def steps(self, verb: str) -> Steps:
        """Return what a verb writes, message by message; nothing for one that is not described."""
        return next((steps for name, steps in self.verbs.items() if name == verb), ())

    def ids(self, owners: Mapping[str, int]) -> dict[str, int]:
        """Return the id of each datapoint; `owners` has those of standard codes. Raise `ValueError` without any."""
        found: dict[str, int] = {}
        missing = []
        for name, described in self.datapoints.items():
            code = described.code or name
            if isinstance(described.id, int):
                found[name] = described.id
            elif code in owners:
                found[name] = owners[code]
            else:
                missing.append(code)
        if missing:
            raise ValueError(
                f"the ids of these datapoints are known to the owner's Tuya account only: {', '.join(missing)}; "
                "give them under datapoints"
            )
        if len(set(found.values())) != len(found):
            raise ValueError("two datapoints have the same id; check them in the Tuya account")
        return found
