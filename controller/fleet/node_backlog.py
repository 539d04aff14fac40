"""The events of a node that no broker has acknowledged yet: of units that come and go, on one disk.

The bridge of a unit delivers what happens while it is served. What is left when it ends, or when the process ended, the
bridge of the node itself delivers: a unit that went elsewhere loses no event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from controller.contract.events import Event
from controller.mqtt.backlog import Backlog


class UnitBacklog(Backlog):
    """The backlog of one unit for as long as it is served here. `saved`: that of the node, on its disk."""

    def __init__(self, saved: Backlog) -> None:
        self._saved = saved
        self._left: dict[str, Event] = {}

    def take_unpublished(self) -> Sequence[Event]:
        """Return nothing: what earlier runs left is delivered by the node."""
        return ()

    def add(self, event: Event, saved: Callable[[], None] = lambda: None) -> None:
        """Save an event; `saved` is called when it may be published."""
        self._left[event.id] = event
        self._saved.add(event, saved)

    def remove(self, event_id: str) -> None:
        """Delete an event: the broker has it, or it was dropped."""
        self._left.pop(event_id, None)
        self._saved.remove(event_id)

    def hand_over(self, deliver: Callable[[Event], None]) -> None:
        """Deliver what is left by other means."""
        left, self._left = list(self._left.values()), {}
        for event in left:
            deliver(event)
