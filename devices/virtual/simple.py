"""Bodies of simple devices: what a pump, a warmer or a massager does that knows fewer words than the open profile's.

They report what their profile says they report, and nothing else. When the link is lost they do what the profile says;
where that is `unknown` they go on, which is the worst that may be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from devices.profiles.field_spec import FieldSpec
from devices.profiles.schema import Profile
from devices.profiles.vocabulary import START_VERB, STOP_VERB, Role, Value
from devices.roles import Phase, Side
from devices.virtual.battery import MASSAGER_HOURS, PAD_HOURS, PUMP_HOURS, Battery
from devices.virtual.duty import ACCEPTED, Duty, Result
from devices.virtual.pump_ranges import PumpRanges
from devices.virtual.suction import Suction
from devices.virtual.thermal import Pad

REFUSED = Result("refused")

BY_HAND_MMHG = {Phase.STIMULATION: 80.0, Phase.EXPRESSION: 140.0}
"""What a person sets at a pump that cannot be set from here. Our own choice."""

BY_HAND_CPM = {Phase.STIMULATION: 100.0, Phase.EXPRESSION: 54.0}

BLIND_CELSIUS = 42.0
"""How warm a heater gets that is only on or off. Our own choice: nobody published any."""

_EVEN_LEVELS = PumpRanges(source="our own choice", vacuum_mmhg=(50, 250), levels=9)
_FOREVER_SECONDS = 10**7


class SimpleBody:
    """What the three share: a run that its own timer, its battery or a lost link may end.

    Faults: `deaf_to` (commands it takes no notice of), `duty.fault`, and those of its parts.
    """

    role: Role

    def __init__(self, profile: Profile, battery: Battery) -> None:
        self.battery = battery
        self.deaf_to: set[str] = set()
        self.fields = fields_of(profile)
        limits = [profile.own_timer_seconds, profile.limits.run_seconds if profile.lease_seconds else None]
        self.duty = Duty(round(min((each for each in limits if each), default=_FOREVER_SECONDS)), _FOREVER_SECONDS)
        self._stops_alone = profile.on_link_loss == "stops"
        self._blank = {name: _blank(field) for name, field in self.fields.items()}

    def command(self, name: str, values: Mapping[str, Value]) -> Result:
        """Start, change, pause, go on, renew or stop; what only is a part of these changes nothing."""
        if name in self.deaf_to:
            return ACCEPTED
        if name == STOP_VERB[self.role]:
            self._end("commanded")
            return ACCEPTED
        if name == START_VERB[self.role]:
            return self._begin(values)
        if name in ("adjust", "pause", "resume", "renew") and not self.duty.on:
            return REFUSED
        if name == "renew":
            self.duty.renew({"lease_seconds": _FOREVER_SECONDS, **values})
        elif name in ("pause", "resume"):
            self._pause(name == "pause")
        elif name == "adjust":
            self._set(values)
        return ACCEPTED

    def _begin(self, values: Mapping[str, Value]) -> Result:
        if self.duty.fault is not None:
            return REFUSED
        self.duty.begin({"duration_seconds": _duration(values), "lease_seconds": _FOREVER_SECONDS, **values})
        self._set(values)
        return ACCEPTED

    def _set(self, values: Mapping[str, Value]) -> None:
        """Take over a setting while it runs."""

    def _pause(self, paused: bool) -> None:
        """Hold, or go on."""

    def _release(self) -> None:
        """Let go of the body."""

    def _end(self, reason: str) -> None:
        self.duty.end(reason)
        self._release()

    def advance(self, to_seconds: float) -> None:
        """Let time pass, and end what the device ends by itself."""
        self.battery.advance(to_seconds, running=self.duty.running)
        if self.battery.empty:
            self.duty.fault = "battery_empty"
        if reason := self.duty.due(to_seconds):
            self._end(reason)

    def lose_link(self) -> None:
        """Stop, where the profile says so; else go on."""
        if self._stops_alone:
            self._end("link_lost")

    def values(self) -> dict[str, Value]:
        """Return everything the profile may want reported; what this body does not know is blank."""
        own = {**self.duty.values(), "battery_percent": self.battery.percent, **self._own_values()}
        own["run_state"] = self._state()
        own["paused"] = self.duty.state == "paused"
        for name, value in own.items():
            if isinstance(value, float):
                own[name] = round(value, 2)
            elif value is None and name in self._blank:
                own[name] = self._blank[name]
        return {**self._blank, **own}

    def _own_values(self) -> dict[str, Value]:
        return {}

    def _state(self) -> Value:
        """Return the state in a word that the profile has for it: some have none for paused or a fault."""
        field = self.fields.get("run_state")
        known = {*field.meanings.values(), field.otherwise} if field and field.meanings else {self.duty.state}
        if self.duty.state in known:
            return self.duty.state
        return "running" if self.duty.on else "stopped"


class SimplePump(SimpleBody):
    """A pump that is told its vacuum, or a level, or nothing but to run: then it does what was set at its buttons."""

    role: Role = "pump"

    def __init__(self, profile: Profile, side: Side, seed: int | str, ranges: PumpRanges | None = None) -> None:
        super().__init__(profile, Battery(PUMP_HOURS))
        self.side = side
        self.suction = Suction(f"{seed} {side.value}")
        self.phase = Phase.EXPRESSION  # as set at the pump, where it cannot be set from here
        self._ranges = ranges or _EVEN_LEVELS
        self._levels = profile.levels.vacuum_mmhg if profile.levels else {}
        self._level: int | None = None

    @property
    def suction_mmhg(self) -> float:
        """The vacuum that the breast feels, as the peak of a cycle."""
        return self.suction.cycle_peak_mmhg if self.duty.running or self.suction.stuck else 0.0

    def _set(self, values: Mapping[str, Value]) -> None:
        phase = values.get("phase")
        self.phase = Phase(str(phase)) if phase is not None else self.phase
        vacuum, level, rate = (values.get(name) for name in ("vacuum_mmhg", "level", "rate_cpm"))
        mmhg = BY_HAND_MMHG[self.phase]
        if isinstance(vacuum, int | float):
            mmhg = vacuum
        elif isinstance(level, int | float):
            self._level = int(level)
            mmhg = self._levels.get(self._level, self._ranges.level(self.phase, self._level))
        cpm = rate if isinstance(rate, int | float) else BY_HAND_CPM[self.phase]
        if self.suction.running:
            self.suction.adjust(phase=self.phase, vacuum_mmhg=mmhg, rate_cpm=cpm)
        else:
            self.suction.start(self.phase, mmhg, cpm)

    def _pause(self, paused: bool) -> None:
        self.duty.pause(paused)
        if paused:
            self.suction.vent()
        else:
            self.suction.start(self.phase, self.suction.target_mmhg, self.suction.rate_cpm)

    def _release(self) -> None:
        self.suction.vent()

    def advance(self, to_seconds: float) -> None:
        """Let the motor run."""
        self.suction.advance(to_seconds)
        super().advance(to_seconds)

    def _own_values(self) -> dict[str, Value]:
        window = self.suction.take_window()
        return {
            "phase": self.phase.value,
            "mode": self.phase.value,
            "level": self._level,
            "vacuum_mmhg": self.suction.vacuum_mmhg,
            "peak_vacuum_mmhg": window.peak_mmhg,
            "residual_vacuum_mmhg": window.residual_mmhg,
        }


class SimpleWarmer(SimpleBody):
    """A compress that is told its temperature, or a level, or nothing but to heat: then it gets as hot as it gets."""

    role: Role = "warmer"

    def __init__(self, profile: Profile, side: Side, seed: int | str) -> None:
        super().__init__(profile, Battery(PAD_HOURS))
        self.side = side
        self.pad = Pad(f"{seed} pad")
        self.blind_celsius = BLIND_CELSIUS
        self._levels = profile.levels.celsius if profile.levels else {}
        self._target_celsius: float | None = None
        self._celsius = round(self.pad.read_celsius(), 2)
        self._read_at_seconds = 0.0

    def _set(self, values: Mapping[str, Value]) -> None:
        celsius, level = values.get("celsius"), values.get("level")
        if isinstance(celsius, int | float):
            self._target_celsius = float(celsius)
        elif isinstance(level, int | float) and int(level) in self._levels:
            self._target_celsius = self._levels[int(level)]
        else:
            self._target_celsius = self.blind_celsius
        self.pad.set_target(self._target_celsius)

    def _release(self) -> None:
        self.pad.off()

    def advance(self, to_seconds: float) -> None:
        """Warm and cool."""
        self.pad.advance(to_seconds)
        if to_seconds - self._read_at_seconds >= 1:
            self._read_at_seconds = to_seconds
            self._celsius = round(self.pad.read_celsius(), 2)
        super().advance(to_seconds)

    def _own_values(self) -> dict[str, Value]:
        field = self.fields.get("target_celsius")
        forgets = field is not None and field.unknown is not None and not self.duty.on
        return {
            "target_celsius": None if forgets else self._target_celsius,
            "surface_celsius": self._celsius,
        }


class SimpleMassager(SimpleBody):
    """A massager that is told its strength, or nothing but to run."""

    role: Role = "massager"

    def __init__(self, profile: Profile, side: Side) -> None:
        super().__init__(profile, Battery(MASSAGER_HOURS))
        self.side = side
        self.intensity = 0.0

    def _set(self, values: Mapping[str, Value]) -> None:
        intensity = values.get("intensity")
        self.intensity = float(intensity) if isinstance(intensity, int | float) else 1.0

    def _release(self) -> None:
        self.intensity = 0.0

    def _own_values(self) -> dict[str, Value]:
        return {"intensity": self.intensity}


class JoinedBody:
    """A device with several roles: each does its own part, and the state is that of whichever runs."""

    def __init__(self, parts: list[SimpleBody]) -> None:
        self.parts = parts

    @property
    def duty(self) -> Duty:
        """The duty of the part that is on, or of the first."""
        return next((part.duty for part in self.parts if part.duty.on), self.parts[0].duty)

    def command(self, name: str, values: Mapping[str, Value]) -> Result:
        """Hand it to the part whose verb it is; the others let it pass."""
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
        """Let each part do what it does."""
        for part in self.parts:
            part.lose_link()

    def values(self) -> dict[str, Value]:
        """Return what all parts know."""
        values: dict[str, Value] = {}
        for part in sorted(self.parts, key=lambda each: each.duty.on):  # the one that is on has the last word
            values |= part.values()
        return values


def fields_of(profile: Profile) -> dict[str, FieldSpec]:
    """Return the fields of everything that a profile's devices report, by the names of their values."""
    payloads = [channel.gives or () for channel in profile.channels.values()]
    payloads += [(*report.payload, *report.fields.values()) for report in profile.reports.values()]
    return {name: field for payload in payloads for field in payload for name in field.names}


def _blank(field: FieldSpec) -> Value:
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


def _duration(values: Mapping[str, Value]) -> float:
    """Return for how long a command asks, in whatever unit; without one, until it is stopped."""
    for name, seconds in (("duration_seconds", 1), ("duration_minutes", 60), ("duration_hours", 3600)):
        value = values.get(name)
        if isinstance(value, int | float) and math.isfinite(value):
            return value * seconds
    return _FOREVER_SECONDS
