"""A profile file with a `tuya:` section: the head that every profile has, and what roles and listings read of it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from devices.profiles.schema import Levels, Limits, Match, Profile
from devices.profiles.vocabulary import START_VERB, STOP_VERB, ProfileId, Role
from devices.roles import Capability, Frozen
from devices.tuya.schema import TuyaExample, TuyaSpec


class TuyaProfile(Frozen):
    """One device model that speaks Tuya BLE."""

    id: ProfileId
    name: str
    roles: tuple[Role, ...] = Field(min_length=1)
    confidence: Literal["verified", "unverified"]
    provenance: str = Field(min_length=10)
    match: Match
    tuya: TuyaSpec
    capabilities: tuple[Capability, ...] = ()
    levels: Levels | None = None
    limits: Limits = Limits()
    on_link_loss: Literal["stops", "continues", "unknown"] = "unknown"
    notes: tuple[str, ...] = ()
    examples: tuple[TuyaExample, ...] = ()

    @model_validator(mode="after")
    def _stoppable(self) -> Self:
        for role in self.roles:
            if START_VERB[role] in self.tuya.verbs and STOP_VERB[role] not in self.tuya.verbs:
                raise ValueError(
                    f"what can be started must be stoppable: verbs has {START_VERB[role]}, not {STOP_VERB[role]}"
                )
        return self

    def described(self) -> Profile:
        """Return it as any other profile, for the roles, the catalog and listings."""
        head = {name: getattr(self, name) for name in type(self).model_fields if name not in ("tuya", "examples")}
        return Profile.model_validate(head | self.tuya.as_parts())
