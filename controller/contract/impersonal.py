"""What leaves the controller for monitoring names no person's health record: actions and reasons, without those."""

from __future__ import annotations

from controller.contract.commands import Action
from controller.contract.session_state import EndReason

# That somebody felt pain, or that milk flows, is part of a health record (see `HEALTH_RECORD`).
_ACTIONS = {Action.PAIN: "stop", Action.LET_DOWN: "other"}
PERSONAL_REASON = "person"
_PERSONAL_REASONS = frozenset({EndReason.STOP, EndReason.PAIN, EndReason.SYMPTOM, EndReason.NOTHING_TODAY})


def impersonal_action(action: Action) -> str:
    """Return an action as monitoring may know it: `pain` counts as `stop`, `let_down` as `other`."""
    return _ACTIONS.get(action, action.value)


def impersonal_reason(reason: EndReason | None) -> str:
    """Return why a session ended, as monitoring may know it: stop, pain and symptoms all count as `person`."""
    if reason is None:
        return "unknown"
    return PERSONAL_REASON if reason in _PERSONAL_REASONS else reason.value
