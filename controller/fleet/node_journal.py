"""Which sessions are under way at a node, on its disk, and their end where the node lost them.

A session that was cut off before the cluster knew of it is known here alone. So whatever a successor says, the node
says it as well, once it runs again or has given the station up: it is one event, with one id.
"""

from __future__ import annotations

from collections.abc import Callable

from controller.contract.event_data import SessionFinishedData
from controller.contract.events import EndReason, Event, SessionState
from controller.contract.words import Words
from controller.history.history_store import HistoryStore
from controller.history.recorded_backlog import record
from controller.journal.store import Store


class NodeJournal:
    """The sessions in the `store` of a node. `deliver`: publishes an event."""

    def __init__(self, store: Store, history: HistoryStore, words: Words, deliver: Callable[[Event], None]) -> None:
        self._store = store
        self._history = history
        self._words = words.labels.reason[EndReason.CUT_OFF]
        self._deliver = deliver

    def watch(self, event: Event) -> None:
        """Save which session is under way at a station."""
        self._store.watch(event)

    def end_cut_off(self, station: str) -> None:
        """Publish and record that the session under way at a station was cut off, if there is one."""
        session = self._store.under_way.get(station)
        if session is None:
            return
        data = SessionFinishedData(
            outcome=SessionState.FAILED, reason=EndReason.CUT_OFF, reason_words=self._words, routine=session["routine"]
        )
        event = Event.of(station, session["id"], data)
        record(event, self._history)
        self._store.watch(event)  # in the same turn as the event is saved
        self._deliver(event)
