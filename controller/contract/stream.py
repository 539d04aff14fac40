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
    """Passes every item to every watcher. Watchers are plain callbacks that must be quick; none can harm a session.

    `epoch`: of the lease of the stations in a fleet, which events and snapshots get. `ends`: whether it is up to this
    controller to say how a session ended; a former owner leaves that to its successor.
    """

    def __init__(self, epoch: int | None = None, ends: Callable[[], bool] = lambda: True) -> None:
        self._epoch = epoch
        self._ends = ends
        self._watchers: list[tuple[Callable[[Any], None], tuple[type[Any], ...]]] = []
        self._by_kind: dict[type[Item], tuple[Callable[[Any], None], ...]] = {}

    def subscribe(self, watcher: Callable[[ItemT], None], *kinds: type[ItemT]) -> Callable[[], None]:
        """Call `watcher` with every item from now on, or with those of some `kinds`. Return a function to unsubscribe.

        Name the kinds where there are many watchers: most items are telemetry.
        """
        entry = (watcher, kinds)
        self._watchers.append(entry)
        self._by_kind.clear()

        def unsubscribe() -> None:
            self._watchers.remove(entry)
            self._by_kind.clear()

        return unsubscribe

    def publish(self, item: Item) -> None:
        """Pass `item` to its watchers. Their errors are logged only."""
        if isinstance(item, Event) and item.type is EventType.SESSION_FINISHED and not self._ends():
            return
        if self._epoch is not None and isinstance(item, Event | Snapshot):
            item = item.model_copy(update={"epoch": self._epoch})
        kind = type(item)
        if kind not in self._by_kind:
            self._by_kind[kind] = tuple(each for each, kinds in self._watchers if not kinds or kind in kinds)
        for watcher in self._by_kind[kind]:
            try:
                watcher(item)
            except Exception:
                _LOGGER.exception("a watcher failed on %s", type(item).__name__)
