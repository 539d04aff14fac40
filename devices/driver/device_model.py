"""What every model file contains, whatever its driver, and what callers may ask of any model.

A driver's own class adds how values are encoded (`profiles.schema.Profile`, `tuya.tuya_model.TuyaModel`). Data only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Set
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from devices.driver.vocabulary import (
    START_VERB,
    STOP_VERB,
    VERB_ARGUMENTS,
    BytePatterns,
    EnergyRole,
    Names,
    ProfileId,
    RoleName,
    Uuid,
    UuidOrFamily,
    begins_like,
    one_or_more,
    puts_energy,
)
from devices.roles import Capability, Frozen
from devices.support.file_error import Misfits, ModelError

OFTEN_SECONDS = 5.0
"""Half of the silence that is allowed of a running device: what comes as often as that is watched for freshness."""

_FULL = 1.0
_SETTINGS: dict[EnergyRole, tuple[str, ...]] = {
    "pump": ("vacuum_mmhg", "level"),
    "warmer": ("celsius", "level"),
    "massager": ("intensity",),
}


def _rising(levels: Mapping[int, float]) -> Mapping[int, float]:
    values = [levels[level] for level in sorted(levels)]
    if values != sorted(values):
        raise ValueError("a higher level cannot be weaker")
    return levels


LevelMap = Annotated[Mapping[int, float], AfterValidator(_rising)]


class Limits(Frozen):
    """The most that the device can do: its own range, not what is safe or wanted."""

    vacuum_mmhg: float | None = Field(None, gt=0, le=400)
    rate_cpm: float | None = Field(None, gt=0, le=200)
    level: int | None = Field(None, gt=0)
    celsius: float | None = Field(None, gt=0, le=60)
    run_seconds: float | None = Field(None, gt=0)


class Levels(Frozen):
    """Measured maps from a level to mmHg or °C, never falling. `source`: who measured."""

    vacuum_mmhg: LevelMap = Field(default_factory=dict)
    celsius: LevelMap = Field(default_factory=dict)
    source: str = Field(min_length=10)

    def of(self, role: RoleName) -> Mapping[int, float]:
        """Return the map of a role: mmHg for a pump, °C for a warmer; empty where there are no measurements."""
        return {"pump": self.vacuum_mmhg, "warmer": self.celsius}.get(role, {})


class Manufacturer(Frozen):
    """Manufacturer data of an advertisement: the company's id, and how the data begins, in one way or several."""

    id: int = Field(ge=0, le=0xFFFF)
    data: BytePatterns = ()

    def fits(self, data: bytes | None) -> bool:
        """Return whether an advertisement's data begins like this."""
        return data is not None and (not self.data or any(begins_like(pattern, data) for pattern in self.data))


def _manufacturer(value: object) -> object:
    return {"id": value} if isinstance(value, int) else value


class ServiceData(Frozen):
    """Service data of an advertisement: the service, and how the data begins, in one way or several."""

    uuid: Uuid
    data: BytePatterns = ()

    def fits(self, data: bytes | None) -> bool:
        """Return whether an advertisement's data begins like this."""
        return data is not None and (not self.data or any(begins_like(pattern, data) for pattern in self.data))


def _service_data(value: object) -> object:
    return {"uuid": value} if isinstance(value, str) else value


class Match(Frozen):
    """How the device is recognised by its advertisement: all that is given must fit. `*` is any text, `?` any letter.

    `not_name`: names that fit `name` and belong to other models. `partial`: some advertise only a part of it: what they
    do advertise must fit, and one part is enough.
    """

    name: Names = ()
    not_name: Names = ()
    services: Annotated[tuple[UuidOrFamily, ...], BeforeValidator(one_or_more)] = ()
    manufacturer: Annotated[Manufacturer | None, BeforeValidator(_manufacturer)] = None
    service_data: Annotated[ServiceData | None, BeforeValidator(_service_data)] = None
    address: str | None = Field(None, pattern=r"^[0-9A-Fa-f:*?]+$")
    ambiguous: bool = False
    partial: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.name or self.services or self.manufacturer or self.service_data or self.address):
            raise ValueError("give at least one of: name, services, manufacturer, service_data, address")
        if self.partial and sum(map(bool, (self.name, self.services, self.manufacturer))) <= 1:
            raise ValueError("partial: of name, services and manufacturer, two or more are given")
        if self.not_name and not self.name:
            raise ValueError("not_name: give name as well, from which these are excepted")
        return self


NOT_ADVERTISED = Match.model_construct()
"""The match of a model that is not found by Bluetooth: it has no part that an advertisement could fit."""


