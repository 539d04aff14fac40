"""How entities look in Home Assistant: device classes by unit, and icons. Data only.

Device classes and units are those that Home Assistant validates.
"""

from __future__ import annotations

from typing import Any

# By unit. mmHg has no device class: with `pressure`, an American installation would convert it to inHg.
OF_UNIT: dict[str, dict[str, Any]] = {
    "mmHg": {"suggested_display_precision": 0},
    "cpm": {"suggested_display_precision": 0},
    "mL": {"device_class": "volume_storage", "suggested_display_precision": 0},
    "mL/s": {"device_class": "volume_flow_rate", "suggested_display_precision": 1},
    "°C": {"device_class": "temperature", "suggested_display_precision": 1},
    "W": {"device_class": "power", "suggested_display_precision": 0},
    "g": {"device_class": "weight", "suggested_display_precision": 1},
    "s": {"device_class": "duration", "suggested_display_precision": 0},
    "%": {"suggested_display_precision": 0},
}

# By feature, what its kind and unit do not determine.
OF_FEATURE: dict[str, dict[str, Any]] = {
    "battery": {"device_class": "battery"},
    "ends_at": {"device_class": "timestamp", "icon": "mdi:clock-end"},
    "last_session_at": {"device_class": "timestamp", "icon": "mdi:clock-check-outline"},
    "today_sessions": {"state_class": "measurement", "icon": "mdi:counter"},
    "rolling_24h_sessions": {"state_class": "measurement", "icon": "mdi:counter"},
    "running": {"device_class": "running"},
    "problem": {"device_class": "problem"},
    "next_session_at": {"device_class": "timestamp", "icon": "mdi:calendar-clock"},
    "battery_low": {"device_class": "battery"},
    "upload_problem": {"device_class": "problem"},
    "connected": {"device_class": "connectivity"},
}

ICONS = {
    "pain": "mdi:alert-octagon",
    "stop": "mdi:stop-circle",
    "start": "mdi:play-circle",
    "pause": "mdi:pause-circle",
    "resume": "mdi:play-circle-outline",
    "skip": "mdi:skip-next-circle",
    "start_suction": "mdi:play",
    "not_yet": "mdi:timer-pause",
    "let_down": "mdi:water",
    "vacuum_up": "mdi:plus-circle",
    "vacuum_down": "mdi:minus-circle",
    "answer_asked_no": "mdi:close-circle",
    "answer_no": "mdi:close-circle-multiple",
    "answer_yes": "mdi:check-circle",
    "acknowledge": "mdi:eye-check",
    "routine": "mdi:format-list-numbered",
    "side": "mdi:arrow-left-right",
    "comfort_vacuum": "mdi:car-cruise-control",
    "guide": "mdi:message-text",
    "picture": "mdi:image",
    "reply": "mdi:message-reply-text",
    "reply_event": "mdi:message-reply",
    "state": "mdi:state-machine",
    "phase": "mdi:sine-wave",
    "step": "mdi:stairs",
    "progress": "mdi:progress-clock",
    "vacuum": "mdi:gauge",
    "target_vacuum": "mdi:gauge",
    "peak_vacuum": "mdi:gauge-full",
    "suction_starts_in": "mdi:timer-sand",
    "rate": "mdi:pulse",
    "volume": "mdi:cup-water",
    "volume_left": "mdi:cup-water",
    "volume_right": "mdi:cup-water",
    "volume_total": "mdi:cup-water",
    "weighed_left": "mdi:scale",
    "weighed_right": "mdi:scale",
    "weighed_total": "mdi:scale",
    "weight": "mdi:scale",
    "press_event": "mdi:gesture-tap-button",
    "last_volume_left": "mdi:cup-water",
    "last_volume_right": "mdi:cup-water",
    "last_volume": "mdi:cup-water",
    "rolling_24h": "mdi:cup",
    "learned_vacuum": "mdi:school",
    "today": "mdi:cup",
    "flow": "mdi:waves-arrow-right",
    "level": "mdi:stairs-up",
    "let_down_after": "mdi:timer-outline",
    "reason": "mdi:comment-question",
    "waits_for_flange": "mdi:timer-sand-paused",
    "runs_outside": "mdi:hand-back-right",
    "let_down_event": "mdi:water",
    "volume_event": "mdi:cup-water",
    "step_event": "mdi:stairs",
    "session_event": "mdi:play-pause",
    "trip_event": "mdi:alert",
    "next_session_due": "mdi:calendar-alert",
    "parts_to_clean": "mdi:water-alert",
    "parts_clean": "mdi:water-check",
    "reminder_event": "mdi:bell",
    "uploads_waiting": "mdi:cloud-upload",
    "run_state": "mdi:power",
    "warmth": "mdi:heat-wave",
    "radio": "mdi:bluetooth",
}


def style_of(feature: str) -> dict[str, Any]:
    """Return the device class and icon of a feature."""
    icon = {"icon": ICONS[feature]} if feature in ICONS else {}
    return OF_FEATURE.get(feature, {}) | icon
