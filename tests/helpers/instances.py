"""Announcements of controllers, as they publish them on the broker."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from controller.mqtt.instance import Instance

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def instance(id_: str = "a", node: str = "kitchen", **more: Any) -> Instance:
    values = {"instance": id_, "node": node, "stations": ("home",), "host": "pi", "since": NOON, **more}
    return Instance.model_validate(values)
