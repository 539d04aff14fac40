"""Bodies for profiles that know fewer commands than the open profile: a warmer, a massager, and several roles in one.

They report what their profile's reports carry, and nothing else. On link loss they follow the profile; where that
is `unknown` they go on, which is the worst case. The pump of this kind is in `simple_pump`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from devices.driver.field_spec import FieldSpec
from devices.driver.vocabulary import START_VERB, STOP_VERB, EnergyRole, Value
from devices.profiles.schema import Profile
from devices.roles import Side
from devices.virtual.device_body import MASSAGER_HOURS, PAD_HOURS, Battery, DeviceBody
from devices.virtual.device_run import ACCEPTED, REFUSED, CommandResult, DeviceRun
from devices.virtual.thermal import SampledPad

BLIND_CELSIUS = 42.0
"""How warm a heater gets that is only on or off. Our own choice: none is published."""

_FOREVER_SECONDS = 10**7


class SimpleBody(DeviceBody):
    """What the three share: a run that the device's own timer, its battery or a lost link may end."""

    role: EnergyRole

    def __init__(self, profile: Profile, battery: Battery) -> None:
        limits = [profile.own_timer_seconds, profile.limits.run_seconds if profile.lease_seconds else None]
        run_seconds = round(min((each for each in limits if each), default=_FOREVER_SECONDS))
        super().__init__(DeviceRun(run_seconds, _FOREVER_SECONDS), battery)
        self.profile = profile
        self.stops_on_link_loss = profile.on_link_loss == "stops"
        self.fields = reported_fields(profile)
        self._derived_states = _derived_states(profile)
        self._blank = {name: blank(field) for name, field in self.fields.items()}
        self._last_values: dict[str, Value] = {}  # the current setting, or that of the next start at its button

    def command(self, name: str, values: Mapping[str, Value]) -> CommandResult:
        """Carry out the role's verbs; a command that is only a part of one changes nothing."""
        if name == STOP_VERB[self.role]:
            self._end("commanded")
            return ACCEPTED
        if name == START_VERB[self.role]:
            return self._begin(values)
        if name in ("adjust", "pause", "resume", "renew") and not self.run.on:
            return REFUSED
        if name == "renew":
            self.run.renew({"lease_seconds": _FOREVER_SECONDS, **values})
        elif name in ("pause", "resume"):
            self._pause(name == "pause")
        elif name == "adjust":
            self._apply(values)
            if (seconds := _duration(values)) < _FOREVER_SECONDS:
                self.run.set_duration(seconds)
        return ACCEPTED

    def _begin(self, values: Mapping[str, Value]) -> CommandResult:
        if self.run.fault is not None:
            return REFUSED
        self.run.begin({"duration_seconds": _duration(values), "lease_seconds": _FOREVER_SECONDS, **values})
        self._apply(values)
        return ACCEPTED

    def _apply(self, values: Mapping[str, Value]) -> None:
        self._last_values |= values
        self._set(values)

    def _set(self, values: Mapping[str, Value]) -> None:
        """Apply a setting while it runs."""

    def _pause(self, paused: bool) -> None:
        """Pause or resume, where the device can."""

    def values(self, since_seconds: float | None = None) -> dict[str, Value]:
        """Return everything the profile may report; what this body does not know is blank."""
        since_seconds = self.run.now_seconds if since_seconds is None else since_seconds
        own = {**self.run.values(), "battery_percent": self.battery.percent, **self._own_values(since_seconds)}
        own["run_state"] = self._reported_state()
        own["paused"] = self.run.state == "paused"
        for name, value in own.items():
            if isinstance(value, float):
                own[name] = round(value, 2)
            elif value is None and name in self._blank:
                own[name] = self._blank[name]
        return {**self._blank, **own}

    def _own_values(self, since_seconds: float) -> dict[str, Value]:
        """Return the values of this kind of device; highest and lowest values are those after `since_seconds`."""
        raise NotImplementedError

    def _reported_state(self) -> Value:
        """Return the state as the profile's reports can carry it: some have no code for "paused" or "fault"."""
        field = self.fields.get("run_state")
        known = {*field.meanings.values(), field.otherwise} if field and field.meanings else self._derived_states
        if not known or self.run.state in known:
            return self.run.state
        return "running" if self.run.on else "stopped"


