"""The parts of a profile file: channels, commands, reports and answers, the connection, examples. Data only.

The language, with an example of each key: docs/profiles.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, StrictBool, model_validator

from devices.driver.field_spec import FieldSpec, Payload, names_in
from devices.driver.vocabulary import BytePatterns, HexBytes, Name, Names, UuidOrFamily, Value, follows, one_or_more
from devices.profiles.derived_values import Derived
from devices.profiles.report_opcode import ReportOpcode
from devices.profiles.text_frames import names_in as names_in_pattern
from devices.roles import Frozen


class Channel(Frozen):
    """A characteristic, known by its UUIDs or by its handle, and what goes through it.

    `fields`: the layout of its value where that is always the same, and `derived`: what follows from several of them;
    `every_seconds`: how often it comes by itself, if it does. `framed: false`: the profile's frame or text protocol
    does not apply here. A `handle` is matched after discovery, together with what the channel must be able to.
    `must_be`: how its value begins, in one way or several; a device with any other value here is another model.
    `manufacturer`: like the data of the advertisement.
    """

    service: UuidOrFamily | None = None
    characteristic: UuidOrFamily | None = None
    handle: int | None = Field(None, ge=1, le=0xFFFF)
    write: Literal["with-response", "without-response", "both"] | None = None
    read: bool = False
    notify: bool = False
    indicate: bool = False
    fields: Payload | None = None
    derived: Derived = Field(default_factory=dict)
    every_seconds: float | None = Field(None, gt=0)
    framed: bool = True
    optional: bool = False
    must_be: Literal["manufacturer"] | BytePatterns = ()

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if self.must_be and not self.read:
            raise ValueError("must_be: what it must be has to be read, so add read: true")
        if self.derived and not self.fields:
            raise ValueError("derived: give the fields from which it follows")
        if not (self.write or self.read or self.notify or self.indicate):
            raise ValueError("give what it does: write, read, notify or indicate")
        if (self.handle is None) == (self.characteristic is None):
            raise ValueError("give its service and characteristic, or its handle")
        if self.characteristic is not None and self.service is None:
            raise ValueError("give the service of the characteristic")
        if self.service is not None and not follows(self.characteristic or "", self.service):
            raise ValueError(
                "a characteristic leaves open (?) only digits that its service leaves open, at their places"
            )
        return self

    def at(self, service: str, characteristic: str) -> Self:
        """Return the channel with these UUIDs."""
        return self.model_copy(update={"service": service, "characteristic": characteristic})

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the values of its own layout."""
        return (*names_in(self.fields), *self.derived)

    @property
    def needs(self) -> frozenset[str]:
        """The properties it must have, by bleak's names."""
        found = {name for name in ("read", "notify", "indicate") if getattr(self, name)}
        if self.write in ("with-response", "both"):
            found.add("write")
        if self.write in ("without-response", "both"):
            found.add("write-without-response")
        return frozenset(found)


class SequenceStep(Frozen):
    """One command of a sequence, with values of its own, and a pause after it."""

    command: Name
    values: Mapping[str, Value] = Field(default_factory=dict)
    then_wait_seconds: float = Field(0, ge=0, le=2)


def _step(value: object) -> object:
    return {"command": value} if isinstance(value, str) else value


def _text_fields(value: object) -> object:
    """In a text, a number has no width: `{intensity: {full_scale: 20}}`."""
    if not isinstance(value, dict):
        return value
    return {
        name: {"name": name, "type": "s32", **(spec or {})} if isinstance(spec, dict | None) else spec
        for name, spec in value.items()
    }


TextFields = Annotated[Mapping[str, FieldSpec], BeforeValidator(_text_fields)]


class CommandSpec(Frozen):
    """A command: bytes, text, a sequence of others, or the last start once more.

    Its name is the verb of a role, or a part of a sequence. `answered: false`: no answer is waited for.
    `answered_by`: the report or reports that answer it, where the answer does not name the command; all must come.
    `begins_at`: for a start after which the device does what it did last, until our setting arrives: the reported value
    that shows how much that is. It is read first, and where it is more than requested, or not known, nothing is sent.
    """

    channel: Name | None = None
    opcode: HexBytes | None = None
    payload: Payload = ()
    text: str | None = None
    fields: TextFields = Field(default_factory=dict)
    sequence: tuple[Annotated[SequenceStep, BeforeValidator(_step)], ...] = ()
    repeat: Name | None = None
    answered: bool = True
    answered_by: Names = ()
    begins_at: Name | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        given = [bool(self.opcode or self.payload), self.text is not None, bool(self.sequence), self.repeat is not None]
        if sum(given) != 1:
            raise ValueError("a command is one of: opcode and payload, text, sequence, repeat")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the values it carries itself."""
        return names_in(self.payload) + tuple(self.fields)


class Acknowledge(Frozen):
    """The command that answers a request of the device, and how long the device waits: later, it is not sent."""

    command: Name
    within_seconds: float = Field(2.0, gt=0, le=30)


class ReportSpec(Frozen):
    """A report of the device. Several layouts may share an opcode: `length` (of the payload) tells them apart.

    `opcode`: the frame's, or that of the command that it answers. `derived`: what follows from several of its values.
    `pattern` finds it in a text protocol, and `line` is how the virtual twin writes it.
    `every_seconds`: how often it comes by itself. `acknowledge`: the command that answers it, for devices that ask,
    and within how many seconds.
    """

    channel: Name | None = None
    opcode: ReportOpcode = None
    length: int | tuple[int, int] | None = None
    payload: Payload = ()
    pattern: str | None = None
    line: str | None = None
    fields: TextFields = Field(default_factory=dict)
    derived: Derived = Field(default_factory=dict)
    every_seconds: float | None = Field(None, gt=0)
    acknowledge: Annotated[Acknowledge | None, BeforeValidator(_step)] = None

    def fits_length(self, length: int) -> bool:
        """Return whether a payload of this length may be this report."""
        if self.length is None:
            return True
        lowest, highest = (self.length, self.length) if isinstance(self.length, int) else self.length
        return lowest <= length <= highest

    @cached_property
    def sent_names(self) -> tuple[str, ...]:
        """The names of the values that are in its bytes or its text."""
        return tuple(dict.fromkeys((*names_in(self.payload), *self.fields, *names_in_pattern(self.pattern or ""))))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the values it carries, derived ones included."""
        return tuple(dict.fromkeys((*self.sent_names, *self.derived)))


