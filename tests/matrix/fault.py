"""A fault, and the outcome that a session must have with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from controller.contract.events import EventType, SessionState
from controller.safety.limits import FOLLOW_SECONDS, OwnerLimits, TripKind
from devices.virtual.virtual_home import DeviceKey
from tests.matrix.moments import ALL_MOMENTS, Moment

if TYPE_CHECKING:
    from tests.matrix.cell import Cell

NOT_FOLLOWED_SECONDS = FOLLOW_SECONDS + 2.5  # it is checked every second, and a status comes every second
PERMISSIVE_OWNER = OwnerLimits(comfort_vacuum_mmhg=150, vibration=True)


class Uncertainty(StrEnum):
    """For how long a device's stop is uncertain."""

    NONE = "never uncertain"
    UNTIL_CONFIRMED = "uncertain, and stopped again until it answers"
    UNTIL_ACKNOWLEDGED = "uncertain until the user acknowledges it"
    UNTIL_OFF = "uncertain while it reports that it is on, acknowledged or not"


@dataclass(frozen=True)
class End:
    """The session must end: everything is off within so many seconds of the cause, and the user learns why.

    `reason` and `message` (a key of the guide) may contain `{device}`: `device`, or else the moment's victim.
    Without a reason, it is that of the trip, or of the stop that was enforced.
    `uncertain`: whether that device is uncertain, or all that were on.
    """

    state: SessionState
    within_seconds: float
    message: str
    reason: str | None = None
    trips: frozenset[TripKind] = frozenset()
    events: tuple[EventType, ...] = ()
    uncertainty: Uncertainty = Uncertainty.NONE
    device: DeviceKey | None = None
    uncertain: Literal["device", "all"] = "device"


@dataclass(frozen=True)
class GoesOn:
    """The session must go on. `stops`: which of the devices that were on are off from then on.

    `resumed`: the fault itself has it gone on with, also where it was paused.
    """

    stops: tuple[DeviceKey, ...] = ()
    uncertainty: Uncertainty = Uncertainty.NONE
    resumed: bool = False


@dataclass(frozen=True)
class Fault:
    """One fault, in one sentence, and the expected outcomes.

    `inject` applies it to the test home. At the moments in `concerns` the outcome is that in `elsewhere`, by moment, or
    else `outcome`; at all other moments the session must go on.
    """

    name: str
    what: str
    inject: Callable[[Cell], Awaitable[None]]
    concerns: frozenset[str] = ALL_MOMENTS
    outcome: End | GoesOn = GoesOn()
    elsewhere: Mapping[str, End | GoesOn] = field(default_factory=dict)
    owner: OwnerLimits = PERMISSIVE_OWNER
    known: Mapping[str, str] = field(default_factory=dict)  # by moment: why this does not hold yet

    def outcome_at(self, moment: Moment) -> End | GoesOn:
        """Return what must become of the session in a moment."""
        if moment.name in self.elsewhere:
            return self.elsewhere[moment.name]
        return self.outcome if moment.name in self.concerns else GoesOn()


def stopped(
    reason: str,
    message: str,
    within_seconds: float,
    *events: EventType,
    uncertainty: Uncertainty = Uncertainty.NONE,
    device: DeviceKey | None = None,
) -> End:
    """Return the end by a deliberate stop: by the user, the controller's owner, or a device's button."""
    return End(
        SessionState.STOPPED, within_seconds, message, reason, events=events, uncertainty=uncertainty, device=device
    )


def not_followed(device: DeviceKey | None = None) -> End:
    """Return the end because a device did more than is allowed, and did not follow when it was lowered."""
    return End(SessionState.STOPPED, NOT_FOLLOWED_SECONDS, "enforced_stop", events=(EventType.ENFORCED,), device=device)


def tripped(
    within_seconds: float,
    *kinds: TripKind,
    device: DeviceKey | None = None,
    uncertainty: Uncertainty = Uncertainty.NONE,
    uncertain: Literal["device", "all"] = "device",
) -> End:
    """Return the end by a trip of one of these kinds."""
    return End(
        SessionState.TRIPPED,
        within_seconds,
        "tripped",
        trips=frozenset(kinds),
        events=(EventType.TRIP,),
        device=device,
        uncertainty=uncertainty,
        uncertain=uncertain,
    )


def failed(
    within_seconds: float, reason: str, *, uncertainty: Uncertainty = Uncertainty.NONE, device: DeviceKey | None = None
) -> End:
    """Return the end because a device did not carry out a command."""
    return End(SessionState.FAILED, within_seconds, "failed", reason, uncertainty=uncertainty, device=device)