class SimpleWarmer(SimpleBody):
    """A compress that is set to a temperature or a level, or only switched on: then it heats to `BLIND_CELSIUS`."""

    role: EnergyRole = "warmer"

    def __init__(self, profile: Profile, side: Side, seed: int | str) -> None:
        super().__init__(profile, Battery(PAD_HOURS))
        self.side = side
        self.pad = SampledPad(f"{seed} pad")
        self._levels = profile.levels.celsius if profile.levels else {}
        self._level: int | None = None
        self._target_celsius: float | None = None

    def _set(self, values: Mapping[str, Value]) -> None:
        celsius, level = values.get("celsius"), values.get("level")
        if isinstance(celsius, int | float):
            self._target_celsius = float(celsius)
        elif isinstance(level, int | float) and int(level) in self._levels:
            self._level = int(level)
            self._target_celsius = self._levels[self._level]
        else:
            self._target_celsius = BLIND_CELSIUS
        self.pad.set_target(self._target_celsius)

    def _release(self) -> None:
        self.pad.off()

    def _advance_physics(self, to_seconds: float) -> None:
        self.pad.advance(to_seconds)

    def _own_values(self, since_seconds: float) -> dict[str, Value]:  # noqa: ARG002 - has no extremes
        field = self.fields.get("target_celsius")
        forgets = field is not None and field.unknown is not None and not self.run.on
        return {
            "level": self._level,
            "target_celsius": None if forgets else self._target_celsius,
            "surface_celsius": self.pad.sampled_celsius,
        }


class SimpleMassager(SimpleBody):
    """A massager that is set to an intensity, or only switched on."""

    role: EnergyRole = "massager"

    def __init__(self, profile: Profile, side: Side) -> None:
        super().__init__(profile, Battery(MASSAGER_HOURS))
        self.side = side
        self.intensity = 0.0
        self._only_on = "intensity" not in profile.carried_by("run") if profile.starts("massager") else True

    def _set(self, values: Mapping[str, Value]) -> None:
        intensity = None if self._only_on else values.get("intensity")
        self.intensity = float(intensity) if isinstance(intensity, int | float) else 1.0

    def _release(self) -> None:
        self.intensity = 0.0

    def _own_values(self, since_seconds: float) -> dict[str, Value]:  # noqa: ARG002 - has no extremes
        return {"intensity": self.intensity}


class JoinedBody:
    """The body of a device with several roles: one part a role. The device's state is that of the part that is on."""

    silent = False
    reports_at_rest = False

    def __init__(self, parts: list[SimpleBody]) -> None:
        self.parts = parts

    @property
    def run(self) -> DeviceRun:
        """The run of the part that is on, or of the first."""
        return next((part.run for part in self.parts if part.run.on), self.parts[0].run)

    def command(self, name: str, values: Mapping[str, Value]) -> CommandResult:
        """Pass a role's start or stop to its part, and every other command to all parts."""
        others = {STOP_VERB[part.role] for part in self.parts} | {START_VERB[part.role] for part in self.parts}
        result = ACCEPTED
        for part in self.parts:
            if name in (STOP_VERB[part.role], START_VERB[part.role]) or name not in others:
                result = part.command(name, values)
        return result

    def advance(self, to_seconds: float) -> None:
        """Let time pass for all parts."""
        for part in self.parts:
            part.advance(to_seconds)

    def lose_link(self) -> None:
        """End what each part ends on link loss."""
        for part in self.parts:
            part.lose_link()

    def values(self, since_seconds: float | None = None) -> dict[str, Value]:
        """Return the values of all parts; those of the part that is on prevail."""
        values: dict[str, Value] = {}
        for part in sorted(self.parts, key=lambda each: each.run.on):
            values |= part.values(since_seconds)
        return values


def _duration(values: Mapping[str, Value]) -> float:
    """Return a command's duration in seconds, whatever its unit; practically for ever where it has none."""
    for name, seconds in (("duration_seconds", 1), ("duration_minutes", 60), ("duration_hours", 3600)):
        value = values.get(name)
        if isinstance(value, int | float) and math.isfinite(value):
            return value * seconds
    return _FOREVER_SECONDS


def reported_fields(profile: Profile) -> dict[str, FieldSpec]:
    """Return the fields of everything that a profile's devices report, by the names of their values."""
    payloads = [channel.fields or () for channel in profile.channels.values()]
    payloads += [(*report.payload, *report.fields.values()) for report in profile.reports.values()]
    return {name: field for payload in payloads for field in payload for name in field.names}


def _derived_states(profile: Profile) -> set[Value]:
    """Return the run states that a profile's devices report by several values; empty where they do not."""
    tables = [each.derived for each in profile.channels.values()] + [each.derived for each in profile.reports.values()]
    return {row.means for table in tables for row in table.get("run_state", ())}


def blank(field: FieldSpec) -> Value:
    """Return what a field carries while its value is not known."""
    if field.unknown is not None:
        return None
    if field.flags or field.type == "bool":
        return False
    if field.type == "text":
        return ""
    if field.meanings:
        return next(iter(field.meanings.values()))
    return field.range[0] if field.range else max(0.0, -field.offset * field.factor)
