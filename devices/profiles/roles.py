"""The three roles, spoken through a profile: verbs become commands of the same name, reports become readings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal, Protocol, TypeVar

from devices.errors import RefusedError
from devices.link import Link
from devices.profiles.least import least_settings
from devices.profiles.schema import Profile
from devices.profiles.vocabulary import START_VERB, STOP_VERB, Role, Value
from devices.roles import (
    Capability,
    DeviceLimits,
    MassagerReading,
    PumpReading,
    PumpSetting,
    Reading,
    Side,
    WarmerReading,
)
from devices.told import MEASURED, Told, says_off

ReadingT = TypeVar("ReadingT", bound=Reading)

_BY_COMMAND_FIELD = {
    "phase": Capability.PHASE,
    "vacuum_mmhg": Capability.VACUUM_MMHG,
    "level": Capability.LEVELS,
    "rate_cpm": Capability.RATE_CPM,
    "celsius": Capability.TARGET_CELSIUS,
    "intensity": Capability.INTENSITY,
    "side": Capability.SIDES,
    "lease_seconds": Capability.LEASE,
    "duration_seconds": Capability.OWN_TIMER,
}
_BY_REPORT = {
    "run_state": Capability.REPORTS_STATE,
    "vacuum_mmhg": Capability.REPORTS_VACUUM,
    "let_down": Capability.REPORTS_LET_DOWN,
    "flow_ml_per_s": Capability.REPORTS_FLOW,
    "volume_ml": Capability.REPORTS_VOLUME,
    "surface_celsius": Capability.REPORTS_TEMPERATURE,
    "battery_percent": Capability.REPORTS_BATTERY,
}


_TINY = 1e-6
# What comes by itself every few seconds, and has not come for so long, is not measured any more.
_SILENT_SECONDS = 10.0

# What must stay fresh while a device runs, of what it tells regularly.
_WATCHED: dict[Role, frozenset[str]] = {
    "pump": frozenset({"run_state", "vacuum_mmhg"}),
    "warmer": frozenset({"run_state", "surface_celsius"}),
    "massager": frozenset({"run_state"}),
}


class Driver(Protocol):
    """What the roles need of a device, whatever speaks its bytes."""

    name: str
    side: Side
    profile: Profile
    link: Link
    told: Told
    may_control: bool
    max_level: int | None

    async def run(self) -> None:
        """Keep the device connected, until cancelled."""

    async def command(self, name: str, values: Mapping[str, Value], *, undone_by: str | None = None) -> None:
        """Send a command in its turn."""

    async def renew(self, values: Mapping[str, Value]) -> None:
        """Renew the lease of what runs."""

    def assume_running(self, verb: str) -> None:
        """Take for running what this verb ends."""

    async def stop(self, verb: str) -> None:
        """Stop, and confirm it."""


class _ProfileRole:
    """What the three roles share: everything about the device, and its stop. Documented in `devices.roles`."""

    role: Role

    def __init__(self, device: Driver, role: Role) -> None:
        self.device = device
        # A device with several roles shows as several, each under a name of its own.
        self.name = device.name if len(device.profile.roles) == 1 else f"{device.name}-{role}"
        self.device_name = device.name
        self.stop_verb = STOP_VERB[role]
        self.can_stop = device.may_control and self.stop_verb in device.profile.commands
        regular = device.profile.regular
        self._watched = _WATCHED[role] & regular or regular
        self._measured = MEASURED & regular  # once: every reading asks for it
        self.capabilities = capabilities_of(device.profile, role, may_control=device.may_control)
        self._least = least_settings(device.profile, role)

    @property
    def side(self) -> Side:
        return self.device.side

    @property
    def on_link_loss(self) -> Literal["stops", "continues", "unknown"]:
        return self.device.profile.on_link_loss

    @property
    def max_level(self) -> int | None:
        return self.device.max_level

    @property
    def connected(self) -> bool:
        return self.device.link.connected

    @property
    def address(self) -> str | None:
        sighting = self.device.link.sighting
        return None if sighting is None else sighting.address

    @property
    def age_seconds(self) -> float | None:
        told = self.device.told
        watched = self._watched - MEASURED if says_off(told.values) else self._watched
        return told.age_seconds(watched) if watched else 0.0  # nothing has to be told while it does not run

    def told_at_seconds(self, name: str) -> float | None:
        return self.device.told.at_seconds(name)

    def tells_at_rest(self, name: str) -> bool:
        return self.device.told.tells_at_rest(name)

    @property
    def _outdated(self) -> frozenset[str]:
        """What it measured once more after it had stopped, and then no more, though it tells it regularly."""
        told = self.device.told
        if not told.off_for(_SILENT_SECONDS):
            return frozenset()
        ages = {name: told.age_seconds([name]) for name in self._measured}
        return frozenset(name for name, age in ages.items() if age is not None and age >= _SILENT_SECONDS)

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        return self.device.told.on_change(callback)

    async def renew(self, lease_seconds: float) -> None:
        await self.device.renew({"lease_seconds": round(lease_seconds)})

    def assume_running(self) -> None:
        self.device.assume_running(self.stop_verb)

    async def stop(self) -> None:
        await self.device.stop(self.stop_verb)

    def _read(self, model: type[ReadingT], target: str = "", levels: Mapping[int, float] | None = None) -> ReadingT:
        """Return the latest values. Where the device reports a level but no `target`, that is what `levels` says."""
        by_level = levels if levels and target not in self.device.profile.reported else {}
        outdated = self._outdated

        def make(values: Mapping[str, Value]) -> ReadingT:
            told = model.model_fields.keys() - outdated
            known = {name: values[name] for name in told if values.get(name) is not None}
            level = values.get("level")
            if isinstance(level, int | float) and level in by_level:
                known[target] = by_level[int(level)]
            return model(**known)

        return self.device.told.view((model, outdated), make)

    @property
    def limits(self) -> DeviceLimits:
        """The most is the lower of what profile and device say; the least is what the profile says."""
        by_profile = self.device.profile.limits.model_dump()

        def make(values: Mapping[str, Value]) -> DeviceLimits:
            most = {key: _lower(value, values.get(f"limit_{key}")) for key, value in by_profile.items()}
            return DeviceLimits(**most, **self._least)

        return self.device.told.view((DeviceLimits, self.role), make)


class ProfilePump(_ProfileRole):
    """`devices.roles.Pump` over a profile."""

    role: Literal["pump"] = "pump"

    def __init__(self, device: Driver) -> None:
        super().__init__(device, "pump")

    @property
    def reading(self) -> PumpReading:
        levels = self.device.profile.levels
        return self._read(PumpReading, "target_vacuum_mmhg", levels.vacuum_mmhg if levels else None)

    async def start(self, setting: PumpSetting, duration_seconds: float, lease_seconds: float) -> None:
        values = {**self._values(setting), **_times(duration_seconds, lease_seconds)}
        await self.device.command("start", values, undone_by=self.stop_verb)

    async def adjust(self, setting: PumpSetting) -> None:
        await self.device.command("adjust", self._values(setting), undone_by=self.stop_verb)

    def _values(self, setting: PumpSetting) -> dict[str, Value]:
        values: dict[str, Value] = setting.model_dump(mode="json")
        levels = self.device.profile.levels
        if levels is not None and levels.vacuum_mmhg and setting.vacuum_mmhg is not None:
            values["level"] = _level(levels.vacuum_mmhg, setting.vacuum_mmhg)
        return values

    async def pause(self) -> None:
        await self.device.command("pause", {})

    async def resume(self) -> None:
        await self.device.command("resume", {}, undone_by=self.stop_verb)


class ProfileWarmer(_ProfileRole):
    """`devices.roles.Warmer` over a profile."""

    role: Literal["warmer"] = "warmer"

    def __init__(self, device: Driver) -> None:
        super().__init__(device, "warmer")

    @property
    def reading(self) -> WarmerReading:
        levels = self.device.profile.levels
        return self._read(WarmerReading, "target_celsius", levels.celsius if levels else None)

    async def set_target(self, celsius: float, duration_seconds: float, lease_seconds: float) -> None:
        values: dict[str, Value] = {"celsius": celsius, "on": True, **_times(duration_seconds, lease_seconds)}
        levels = self.device.profile.levels
        if levels is not None and levels.celsius:
            values["level"] = _level(levels.celsius, celsius)
        await self.device.command("set_target", values, undone_by=self.stop_verb)


class ProfileMassager(_ProfileRole):
    """`devices.roles.Massager` over a profile."""

    role: Literal["massager"] = "massager"

    def __init__(self, device: Driver) -> None:
        super().__init__(device, "massager")

    @property
    def reading(self) -> MassagerReading:
        return self._read(MassagerReading)

    async def run(self, intensity: float, duration_seconds: float, lease_seconds: float, side: Side) -> None:
        least = self._least.get("least_intensity", 0.0)
        if intensity < least - _TINY:  # it would be rounded: down to nothing, or up to more than was asked
            raise RefusedError(f"{self.name} can be set to {least:.2f} of its strength at least, not {intensity:.2f}")
        values: dict[str, Value] = {"intensity": intensity, "side": side.value}
        values |= _times(duration_seconds, lease_seconds)
        await self.device.command("run", values, undone_by=self.stop_verb)


ProfileRole = ProfilePump | ProfileWarmer | ProfileMassager
_ROLES: dict[Role, type[ProfileRole]] = {"pump": ProfilePump, "warmer": ProfileWarmer, "massager": ProfileMassager}


def roles_of(device: Driver) -> list[ProfileRole]:
    """Return the device's roles, in the order of its profile."""
    return [_ROLES[role](device) for role in device.profile.roles]


