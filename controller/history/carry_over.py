"""Takes over sessions that an earlier version kept in the store."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from controller.contract.events import EndReason, SessionState
from controller.database.database import Statement
from controller.history.history_store import HistoryStore
from controller.journal.state_store import StateStore

_LOGGER = logging.getLogger(__name__)

_COPIED = (
    "id", "station", "routine", "side", "outcome", "reason",
    "let_down_seconds", "peak_vacuum_mmhg", "warmest_celsius",
)  # fmt: skip
_TIMES = ("began_at", "ended_at")
_COLUMNS = (*_COPIED, *_TIMES, "cautions")
# One that is there already was taken over before, and may have been corrected since: all of it is left as it is.
_INSERT_SESSION = (
    f"INSERT INTO session ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)}) "  # noqa: S608 - names of our own
    "ON CONFLICT (id) DO NOTHING"
)
_INSERT_MILK = "INSERT INTO milk (session_id, side, source, ml) VALUES (:session_id, :side, :source, :ml)"
_MILK = {
    "left_ml": ("left", "measured"),
    "right_ml": ("right", "measured"),
    "both_ml": ("both", "measured"),
    "logged_left_ml": ("left", "entered"),
    "logged_right_ml": ("right", "entered"),
}
_EARLIER_COLUMNS = (*_COPIED, *_TIMES, *_MILK)
_CUT_OFF = {"outcome": SessionState.FAILED.value, "reason": EndReason.CUT_OFF.value}


async def carry_over(store: StateStore, history: HistoryStore) -> None:
    """Put into the history what only the store knows: sessions that were cut off, and those of an earlier version.

    Those of an earlier version are then deleted in the store; else they are put when the service starts the next time.
    """
    for row in store.interrupted_sessions:
        history.put(*_statements(dict.fromkeys(_EARLIER_COLUMNS) | row | _CUT_OFF))
    earlier = store.earlier_sessions
    if not earlier:
        return
    for row in earlier:
        history.put(*_statements(row))
    problem = await history.flush()
    if problem is not None:
        _LOGGER.warning("%d sessions stay in the store until the next start: %s", len(earlier), problem)
        return
    _LOGGER.info("%d sessions of an earlier version were taken over into the history", len(earlier))
    store.forget_earlier_sessions()


def _statements(row: Mapping[str, Any]) -> list[Statement]:
    """Return what inserts a session of the store, whose times are ISO texts."""
    times = {name: None if row[name] is None else datetime.fromisoformat(row[name]).timestamp() for name in _TIMES}
    session = {name: row[name] for name in _COPIED} | times | {"cautions": json.dumps([])}
    milk = [
        {"session_id": row["id"], "side": side, "source": source, "ml": row[column]}
        for column, (side, source) in _MILK.items()
        if row[column] is not None
    ]
    return [
        Statement(_INSERT_SESSION, session, must_change=True),
        *(Statement(_INSERT_MILK, each) for each in milk),
    ]
