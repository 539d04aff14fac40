"""Late answers to commands that were given up, where an answer does not say which command it belongs to."""

from __future__ import annotations

import asyncio

from devices.clock import Clock

Key = tuple[str, int | None, int | None]
"""What an answer is known by: its report, the opcode that it names, and the counter that it names."""


class LateAnswers:
    """Keeps an answer to an earlier command from being taken for that of a later one.

    A device answers in order. So the first answer that comes after a command was given up belongs to that one. Until it
    has come, or its time is over, no command is sent whose answer would look the same. A stop does not wait for that:
    it is written twice, and so has an answer to spare.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until_seconds: dict[Key, float] = {}
        self._came = asyncio.Event()

    def expect(self, key: Key, seconds: float) -> None:
        """Expect a late answer. One that carries a counter cannot be mistaken, and is not tracked."""
        if key[2] is None:
            self._until_seconds[key] = self._clock.now() + seconds

    def take(self, key: Key) -> bool:
        """Return whether an answer is a late one. Each is taken once."""
        until_seconds = self._until_seconds.pop(key, None)
        self._came.set()
        return until_seconds is not None and self._clock.now() < until_seconds

    async def over(self, key: Key) -> None:
        """Wait until no such answer can come any more."""
        while (left_seconds := self._until_seconds.get(key, 0.0) - self._clock.now()) > 0:
            self._came.clear()
            try:
                async with self._clock.timeout(left_seconds):
                    await self._came.wait()
            except TimeoutError:
                break
        self._until_seconds.pop(key, None)

    def forget(self) -> None:
        """Expect nothing any more: the link is gone."""
        self._until_seconds.clear()
        self._came.set()
