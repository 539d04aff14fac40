"""Words shared by all parts of a profile: how bytes, UUIDs and names are written, and the verbs of each role."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from devices.profiles.families import family
from devices.roles import MassagerReading, PumpReading, WarmerReading

Role = Literal["pump", "warmer", "massager"]
ByteOrder = Literal["little", "big"]
Value = bool | int | float | str | None

# The verbs of each role are the names of the commands that a profile gives it.
STOP_VERB: dict[Role, str] = {"pump": "stop", "warmer": "off", "massager": "stop"}
START_VERB: dict[Role, str] = {"pump": "start", "warmer": "set_target", "massager": "run"}

# What a start asks for, by the reported value that says what a device is set to.
SETTING_OF = {
    "target_celsius": "celsius",
    "target_vacuum_mmhg": "vacuum_mmhg",
    "level": "level",
    "intensity": "intensity",
}

# What each verb of a role hands over. A command can carry nothing else, unless a sequence gives it a fixed value.
# `level` of a warmer is worked out from the map of its levels, so there has to be one.
_TIMES = ("duration_seconds", "duration_minutes", "duration_hours", "lease_seconds")
_PUMP_SETTING = ("phase", "vacuum_mmhg", "level", "rate_cpm", "side")
HANDED_OVER: dict[Role, dict[str, tuple[str, ...]]] = {
    "pump": {
        "start": (*_PUMP_SETTING, *_TIMES),
        "adjust": _PUMP_SETTING,
        "pause": (),
        "resume": (),
        "stop": (),
        "renew": ("lease_seconds",),
    },
    "warmer": {"set_target": ("celsius", "level", "on", *_TIMES), "off": (), "renew": ("lease_seconds",)},
    "massager": {"run": ("intensity", "side", *_TIMES), "stop": (), "renew": ("lease_seconds",)},
}

# What a reading holds as a number. A word in its place would be "nan" one day, and no limit would notice.
NUMBERS = frozenset(
    name
    for reading in (PumpReading, WarmerReading, MassagerReading)
    for name, field in reading.model_fields.items()
    if field.annotation in (float | None, int | None)
)

OWNER = "owner"  # stands where nobody published a value, and the owner's settings supply it

_BASE_UUID = "0000{}-0000-1000-8000-00805f9b34fb"


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
    """Say whether bytes begin like a pattern of hex digits, in which `..` is any byte."""
    pieces = pattern.replace(" ", "")
    wanted = [pieces[at : at + 2] for at in range(0, len(pieces), 2)]
    if len(data) < len(wanted):
        return False
    return all(piece == ".." or int(piece, 16) == byte for piece, byte in zip(wanted, data, strict=False))


def one_or_more(value: object) -> object:
    """Let one thing stand for a list of one."""
    return value if isinstance(value, list | tuple) else [value]


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
