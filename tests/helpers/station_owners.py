"""Controllers that own a station one after the other, each with a queue of its own, and one database for all."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from controller.contract.event_data import EVENT_DATA
from controller.contract.events import Event, EventType
from controller.contract.stream import Stream
from controller.database.postgres_database import PostgresDatabase
from controller.history.history_store import HistoryStore
from controller.history.session_recorder import SessionRecorder
from tests.helpers.engines import Engine

STATION = "ward-1"
WORDS = "the controller was interrupted"
NOW = datetime.now(UTC)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


class Owner:
    """A controller that owns the station: what it publishes is recorded. `events`: what it published, by id.

    `closed`: it has ended, and nothing more is to be written.
    """

    def __init__(self, store: HistoryStore, epoch: int | None, station: str) -> None:
        self.store = store
        self.closed = False
        self._station = station
        self._seconds = 0.0
        self.recorder = SessionRecorder(store, lambda: self._seconds, epoch)
        self.stream = Stream()
        self.recorder.subscribe(self.stream)
        self.events: dict[str, Event] = {}

    def elapse(self, seconds: float) -> None:
        self._seconds += seconds

    def publish(self, kind: EventType, session: str, minutes_ago: float, **data: object) -> Event:
        made = EVENT_DATA[kind].model_validate(data)
        event = Event(time=ago(minutes_ago), station=self._station, session_id=session, type=kind, data=made)
        self.events[event.id] = event
        self.stream.publish(event)
        return event

    def begin(self, session: str, minutes_ago: float) -> None:
        self.publish(EventType.SESSION_STARTED, session, minutes_ago, routine="classic", side="left")

    def finish(self, session: str, minutes_ago: float, outcome: str = "completed") -> None:
        self.publish(
            EventType.SESSION_FINISHED,
            session,
            minutes_ago,
            outcome=outcome,
            reason="completed" if outcome == "completed" else "stop",
            reason_words="it ended",
            routine="classic",
            volume_ml={"left": 30.0},
        )

    def take_over(self, interrupted: str | None = None, minutes_ago: float = 10) -> None:
        """Begin as owner. `interrupted`: the session that it publishes as interrupted."""
        self.recorder.end_interrupted([self._station], WORDS)
        if interrupted is not None:
            self.publish(
                EventType.SESSION_FINISHED,
                interrupted,
                minutes_ago,
                outcome="failed",
                reason="cut_off",
                reason_words=WORDS,
                routine="classic",
            )


@contextlib.asynccontextmanager
async def owner(
    engine: Engine, name: str, epoch: int | None, *, cut_off: bool = False, station: str = STATION
) -> AsyncIterator[Owner]:
    """Open a controller by its name. `cut_off`: from the database, so that its records wait."""
    path = engine.path.with_name(f"{name}-history.db")
    nowhere = PostgresDatabase(lambda: "postgresql://letdown@127.0.0.1:1/letdown")
    async with HistoryStore.opened(path, nowhere if cut_off else engine.database()) as store:
        found = Owner(store, epoch, station)
        yield found
        if found.closed:
            return
        found.recorder.write()
        await found.recorder.settle()
        if not cut_off:
            await store.write()


async def drain(engine: Engine, name: str) -> None:
    """Let what waits at a controller get into the database."""
    async with HistoryStore.opened(engine.path.with_name(f"{name}-history.db"), engine.database()) as store:
        await store.write()


def set_takeover(engine: Engine, epoch: int, minutes_ago: float) -> None:
    """Let a takeover have been some minutes ago."""
    engine.run(f"UPDATE station_epoch SET since = {ago(minutes_ago).timestamp()} WHERE epoch = {epoch}")


def session_id(minutes_ago: float, end: str) -> str:
    return f"{ago(minutes_ago):%Y%m%dT%H%M%S}-{end}"
