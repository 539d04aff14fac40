"""Histories for tests."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from controller.contract.events import Event
from controller.contract.stream import Stream
from controller.history.history_store import HistoryStore
from controller.history.session_recorder import SessionRecorder


@contextlib.asynccontextmanager
async def temporary_history() -> AsyncIterator[HistoryStore]:
    """Yield an empty history, which is deleted afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        async with HistoryStore.opened(Path(folder) / "history.db") as store:
            yield store


def recorded(store: HistoryStore) -> Callable[[Event], None]:
    """Return a function that publishes an event to a recorder of this history."""
    stream = Stream()
    SessionRecorder(store, time.monotonic).subscribe(stream)
    return stream.publish