def capabilities_of(profile: Profile, role: Role, *, may_control: bool = True) -> frozenset[Capability]:
    """Work out from the commands and reports of a profile what the device can do; its `capabilities` add the rest."""
    found = set(profile.capabilities)
    if profile.starts(role):
        found.add(Capability.START)
        carried = profile.carried_by(START_VERB[role])
        found |= {_BY_COMMAND_FIELD[name] for name in carried if name in _BY_COMMAND_FIELD}
    if {"pause", "resume"} <= set(profile.commands):
        found.add(Capability.PAUSE)
    if Capability.LEVELS in found and profile.levels is not None:
        found |= {Capability.VACUUM_MMHG} if profile.levels.vacuum_mmhg else set()
        found |= {Capability.TARGET_CELSIUS} if profile.levels.celsius else set()
    found.discard(Capability.LEASE)
    if "renew" in profile.commands:
        found.add(Capability.LEASE)
    if profile.own_timer_seconds is not None:
        found.add(Capability.OWN_TIMER)
    found |= {capability for name, capability in _BY_REPORT.items() if name in profile.reported}
    if profile.regular:
        found.add(Capability.REPORTS_REGULARLY)
    if profile.on_link_loss == "stops":
        found.add(Capability.STOPS_ON_LINK_LOSS)
    if not may_control:
        found.discard(Capability.START)
    return frozenset(found)


def _times(duration_seconds: float, lease_seconds: float) -> dict[str, Value]:
    """Return durations in every unit that a device may want, rounded up to whole ones."""
    return {
        "duration_seconds": round(duration_seconds),
        "duration_minutes": math.ceil(duration_seconds / 60),
        "duration_hours": math.ceil(duration_seconds / 3600),
        "lease_seconds": round(lease_seconds),
    }


def _level(levels: Mapping[int, float], wanted: float) -> int:
    """Return the highest level that does no more than is wanted. Raise `RefusedError` where even the lowest does."""
    fitting = [level for level, does in levels.items() if does <= wanted]
    if not fitting:
        raise RefusedError(
            f"even its lowest level does {min(levels.values()):g}, more than the {wanted:g} that is allowed"
        )
    return max(fitting)


def _lower(one: float | None, other: object) -> float | None:
    known = [value for value in (one, other) if isinstance(value, int | float)]
    return min(known) if known else None
