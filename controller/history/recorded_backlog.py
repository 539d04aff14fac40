"""Events that no broker has yet, beside the history: whatever a crash takes, both have the same events.

An event is in the journal before it is published (`outbox.py`), and before it is in the queue of the history
(`history_store.py`). It stays there until a broker and that queue have it, and after a crash both get it again. It has
an id, by which each takes it once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from controller.contract.event_data import SessionFinishedData
from controller.contract.events import Event
from controller.history.epochs import save_end
from controller.history.history_store import HistoryStore
from controller.history.session_statements import save_event_of_owner
from controller.mqtt.backlog import Backlog

_QUEUE_SECONDS = 1.0  # a queue that cannot be written keeps no event in the journal
_LATEST = 200  # events that the crash may have kept from the queue; those before are there


class RecordedBacklog(Backlog):
    """The events of `saved`, which are removed there once the `history` has them, too.

    What earlier runs left there is put into the history at once, before anything else of this run.
    """

    def __init__(self, saved: Backlog, history: HistoryStore) -> None:
        self._saved = saved
        self._history = history
        self._removing: set[asyncio.Task[None]] = set()
        self._unpublished = saved.take_unpublished()
        for event in self._unpublished[-_LATEST:]:
            record(event, history)

    def take_unpublished(self) -> Sequence[Event]:
        """Return the events of earlier runs, the oldest first; only once, to free their memory."""
        events, self._unpublished = self._unpublished, ()
        return events

    def add(self, event: Event, saved: Callable[[], None] = lambda: None) -> None:
        """Save an event; `saved` is called when it may be published."""
        self._saved.add(event, saved)

    def remove(self, event_id: str) -> None:
        """Delete an event, once it is in the queue of the history."""
        removing = asyncio.create_task(self._remove(event_id), name="remove an event")
        self._removing.add(removing)
        removing.add_done_callback(self._removing.discard)

    async def _remove(self, event_id: str) -> None:
        await self._history.settle(_QUEUE_SECONDS)
        self._saved.remove(event_id)

    async def close(self) -> None:
        """Delete what is still to be deleted: else the next run would publish it once more."""
        if self._removing:
            await asyncio.wait(self._removing)


def record(event: Event, history: HistoryStore) -> None:
    """Put an event of a session that is over, or was cut off, into the history, unless that has it."""
    if event.session_id is None:
        return
    if isinstance(event.data, SessionFinishedData):
        history.put(save_end(event, event.data))
    history.put(save_event_of_owner(event))
