"""When to reconnect to a broker: with exponential backoff, but within two seconds while a session runs."""

from __future__ import annotations

import asyncio
import contextlib

from controller.contract.events import Item, Snapshot

SESSION_SECONDS = 2.0  # while a session runs, from one attempt to the next
_SHORTEST_ATTEMPT_SECONDS = 1.0  # a TLS handshake with a slow broker must fit in
_MOST_DOUBLINGS = 16


class Reconnect:
    """Paces the attempts to connect to `brokers` brokers in turn. `watch` is a subscriber of the stream.

    While no session runs, the pause doubles after each round of all brokers, up to `longest_wait_seconds`.
    """

    def __init__(self, brokers: int, first_wait_seconds: float, longest_wait_seconds: float) -> None:
        self._brokers = brokers
        self._first_wait_seconds = first_wait_seconds
        self._longest_wait_seconds = longest_wait_seconds
        self._attempts = 0
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
    def attempt_seconds(self) -> float | None:
        """The timeout of an attempt in seconds; `None` for the default.

        While a session runs, the brokers share `SESSION_SECONDS`: an unreachable one does not delay the next.
        """
        return max(_SHORTEST_ATTEMPT_SECONDS, SESSION_SECONDS / self._brokers) if self._running else None

    def reset(self) -> None:
        """Start with the shortest pause again, after a stable connection."""
        self._attempts = 0

    async def wait(self, took_seconds: float) -> None:
        """Wait until the next attempt is due. `took_seconds`: duration of the last one until it failed.

        The start of a session ends the wait early.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        rounds = min(self._attempts // self._brokers, _MOST_DOUBLINGS)
        self._attempts += 1
        while (left := began + self._pause_seconds(rounds, took_seconds) - loop.time()) > 0:
            self._started.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._started.wait()

    def _pause_seconds(self, rounds: int, took_seconds: float) -> float:
        seconds = min(self._longest_wait_seconds, self._first_wait_seconds * 2.0**rounds)
        attempt_seconds = self.attempt_seconds
        return seconds if attempt_seconds is None else min(seconds, attempt_seconds - took_seconds)
