"""What a profile's reports have room for, and what stands there when there is nothing to say."""

from __future__ import annotations

from devices.profiles.field_spec import FieldSpec
from devices.profiles.schema import Profile
from devices.profiles.vocabulary import Value


def fields_of(profile: Profile) -> dict[str, FieldSpec]:
    """Return the fields of everything that a profile's devices report, by the names of their values."""
    payloads = [channel.gives or () for channel in profile.channels.values()]
    payloads += [(*report.payload, *report.fields.values()) for report in profile.reports.values()]
    return {name: field for payload in payloads for field in payload for name in field.names}


def blank(field: FieldSpec) -> Value:
    """Return something that a field can carry when there is nothing to say."""
    if field.unknown is not None:
        return None
    if field.flags or field.type == "bool":
        return False
    if field.type == "text":
        return ""
    if field.meanings:
        return next(iter(field.meanings.values()))
    return field.range[0] if field.range else max(0.0, -field.offset * field.factor)