class DeviceModel(Frozen, ABC):
    """One device model, as its file describes it. `own_timer_seconds`: after which it switches itself off.

    `encrypted`: why its protocol cannot be used. Such a device is recognised, and never connected.
    """

    id: ProfileId
    name: str
    roles: tuple[RoleName, ...] = Field(min_length=1)
    sides: Literal["one", "both"] = "both"
    confidence: Literal["verified", "unverified"]
    provenance: str = Field(min_length=10)
    match: Match
    levels: Levels | None = None
    capabilities: tuple[Capability, ...] = ()
    limits: Limits = Limits()
    lease_seconds: int | None = Field(None, ge=2, le=60)
    own_timer_seconds: float | None = Field(None, gt=0)
    on_link_loss: Literal["stops", "continues", "unknown"] = "unknown"
    encrypted: str | None = Field(None, min_length=10)
    notes: tuple[str, ...] = ()

    # What a driver's class answers

    @property
    @abstractmethod
    def verbs(self) -> Set[str]:
        """The verbs of its roles that it can carry out, such as `start` and `stop`."""

    @property
    @abstractmethod
    def reported(self) -> frozenset[str]:
        """The names of all values that the device can report."""

    @property
    @abstractmethod
    def regular(self) -> frozenset[str]:
        """The names of the values that come at least every 5 s, by themselves or because they are polled."""

    @abstractmethod
    def carried_by(self, verb: str) -> frozenset[str]:
        """Return the names of the values that a verb sends to the device."""

    @abstractmethod
    def least(self, verb: str, setting: str, *, above_zero: bool) -> float | None:
        """Return the lowest value of a setting that a verb can carry; `None` where no published number says so.

        `above_zero`: the lowest that is more than 0, for settings whose 0 means off.
        """

    @property
    def bluetooth(self) -> bool:
        """Whether its devices are reached by Bluetooth, so that their settings have an address or a name."""
        return True

    @property
    def feeds_another(self) -> bool:
        """Whether it only switches the power of what really runs, such as a pad, which may stay off all the same."""
        return False

    @property
    def repeats_start(self) -> bool:
        """Whether a run is kept up by sending its start once more."""
        return False

    @property
    def template(self) -> tuple[str, ...]:
        """The channels whose UUIDs are not published, so that the owner's settings supply them."""
        return ()

    def place_of(self, verb: str) -> str:
        """Return the key under which the file describes a verb, for errors."""
        return verb

    def problems(self) -> Misfits:
        """Yield what does not fit together. A driver's class adds its own rules."""
        if len(self.roles) > 1 and (senses := [role for role in self.roles if not puts_energy(role)]):
            yield "roles", f"a {senses[0]} only measures, so a device that is one has no other role"
        for role in self.energy_roles:
            start, stop = START_VERB[role], STOP_VERB[role]
            if start in self.verbs and stop not in self.verbs:
                words = f"what can be started must be stoppable, and there is no command {stop}"
                yield self.place_of(start), words

    # What callers ask

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if problems := list(self.problems()):
            raise ModelError(*problems)
        return self

    @property
    def energy_roles(self) -> tuple[EnergyRole, ...]:
        """Its roles that put energy into a body; none for a device that only measures."""
        return tuple(role for role in self.roles if puts_energy(role))

    def starts(self, role: RoleName) -> bool:
        """Return whether a role can be started from here; one that only measures cannot."""
        return puts_energy(role) and START_VERB[role] in self.verbs

    def arguments_of(self, role: RoleName, verb: str) -> list[str]:
        """Return the names of the values that a role passes with a verb: all that can be sent.

        A warmer passes its `level` only where `levels` has °C for it.
        """
        mapped = role != "warmer" or (self.levels is not None and self.levels.celsius)
        return [name for name in VERB_ARGUMENTS[role].get(verb, ()) if name != "level" or mapped]

    def least_settings(self, role: RoleName) -> Mapping[str, float]:
        """Return the least of each setting of a role, by the names of `DeviceLimits`.

        A setting is left out where its least is not published, or where it can be set down to 0.
        """
        if not (puts_energy(role) and self.starts(role)):
            return {}
        found = {name: self._least_of(role, name) for name in _SETTINGS[role]}
        carried = self.carried_by(START_VERB[role])
        if role == "massager" and "intensity" not in carried:
            found["intensity"] = _FULL  # it is on or off, and on is all that it has
        measured = self.levels.of(role) if self.levels is not None else {}
        if measured and "level" in carried:
            name = "celsius" if role == "warmer" else "vacuum_mmhg"
            found[name] = min(
                (does for level, does in measured.items() if level >= (found["level"] or 0)), default=None
            )
        return {f"least_{name}": value for name, value in found.items() if value is not None and value > 0}

    def _least_of(self, role: EnergyRole, setting: str) -> float | None:
        """Return the least of one setting. Where several verbs carry it, all of them must be able to."""
        off_at_zero = setting == "intensity"  # a massager that runs at 0 does not run
        verbs = [verb for verb in (START_VERB[role], "adjust") if verb in self.verbs]
        found = [self.least(verb, setting, above_zero=off_at_zero) for verb in verbs]
        return max((value for value in found if value is not None), default=None)
