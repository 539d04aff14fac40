"""A bucket of the key-value store in memory, whose answers can be lost, and a clock that a test sets."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from nats.js.errors import APIError, KeyNotFoundError, KeyWrongLastSequenceError

from controller.cluster import lease
from controller.cluster.lease import Lease


class FakeBucket:
    """Does what nats-server does with one key, without time.

    `before`, `after`: called with the name of each call, before and after it has its effect; they may raise.
    """

    def __init__(self) -> None:
        self.value: bytes | None = None
        self.revision = 0
        self.calls: list[str] = []
        self.before: Callable[[str], None] = lambda call: None
        self.after: Callable[[str], None] = lambda call: None
        self._revisions = itertools.count(100)

    async def create(self, key: str, value: bytes) -> int:
        return await self.update(key, value, last=0, call="create")

    async def update(self, key: str, value: bytes, last: int, call: str = "update") -> int:
        self._begin(call)
        if last != (self.revision if self.value is not None else 0):
            raise KeyWrongLastSequenceError(description=f"wrong last sequence: {self.revision}")
        self.write(value)
        self.after(call)
        return self.revision

    async def get(self, key: str) -> Any:
        self._begin("get")
        if self.value is None:
            raise KeyNotFoundError
        return SimpleNamespace(value=self.value, revision=self.revision)

    async def delete(self, key: str, last: int) -> bool:
        self._begin("delete")
        if last != self.revision:
            raise APIError(code=400, err_code=10071, description="wrong last sequence")
        self.value = None
        return True

    def write(self, value: bytes) -> None:
        """Write as anybody may."""
        self.value, self.revision = value, next(self._revisions)

    def expire(self) -> None:
        """Let the key be as old as its TTL."""
        self.value = None

    def _begin(self, call: str) -> None:
        self.calls.append(call)
        self.before(call)


class FakeTime:
    """The clock of leases: it goes on when a lease pauses, and when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 1000.0
        monkeypatch.setattr(lease, "now", lambda: self.seconds)
        time = self

        async def pause(_: Lease, seconds: float) -> None:
            time.seconds += seconds
            await asyncio.sleep(0)

        monkeypatch.setattr(Lease, "_pause", pause)


def lost(seconds: float, time: FakeTime) -> Exception:
    """Return what a call raises whose answer did not come for so long."""
    time.seconds += seconds
    return TimeoutError()
