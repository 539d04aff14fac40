"""A process that records one session after the other, as the service does, until it is killed.

Each line that it prints, before it puts what it says, is JSON: the session, how often its milk was counted, and when.
Arguments: the store, the file beside which records wait, the database (a file, or an address), a name for its sessions.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from controller.contract.event_data import EVENT_DATA
from controller.contract.events import Event, EventType
from controller.database.database import Statement
from controller.database.postgres_database import PostgresDatabase
from controller.database.sqlite_database import SqliteDatabase
from controller.history.carry_over import carry_over
from controller.history.epochs import end_interrupted
from controller.history.history_store import HistoryStore
from controller.journal.store import Store
from tests.helpers.histories import recorded

STATION = "home"
# Not idempotent: whatever is written twice is counted twice.
COUNT = Statement(
    "INSERT INTO milk (session_id, side, source, ml) VALUES (:session, 'left', 'measured', 1) "
    "ON CONFLICT (session_id, side, source) DO UPDATE SET ml = milk.ml + 1"
)
_EVERY_SECONDS = 0.005
_COUNTS = 20  # in each session


def say(session: str, count: int) -> None:
    sys.stdout.write(json.dumps({"session": session, "count": count, "at": time.monotonic()}) + "\n")
    sys.stdout.flush()


def event(kind: EventType, session: str, **data: object) -> Event:
    made = EVENT_DATA[kind].model_validate(data)
    return Event(time=datetime.now(UTC), station=STATION, session_id=session, type=kind, data=made)


async def record(store: Store, history: HistoryStore, run: str) -> None:
    publish = recorded(history)
    for number in itertools.count():
        session = f"{run}-{number:04}"
        say(session, 0)
        began = event(EventType.SESSION_STARTED, session, routine="classic", side="left")
        store.watch(began)
        publish(began)
        await store.persistence(STATION).save_starting([])  # a pump starts now
        for count in range(1, _COUNTS + 1):
            say(session, count)
            history.put(Statement(COUNT.sql, {"session": session}))
            await asyncio.sleep(_EVERY_SECONDS)


async def serve(store_file: str, history_file: str, url: str, run: str) -> None:
    database = PostgresDatabase(lambda: url) if "://" in url else SqliteDatabase(Path(url))
    async with Store.opened(Path(store_file)) as store, HistoryStore.opened(Path(history_file), database) as history:
        await carry_over(store, history)
        history.put(end_interrupted(STATION, "the controller ended"))
        await record(store, history, run)


def main() -> None:
    """Record until it is killed."""
    asyncio.run(serve(*sys.argv[1:]))
