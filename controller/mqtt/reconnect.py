"""How soon a lost broker is tried again: patiently while nothing runs, within two seconds while a session does."""

from __future__ import annotations

import asyncio
import contextlib

from controller.events import Item, Snapshot

SESSION_SECONDS = 2.0  # while a session runs, from one try at a broker to the next
_SHORTEST_TRY_SECONDS = 1.0  # a TLS handshake with a slow broker must fit in
_MOST_DOUBLINGS = 16


class Reconnect:
    """Paces the tries at `brokers` brokers, one after the other. `watch` learns from the stream whether a session runs.

    While none does, the pause doubles after each round of all brokers, up to `longest_wait_seconds`.
    """

    def __init__(self, brokers: int, first_wait_seconds: float, longest_wait_seconds: float) -> None:
        self._brokers = brokers
        self._first_wait_seconds = first_wait_seconds
        self._longest_wait_seconds = longest_wait_seconds
        self._tries = 0
        self._running: set[str] = set()  # stations
        self._started = asyncio.Event()

    def watch(self, item: Item) -> None:
        """Take an item of the stream."""
        if not isinstance(item, Snapshot):
            return
        if not item.running:
            self._running.discard(item.station)
        elif item.station not in self._running:
            self._running.add(item.station)
            self._started.set()

    @property
    def try_seconds(self) -> float | None:
        """How long a try may wait for a broker that says nothing; `None` for as long as it usually may.

        While a session runs, the brokers share `SESSION_SECONDS`: one that is out of reach does not hold up the next.
        """
        return max(_SHORTEST_TRY_SECONDS, SESSION_SECONDS / self._brokers) if self._running else None

    def reset(self) -> None:
        """Begin with the shortest pause again, after a connection that lasted."""
        self._tries = 0

    async def wait(self, took_seconds: float) -> None:
        """Wait until the next try is due. `took_seconds`: how long the last one took, until it failed.

        A session that starts meanwhile cuts it short.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        rounds = min(self._tries // self._brokers, _MOST_DOUBLINGS)
        self._tries += 1
        while (left := began + self._pause_seconds(rounds, took_seconds) - loop.time()) > 0:
            self._started.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._started.wait()

    def _pause_seconds(self, rounds: int, took_seconds: float) -> float:
        seconds = min(self._longest_wait_seconds, self._first_wait_seconds * 2.0**rounds)
        try_seconds = self.try_seconds
        return seconds if try_seconds is None else min(seconds, try_seconds - took_seconds)
