"""Events that an earlier version saved and no broker has yet, as what they are called today."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from controller.contract.event_data import EventType
from controller.contract.events import EndReason, Event

_RENAMED = {"settled": EventType.STOP_CONFIRMED.value}  # since 0.2
_REASONS = frozenset(reason.value for reason in EndReason)


def read_event(content: bytes) -> Event:
    """Return a saved event, also one of 0.1. Raise `ValueError` where it cannot be read.

    0.1 had the reason of an end in words only.
    """
    try:
        return Event.model_validate_json(content)
    except ValidationError:
        event = json.loads(content)
        if not isinstance(event, dict) or not _update(event):
            raise
    return Event.model_validate(event)


def _update(event: dict[str, Any]) -> bool:
    """Change an event to what it is called today. Return whether there was anything to change."""
    kind, data = event.get("type"), event.get("data")
    if kind in _RENAMED:
        event["type"] = _RENAMED[kind]
        return True
    if kind == EventType.SESSION_FINISHED and isinstance(data, dict):
        words = data.get("reason")
        if isinstance(words, str) and words not in _REASONS:
            data |= {"reason": None, "reason_words": words}
            return True
    return False
