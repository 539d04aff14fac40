"""One person: what they may feel, and what they answered. One station's own, or shared by several.

By default every station has a body of its own. Stations that serve the same person share one: its budgets, its trips,
its symptoms and its comfort cap are the person's, not the chair's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from controller.answers import DayAnswers
from controller.guard import Guard
from controller.memory import Identity, Memory
from controller.safety import OwnerLimits
from controller.session import Session
from devices.clock import Clock
from devices.profiles.roles import ProfileRole


class BodyStation(Protocol):
    """A station that serves a body."""

    name: str
    roles: tuple[ProfileRole, ...]
    session: Session | None

    @property
    def running(self) -> bool:
        """Whether a session is under way there."""

    def show_safety(self) -> None:
        """Show what is latched, and what runs though nobody here started it."""


def _local_now() -> datetime:
    return datetime.now().astimezone()


class Body:
    """What belongs to one person. `owner`: what the settings allow, before any comfort cap was chosen.

    `identities`: what is known of each device by its settings, by the name of its role. `left_over`: devices that may
    still run from before; by default those that the memory names.
    """

    def __init__(
        self,
        name: str,
        *,
        clock: Clock,
        roles: Sequence[ProfileRole],
        owner: OwnerLimits,
        memory: Memory,
        questions: Collection[str],
        identities: Mapping[str, Identity] | None = None,
        left_over: Mapping[str, Identity] | None = None,
        now: Callable[[], datetime] = _local_now,
    ) -> None:
        self.name = name
        self.owner = owner
        self.memory = memory
        self.answers = DayAnswers(clock, memory, questions, now)
        self._roles = {role.name: role for role in roles}
        may_run = memory.remembered.running if left_over is None else left_over
        self._identities = {**may_run, **(identities or {})}
        self._caps_mmhg: dict[str, float] = {}
        self.stations: list[BodyStation] = []
        self.guard = Guard(clock, owner, roles, memory, self._identity, may_run)
        self.guard.symptoms = self.answers.symptoms

    def choose_comfort(self, station: str, vacuum_mmhg: float) -> None:
        """Note the comfort cap that was chosen at a station. The lowest of all holds, at once."""
        self._caps_mmhg[station] = vacuum_mmhg
        lowest = min(self._caps_mmhg.values())
        self.guard.owner = self.owner.model_copy(update={"comfort_vacuum_mmhg": lowest})

    def _identity(self, device: str) -> Identity:
        """Return what is needed to stop a device later, with the address at which it was connected."""
        known = self._identities.get(device)
        role = self._roles.get(device)
        if known is None:
            known = Identity(name=device, profile="" if role is None else role.device.profile.id)
        sighting = None if role is None else role.device.link.sighting
        if role is None or sighting is None:
            return known
        return known.model_copy(update={"address": sighting.address, "side": role.side})
