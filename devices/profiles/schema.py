"""What a profile file may say. Data only: the bytes are made in `fields` and `frames`, the link is kept by `driver`.

The language and an example of each key: docs/profiles.md.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from devices.profiles.checksums import ChecksumKind
from devices.roles import Capability, Frozen

Role = Literal["pump", "warmer", "massager"]
ByteOrder = Literal["little", "big"]
Value = bool | int | float | str | None

INTEGER_TYPES = {  # name: (bytes, signed)
    "u8": (1, False),
    "s8": (1, True),
    "u16": (2, False),
    "s16": (2, True),
    "u24": (3, False),
    "u32": (4, False),
    "s32": (4, True),
}
FIELD_TYPES = (*INTEGER_TYPES, "bool")

# The verbs of each role are the names of the commands that a profile gives it.
STOP_VERB: dict[Role, str] = {"pump": "stop", "warmer": "off", "massager": "stop"}
START_VERB: dict[Role, str] = {"pump": "start", "warmer": "set_target", "massager": "run"}

_BASE_UUID = "0000{}-0000-1000-8000-00805f9b34fb"


def full_uuid(value: str) -> str:
    """Return a UUID as 128 bits in lower case; `180f` is short for one of the Bluetooth SIG."""
    text = str(value).lower()
    if re.fullmatch(r"[0-9a-f]{4}", text):
        return _BASE_UUID.format(text)
    if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text):
        return text
    raise ValueError("a UUID has four hex digits (180f, in quotes) or 32 in the form 8-4-4-4-12")


def _hex_bytes(value: object) -> object:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError('bytes are written as hex digits in quotes, like "55 aa"')  # noqa: TRY004 - pydantic wants it
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise ValueError('bytes are pairs of hex digits, like "55 aa"') from None


Uuid = Annotated[str, BeforeValidator(lambda value: full_uuid(str(value)))]
HexBytes = Annotated[bytes, BeforeValidator(_hex_bytes)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
ProfileId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]


def _one_or_more(value: object) -> object:
    return value if isinstance(value, list) else [value]


Names = Annotated[tuple[str, ...], BeforeValidator(_one_or_more)]


class FieldSpec(Frozen):
    """One value on the wire. In a file: `{vacuum_mmhg: u16, scale: 0.1, range: [0, 250]}`; or hex for fixed bytes."""

    name: Name | None = None
    type: str | None = None
    const: HexBytes | None = None
    range: tuple[float, float] | None = None
    scale: float = 1.0
    offset: float = 0.0
    values: dict[int, str | bool] | None = Field(None, alias="is")
    flags: dict[int, Name] | None = None
    unknown: int | None = None
    order: ByteOrder | None = None

    @model_validator(mode="before")
    @classmethod
    def _name_is_the_key(cls, data: object) -> object:
        if isinstance(data, str):
            return {"const": data}
        if not isinstance(data, dict):
            return data
        known = {"range", "scale", "offset", "is", "flags", "unknown", "order", "const", "name", "type"}
        names = [key for key in data if key not in known]
        if "const" in data or "name" in data:
            return data
        if len(names) != 1:
            raise ValueError(
                f"a field has one name, like {{battery_percent: u8}}; here: {', '.join(map(str, names)) or 'none'}"
            )
        rest = {key: value for key, value in data.items() if key in known}
        return {"name": names[0], "type": data[names[0]], **rest}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.const is not None:
            return self
        if self.type not in FIELD_TYPES:
            raise ValueError(f"{self.type!r} is no field type; there are {', '.join(FIELD_TYPES)}")
        if self.scale == 0:
            raise ValueError("scale cannot be 0")
        if self.range is not None and self.range[0] > self.range[1]:
            raise ValueError("range is [lowest, highest]")
        if self.type == "bool" and (self.values or self.flags):
            raise ValueError("`is` and `flags` belong to integers")
        size, signed = INTEGER_TYPES.get(self.type, (1, False))
        lowest, highest = (-(1 << 8 * size - 1), (1 << 8 * size - 1) - 1) if signed else (0, (1 << 8 * size) - 1)
        for code in [*(self.values or {}), *([self.unknown] if self.unknown is not None else [])]:
            if not lowest <= code <= highest:
                raise ValueError(f"{code} does not fit into {self.type} ({lowest} to {highest})")
        for bit in self.flags or {}:
            if not 0 <= bit < 8 * size:
                raise ValueError(f"bit {bit} is not in {self.type}")
        if self.values and len(set(self.values.values())) != len(self.values):
            raise ValueError("two codes mean the same; then it could not be written")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the values it carries."""
        if self.const is not None:
            return ()
        return tuple(self.flags.values()) if self.flags else (self.name or "",)


Payload = Annotated[tuple[FieldSpec, ...], BeforeValidator(_one_or_more)]


class Match(Frozen):
    """How the device is known by its advertisement. All that is given must fit."""

    name: Names = ()
    services: Annotated[tuple[Uuid, ...], BeforeValidator(_one_or_more)] = ()
    manufacturer: int | None = Field(None, ge=0, le=0xFFFF)
    ambiguous: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.name or self.services or self.manufacturer is not None):
            raise ValueError("say at least one of: name, services, manufacturer")
        return self


class Channel(Frozen):
    """A characteristic, and what goes through it."""

    service: Uuid
    characteristic: Uuid
    write: Literal["with-response", "without-response", "both"] | None = None
    read: bool = False
    notify: bool = False
    indicate: bool = False
    gives: Payload | None = None
    optional: bool = False

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.write or self.read or self.notify or self.indicate):
            raise ValueError("say what it does: write, read, notify or indicate")
        return self


