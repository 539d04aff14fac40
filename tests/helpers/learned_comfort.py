"""A history from which comfort is learned: one breast raised again and again without pain, pain at the other one."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from controller.contract.event_data import EventType
from controller.contract.session_record import SessionRecord
from controller.database.database import Statement
from controller.history.history_store import HistoryStore
from controller.history.session_records import save
from devices.roles import Side

_EVENT = (
    "INSERT INTO session_event (id, session_id, began_seconds, type, data) VALUES (:id, :session, :at, :type, :data)"
)
_STEP = "INSERT INTO step (session_id, number, name, began_seconds, seconds) VALUES (:session, 4, 'express', 490, 900)"
_SESSIONS = 10  # enough for a suggestion


async def add_learned_comfort(store: HistoryStore, until: datetime) -> None:
    """Add the sessions of some days up to `until`: what they say is suggested, learned, and usual."""
    raised: dict[str, Any] = {"phase": "expression", "from_mmhg": 90, "mmhg": 110}
    for number in range(_SESSIONS):
        began_at = until - timedelta(hours=6 * (_SESSIONS - number))
        await _add(store, Side.LEFT, began_at, EventType.VACUUM_SET, raised)
    for hours in (20, 8):
        hurt = {"phase": "expression", "vacuum_mmhg": 100}
        await _add(store, Side.RIGHT, until - timedelta(hours=hours), EventType.PAIN, hurt)


async def _add(store: HistoryStore, side: Side, began_at: datetime, kind: EventType, data: dict[str, Any]) -> None:
    record = SessionRecord(
        id=f"{side.value}-{began_at:%d%H}",
        station="home",
        routine="classic",
        side=side,
        began_at=began_at,
        ended_at=began_at + timedelta(minutes=25),
        let_down_seconds=60.0 + began_at.hour,
    )
    event = {"id": f"e-{record.id}", "session": record.id, "at": 600.0, "type": kind.value, "data": json.dumps(data)}
    await store.write(*save(record), Statement(_STEP, {"session": record.id}), Statement(_EVENT, event))
