"""Writes frames packet by packet, one at a time; a stop overtakes even a frame that is half-way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from devices.errors import RefusedError


class OvertakenError(RefusedError):
    """A frame was given up half-way, because a stop had to go first."""


class Sender:
    """Serial, except that an urgent frame makes the frame under way be given up between two of its packets.

    A receiver starts anew with every packet 0, so what was given up is void for it. Frames are made when their turn has
    come, because devices drop a connection whose sequence numbers do not climb.
    """

    def __init__(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        self._write = write
        self._turn = asyncio.Lock()
        self._urgent = asyncio.Lock()
        self._stops = 0

    async def send(self, make: Callable[[], Sequence[bytes]], *, urgent: bool = False) -> None:
        """Write the packets of one frame. Raise `OvertakenError` if a stop went first, and what writing raises."""
        if urgent:
            self._stops += 1
            async with self._urgent:  # two stops must not mix their packets either
                for packet in make():
                    await self._write(packet)
            return
        async with self._turn:
            while self._urgent.locked():
                async with self._urgent:
                    pass
            stops = self._stops
            for packet in make():
                if stops != self._stops:
                    raise OvertakenError("overtaken by a stop")
                await self._write(packet)
