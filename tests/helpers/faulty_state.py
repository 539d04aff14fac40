"""The bucket with the states of stations as one controller has it: answers may be lost, reads may be out of date."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from nats.js.api import RawStreamMsg
from nats.js.kv import KeyValue


class FaultyState:
    """A real bucket, until something is set. `confirmed`: the documents whose write this controller knows to be done.

    `lost_answers`: so many of the next writes are done, and their answers never come; only those of documents that
    `loses` returns true for. `stale_reads`: what each of the next reads returns instead of the latest message; `None`:
    the latest. `before_write`: awaited once, before the next write.
    """

    def __init__(self, bucket: KeyValue) -> None:
        self.bucket = bucket
        self.confirmed: list[dict[str, Any]] = []
        self.lost_answers = 0
        self.loses: Callable[[dict[str, Any]], object] = lambda document: True
        self.stale_reads: list[RawStreamMsg | None] = []
        self.before_write: Callable[[], Awaitable[object]] | None = None
        self._js = self  # the controller reads messages here, see `read_state`

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bucket, name)

    async def update(self, key: str, value: bytes, last: int) -> int:
        """Write a value, as `KeyValue.update` does."""
        if (first := self.before_write) is not None:
            self.before_write = None
            await first()
        revision = await self.bucket.update(key, value, last=last)
        document = json.loads(value)
        if self.lost_answers and self.loses(document):
            self.lost_answers -= 1
            await asyncio.Event().wait()
        self.confirmed.append(document)
        return revision

    async def get_msg(self, stream: str, subject: str) -> RawStreamMsg:
        """Return the latest message, as `JetStreamContext.get_msg` does."""
        stale = self.stale_reads.pop(0) if self.stale_reads else None
        return stale or await self.bucket._js.get_msg(stream, subject=subject)

    async def latest(self, key: str) -> RawStreamMsg:
        """Return the latest message, whatever is set."""
        return await self.bucket._js.get_msg(self.bucket._stream, subject=f"{self.bucket._pre}{key}")

    def says_running(self, device: str) -> bool:
        """Return whether the latest confirmed document says that a device may run."""
        states = self.confirmed[-1]["states"].values() if self.confirmed else ()
        return any(device in each["running"] for each in states)
