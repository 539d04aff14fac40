"""The sessions there were: each a row that is begun, ended and added to by events, and read for the history."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

from controller.events import Event, EventType, SessionState, Volume
from controller.store.errors import StoreError
from devices.roles import Frozen, Side

_SINCE = "0001"  # the revision that made its table as it is: older files than the newest can be read, too


class SessionRow(Frozen):
    """One session. While it is under way it has no outcome; when it ended is unknown after a crash, too.

    Milk: as devices measured it, and as it was logged by hand.
    """

    id: str
    station: str
    routine: str
    side: Side
    began_at: datetime
    ended_at: datetime | None = None
    outcome: SessionState | None = None
    reason: str | None = None
    let_down_seconds: float | None = None
    left_ml: float | None = None
    right_ml: float | None = None
    both_ml: float | None = None
    logged_left_ml: float | None = None
    logged_right_ml: float | None = None
    peak_vacuum_mmhg: float | None = None
    warmest_celsius: float | None = None

    @property
    def volume_ml(self) -> Volume:
        """The milk: what was logged by hand for a side goes before what a device measured there."""
        logged = self.logged_left_ml is not None or self.logged_right_ml is not None
        return Volume(
            left=self.left_ml if self.logged_left_ml is None else self.logged_left_ml,
            right=self.right_ml if self.logged_right_ml is None else self.logged_right_ml,
            both=None if logged else self.both_ml,  # else it would count twice
        )


class Sessions:
    """Turns events into rows. Knows the latest session of each station since this controller began."""

    def __init__(self) -> None:
        self._latest: dict[str, SessionRow] = {}

    def row_after(self, event: Event) -> SessionRow | None:
        """Return the session as it is after an event, or `None` where the event changes none."""
        if event.type is EventType.SESSION_STARTED and event.session_id is not None:
            row = SessionRow(
                id=event.session_id,
                station=event.station,
                routine=event.data["routine"],
                side=event.data["side"],
                began_at=event.time,
            )
        else:
            latest = self._latest.get(event.station)
            if latest is None or latest.id != event.session_id or event.type not in _CHANGES:
                return None  # also one that was stopped before it began: it was none
            row = SessionRow.model_validate(latest.model_dump() | _CHANGES[event.type](event))
        self._latest[event.station] = row
        return row


def _finished(event: Event) -> dict[str, Any]:
    names = ("outcome", "reason", "let_down_seconds", "peak_vacuum_mmhg", "warmest_celsius")
    milk = {f"{side}_ml": ml for side, ml in event.data["volume_ml"].items()}
    return {"ended_at": event.time, **{name: event.data[name] for name in names}, **milk}


def _logged(event: Event) -> dict[str, Any]:
    """Return what was logged; a side that was not named keeps what was logged before."""
    return {f"logged_{name}": ml for name in ("left_ml", "right_ml") if (ml := event.data[name]) is not None}


_CHANGES = {EventType.SESSION_FINISHED: _finished, EventType.VOLUME_LOGGED: _logged}


async def sessions(path: Path, station: str | None = None, last: int = 20) -> list[SessionRow]:
    """Return the last sessions, the latest first. Only reads, also while a controller runs. Raise `StoreError`."""
    return await asyncio.to_thread(_read, path, station, last)


def _read(path: Path, station: str | None, last: int) -> list[SessionRow]:
    from sqlalchemy import NullPool, create_engine, select

    from controller.store.files import read_only, revision_of, too_new, understood
    from controller.store.tables import REVISION, SESSION

    if not path.exists():
        raise StoreError(path, "is not there yet", "the controller makes it when it runs")
    revision = revision_of(path) or ""
    if revision > REVISION:
        raise too_new(path, revision)
    if revision < _SINCE:
        raise StoreError(path, "has no such tables yet", "the controller makes them when it runs")
    query = select(SESSION).order_by(SESSION.c.began_at.desc()).limit(last)
    if station is not None:
        query = query.filter_by(station=station)
    with understood(path):
        engine = create_engine("sqlite://", creator=lambda: read_only(path), poolclass=NullPool)
        with engine.connect() as connection:
            return [SessionRow.model_validate(row._asdict()) for row in connection.execute(query)]
