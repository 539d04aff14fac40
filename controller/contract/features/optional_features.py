"""The features of a station that the settings ask for: reminders, and what is sent to Baby Buddy."""

from __future__ import annotations

from controller.contract.commands import Action
from controller.contract.event_data import EventType
from controller.contract.features.feature import PRESS, Feature, FeatureKind, flag, sensor

_EVENT = Feature(
    id="reminder_event",
    name="Reminder",
    kind=FeatureKind.EVENT,
    words="Something is due: the next session, cleaning the parts, or charging a pump.",
    source="event",
    path="type",
    types=(EventType.REMINDER,),
)
_NEXT_SESSION = (
    sensor("next_session_at", "Next session", "next_session_at", "When the next session is due.", source="reminders"),
    flag(
        "next_session_due",
        "Next session due",
        "next_session_due",
        "Whether the time for the next session has come.",
        source="reminders",
    ),
)
_CLEAN_PARTS = (
    flag(
        "parts_to_clean",
        "Parts to clean",
        "parts_to_clean",
        "Whether the parts wait to be cleaned.",
        source="reminders",
    ),
    Feature(
        id=Action.PARTS_CLEAN.value,
        name="Parts are clean",
        kind=FeatureKind.BUTTON,
        words="The parts are clean: ends that reminder.",
        payloads={PRESS: (Action.PARTS_CLEAN, {})},
        allowed_as=Action.PARTS_CLEAN.value,
    ),
)
_BATTERY = (
    flag(
        "battery_low",
        "Pump battery low",
        "battery_low",
        "Whether a pump last reported less than your setting.",
        source="reminders",
    ),
)
UPLOAD_FEATURES = (
    sensor(
        "uploads_waiting",
        "Waiting for Baby Buddy",
        "waiting",
        "Sessions that are still to be sent.",
        source="uploads",
        category="diagnostic",
    ),
    flag(
        "upload_problem",
        "Baby Buddy problem",
        "problem is not none",
        "Whether Baby Buddy cannot be used, or did not take a session.",
        source="uploads",
        category="diagnostic",
    ),
)


def reminder_features(*, next_session: bool, clean_parts: bool, battery: bool) -> tuple[Feature, ...]:
    """Return the features of those reminders that are on."""
    found = (
        *(_NEXT_SESSION if next_session else ()),
        *(_CLEAN_PARTS if clean_parts else ()),
        *(_BATTERY if battery else ()),
    )
    return (*found, _EVENT) if found else ()
