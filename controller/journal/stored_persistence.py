"""What a running controller saves: the state of each body and station, and the events without acknowledgement."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from controller.contract.events import Event
from controller.database.sqlite_database import SqliteTransaction
from controller.journal.earlier_events import read_event
from controller.journal.journal_target import JournalWriter
from controller.journal.tables import (
    ANSWERS,
    OUTBOX,
    RUNNING,
    START_DEFAULTS,
    TRIP,
    USE,
    Table,
    as_text,
    timestamp_columns,
)
from controller.journal.timestamp import Timestamp
from controller.mqtt.backlog import Backlog
from controller.safety.limits import Trip
from controller.safety.persistence import DeviceIdentity, PersistenceError, SavedAnswers, SavedStartDefaults, SavedState

_LOGGER = logging.getLogger(__name__)

_SAVE_SECONDS = 1.0  # an event waits no longer for a disk that hangs


def put(writer: JournalWriter, table: Table, row: dict[str, Any]) -> None:
    """Write a whole row; it replaces the one with the same key."""
    writer.put((table, *(row[name] for name in table.key)), table.put(row))


def delete(writer: JournalWriter, table: Table, key: dict[str, Any]) -> None:
    """Delete the row with a key."""
    writer.put((table, *(key[name] for name in table.key)), table.delete(key))


class StoredPersistence:
    """`controller.safety.persistence.Persistence` over the writer of a store.

    `first_use`: the first number of a use period that no earlier run has used.
    """

    def __init__(
        self, name: str, saved: SavedState, writer: JournalWriter, now: Callable[[], Timestamp], first_use: int
    ) -> None:
        self.saved = saved
        self._name = name
        self._key = {"station": name}
        self._running = dict(saved.running)
        self._starting: set[str] = set()  # added for a start that is not saved yet
        self._one_start = asyncio.Lock()  # a failed start must not undo what another one has saved
        self._writer = writer
        self._now = now
        self._first_use = first_use

    @property
    def problem(self) -> str | None:
        """Why nothing can be saved now, with the remedy; `None` if everything can."""
        return self._writer.problem

    async def save_starting(self, devices: Iterable[DeviceIdentity]) -> None:
        """Save that these devices run, and return when that is on the disk. Raise `PersistenceError`."""
        async with self._one_start:
            changed = [device for device in devices if self._running.get(device.name) != device]
            new = {device.name for device in changed} - self._running.keys()
            for device in changed:
                self.save_uncertain(device)
            self._starting |= new
            problem: str | None = "the start was cancelled"
            try:
                problem = await self._writer.flush()
            finally:
                if problem is not None:  # then nothing was started
                    for name in new & self._starting:
                        self.save_stopped(name)
                self._starting -= new
        if problem is not None:
            raise PersistenceError(f"{problem}; nothing was started")

    def save_uncertain(self, device: DeviceIdentity) -> None:
        """Save that a device may still run, and what is needed to find it."""
        self._starting.discard(device.name)
        self._running[device.name] = device
        known = device.model_dump(mode="json", exclude={"name"})
        known["uuids"] = json.dumps(known["uuids"])
        put(self._writer, RUNNING, self._key | {"device": device.name, "since": as_text(self._now().wall)} | known)

    def save_stopped(self, device: str) -> None:
        """Save that a device does not run any more."""
        self._starting.discard(device)
        self._running.pop(device, None)
        delete(self._writer, RUNNING, self._key | {"device": device})

    def save_trip(self, trip: Trip | None) -> None:
        """Save the latched trip, or that it was acknowledged."""
        if trip is None:
            delete(self._writer, TRIP, self._key)
        else:
            row = {"kind": trip.kind, "device": trip.device, "words": trip.detail}
            put(self._writer, TRIP, self._key | row | {"tripped_at": as_text(self._now().wall)})

    def save_answers(self, answers: SavedAnswers) -> None:
        """Save all answers, replacing those saved before."""
        row = {
            "day": answers.on and answers.on.isoformat(),
            "answers": json.dumps(answers.values),
            "standing": json.dumps(sorted(answers.standing)),
            "day_left_seconds": answers.day_left_seconds,
        }
        put(self._writer, ANSWERS, self._key | row | timestamp_columns(self._now()))

    def save_start_defaults(self, chosen: SavedStartDefaults) -> None:
        """Save the start defaults and the comfort cap."""
        put(self._writer, START_DEFAULTS, self._key | chosen.model_dump(mode="json"))

    def save_energy_use(
        self, number: int, budgets: frozenset[str], began_seconds_ago: float, ended_seconds_ago: float
    ) -> None:
        """Save a use period, replacing the one that was saved under the same number since the store was opened."""
        row = {
            "body": self._name,
            "number": self._first_use + number,
            "budgets": json.dumps(sorted(budgets)),
            "began_seconds_ago": began_seconds_ago,
            "ended_seconds_ago": ended_seconds_ago,
        }
        put(self._writer, USE, row | timestamp_columns(self._now()))


def read_unpublished(transaction: SqliteTransaction) -> tuple[list[Event], int]:
    """Return the events of earlier runs, the oldest first, and the highest `sequence` that is in use.

    Delete unreadable ones: they must not prevent a start.
    """
    # As text, invalid UTF-8 would fail the whole query.
    rows = transaction.read("SELECT id, sequence, CAST(event AS BLOB) AS content FROM outbox ORDER BY sequence")
    events: list[Event] = []
    for row in rows:
        try:
            events.append(read_event(row["content"]))
        except ValueError as error:
            words = "an event that waited for the broker cannot be read (%s); it is dropped"
            _LOGGER.warning(words, str(error).splitlines()[0])
            statement = OUTBOX.delete({"id": row["id"]})
            transaction.execute(statement.sql, statement.parameters)
    return events, max((row["sequence"] for row in rows), default=0)


class StoredBacklog(Backlog):
    """The event backlog over the writer of a store."""

    def __init__(self, unpublished: list[Event], sequence: int, writer: JournalWriter) -> None:
        self._unpublished = unpublished
        self._numbers = itertools.count(sequence + 1)
        self._writer = writer
        self._saving: set[asyncio.Task[None]] = set()

    def take_unpublished(self) -> Sequence[Event]:
        """Return the events of earlier runs, the oldest first; only once, to free their memory."""
        events, self._unpublished = self._unpublished, []
        return events

    def add(self, event: Event, saved: Callable[[], None] = lambda: None) -> None:
        """Save an event. `saved`: called when it is on the disk, when it cannot be written now, or after a second."""
        text = event.model_dump_json(fallback=str)  # as it is published; unknown types become text
        row = {"id": event.id, "sequence": next(self._numbers), "station": event.station, "event": text}
        put(self._writer, OUTBOX, row)
        saving = asyncio.create_task(self._writer.settle(_SAVE_SECONDS), name="save an event")
        self._saving.add(saving)

        def done(task: asyncio.Task[None]) -> None:
            self._saving.discard(task)
            saved()

        saving.add_done_callback(done)

    def remove(self, event_id: str) -> None:
        """Delete an event."""
        delete(self._writer, OUTBOX, {"id": event_id})
