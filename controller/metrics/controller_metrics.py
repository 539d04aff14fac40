"""The metrics of one process: it follows the stream of each service, counts commands, and measures the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from controller.contract.commands import ALWAYS, Args, Command, Reply
from controller.contract.events import DeviceView, Event, Item, ScannerHealth, Snapshot
from controller.contract.handle import Handle
from controller.contract.impersonal import impersonal_action
from controller.contract.session_state import SessionState
from controller.contract.stream import Stream
from controller.metrics.metric_families import MetricFamilies
from controller.metrics.station_metrics import StationMetrics

_LOGGER = logging.getLogger(__name__)

_LAG_EVERY_SECONDS = 0.5
_FRESH_SECONDS = 1.0  # a client that asks more often gets the same text
_QUEUE_SECONDS = 2.0
_OFF = frozenset({"stopped", "unconfirmed", "unreachable"})  # the last two of devices that cannot confirm a stop

QueueLength = Callable[[], Awaitable[int]]


class ControllerMetrics:
    """All metrics of a process, with a registry of their own. `node`: its name.

    One process may serve several services, one after the other or at the same time: each is `followed`.
    `seconds`: a clock; `None`: the real one.
    """

    content_type = CONTENT_TYPE_PLAIN_0_0_4

    def __init__(self, node: str, version: str, *, seconds: Callable[[], float] = time.monotonic) -> None:
        # Else each counter has a second series, with the time when it began.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._families = MetricFamilies(self.registry)
        self._seconds = seconds
        self._queues: dict[str, list[QueueLength]] = {}
        self._text = b""
        self._text_at = -math.inf
        self._making = asyncio.Lock()
        ProcessCollector(registry=self.registry)
        self._families.build.labels(version, node).set(1)
        self._families.scanner.set(math.nan)  # without a device that needs it, it stays so
        for state in SessionState:
            self._families.stations.labels(state.value).set(0)

    @contextlib.contextmanager
    def followed(
        self, stream: Stream, snapshots: Iterable[Snapshot], queues: Mapping[str, QueueLength]
    ) -> Iterator[None]:
        """Count what the stream reports about these stations, and have these queues, for the block."""
        stations = {each.station: StationMetrics(self._families, each.station) for each in snapshots}
        for snapshot in snapshots:
            stations[snapshot.station].on_snapshot(snapshot)

        def watch(item: Item) -> None:
            if isinstance(item, ScannerHealth):
                self._families.scanner.set(item.online)
                return
            if (station := stations.get(item.station)) is None:
                return
            match item:
                case Snapshot():
                    station.on_snapshot(item)
                case DeviceView():
                    station.on_device(item)
                case Event():
                    station.on_event(item)

        unsubscribe = stream.subscribe(watch, Snapshot, DeviceView, Event, ScannerHealth)
        try:
            with self.measured(queues):
                yield
        finally:
            unsubscribe()
            for station in stations.values():
                station.forget()

    @contextlib.contextmanager
    def measured(self, queues: Mapping[str, QueueLength]) -> Iterator[None]:
        """Show the lengths of these queues, for the block. Those of the same name are added up."""
        for name, length in queues.items():
            self._queues.setdefault(name, []).append(length)
        try:
            yield
        finally:
            for name, length in queues.items():
                self._queues[name].remove(length)

    def counted(self, handle: Handle) -> Handle:
        """Return a `handle` whose commands are counted and timed."""

        async def counting(station: str, command: Command, args: Args, retained: bool) -> Reply:
            began = self._seconds()
            reply = await handle(station, command, args, retained)
            self._count(command, reply, self._seconds() - began)
            return reply

        return counting

    def own(self, station: str, epoch: int) -> None:
        """Note that this process owns a station now, and since which epoch."""
        self._families.owned.labels(station).set(1)
        self._families.epoch.labels(station).set(epoch)
        self._families.ownership_changes.labels(station, "taken").inc()

    def give_up(self, station: str) -> None:
        """Note that this process no longer owns a station, whether it gave it up or lost it."""
        self._families.owned.labels(station).set(0)
        self._families.ownership_changes.labels(station, "gone").inc()

    async def run(self) -> None:
        """Measure how late the event loop is, until cancelled."""
        while True:
            due = self._seconds() + _LAG_EVERY_SECONDS
            await asyncio.sleep(_LAG_EVERY_SECONDS)
            self._families.lag.observe(max(0.0, self._seconds() - due))

    async def text(self) -> bytes:
        """Return all metrics as they are now, or as they were up to a second ago."""
        async with self._making:
            if self._seconds() - self._text_at >= _FRESH_SECONDS:
                await self._measure_queues()
                # In a thread: with hundreds of stations, it takes longer than a stop may wait.
                self._text = await asyncio.to_thread(generate_latest, self.registry)
                self._text_at = self._seconds()
            return self._text

    async def _measure_queues(self) -> None:
        for name, lengths in self._queues.items():
            self._families.queue.labels(name).set(await _sum(lengths))

    def _count(self, command: Command, reply: Reply, seconds: float) -> None:
        self._families.commands.labels(impersonal_action(command.action), reply.outcome).inc()
        if command.action not in ALWAYS:
            self._families.handling.observe(seconds)
        elif (results := set((reply.devices or {}).values())) <= _OFF and "stopped" in results:
            self._families.stop.observe(seconds)


async def _sum(lengths: Iterable[QueueLength]) -> float:
    """Return how much waits in all of them; not a number where one does not say."""
    try:
        async with asyncio.timeout(_QUEUE_SECONDS):
            return sum([await length() for length in lengths])
    except Exception:
        _LOGGER.debug("the length of a queue is unknown", exc_info=True)
        return math.nan