class Length(Frozen):
    """A length byte or word in the frame."""

    type: Literal["u8", "u16"] = "u8"
    counts: Literal["frame", "payload", "rest"]


class Checksum(Frozen):
    """A checksum over the frame up to it, or over the payload alone."""

    kind: ChecksumKind
    over: Literal["frame", "payload"] = "frame"


Part = Literal["head", "length", "opcode", "counter", "payload", "checksum"]


class Frame(Frozen):
    """What stands around every payload, part by part."""

    layout: tuple[Part, ...]
    head: HexBytes = b""
    opcode_bytes: int = Field(1, ge=1, le=4)
    length: Length | None = None
    checksum: Checksum | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if len(set(self.layout)) != len(self.layout):
            raise ValueError("a part stands in the layout once")
        if "payload" not in self.layout:
            raise ValueError("the layout needs its payload")
        for part, given in (("head", bool(self.head)), ("length", self.length), ("checksum", self.checksum)):
            if (part in self.layout) != bool(given):
                raise ValueError(f"{part} is in the layout or it is described, but not both")
        if self.checksum and self.layout[-1] != "checksum":
            raise ValueError("the checksum is the last part of the layout")
        return self


class Command(Frozen):
    """Something the device can be told. Its name is the verb of a role."""

    channel: Name | None = None
    opcode: HexBytes | None = None
    payload: Payload = ()
    answered: bool = True


class Report(Frozen):
    """Something the device says, framed. `every_seconds`: how often it says it by itself, if it does."""

    name: Name
    channel: Name | None = None
    payload: Payload
    every_seconds: float | None = Field(None, gt=0)


class Answer(Frozen):
    """Which report answers a command, and which of its values mean yes."""

    report: Name
    opcode: Name
    counter: Name | None = None
    result: Name
    accepted: Names
    within_seconds: float = Field(2.0, gt=0, le=30)


class Limits(Frozen):
    """What the device can do at most. Nobody's wish, only its own range."""

    vacuum_mmhg: float | None = Field(None, gt=0, le=400)
    rate_cpm: float | None = Field(None, gt=0, le=200)
    level: int | None = Field(None, gt=0)
    celsius: float | None = Field(None, gt=0, le=60)
    run_seconds: float | None = Field(None, gt=0)


class Example(Frozen):
    """The file's own proof: bytes from the source, beside what they mean."""

    send: dict[str, dict[str, Value]] | None = None
    receive: HexBytes | None = None
    channel: Name | None = None
    counter: int = 0
    bytes_: HexBytes | None = Field(None, alias="bytes")
    gives: dict[str, Value] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        sends = self.send is not None and len(self.send) == 1 and self.bytes_ is not None
        receives = self.receive is not None and self.gives is not None
        if sends == receives:
            raise ValueError("an example is {send: {command: values}, bytes: …} or {receive: …, gives: …}")
        return self


class Profile(Frozen):
    """One device model."""

    id: ProfileId
    name: str
    roles: tuple[Role, ...] = Field(min_length=1)
    confidence: Literal["verified", "unverified"]
    provenance: str = Field(min_length=10)
    match: Match
    byte_order: ByteOrder = "little"
    channels: dict[Name, Channel] = Field(min_length=1)
    frame: Frame | None = None
    commands: dict[Name, Command] = Field(default_factory=dict)
    reports: dict[str, Report] = Field(default_factory=dict)
    answer: Answer | None = None
    capabilities: tuple[Capability, ...] = ()
    limits: Limits = Limits()
    lease_seconds: int | None = Field(None, ge=2, le=60)
    on_link_loss: Literal["stops", "continues", "unknown"] = "unknown"
    examples: tuple[Example, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _opcodes_are_text(cls, data: Any) -> Any:
        for opcode in (data.get("reports") or {}) if isinstance(data, dict) else ():
            _hex_bytes(opcode)
        return data

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for kind, entries in (("commands", self.commands), ("reports", self.reports)):
            for key, entry in entries.items():
                if entry.channel is not None and entry.channel not in self.channels:
                    raise ValueError(f"{kind}.{key} goes through channel {entry.channel}, which is not described")
        if self.commands and self.control is None:
            for key, command in self.commands.items():
                if command.channel is None:
                    raise ValueError(f"commands.{key}: say through which channel; more or less than one can be written")
        for role in self.roles:
            if START_VERB[role] in self.commands and STOP_VERB[role] not in self.commands:
                raise ValueError(
                    f"what can be started must be stoppable: commands has {START_VERB[role]}, not {STOP_VERB[role]}"
                )
        if self.answer is not None:
            self._check_answer(self.answer)
        return self

    def _check_answer(self, answer: Answer) -> None:
        report = next((each for each in self.reports.values() if each.name == answer.report), None)
        if report is None:
            raise ValueError(f"answer: there is no report {answer.report}")
        carried = {name for field in report.payload for name in field.names}
        for name in (answer.opcode, answer.counter, answer.result):
            if name is not None and name not in carried:
                raise ValueError(f"answer: the report {answer.report} carries no {name}")

    @property
    def control(self) -> str | None:
        """The channel that commands go through when they name none: the only writable one."""
        writable = [name for name, channel in self.channels.items() if channel.write]
        return writable[0] if len(writable) == 1 else None

    @property
    def reported(self) -> frozenset[str]:
        """The names of all values the device can tell."""
        payloads = [report.payload for report in self.reports.values()]
        payloads += [channel.gives for channel in self.channels.values() if channel.gives]
        return frozenset(name for payload in payloads for field in payload for name in field.names)
