"""Events that no broker has acknowledged yet, beyond this process. The MQTT room says it here; `store` keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from controller.events import Event


class Backlog(Protocol):
    """Keeps events until they are dropped, in the order in which they were put. Nobody waits for it."""

    def left(self) -> Sequence[Event]:
        """Hand over what earlier controllers left, the oldest first. It stays until it is dropped."""

    def put(self, event: Event) -> None:
        """Keep an event."""

    def drop(self, event_id: str) -> None:
        """Let go of an event: the broker has it, or nobody will."""


class ShortBacklog:
    """Keeps nothing beyond this process: for the demo, and for tests."""

    def left(self) -> Sequence[Event]:
        """Return nothing."""
        return ()

    def put(self, event: Event) -> None:
        """Forget it."""

    def drop(self, event_id: str) -> None:
        """Forget it."""
