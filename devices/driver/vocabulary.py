"""Names and types that model files share: how bytes, UUIDs and names are written, and the verbs of each role.

In a family of UUIDs, a `?` stands for any hex digit, and a characteristic follows its service: there, `?` is the digit
at the same place in the service that the device has.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeGuard

from pydantic import BeforeValidator, Field

from devices.roles import (
    ButtonReading,
    MassagerReading,
    Phase,
    PressEvent,
    PumpReading,
    RunState,
    ScaleReading,
    WarmerReading,
)
from devices.sensor_roles import ThermometerReading

EnergyRole = Literal["pump", "warmer", "massager"]
SensorRole = Literal["scale", "button", "thermometer"]
RoleName = EnergyRole | SensorRole
ByteOrder = Literal["little", "big"]
Value = bool | int | float | str | None

# The verbs of each role are the names of the commands that a profile gives it. What only measures is not started.
STOP_VERB: dict[EnergyRole, str] = {"pump": "stop", "warmer": "off", "massager": "stop"}
START_VERB: dict[EnergyRole, str] = {"pump": "start", "warmer": "set_target", "massager": "run"}


# The setting of a start, by the reported value that shows what a device is set to.
SETTING_OF = {
    "target_celsius": "celsius",
    "target_vacuum_mmhg": "vacuum_mmhg",
    "level": "level",
    "intensity": "intensity",
}

# The values that a role passes with each verb. A command can carry nothing else but fixed values of a sequence.
# `level` of a warmer is worked out from the map of its levels, so there has to be one.
_DURATIONS = ("duration_seconds", "duration_minutes", "duration_hours")  # from now on: for `adjust`, what is left
_TIMES = (*_DURATIONS, "lease_seconds")
_PUMP_SETTING = ("phase", "vacuum_mmhg", "level", "rate_cpm", "side")
VERB_ARGUMENTS: dict[RoleName, dict[str, tuple[str, ...]]] = {
    "pump": {
        "start": (*_PUMP_SETTING, *_TIMES),
        "adjust": (*_PUMP_SETTING, *_DURATIONS),
        "pause": (),
        "resume": (),
        "stop": (),
        "renew": ("lease_seconds",),
    },
    "warmer": {"set_target": ("celsius", "level", "on", *_TIMES), "off": (), "renew": ("lease_seconds",)},
    "massager": {"run": ("intensity", "side", *_TIMES), "stop": (), "renew": ("lease_seconds",)},
    "scale": {"tare": ()},
    "button": {},
    "thermometer": {},
}

# What a reading holds as a number. As text it could be "nan", which passes every limit.
NUMBERS = frozenset(
    name
    for reading in (PumpReading, WarmerReading, MassagerReading, ScaleReading, ButtonReading, ThermometerReading)
    for name, field in reading.model_fields.items()
    if field.annotation in (float | None, int | None)
)

# The boolean values of readings.
BOOLEANS = frozenset(
    name
    for reading in (PumpReading, ScaleReading)
    for name, field in reading.model_fields.items()
    if field.annotation == bool | None
)

# The values of readings that are one of a few words.
KNOWN_WORDS: dict[str, tuple[str, ...]] = {
    "run_state": tuple(each.value for each in RunState),
    "phase": tuple(each.value for each in Phase),
    "last_press": tuple(each.value for each in PressEvent),
}


def puts_energy(role: RoleName) -> TypeGuard[EnergyRole]:
    """Return whether a role puts energy into a body; one that only measures does not, and is never started."""
    return role in STOP_VERB


OWNER = "owner"  # in place of an unpublished value: the owner's settings supply it

_BASE_UUID = "0000{}-0000-1000-8000-00805f9b34fb"
_OPEN = "?"
_MOST_OPEN = 8  # of the 32 digits of a UUID; with more, it would not identify a device


def full_uuid(value: object) -> str:
    """Return a UUID as 128 bits in lower case; `"180f"` is short for one of the Bluetooth SIG, `owner` stays."""
    text = value.lower() if isinstance(value, str) else ""  # 0x180f without quotes would arrive as 6159
    if text == OWNER:
        return text
    if re.fullmatch(r"[0-9a-f]{4}", text):
        return _BASE_UUID.format(text)
    if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text):
        return text
    raise ValueError("a UUID has four hex digits (180f, in quotes) or 32 in the form 8-4-4-4-12")


def hex_bytes(value: object) -> object:
    """Return bytes that are written as hex digits in quotes."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError('bytes are written as hex digits in quotes, like "55 aa"')  # noqa: TRY004 - pydantic wants it
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise ValueError('bytes are pairs of hex digits, like "55 aa"') from None


def begins_like(pattern: str, data: bytes) -> bool:
    """Return whether bytes begin like a pattern of hex digits, in which `..` is any byte."""
    pieces = pattern.replace(" ", "")
    wanted = [pieces[at : at + 2] for at in range(0, len(pieces), 2)]
    if len(data) < len(wanted):
        return False
    return all(piece == ".." or int(piece, 16) == byte for piece, byte in zip(wanted, data, strict=False))


def one_or_more(value: object) -> object:
    """Return one thing as a list of one."""
    return value if isinstance(value, list | tuple) else [value]


def family(value: object) -> str | None:
    """Return a family in lower case, or `None` for what is not one. Raise `ValueError` for one that is too wide."""
    text = value.lower() if isinstance(value, str) else ""
    if _OPEN not in text:
        return None
    if not re.fullmatch(r"[0-9a-f?]{8}(-[0-9a-f?]{4}){3}-[0-9a-f?]{12}", text):
        raise ValueError("a family of UUIDs has 32 hex digits in the form 8-4-4-4-12, with ? for those that differ")
    if text.count(_OPEN) > _MOST_OPEN:
        raise ValueError(f"a family leaves {_MOST_OPEN} digits open at most, and this {text.count(_OPEN)}")
    return text


def is_family(uuid: str | None) -> bool:
    """Return whether a UUID leaves digits open."""
    return uuid is not None and _OPEN in uuid


def is_member(uuid: str, wanted: str) -> bool:
    """Return whether a UUID is the wanted one, or a member of the wanted family."""
    return len(uuid) == len(wanted) and all(digit in (_OPEN, uuid[at]) for at, digit in enumerate(wanted))


def follows(characteristic: str, service: str) -> bool:
    """Return whether a characteristic leaves no digit open that its service does not."""
    return all(digit != _OPEN or service[at] == _OPEN for at, digit in enumerate(characteristic))


def filled(uuid: str, member: str) -> str:
    """Return a UUID with the digits of a member in place of those that it leaves open."""
    return "".join(member[at] if digit == _OPEN else digit for at, digit in enumerate(uuid))


def uuid_or_family(value: object) -> str:
    """Return a UUID as `full_uuid` does, or a family of UUIDs, with `?` for the digits that differ."""
    return family(value) or full_uuid(value)


Uuid = Annotated[str, BeforeValidator(full_uuid)]
UuidOrFamily = Annotated[str, BeforeValidator(uuid_or_family)]
BytePattern = Annotated[str, Field(pattern=r"^([0-9a-fA-F]{2}|\.\.)*( ?([0-9a-fA-F]{2}|\.\.))*$")]
BytePatterns = Annotated[tuple[BytePattern, ...], BeforeValidator(one_or_more)]
HexBytes = Annotated[bytes, BeforeValidator(hex_bytes)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
ProfileId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Names = Annotated[tuple[str, ...], BeforeValidator(one_or_more)]
