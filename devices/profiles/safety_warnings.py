"""Which mappings of a profile silently defeat a safety check? Each function is one rule; none of them is an error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from devices.driver.field_spec import FieldSpec
from devices.driver.fields import reach
from devices.driver.model_warning import CheckedValues, ModelWarning
from devices.profiles.report_opcode import CommandOpcode
from devices.profiles.schema import Profile

_VACUUM = ("vacuum_mmhg", "peak_vacuum_mmhg", "residual_vacuum_mmhg")
_COARSE_MMHG = 10.0  # a sensor has finer steps than this; a level in mmHg has not
_LOOKS_OFF = ("stopped", "fault")  # either confirms a stop


@dataclass(frozen=True)
class _Reported:
    """A value that a device reports: where the file describes it, and every how many seconds it comes, if known."""

    where: str
    name: str
    field: FieldSpec
    every_seconds: float | None


def warnings_in(profile: Profile, checked: CheckedValues) -> list[ModelWarning]:
    """Return what a person should know before this profile is used."""
    reported = list(_reported(profile))
    rules = (_ranges, _coarse, _unknown_codes, _looks_off, _seldom)
    found = [warning for rule in rules for warning in rule(reported, checked)]
    if "pump" in profile.roles:
        found += [*_highest(reported, checked), *_release(profile, reported, checked)]
    return [*found, *_never_chosen(profile)]


def _reported(profile: Profile) -> Iterator[_Reported]:
    polls = profile.connection.poll
    of_channel = {poll.channel: poll.every_seconds for poll in polls if poll.channel}
    of_report = {
        name: poll.every_seconds
        for poll in polls
        if poll.command
        for name in profile.commands[poll.command].answered_by
    }
    for key, report in profile.reports.items():
        every_seconds = _shortest(report.every_seconds, of_report.get(key), of_channel.get(report.channel or ""))
        for number, field in enumerate(report.payload):
            yield from _named(f"reports.{key}.payload.{number}", field, every_seconds)
        for name, field in report.fields.items():
            yield from _named(f"reports.{key}.fields.{name}", field, every_seconds)
        found = {name for name in report.sent_names if name in _VACUUM} - set(report.fields)
        for name in found - {each for field in report.payload for each in field.names}:
            yield _Reported(f"reports.{key}.pattern", name, FieldSpec(name=name, type="s32"), every_seconds)
    for key, channel in profile.channels.items():
        for number, field in enumerate(channel.fields or ()):
            every_seconds = _shortest(channel.every_seconds, of_channel.get(key))
            yield from _named(f"channels.{key}.fields.{number}", field, every_seconds)


def _named(where: str, field: FieldSpec, every_seconds: float | None) -> Iterator[_Reported]:
    for name in field.names:
        yield _Reported(where, name, field, every_seconds)


def _shortest(*every_seconds: float | None) -> float | None:
    return min((each for each in every_seconds if each is not None), default=None)


def _ranges(reported: list[_Reported], checked: CheckedValues) -> Iterator[ModelWarning]:
    """A number must be able to show what the checks look for; what is outside its range is dropped."""
    for each in reported:
        trip = checked.celsius if each.name == "surface_celsius" else checked.vacuum_mmhg
        unit = "°C" if each.name == "surface_celsius" else "mmHg"
        if each.name not in (*_VACUUM, "surface_celsius") or (on_wire := reach(each.field)) is None:
            continue
        least = trip if unit == "°C" else checked.release_mmhg
        low, high = each.field.range or (-math.inf, math.inf)
        if high < trip <= on_wire[1]:
            reason = (
                f"a report with a {each.name} above {high:g} {unit} is dropped, and everything is to stop at {trip:g}"
            )
            yield ModelWarning(where=each.where, reason=reason, remedy=f"let its range go beyond {trip:g}, or omit it")
        elif on_wire[1] < least:
            never = "looks too hot" if unit == "°C" else "looks unreleased"
            reason = f"{each.name} never shows more than {on_wire[1]:g} {unit}, so it never {never}"
            remedy = "check its unit and scale; 1 kPa is 7.5 mmHg: scale: 7.5" if unit == "mmHg" else "check its scale"
            yield ModelWarning(where=each.where, reason=reason, remedy=remedy)
        if unit == "mmHg" and low > 0 and on_wire[0] < low:
            reason = f"a report with a {each.name} below {low:g} mmHg is dropped, and with it each release"
            yield ModelWarning(where=each.where, reason=reason, remedy="let its range begin at 0, or omit it")


def _coarse(reported: list[_Reported], _checked: CheckedValues) -> Iterator[ModelWarning]:
    """A level in mmHg is no measurement: it does not pulse."""
    for each in reported:
        if each.name in _VACUUM and not each.field.meanings and abs(each.field.factor) > _COARSE_MMHG:
            reason = (
                f"{each.name} in steps of {abs(each.field.factor):g} mmHg looks like a setting, which does not pulse: "
                "the checks would compare it with itself"
            )
            remedy = "if it is what the pump is set to, call it target_vacuum_mmhg, or level"
            yield ModelWarning(where=each.where, reason=reason, remedy=remedy)


def _unknown_codes(reported: list[_Reported], _checked: CheckedValues) -> Iterator[ModelWarning]:
    """A code for "unknown" within the range of values hides a value."""
    for each in reported:
        code, (lowest, highest) = each.field.unknown, each.field.wire_range
        if each.name in (*_VACUUM, "surface_celsius") and code is not None and lowest < code < highest:
            reason = f"{each.name} counts as unknown at {code:#x}, which may be a measurement, too"
            yield ModelWarning(
                where=each.where, reason=reason, remedy="use the code that the device sends for no value"
            )


def _looks_off(reported: list[_Reported], _checked: CheckedValues) -> Iterator[ModelWarning]:
    """An undocumented code must not confirm a stop."""
    for each in reported:
        if each.name == "run_state" and each.field.otherwise in _LOOKS_OFF:
            reason = f"every code that is not described counts as {each.field.otherwise}, and so confirms a stop"
            remedy = "describe each code that means it; with `otherwise: running` any other counts as running"
            yield ModelWarning(where=each.where, reason=reason, remedy=remedy)


def _seldom(reported: list[_Reported], checked: CheckedValues) -> Iterator[ModelWarning]:
    """What comes seldom is not missed when it comes no more."""
    for each in reported:
        seldom = each.every_seconds is not None and each.every_seconds > checked.fresh_seconds
        if seldom and each.name in ("run_state", "vacuum_mmhg", "surface_celsius"):
            reason = f"{each.name} comes every {each.every_seconds:g} s, so it is not noticed when it comes no more"
            remedy = f"poll it at least every {checked.fresh_seconds:g} s, if the device can be asked"
            yield ModelWarning(where=each.where, reason=reason, remedy=remedy)


def _highest(reported: list[_Reported], checked: CheckedValues) -> Iterator[ModelWarning]:
    """Some value of a pump that measures must reach the vacuum at which everything stops."""
    found = [(each, on_wire) for each in reported if each.name in _VACUUM[:2] and (on_wire := reach(each.field))]
    highest = max((on_wire[1] for _, on_wire in found), default=math.inf)
    if checked.release_mmhg <= highest < checked.vacuum_mmhg:
        reason = (
            f"it cannot report more than {highest:g} mmHg, so that it stops at {checked.vacuum_mmhg:g} is never checked"
        )
        remedy = "check its type and scale; where the pump sends no more, say so in the notes"
        yield ModelWarning(where=found[0][0].where, reason=reason, remedy=remedy)


def _release(profile: Profile, reported: list[_Reported], checked: CheckedValues) -> Iterator[ModelWarning]:
    """A vacuum that does not pulse must be noticed: by its lowest value, or by a vacuum that comes often."""
    measured = [each for each in reported if each.name in _VACUUM]
    if not measured or "residual_vacuum_mmhg" in profile.reported:
        return
    of_now = [each for each in measured if each.name == "vacuum_mmhg"]
    if not of_now:
        reason = "only the peaks are reported, so a vacuum that is never released is not noticed"
        remedy = "map its lowest vacuum to residual_vacuum_mmhg, or its vacuum at the moment to vacuum_mmhg"
        yield ModelWarning(where=measured[0].where, reason=reason, remedy=remedy)
    elif (_shortest(*(each.every_seconds for each in of_now)) or math.inf) > checked.each_release_seconds:
        reason = (
            "the vacuum comes too seldom to show each release, so one that does not pulse is noticed after 40 s only, "
            "rather than after 4 s"
        )
        remedy = "map its lowest vacuum to residual_vacuum_mmhg; or give every_seconds: 0.1, if it comes so often"
        yield ModelWarning(where=of_now[0].where, reason=reason, remedy=remedy)


def _never_chosen(profile: Profile) -> Iterator[ModelWarning]:
    """A layout behind one that takes every packet of its length is never chosen."""
    layouts = [(key, each) for key, each in profile.reports.items() if each.payload or each.opcode is not None]
    for number, (key, report) in enumerate(layouts):
        if isinstance(report.opcode, CommandOpcode):
            continue
        for earlier, other in layouts[:number]:
            same = (other.channel, other.opcode, other.length) == (report.channel, report.opcode, report.length)
            if same and _takes_all(other.payload) and _size(other.payload) in (None, _size(report.payload)):
                reason = f"{earlier} comes first and fits every packet that this one fits, so this is never chosen"
                remedy = "put the layout with fixed bytes or codes first, or give both their length"
                yield ModelWarning(where=f"reports.{key}", reason=reason, remedy=remedy)
                break


def _takes_all(payload: tuple[FieldSpec, ...]) -> bool:
    """Return whether any bytes of the right length fit."""
    return not any(
        field.const is not None
        or field.inverse_of is not None
        or field.range is not None
        or (field.meanings and field.otherwise is None)
        for field in payload
    )


def _size(payload: tuple[FieldSpec, ...]) -> int | None:
    """Return how many bytes a layout has; `None` where it takes whatever follows."""
    return None if any(field.rest for field in payload) else sum(field.width for field in payload)
