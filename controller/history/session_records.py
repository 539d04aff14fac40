"""The sessions in the history: read and corrected as records."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from controller.contract.events import SessionState
from controller.contract.session_record import (
    BY_HAND,
    LOG_HOURS,
    EditConflictError,
    HistoryError,
    Milk,
    SessionDetails,
    SessionEdit,
    SessionRecord,
)
from controller.database.database import Row, Statement
from controller.history.history_store import HistoryStore
from controller.history.session_rows import curves_of, events_of, records_of, steps_of
from controller.history.session_statements import COLUMNS, enter_milk, save, save_by_hand, save_details
from devices.roles import Side

__all__ = ["SessionRecords", "save", "save_details"]

_SELECT = f"SELECT {', '.join(COLUMNS)} FROM session WHERE "  # noqa: S608 - names of our own
_FIND = "{station}began_at >= :since AND began_at < :until ORDER BY began_at DESC, id DESC"
_FIND_MILK = """
SELECT milk.* FROM milk JOIN session ON session.id = milk.session_id
WHERE {station}began_at >= :since AND began_at < :until ORDER BY side, source
"""
_OF_STATION = "station = :station AND "
_BUMP = "UPDATE session SET revision = revision + 1, note = :note WHERE id = :id AND revision = :revision"
_MOST_SECONDS = 1e11  # later than any time
_TRIES = 5  # of an edit that names no revision, while others edit the same session


def _now() -> datetime:
    return datetime.now(UTC)


class SessionRecords:
    """`controller.contract.session_record.History` over the history database."""

    def __init__(self, store: HistoryStore, now: Callable[[], datetime] = _now) -> None:
        self._store = store
        self._now = now

    async def sessions(
        self,
        station: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        last: int | None = None,
    ) -> Sequence[SessionRecord]:
        """Return the sessions that began in [`since`, `until`), the latest first; of them the `last`."""
        of_station = "" if station is None else _OF_STATION
        where = {
            **({} if station is None else {"station": station}),
            "since": since.timestamp() if since else 0.0,
            "until": until.timestamp() if until else _MOST_SECONDS,
        }
        find = _SELECT + _FIND.format(station=of_station)
        # The sessions before their milk: what is edited in between has its old revision, so no edit of it counts.
        if last is None:
            rows = await self._store.read(find, **where)
        else:
            rows = await self._store.read(f"{find} LIMIT :last", **where, last=last)
            if rows:
                where["since"] = rows[-1]["began_at"]
        milk = await self._store.read(_FIND_MILK.format(station=of_station), **where) if rows else []
        # Years of sessions take a while, in which a stop must not wait.
        return await asyncio.to_thread(_records, rows, milk)

    async def details(self, session_id: str) -> SessionDetails | None:
        """Return all of one session; `None` where there is none with this id."""
        record = await self._one(session_id)
        if record is None:
            return None
        steps = await self._store.read("SELECT * FROM step WHERE session_id = :id ORDER BY number", id=session_id)
        query = "SELECT * FROM session_event WHERE session_id = :id ORDER BY began_seconds"
        events = await self._store.read(query, id=session_id)
        query = "SELECT * FROM curve WHERE session_id = :id ORDER BY quantity DESC, side, device"
        curves = await self._store.read(query, id=session_id)
        return await asyncio.to_thread(
            lambda: SessionDetails(
                record=record, steps=steps_of(steps), events=events_of(events), curves=curves_of(curves)
            )
        )

    async def edit(self, edit: SessionEdit, station: str | None = None) -> SessionRecord:
        """Correct a session, and return it as it is then. Raise `EditConflictError`, and `KeyError` for no session.

        `station`: only a session of this one counts; `latest` needs it.
        """
        await self._store.write()  # a session that has just begun counts, too
        for _ in range(_TRIES):
            before = await self._find(edit.session_id, station)
            if before is None:
                raise KeyError(edit.session_id)
            if edit.revision is not None and edit.revision != before.revision:
                raise EditConflictError(before)
            if await self._store.write(*_edit_statements(before, edit)):
                break
            if edit.revision is not None:
                raise EditConflictError(await self._one(before.id))
        else:
            raise EditConflictError(before)
        after = await self._one(before.id)
        if after is None:
            raise KeyError(edit.session_id)
        return after

    async def log_milk(
        self, station: str, left_ml: float | None, right_ml: float | None, *, by_hand: bool = False
    ) -> SessionRecord:
        """Enter milk (mL) that was measured by hand, and return the session that has it now. `None`: as it was.

        It is the latest session of the station, if that began within `LOG_HOURS`; else, or if `by_hand`, a session of
        its own.
        """
        await self._store.write()
        latest = None if by_hand else await self._latest(station)
        if latest is not None and self._now() - latest.began_at < timedelta(hours=LOG_HOURS):
            given = {name: ml for name, ml in (("left_ml", left_ml), ("right_ml", right_ml)) if ml is not None}
            with contextlib.suppress(KeyError):  # it was erased in this moment
                return await self.edit(SessionEdit(session_id=latest.id, **given), station)
        record = _by_hand(station, left_ml, right_ml, self._now())
        await self._store.write(*save_by_hand(record))
        return record

    async def _find(self, session_id: str, station: str | None) -> SessionRecord | None:
        if session_id == "latest" and station is not None:
            return await self._latest(station)
        record = await self._one(session_id)
        return record if record is not None and station in (None, record.station) else None

    async def _latest(self, station: str) -> SessionRecord | None:
        return next(iter(await self.sessions(station, last=1)), None)

    async def _one(self, session_id: str) -> SessionRecord | None:
        rows = await self._store.read(_SELECT + "id = :id", id=session_id)
        milk = await self._store.read("SELECT * FROM milk WHERE session_id = :id ORDER BY side, source", id=session_id)
        return next(iter(_records(rows, milk)), None)


def _edit_statements(before: SessionRecord, edit: SessionEdit) -> list[Statement]:
    given = edit.model_dump(include=edit.model_fields_set - {"session_id", "revision"})
    # First of all, that it is still as the person saw it; else nothing of this is written.
    seen = {"id": before.id, "revision": before.revision, "note": given.pop("note", before.note)}
    milk = [enter_milk(before.id, name.removesuffix("_ml"), ml) for name, ml in given.items()]
    return [Statement(_BUMP, seen, must_change=True), *milk]


def _by_hand(station: str, left_ml: float | None, right_ml: float | None, now: datetime) -> SessionRecord:
    milk = {Side.LEFT: left_ml, Side.RIGHT: right_ml}
    named = [side for side, ml in milk.items() if ml is not None]
    return SessionRecord(
        id=f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}",
        station=station,
        routine=BY_HAND,
        side=named[0] if len(named) == 1 else Side.BOTH,
        began_at=now,
        ended_at=now,
        outcome=SessionState.COMPLETED,
        milk=tuple(Milk(side=side, source="entered", ml=ml) for side, ml in milk.items() if ml is not None),
    )


def _records(rows: Sequence[Row], milk: Sequence[Row]) -> list[SessionRecord]:
    try:
        return records_of(rows, milk)
    except (TypeError, ValueError) as error:
        raise HistoryError("a session cannot be read: it was written by a newer version of Letdown") from error
