"""Publishes the summary of the history of each station to the stream, and again whenever it changes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, tzinfo

from controller.contract.event_data import SessionEditedData, SessionFinishedData, VolumeLoggedData
from controller.contract.events import Event
from controller.contract.history_summary import HistorySummary
from controller.contract.session_record import History, HistoryError
from controller.contract.stream import Stream
from controller.figures.local_days import SystemZone
from controller.figures.reading import read_summary
from devices.support.clock import Clock

_LOGGER = logging.getLogger(__name__)

LOOK_SECONDS = 30.0  # another program may correct or erase a session in the same database
_ANSWER_SECONDS = 10.0  # of the database; then the history counts as unreachable
_CHANGING = (SessionFinishedData, VolumeLoggedData, SessionEditedData)


class SummaryPublisher:
    """Publishes while `run` runs. `watch` subscribes to events.

    `saved`: returns when all that happened so far is in the history. `clock`: of the machine, not a simulated one,
    since sessions have the times of the wall clock.
    """

    def __init__(
        self,
        stream: Stream,
        stations: Iterable[str],
        history: History,
        *,
        saved: Callable[[], Awaitable[object]],
        clock: Clock,
        zone: tzinfo | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._stream = stream
        self._history = history
        self._saved = saved
        self._clock = clock
        self._zone = zone or SystemZone()
        self._now = now
        self._changed = asyncio.Event()
        self._published: dict[str, HistorySummary | None] = dict.fromkeys(stations)
        stream.subscribe(self.watch, Event)

    def watch(self, event: Event) -> None:
        """Look again after what changes the history."""
        if isinstance(event.data, _CHANGING):
            self._changed.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        self._changed.set()
        while True:
            after_events = self._changed.is_set()
            self._changed.clear()
            found = [await self._publish(station, after_events=after_events) for station in self._published]
            wait_seconds = min(found, default=LOOK_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(wait_seconds):
                    await self._changed.wait()

    async def _publish(self, station: str, *, after_events: bool) -> float:
        """Publish the summary of a station, if it has changed. Return in how many seconds to look again."""
        now = self._now()
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                if after_events:
                    await self._saved()
                summary, change_at = await read_summary(self._history, station, now, self._zone)
        except (HistoryError, TimeoutError):
            summary, change_at = HistorySummary(station=station), now  # unknown, not what it was once
        except Exception:
            _LOGGER.exception("the summary of %s cannot be made", station)
            summary, change_at = HistorySummary(station=station), now
        if summary != self._published[station]:
            self._published[station] = summary
            self._stream.publish(summary)
        until_change = (change_at - now).total_seconds()
        return min(LOOK_SECONDS, until_change) if until_change > 0 else LOOK_SECONDS
