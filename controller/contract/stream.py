"""The stream: passes everything that a controller publishes to all who watch it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from controller.contract.event_data import EventType
from controller.contract.events import Event, Item, Snapshot

_LOGGER = logging.getLogger(__name__)

ItemT = TypeVar("ItemT", bound=Item)


class Stream:
    """Passes every item to every subscriber: plain callbacks that must be quick, and none of which can harm a session.

    `epoch`: of the lease of the stations in a fleet, which events and snapshots get. `ends`: whether it is up to this
    controller to publish how a session ended; a former owner leaves that to its successor.
    """

    def __init__(self, epoch: int | None = None, ends: Callable[[], bool] = lambda: True) -> None:
        self._epoch = epoch
        self._ends = ends
        self._callbacks: list[tuple[Callable[[Any], None], tuple[type[Any], ...]]] = []
        self._by_kind: dict[type[Item], tuple[Callable[[Any], None], ...]] = {}

    def subscribe(self, callback: Callable[[ItemT], None], *kinds: type[ItemT]) -> Callable[[], None]:
        """Call `callback` with every item from now on, or with those of some `kinds`. Return a function to unsubscribe.

        Name the kinds where there are many subscribers: most items are telemetry.
        """
        entry = (callback, kinds)
        self._callbacks.append(entry)
        self._by_kind.clear()

        def unsubscribe() -> None:
            self._callbacks.remove(entry)
            self._by_kind.clear()

        return unsubscribe

    def publish(self, item: Item) -> None:
        """Pass `item` to its subscribers. Their errors are logged only."""
        if isinstance(item, Event) and item.type is EventType.SESSION_FINISHED and not self._ends():
            return
        if self._epoch is not None and isinstance(item, Event | Snapshot):
            item = item.model_copy(update={"epoch": self._epoch})
        kind = type(item)
        if kind not in self._by_kind:
            self._by_kind[kind] = tuple(each for each, kinds in self._callbacks if not kinds or kind in kinds)
        for callback in self._by_kind[kind]:
            try:
                callback(item)
            except Exception:
                _LOGGER.exception("a subscriber failed on %s", type(item).__name__)
