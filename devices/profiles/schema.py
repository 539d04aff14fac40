"""What a profile file may say about a device model. Data only; whether it fits together is for `crosscheck`.

The language, with an example of each key: docs/profiles.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from devices.profiles.duty_spec import Acknowledge, Answer, Duties, Quirks
from devices.profiles.families import filled, follows, is_family
from devices.profiles.field_spec import FieldSpec, Payload, names_in
from devices.profiles.frame_spec import Frame, Text
from devices.profiles.match_spec import Match
from devices.profiles.text import names_in as names_in_pattern
from devices.profiles.vocabulary import (
    OWNER,
    START_VERB,
    ByteOrder,
    BytePatterns,
    HexBytes,
    Name,
    ProfileId,
    Role,
    Uuid,
    UuidOrFamily,
    Value,
    full_uuid,
)
from devices.roles import Capability, Frozen
from devices.tuya.schema import TuyaSpec

_OFTEN_SECONDS = 5.0  # half of the silence that a running device is allowed


class Channel(Frozen):
    """A characteristic, known by its UUIDs or by its handle, and what goes through it.

    `gives`: the layout of its value where that is always the same; `every_seconds`: how often it comes by itself, if it
    does. `framed: false`: the profile's frame or text
    protocol does not apply here. A `handle` is matched after discovery, together with what the channel must be able to.
    `must_be`: how its value begins, in one way or several; a device that says anything else here is another model.
    The word `manufacturer` stands for the data of the advertisement.
    """

    service: UuidOrFamily | None = None
    characteristic: UuidOrFamily | None = None
    handle: int | None = Field(None, ge=1, le=0xFFFF)
    write: Literal["with-response", "without-response", "both"] | None = None
    read: bool = False
    notify: bool = False
    indicate: bool = False
    gives: Payload | None = None
    every_seconds: float | None = Field(None, gt=0)
    framed: bool = True
    optional: bool = False
    must_be: Literal["manufacturer"] | BytePatterns = ()

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if self.must_be and not self.read:
            raise ValueError("must_be: what it must be has to be read, so say read: true")
        if not (self.write or self.read or self.notify or self.indicate):
            raise ValueError("say what it does: write, read, notify or indicate")
        if (self.handle is None) == (self.characteristic is None):
            raise ValueError("say which it is: its service and characteristic, or its handle")
        if self.characteristic is not None and self.service is None:
            raise ValueError("say in which service the characteristic is")
        if self.service is not None and not follows(self.characteristic or "", self.service):
            raise ValueError(
                "a characteristic leaves open (?) only digits that its service leaves open, at their places"
            )
        return self

    @property
    def needs(self) -> frozenset[str]:
        """The properties it must have, in bleak's words."""
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


class Command(Frozen):
    """Something the device can be told: by bytes, by text, by a sequence of others, or by the last run once more.

    Its name is the verb of a role, or a part of a sequence. `answered: false`: no answer is waited for.
    `answered_by`: the report that answers it, where the answer does not name the command.
    `begins_at`: a start after which the device does what it did last, until ours arrives; the reported value that says
    how much that is. It is read first, and where it is more than is asked, or not known, nothing is sent.
    """

    channel: Name | None = None
    opcode: HexBytes | None = None
    payload: Payload = ()
    text: str | None = None
    fields: TextFields = Field(default_factory=dict)
    sequence: tuple[Annotated[SequenceStep, BeforeValidator(_step)], ...] = ()
    repeat: Name | None = None
    answered: bool = True
    answered_by: Name | None = None
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


