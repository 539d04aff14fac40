"""Publishes the latest sessions of each station, where the owner has turned that on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta

from controller.contract.event_data import (
    SessionEditedData,
    SessionFinishedData,
    SessionStartedData,
    VolumeLoggedData,
)
from controller.contract.events import Event
from controller.contract.recent_sessions import RecentSession, RecentSessions
from controller.contract.session_record import History, HistoryError, Milk, SessionRecord
from controller.contract.stream import Stream
from controller.history.open_session import milk_of
from devices.roles import Side

_LOGGER = logging.getLogger(__name__)

_MOST_SESSIONS = 10
LOOK_SECONDS = 30.0  # of the machine: how soon something that another program erased is published no more
_RECORDED_WITHIN = timedelta(minutes=1)  # so long after its end, the history may not have a session yet


def publish_recent_sessions(
    stream: Stream, stations: Iterable[str], history: History | None
) -> RecentSessionsPublisher:
    """Publish the latest sessions of each station to the stream: those of the history, and all from now on."""
    publisher = RecentSessionsPublisher(stream, stations, history)
    stream.subscribe(publisher.watch, Event)
    publisher.publish_all()
    return publisher


class RecentSessionsPublisher:
    """Publishes the latest sessions to the stream. `watch` subscribes to its events.

    Without a history, those that began since.
    """

    def __init__(self, stream: Stream, stations: Iterable[str], history: History | None) -> None:
        self._stream = stream
        self._history = history
        self._records: dict[str, dict[str, SessionRecord]] = {station: {} for station in stations}
        self._reading: set[asyncio.Task[None]] = set()

    def publish_all(self) -> None:
        """Publish the latest sessions of all stations, as soon as they are read."""
        for station in self._records:
            self._read_and_publish(station)

    def watch(self, event: Event) -> None:
        """Publish the latest sessions of a station when one of them starts, ends, or is edited."""
        records = self._records.setdefault(event.station, {})
        match event.data:
            case VolumeLoggedData() | SessionEditedData() if self._history is not None:
                self._read_and_publish(event.station)
                return
            case SessionStartedData() if event.session_id is not None:
                records[event.session_id] = _begun(event.session_id, event, event.data)
            case _:
                before = records.get(event.session_id or "")
                after = None if before is None else _changed(before, event)
                if after is None:
                    return
                records[after.id] = after
        self._publish(event.station)

    def _read_and_publish(self, station: str) -> None:
        if self._history is None:
            self._publish(station)
            return
        task = asyncio.create_task(self._read(station, self._history), name="read the latest sessions")
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, station: str, history: History) -> None:
        await self._take_over(station, history)
        self._publish(station)

    @contextlib.asynccontextmanager
    async def following(self, look_seconds: float = LOOK_SECONDS) -> AsyncIterator[None]:
        """Publish anew, inside the block, what another program corrects or erases in the history."""
        task = asyncio.create_task(self._follow(look_seconds), name="recent sessions")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _follow(self, look_seconds: float) -> None:
        while self._history is not None:
            await asyncio.sleep(look_seconds)
            for station in list(self._records):
                if await self._take_over(station, self._history):
                    self._publish(station)

    async def _take_over(self, station: str, history: History) -> bool:
        """Take over what is in the history; return whether anything is other than before."""
        try:
            read = await history.sessions(station, last=_MOST_SESSIONS)
        except HistoryError as error:
            _LOGGER.warning("the latest sessions cannot be read: %s", error)
            return False
        known = self._records[station]
        # What is not in it was erased, unless it may not be in it yet.
        kept = {id_: record for id_, record in known.items() if _may_be_missing(record)}
        self._records[station] = kept | {record.id: _newer(known.get(record.id), record) for record in read}
        return self._latest(station) != list(known.values())

    def _latest(self, station: str) -> list[SessionRecord]:
        """Return the latest sessions of a station, the latest first."""
        latest = sorted(self._records[station].values(), key=lambda each: (each.began_at, each.id), reverse=True)
        return latest[:_MOST_SESSIONS]

    def _publish(self, station: str) -> None:
        self._records[station] = {each.id: each for each in self._latest(station)}
        sessions = tuple(map(_as_published, self._records[station].values()))
        self._stream.publish(RecentSessions(station=station, sessions=sessions))


def _may_be_missing(record: SessionRecord) -> bool:
    return record.outcome is None or (
        record.ended_at is not None and datetime.now(UTC) - record.ended_at < _RECORDED_WITHIN
    )


def _begun(session_id: str, event: Event, data: SessionStartedData) -> SessionRecord:
    return SessionRecord(
        id=session_id, station=event.station, routine=data.routine, side=data.side, began_at=event.time
    )


def _changed(record: SessionRecord, event: Event) -> SessionRecord | None:
    """Return a session after an event; `None` where the event changes nothing of what is published."""
    match event.data:
        case SessionFinishedData() as data:
            found = milk_of(data.volume_ml, data.weighed_ml)
            milk = (*found, *(each for each in record.milk if each.source == "entered"))
            return record.model_copy(update={"ended_at": event.time, "outcome": data.outcome, "milk": milk})
        case VolumeLoggedData() as data:
            named = {Side.LEFT: data.left_ml, Side.RIGHT: data.right_ml}
            entered = {side: Milk(side=side, source="entered", ml=ml) for side, ml in named.items() if ml is not None}
            kept = [each for each in record.milk if each.source != "entered" or each.side not in entered]
            return record.model_copy(update={"milk": (*kept, *entered.values())})
        case _:
            return None


def _newer(known: SessionRecord | None, read: SessionRecord) -> SessionRecord:
    """Return what is newer of a session: what was read, except that the history may not know yet that it is over."""
    if known is None or known.outcome is None or read.outcome is not None:
        return read
    measured = [each for each in known.milk if each.source != "entered"]
    return known.model_copy(update={"milk": (*measured, *(each for each in read.milk if each.source == "entered"))})


def _as_published(record: SessionRecord) -> RecentSession:
    return RecentSession(
        session_id=record.id,
        routine=record.routine,
        side=record.side,
        began_at=record.began_at,
        ended_at=record.ended_at,
        outcome=record.outcome,
        volume_ml=record.volume_ml,
    )