Results = Annotated[tuple[StrictBool | str, ...], BeforeValidator(one_or_more)]


class AnswerSpec(Frozen):
    """Which report answers a command: it names the command's opcode and counter, and its result.

    Without `opcode`, and without a report whose frame has the command's opcode, any such report answers the command
    that waits. Of the results either the `accepted` are listed, or the `refused`; without `result` the report means
    accepted. `refused_by`: reports that refuse: the command that they name, or whatever waits. `silence`: what it means
    when no answer came in time; some devices acknowledge only now and then.
    """

    report: Name
    opcode: Name | None = None
    counter: Name | None = None
    result: Name | None = None
    accepted: Results = ()
    refused: Results = ()
    within_seconds: float = Field(2.0, gt=0, le=30)
    refused_by: Names = ()
    silence: Literal["uncertain", "accepted"] = "uncertain"

    def refuses(self, values: Mapping[str, Value]) -> bool:
        """Return whether the answering report refuses. A result that is not known does."""
        if self.result is None:
            return False
        result = values.get(self.result)
        return result is None or (result in self.refused if self.refused else result not in self.accepted)


class HandshakeStep(Frozen):
    """A command that must be sent first, and by when. `answered_by`: the report or reports that must come.

    `optional`: a device that refuses it, or does not answer, is used all the same.
    """

    command: Name
    values: Mapping[str, Value] = Field(default_factory=dict)
    answered_by: Names = ()
    within_seconds: float = Field(5.0, gt=0, le=60)
    optional: bool = False


class Periodic(Frozen):
    """A command that is sent, or a channel that is read, again and again."""

    command: Name | None = None
    channel: Name | None = None
    every_seconds: float = Field(ge=0.2, le=3600)

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.command is None) == (self.channel is None):
            raise ValueError("give the command that is sent, or the channel that is read")
        return self


class ConnectionSpec(Frozen):
    """What a connection does by itself. `clock`: the command that sets the device's clock."""

    handshake: Annotated[tuple[HandshakeStep, ...], BeforeValidator(one_or_more)] = ()
    clock: Name | None = None
    keepalive: Periodic | None = None
    poll: Annotated[tuple[Periodic, ...], BeforeValidator(one_or_more)] = ()


class LinkQuirks(Frozen):
    """How this device must be written to. `acquire_notify`: on BlueZ it needs AcquireNotify, not StartNotify."""

    gap_seconds: float = Field(0, ge=0, le=2)
    chunk_bytes: int | None = Field(None, ge=1, le=512)
    acquire_notify: bool = False


class Example(Frozen):
    """Bytes beside what they mean.

    `seen_in`: the publication or recording with these very bytes. Without it they were worked out by hand
    from what the provenance describes. `channel` and `report`: where the bytes go or come from, and which report they
    are. `known`: values that were received before. `dropped`: why the bytes are dropped, in place of what they mean.
    """

    send: Mapping[str, Mapping[str, Value]] | None = None
    receive: HexBytes | None = None
    receive_text: str | None = None
    channel: Name | None = None
    report: Name | None = None
    counter: int = 0
    known: Mapping[str, Value] = Field(default_factory=dict)
    bytes_: HexBytes | None = Field(None, alias="bytes")
    text: str | None = None
    writes: tuple[tuple[Name, HexBytes], ...] = ()
    means: Mapping[str, Value] | None = None
    dropped: str | None = Field(None, min_length=3)
    seen_in: str | None = Field(None, min_length=5)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        sent = [self.bytes_ is not None, self.text is not None, bool(self.writes)]
        meant = [self.means is not None, self.dropped is not None]
        sends = self.send is not None and len(self.send) == 1 and sum(sent) == 1 and not any(meant)
        receives = (self.receive is not None) != (self.receive_text is not None) and sum(meant) == 1
        if sends == receives or (receives and sum(sent)):
            raise ValueError(
                "an example is {send: {command: values}, bytes (or text, or writes): …}, "
                "or {receive (or receive_text): …, means (or dropped): …}"
            )
        return self
