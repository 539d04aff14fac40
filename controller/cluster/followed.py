"""Follows all keys of a bucket: the latest value of each, and when it was received. A hint: it may be out of date."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from controller.cluster.answer import within
from controller.cluster.cluster_connection import CLUSTER_ERRORS, KeyValue, explain
from controller.cluster.lease import now

_LOGGER = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_STOP_SECONDS = 1.0


@dataclass(frozen=True)
class Entry:
    """The latest value of a key. `seen_at`: when it came, by `lease.now`."""

    value: bytes
    revision: int
    seen_at: float


class Followed:
    """Follows a bucket while `run` runs. `on_change`: called when a key has changed, or when all were received.

    `silent_seconds`: begin anew when nothing came for so long; a bucket that is watched may go away unseen.
    """

    def __init__(
        self, bucket: KeyValue, what: str, silent_seconds: float, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self._synced = asyncio.Event()
        self._bucket = bucket
        self._what = what
        self._silent_seconds = silent_seconds
        self._on_change = on_change
        self._entries: dict[str, Entry] = {}

    @property
    def is_synced(self) -> bool:
        """Whether all keys were received once."""
        return self._synced.is_set()

    async def synced(self) -> None:
        """Wait until all keys were received."""
        await self._synced.wait()

    @property
    def entries(self) -> Mapping[str, Entry]:
        """The latest value of each key, also of one that has expired since."""
        return self._entries

    def forget(self, key: str) -> None:
        """Forget a key that is known to be deleted."""
        self._entries.pop(key, None)

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self._follow()
            except TimeoutError:
                continue  # nothing new, or the watch has ended unseen
            except CLUSTER_ERRORS as error:
                _LOGGER.info("%s cannot be followed (%s); trying again", self._what, explain(error))
            await asyncio.sleep(_RETRY_SECONDS)

    async def _follow(self) -> None:
        watcher = await within(self._silent_seconds, self._bucket.watchall())
        found: set[str] | None = set()
        try:
            while True:
                entry = await within(self._silent_seconds, watcher.updates(timeout=2 * self._silent_seconds))  # type: ignore[no-untyped-call]
                if entry is None:  # the end of what there was when the watch began
                    self._entries = {key: each for key, each in self._entries.items() if found is None or key in found}
                    found = None
                    self._synced.set()
                elif entry.operation is not None:
                    self._entries.pop(entry.key, None)
                elif self._is_new(entry.key, entry.revision):
                    self._entries[entry.key] = Entry(entry.value or b"", entry.revision, now())
                if found is not None and entry is not None and entry.operation is None:
                    found.add(entry.key)
                self._on_change()
        finally:
            with contextlib.suppress(*CLUSTER_ERRORS):
                await within(_STOP_SECONDS, watcher.stop())  # type: ignore[no-untyped-call]

    def _is_new(self, key: str, revision: int) -> bool:
        """Return whether a value was not seen yet: one that is sent again was not renewed."""
        known = self._entries.get(key)
        return known is None or known.revision != revision
