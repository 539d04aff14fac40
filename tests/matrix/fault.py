"""What a fault is, and what is to become of a session by it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from controller.events import EventType, SessionState
from controller.safety import FOLLOW_SECONDS, OwnerLimits, TripKind
from devices.virtual.home import DeviceKey
from tests.matrix.places import EVERYWHERE, Place

if TYPE_CHECKING:
    from tests.matrix.cell import Cell

NOT_FOLLOWED_SECONDS = FOLLOW_SECONDS + 2.5  # it is looked at each second, and a status comes each second
WILLING = OwnerLimits(comfort_vacuum_mmhg=150, vibration=True)


class Doubt(StrEnum):
    """Whether it is known that a device has stopped."""

    NEVER = "never in doubt"
    SETTLED = "in doubt, and stopped again until it answers"
    KEPT = "in doubt until the person acknowledges it"
    SAID = "in doubt as long as it says itself that it is on, whatever the person says"


@dataclass(frozen=True)
class End:
    """It must end: everything is off within so many seconds of the cause, and the person is told why.

    `reason` and `message` (the key of a guide's words) may speak of `{device}`: `device`, or else the place's victim.
    Without a reason, it is that of the trip, or of the stop that was enforced.
    `doubted`: whether the doubt is about that device, or about all that were on.
    """

    state: SessionState
    within_seconds: float
    message: str
    reason: str | None = None
    trips: frozenset[TripKind] = frozenset()
    events: tuple[EventType, ...] = ()
    doubt: Doubt = Doubt.NEVER
    device: DeviceKey | None = None
    doubted: Literal["device", "all"] = "device"


@dataclass(frozen=True)
class GoesOn:
    """It must go on. `stops`: devices that are off from then on, of what was on; `doubt`: whether that is known.

    `resumed`: the fault itself has it gone on with, also where it was paused.
    """

    stops: tuple[DeviceKey, ...] = ()
    doubt: Doubt = Doubt.NEVER
    resumed: bool = False


@dataclass(frozen=True)
class Fault:
    """One fault, in one sentence, and what must become of it.

    `strike` does it to the house. It concerns the session in the places `concerns`, where `outcome` must come of it, or
    what `elsewhere` says of a place; in all other places, the session must just go on.
    """

    name: str
    what: str
    strike: Callable[[Cell], Awaitable[None]]
    concerns: frozenset[str] = EVERYWHERE
    outcome: End | GoesOn = GoesOn()
    elsewhere: Mapping[str, End | GoesOn] = field(default_factory=dict)
    owner: OwnerLimits = WILLING
    known: Mapping[str, str] = field(default_factory=dict)  # by place: why this does not hold yet

    def outcome_in(self, place: Place) -> End | GoesOn:
        """Return what must become of the session in a place."""
        if place.name in self.elsewhere:
            return self.elsewhere[place.name]
        return self.outcome if place.name in self.concerns else GoesOn()


def stopped(
    reason: str,
    message: str,
    within_seconds: float,
    *events: EventType,
    doubt: Doubt = Doubt.NEVER,
    device: DeviceKey | None = None,
) -> End:
    """Return the end by somebody's wish: a person's, the controller's owner's, or at a device's button."""
    return End(SessionState.STOPPED, within_seconds, message, reason, events=events, doubt=doubt, device=device)


def not_followed(device: DeviceKey | None = None) -> End:
    """Return the end because a device did more than is allowed, and did not follow when it was lowered."""
    return End(SessionState.STOPPED, NOT_FOLLOWED_SECONDS, "enforced_stop", events=(EventType.ENFORCED,), device=device)


def tripped(
    within_seconds: float,
    *kinds: TripKind,
    device: DeviceKey | None = None,
    doubt: Doubt = Doubt.NEVER,
    doubted: Literal["device", "all"] = "device",
) -> End:
    """Return the end by a trip of one of these kinds."""
    return End(
        SessionState.TRIPPED,
        within_seconds,
        "tripped",
        trips=frozenset(kinds),
        events=(EventType.TRIP,),
        device=device,
        doubt=doubt,
        doubted=doubted,
    )


def failed(within_seconds: float, reason: str, *, doubt: Doubt = Doubt.NEVER, device: DeviceKey | None = None) -> End:
    """Return the end because a device did not do what it was told."""
    return End(SessionState.FAILED, within_seconds, "failed", reason, doubt=doubt, device=device)