class Report(Frozen):
    """Something the device says. Several layouts may share an opcode: `length` (of the payload) tells them apart.

    `pattern` finds it in a text protocol, and `line` is how a device writes it (for the virtual twin).
    `every_seconds`: how often it comes by itself. `acknowledge`: the command that answers it, for devices that ask,
    and within how many seconds.
    """

    channel: Name | None = None
    opcode: HexBytes | None = None
    length: int | tuple[int, int] | None = None
    payload: Payload = ()
    pattern: str | None = None
    line: str | None = None
    fields: TextFields = Field(default_factory=dict)
    every_seconds: float | None = Field(None, gt=0)
    acknowledge: Annotated[Acknowledge | None, BeforeValidator(_step)] = None

    def fits_length(self, length: int) -> bool:
        """Say whether a payload of this length may be this report."""
        if self.length is None:
            return True
        lowest, highest = (self.length, self.length) if isinstance(self.length, int) else self.length
        return lowest <= length <= highest

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the values it carries."""
        return tuple(dict.fromkeys((*names_in(self.payload), *self.fields, *names_in_pattern(self.pattern or ""))))


class Limits(Frozen):
    """What the device can do at most. Nobody's wish, only its own range."""

    vacuum_mmhg: float | None = Field(None, gt=0, le=400)
    rate_cpm: float | None = Field(None, gt=0, le=200)
    level: int | None = Field(None, gt=0)
    celsius: float | None = Field(None, gt=0, le=60)
    run_seconds: float | None = Field(None, gt=0)


class Levels(Frozen):
    """Measured maps from a level to what it does, in mmHg or °C. `source` says who measured."""

    vacuum_mmhg: Mapping[int, float] = Field(default_factory=dict)
    celsius: Mapping[int, float] = Field(default_factory=dict)
    source: str = Field(min_length=10)


class Example(Frozen):
    """The file's own proof: bytes, beside what they mean.

    `seen_in`: where these very bytes stand, in a publication or a recording. Without it they were worked out by hand
    from what the provenance describes. `channel` and `report`: where the bytes go or come from, and which report they
    are. `known`: values that were heard before. `dropped`: why the bytes mean nothing, in place of what they mean.
    """

    send: Mapping[str, Mapping[str, Value]] | None = None
    receive: HexBytes | None = None
    says: str | None = None
    channel: Name | None = None
    report: Name | None = None
    counter: int = 0
    known: Mapping[str, Value] = Field(default_factory=dict)
    bytes_: HexBytes | None = Field(None, alias="bytes")
    text: str | None = None
    writes: tuple[tuple[Name, HexBytes], ...] = ()
    gives: Mapping[str, Value] | None = None
    dropped: str | None = Field(None, min_length=3)
    seen_in: str | None = Field(None, min_length=5)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        sent = [self.bytes_ is not None, self.text is not None, bool(self.writes)]
        meant = [self.gives is not None, self.dropped is not None]
        sends = self.send is not None and len(self.send) == 1 and sum(sent) == 1 and not any(meant)
        receives = (self.receive is not None) != (self.says is not None) and sum(meant) == 1
        if sends == receives or (receives and sum(sent)):
            raise ValueError(
                "an example is {send: {command: values}, bytes (or text, or writes): …}, "
                "or {receive (or says): …, gives (or dropped): …}"
            )
        return self


