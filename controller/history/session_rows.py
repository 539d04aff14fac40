"""Rows of the tables of sessions, as records: pure functions."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from controller.contract.session_record import Curve, EventRecord, SessionRecord, StepRecord
from controller.database.database import Row
from controller.history.curve_samples import join_stretches
from devices.roles import Side

_NO_CAUTIONS = "[]"


def records_of(sessions: Iterable[Row], milk: Iterable[Row]) -> list[SessionRecord]:
    """Return the sessions with their milk, in the order of their rows. Raise `ValueError` for what no version wrote."""
    by_session: dict[str, list[Row]] = defaultdict(list)
    for row in milk:
        by_session[row["session_id"]].append({"side": row["side"], "source": row["source"], "ml": row["ml"]})
    # One by one: validating all at once would let no other thread run meanwhile, and a stop may not wait for that.
    return [SessionRecord.model_validate(_fields(row, by_session.get(row["id"], []))) for row in sessions]


def _fields(row: Row, milk: list[Row]) -> dict[str, Any]:
    began_at, ended_at, cautions = row["began_at"], row["ended_at"], row["cautions"]
    return row | {
        "began_at": datetime.fromtimestamp(began_at, UTC),
        "ended_at": None if ended_at is None else datetime.fromtimestamp(ended_at, UTC),
        "cautions": () if cautions == _NO_CAUTIONS else json.loads(cautions),
        "milk": milk,
    }


def steps_of(rows: Iterable[Row]) -> tuple[StepRecord, ...]:
    """Return the steps of a session, in the order of their rows."""
    names = [name for name in StepRecord.model_fields if name != "by_hand"]
    return tuple(StepRecord(**{name: row[name] for name in names}, by_hand=bool(row["by_hand"])) for row in rows)


def events_of(rows: Iterable[Row]) -> tuple[EventRecord, ...]:
    """Return the events of a session, in the order of their rows."""
    return tuple(
        EventRecord(id=row["id"], seconds=row["began_seconds"], type=row["type"], data=json.loads(row["data"]))
        for row in rows
    )


def curves_of(rows: Iterable[Row]) -> tuple[Curve, ...]:
    """Return the curves of a session, each of all its stretches."""
    found: dict[tuple[str, Any], list[Row]] = defaultdict(list)
    for row in rows:
        found[row["device"], row["quantity"]].append(row)
    return tuple(
        Curve(
            device=device,
            side=Side(stretches[0]["side"]),
            quantity=quantity,
            values=join_stretches(quantity, [(row["began_second"], bytes(row["samples"])) for row in stretches]),
        )
        for (device, quantity), stretches in found.items()
    )
