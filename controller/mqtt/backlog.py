"""The event backlog: events that no broker has acknowledged yet, for the next run. `history` saves them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from controller.contract.events import Event


class Backlog:
    """Saves events, in order, until they are removed. No call waits for the disk.

    This one saves nothing beyond this process: for the demo, for tests, and where the store is broken.
    """

    def take_unpublished(self) -> Sequence[Event]:
        """Return the events of earlier runs, the oldest first. They stay saved until they are removed."""
        return ()

    def add(self, event: Event, saved: Callable[[], None] = lambda: None) -> None:  # noqa: ARG002 - nothing to save
        """Save an event, and call `saved` when it may be published: it is on the disk, or cannot be there soon."""
        saved()

    def remove(self, event_id: str) -> None:
        """Delete an event: the broker has it, or it was dropped."""

    async def close(self) -> None:
        """Wait until what was removed is deleted."""