class Profile(Frozen):
    """One device model. `member`: of a family of services one that was published; the virtual twin has it."""

    id: ProfileId
    name: str
    roles: tuple[Role, ...] = Field(min_length=1)
    sides: Literal["one", "both"] = "both"
    confidence: Literal["verified", "unverified"]
    provenance: str = Field(min_length=10)
    match: Match
    member: Uuid | None = None
    byte_order: ByteOrder = "little"
    channels: Mapping[Name, Channel] = Field(min_length=1)
    frame: Frame | None = None
    text: Text | None = None
    tuya: TuyaSpec | None = None
    commands: Mapping[Name, Command] = Field(default_factory=dict)
    reports: Mapping[Name, Report] = Field(default_factory=dict)
    answer: Answer | None = None
    session: Duties = Duties()
    link: Quirks = Quirks()
    levels: Levels | None = None
    capabilities: tuple[Capability, ...] = ()
    limits: Limits = Limits()
    lease_seconds: int | None = Field(None, ge=2, le=60)
    own_timer_seconds: float | None = Field(None, gt=0)
    on_link_loss: Literal["stops", "continues", "unknown"] = "unknown"
    notes: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _parts_of_tuya(cls, data: Any) -> Any:
        """Let the `tuya` section stand for channels, commands and reports, for all that reads what a device can do."""
        if not isinstance(data, dict) or data.get("tuya") is None:
            return data
        spec = TuyaSpec.model_validate(data["tuya"])
        if twice := sorted({"channels", "frame", "text", "commands", "reports", "answer"} & data.keys()):
            raise ValueError(f"{twice[0]}: a device that speaks Tuya is described under tuya alone")
        return {**data, "tuya": spec, **spec.as_parts()}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        from devices.profiles.crosscheck import problems_in  # it needs this very class

        problems = problems_in(self)
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def control(self) -> str | None:
        """The channel that commands go through when they name none: the only writable one."""
        writable = [name for name, channel in self.channels.items() if channel.write]
        return writable[0] if len(writable) == 1 else None

    @property
    def reported(self) -> frozenset[str]:
        """The names of all values the device can tell."""
        told = [name for report in self.reports.values() for name in report.names]
        told += [name for channel in self.channels.values() for name in names_in(channel.gives)]
        return frozenset(told)

    @property
    def regular(self) -> frozenset[str]:
        """The names of the values that come every few seconds, by themselves or because they are polled."""
        told = [name for report in self.reports.values() if _often(report.every_seconds) for name in report.names]
        polls = [poll for poll in self.session.poll if _often(poll.every_seconds)]
        polled = {poll.channel for poll in polls}
        for key, channel in self.channels.items():
            if _often(channel.every_seconds) or key in polled:
                told += names_in(channel.gives)
                told += [name for report in self.reports.values() if report.channel == key for name in report.names]
        answers = {self.commands[poll.command].answered_by for poll in polls if poll.command}
        told += [name for key, report in self.reports.items() if key in answers for name in report.names]
        return frozenset(told)

    def beginnings(self, channel: str) -> tuple[str, ...]:
        """Return how the value of a channel must begin for it to be this model; nothing where it may be anything."""
        must_be = self.channels[channel].must_be
        if must_be == "manufacturer":
            return self.match.manufacturer.data if self.match.manufacturer else ()
        return must_be

    @property
    def template(self) -> tuple[str, ...]:
        """The channels whose UUIDs the owner has to supply."""
        return tuple(
            name for name, channel in self.channels.items() if OWNER in (channel.service, channel.characteristic)
        )

    def carried_by(self, command: str) -> frozenset[str]:
        """Return the names of the values that a command carries, those of its sequence included."""
        found = self.commands[command]
        names = set(found.names)
        for step in found.sequence:
            names |= self.carried_by(step.command) - set(step.values)
        return frozenset(names)

    def starts(self, role: Role) -> bool:
        """Say whether a role can be started from here."""
        return START_VERB[role] in self.commands

    def with_member(self, service: str | None) -> Profile:
        """Return the profile with one service of its family; as it is, where it has none."""
        if service is None:
            return self
        channels = {
            name: each.model_copy(
                update={"service": service, "characteristic": filled(each.characteristic or "", service)}
            )
            if is_family(each.service)
            else each
            for name, each in self.channels.items()
        }
        services = tuple(service if is_family(each) else each for each in self.match.services)
        match = self.match.model_copy(update={"services": services})
        return self.model_copy(update={"channels": channels, "match": match, "member": None})

    def with_uuids(self, uuids: Mapping[str, tuple[str, str]]) -> Profile:
        """Return the profile with the owner's (service, characteristic) for each channel that asks for them."""
        data: dict[str, Any] = {
            name: channel.model_copy(
                update={"service": full_uuid(uuids[name][0]), "characteristic": full_uuid(uuids[name][1])}
            )
            if name in self.template
            else channel
            for name, channel in self.channels.items()
        }
        return self.model_copy(update={"channels": data})


def _often(every_seconds: float | None) -> bool:
    """Say whether something comes often enough for its silence to mean something."""
    return every_seconds is not None and every_seconds <= _OFTEN_SECONDS
