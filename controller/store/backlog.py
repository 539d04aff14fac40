"""The outbox in the store: events that no broker has acknowledged yet."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, LargeBinary, cast, delete, select

from controller.events import Event
from controller.store.tables import OUTBOX
from controller.store.writer import Writer

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Left:
    """What an earlier controller left, the oldest first, and the highest number that it gave to an event."""

    events: list[Event]
    sequence: int


def read_left(connection: Connection) -> Left:
    """Return what is left, and delete what cannot be read: an event is no reason not to start."""
    content = cast(OUTBOX.c.event, LargeBinary).label("content")  # else a byte that is no text is an error of its own
    query = select(OUTBOX.c.id, OUTBOX.c.sequence, content).order_by(OUTBOX.c.sequence)
    rows = connection.execute(query).all()
    events: list[Event] = []
    for row in rows:
        try:
            events.append(Event.model_validate_json(row.content))
        except ValueError as error:
            words = "an event that waited for the broker cannot be read (%s); it is dropped"
            _LOGGER.warning(words, str(error).splitlines()[0])
            connection.execute(delete(OUTBOX).filter_by(id=row.id))
    return Left(events, max((row.sequence for row in rows), default=0))


class StoredBacklog:
    """What `controller.backlog.Backlog` says, by way of the store's one writer."""

    def __init__(self, left: Left, writer: Writer) -> None:
        self._left = left.events
        self._numbers = itertools.count(left.sequence + 1)
        self._writer = writer

    def left(self) -> Sequence[Event]:
        """Hand over what earlier controllers left, the oldest first; once, so that it is not held twice."""
        left, self._left = self._left, []
        return left

    def put(self, event: Event) -> None:
        """Keep an event."""
        text = event.model_dump_json(fallback=str)  # as it is published: odd values are no reason to lose it
        row = {"id": event.id, "sequence": next(self._numbers), "station": event.station, "event": text}
        self._writer.put(OUTBOX, row)

    def drop(self, event_id: str) -> None:
        """Let go of an event."""
        self._writer.drop(OUTBOX, {"id": event_id})
