"""The least that a device can be set to, read from what its commands can carry. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from devices.profiles.field_spec import FieldSpec
from devices.profiles.fields import least_value
from devices.profiles.schema import Profile
from devices.profiles.vocabulary import START_VERB, Role
from devices.tuya.least import least_given

_FULL = 1.0
_SETTINGS: dict[Role, tuple[str, ...]] = {
    "pump": ("vacuum_mmhg", "level"),
    "warmer": ("celsius", "level"),
    "massager": ("intensity",),
}


def least_settings(profile: Profile, role: Role) -> Mapping[str, float]:
    """Return the least of each setting of a role, by the names of `DeviceLimits`.

    A setting is left out where nobody published its least, or where it can be set down to 0.
    """
    if not profile.starts(role):
        return {}
    found = {name: _least(profile, role, name) for name in _SETTINGS[role]}
    if role == "massager" and "intensity" not in profile.carried_by(START_VERB[role]):
        found["intensity"] = _FULL  # it is on or off, and on is all that it has
    measured = _measured(profile, role)
    if measured and "level" in profile.carried_by(START_VERB[role]):
        name = "celsius" if role == "warmer" else "vacuum_mmhg"
        found[name] = min((value for level, value in measured.items() if level >= (found["level"] or 0)), default=None)
    return {f"least_{name}": value for name, value in found.items() if value is not None and value > 0}


def _measured(profile: Profile, role: Role) -> Mapping[int, float]:
    if profile.levels is None:
        return {}
    return {"pump": profile.levels.vacuum_mmhg, "warmer": profile.levels.celsius}.get(role, {})


def _least(profile: Profile, role: Role, name: str) -> float | None:
    """Return the least of one setting. Where several fields carry it, all of them must be able to."""
    off_at_zero = name == "intensity"  # a massager that runs at 0 does not run
    if profile.tuya is not None:
        found = [least_given(profile.tuya, verb, name, above_zero=off_at_zero) for verb in (START_VERB[role], "adjust")]
    else:
        fields = [
            field for verb in (START_VERB[role], "adjust") for field in _fields(profile, verb) if field.name == name
        ]
        found = [least_value(field, above_zero=off_at_zero) for field in fields]
    return max((value for value in found if value is not None), default=None)


def _fields(profile: Profile, verb: str) -> Iterator[FieldSpec]:
    """Yield the fields of a command that are not fixed by a sequence."""
    command = profile.commands.get(verb)
    if command is None:
        return
    yield from (*command.payload, *command.fields.values())
    for step in command.sequence:
        yield from (field for field in _fields(profile, step.command) if field.name not in step.values)
