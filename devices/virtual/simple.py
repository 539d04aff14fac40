"""Bodies of simple devices: what a warmer or a massager does that knows fewer words than the open profile's.

They report what their profile says they report, and nothing else. When the link is lost they do what the profile says;
where that is `unknown` they go on, which is the worst that may be. The pump of this kind is in `simple_pump`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from devices.profiles.schema import Profile
from devices.profiles.vocabulary import START_VERB, STOP_VERB, Role, Value
from devices.roles import Side
from devices.virtual.battery import MASSAGER_HOURS, PAD_HOURS, Battery
from devices.virtual.blank import blank, fields_of
from devices.virtual.duty import ACCEPTED, Duty, Result
from devices.virtual.firmware import Firmware, nearest, within
from devices.virtual.thermal import Pad
from devices.virtual.wire import Wire

REFUSED = Result("refused")

BLIND_CELSIUS = 42.0
"""How warm a heater gets that is only on or off. Our own choice: nobody published any."""

_FOREVER_SECONDS = 10**7


class SimpleBody(Firmware):
    """What the three share: a run that its own timer, its battery or a lost link may end.

    Faults: those of `Firmware`, `duty.fault`, and those of its parts.
    """

    role: Role
    refusal = REFUSED
    wire: Wire | None = None  # its own bytes, where they are written down apart from its profile

    def __init__(self, profile: Profile, battery: Battery) -> None:
        self.battery = battery
        self.fields = fields_of(profile)
        limits = [profile.own_timer_seconds, profile.limits.run_seconds if profile.lease_seconds else None]
        self.duty = Duty(round(min((each for each in limits if each), default=_FOREVER_SECONDS)), _FOREVER_SECONDS)
        self._stops_alone = profile.on_link_loss == "stops"
        self._blank = {name: blank(field) for name, field in self.fields.items()}
        self._last_values: dict[str, Value] = {}  # what it is set to, or will be when it is switched on at its button

    def command(self, name: str, values: Mapping[str, Value]) -> Result:
        """Start, change, pause, go on, renew or stop; what only is a part of these changes nothing."""
        if (answer := self._faulty_answer(name)) is not None:
            return answer
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
            if self._is_too_low(values):
                return REFUSED
            self._apply(values)
        return ACCEPTED

    def _begin(self, values: Mapping[str, Value]) -> Result:
        if self.duty.fault is not None or self._is_too_low(values):
            return REFUSED
        self.duty.begin({"duration_seconds": _duration(values), "lease_seconds": _FOREVER_SECONDS, **values})
        self._apply(values)
        return ACCEPTED

    def _apply(self, values: Mapping[str, Value]) -> None:
        self._last_values |= values
        self._set(values)

    def _set(self, values: Mapping[str, Value]) -> None:
        """Take over a setting while it runs."""

    def _is_too_low(self, values: Mapping[str, Value]) -> bool:  # noqa: ARG002 - most have no least
        """Say whether a setting is less than it can do."""
        return False

    def _press_on(self, values: Mapping[str, Value]) -> None:
        """Switch on at its button, without a lease: until the button, or its own longest run."""
        self.duty.press_on()
        self._turn(values)

    def _turn(self, values: Mapping[str, Value]) -> None:
        """Set it at its own controls, for now or for when it is switched on there."""
        self._last_values |= values
        self.duty.changed.add("changed_setting")
        if self.duty.on:
            self._set(self._last_values)

    def _restart(self) -> None:
        self._press_on({})

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
        self._restart_when_due()

    def lose_link(self) -> None:
        """Stop, where the profile says so and it was not started at its button; else go on."""
        if self._stops_alone and self.duty.leased:
            self._end("link_lost")

    def values(self, since_seconds: float | None = None) -> dict[str, Value]:
        """Return everything the profile may want reported; what this body does not know is blank."""
        since_seconds = self.duty.now_seconds if since_seconds is None else since_seconds
        own = {**self.duty.values(), "battery_percent": self.battery.percent, **self._own_values(since_seconds)}
        own["run_state"] = self._state()
        own["paused"] = self.duty.state == "paused"
        for name, value in own.items():
            if isinstance(value, float):
                own[name] = round(value, 2)
            elif value is None and name in self._blank:
                own[name] = self._blank[name]
        return {**self._blank, **own}

    def _own_values(self, since_seconds: float) -> dict[str, Value]:
        """Return what is its own; highest and lowest values are those after `since_seconds`."""
        raise NotImplementedError

    def _state(self) -> Value:
        """Return the state in a word that the profile has for it: some have none for paused or a fault."""
        field = self.fields.get("run_state")
        known = {*field.meanings.values(), field.otherwise} if field and field.meanings else {self.duty.state}
        if self.duty.state in known:
            return self.duty.state
        return "running" if self.duty.on else "stopped"


class SimpleWarmer(SimpleBody):
    """A compress that is told its temperature, or a level, or nothing but to heat: then it gets as hot as it gets."""

    role: Role = "warmer"

    def __init__(self, profile: Profile, side: Side, seed: int | str) -> None:
        super().__init__(profile, Battery(PAD_HOURS))
        self.side = side
        self.pad = Pad(f"{seed} pad")
        self.blind_celsius = BLIND_CELSIUS
        self._levels = profile.levels.celsius if profile.levels else {}
        self._level: int | None = None
        self._highest_celsius = profile.limits.celsius
        self._target_celsius: float | None = None
        self._celsius = round(self.pad.read_celsius(), 2)
        self._read_at_seconds = 0.0

    def press_on(self, celsius: float) -> None:
        """Switch on at the compress, or change its target. Without a lease: until the button, or its longest run."""
        if self._levels:
            self._press_on({"celsius": None, "level": nearest(self._levels, celsius)})
        else:
            self._press_on({"celsius": within(celsius, 0, self._highest_celsius or self.blind_celsius)})

    def press_off(self) -> None:
        """Switch off at the compress."""
        self._end("commanded")

    def _set(self, values: Mapping[str, Value]) -> None:
        celsius, level = values.get("celsius"), values.get("level")
        if isinstance(celsius, int | float):
            self._target_celsius = float(celsius)
        elif isinstance(level, int | float) and int(level) in self._levels:
            self._level = int(level)
            self._target_celsius = self._levels[self._level]
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

    def _own_values(self, since_seconds: float) -> dict[str, Value]:  # noqa: ARG002 - nothing is highest or lowest
        field = self.fields.get("target_celsius")
        forgets = field is not None and field.unknown is not None and not self.duty.on
        return {
            "level": self._level,
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
        self._only_on = "intensity" not in profile.carried_by("run") if profile.starts("massager") else True

    def press_on(self, intensity: float) -> None:
        """Switch on at the massager, or change its strength. Without a lease: until the button, or its longest run."""
        self._press_on({} if self._only_on else {"intensity": within(intensity, 0, 1)})

    def press_off(self) -> None:
        """Switch off at the massager."""
        self._end("commanded")

    def _set(self, values: Mapping[str, Value]) -> None:
        intensity = None if self._only_on else values.get("intensity")
        self.intensity = float(intensity) if isinstance(intensity, int | float) else 1.0

    def _release(self) -> None:
        self.intensity = 0.0

    def _own_values(self, since_seconds: float) -> dict[str, Value]:  # noqa: ARG002 - nothing is highest or lowest
        return {"intensity": self.intensity}


def _duration(values: Mapping[str, Value]) -> float:
    """Return for how long a command asks, in whatever unit; without one, until it is stopped."""
    for name, seconds in (("duration_seconds", 1), ("duration_minutes", 60), ("duration_hours", 3600)):
        value = values.get(name)
        if isinstance(value, int | float) and math.isfinite(value):
            return value * seconds
    return _FOREVER_SECONDS
