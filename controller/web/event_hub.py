"""What the web page shows now, and the open event streams: who gets which item, in which order, at which pace.

Nothing here waits for a client: a stream holds the latest of each state, and a bounded number of events.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import Callable, Hashable, Iterable

from pydantic import BaseModel, Field

from controller.contract.comfort import ComfortAdvice
from controller.contract.device_test_view import DeviceTestView
from controller.contract.events import (
    DeviceView,
    Event,
    Guide,
    Item,
    ScannerHealth,
    Snapshot,
    StartDefaults,
    Telemetry,
)
from controller.contract.history_summary import HistorySummary
from controller.contract.limits_view import LimitsView
from controller.contract.reminders import Reminders
from controller.contract.uploads import UploadSummary
from devices.roles import Frozen

_LOGGER = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 2.0
MOST_STREAMS = 64
MOST_STREAMS_PER_CLIENT = 16
_STATE_SECONDS = 0.1  # between two batches that hold no event
_TELEMETRY_SECONDS = 0.25
_RECENT_EVENTS = 256  # of each station, for clients that were away
_MOST_PENDING_EVENTS = 256  # of a client that is too slow; then it is dropped

RETRY = b"retry: 1000\n\n"  # milliseconds until a browser connects again

# The names of the messages in a stream, and what is in them.
MESSAGES: dict[str, type[BaseModel]] = {
    "snapshot": Snapshot,
    "guide": Guide,
    "start_defaults": StartDefaults,
    "device": DeviceView,
    "device_test": DeviceTestView,
    "limits": LimitsView,
    "event": Event,
    "telemetry": Telemetry,
    "history": HistorySummary,
    "bluetooth": ScannerHealth,
    "reminders": Reminders,
    "uploads": UploadSummary,
    "comfort": ComfortAdvice,
}
_NAMES = {model: name for name, model in MESSAGES.items()}


class Heartbeat(Frozen):
    """Comes with the first state, then every 2 s, whatever else comes."""

    seconds: float = Field(description="When it was sent, by a clock of the controller that starts anywhere.")


class TooManyStreamsError(Exception):
    """No further stream is opened: for this client, or at all."""


class StreamMessage:
    """One message; it is encoded once, however many streams it goes to."""

    def __init__(self, item: BaseModel, id_: str | None = None) -> None:
        self.item = item
        self._id = id_
        self._encoded: bytes | None = None

    def encoded(self) -> bytes:
        """Return it as it is sent."""
        if self._encoded is None:
            self._encoded = encode(_NAMES[type(self.item)], self.item.model_dump_json(fallback=str), self._id)
        return self._encoded


def encode(name: str, json: str, id_: str | None = None) -> bytes:
    """Return a message of server-sent events. JSON has no line breaks outside of strings, and none inside."""
    first = f"id: {id_}\n" if id_ is not None else ""
    return f"{first}event: {name}\ndata: {json}\n\n".encode()


class StationView:
    """The latest items of a station, and its recent events with their numbers."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.guide = Guide(station=snapshot.station)
        self.start_defaults: StartDefaults | None = None
        self.history: HistorySummary | None = None
        self.reminders: Reminders | None = None
        self.uploads: UploadSummary | None = None
        self.comfort: ComfortAdvice | None = None
        self.devices: dict[str, DeviceView] = {}
        self.device_test: DeviceTestView | None = None
        self.limits: LimitsView | None = None
        self.events: deque[tuple[int, StreamMessage]] = deque(maxlen=_RECENT_EVENTS)

    @property
    def others(self) -> Iterable[Item]:
        """The latest states beside the snapshot."""
        yield self.guide
        if self.start_defaults is not None:
            yield self.start_defaults
        if self.history is not None:
            yield self.history
        if self.reminders is not None:
            yield self.reminders
        if self.uploads is not None:
            yield self.uploads
        if self.comfort is not None:
            yield self.comfort
        yield from self.devices.values()
        yield from (each for each in (self.device_test, self.limits) if each is not None)

    def keep(self, item: Item) -> None:
        """Keep the latest state."""
        match item:
            case Snapshot():
                self.snapshot = item
            case Guide():
                self.guide = item
            case StartDefaults():
                self.start_defaults = item
            case HistorySummary():
                self.history = item
            case Reminders():
                self.reminders = item
            case UploadSummary():
                self.uploads = item
            case ComfortAdvice():
                self.comfort = item
            case DeviceView():
                self.devices[item.device] = item
            case DeviceTestView():
                self.device_test = item
            case LimitsView():
                self.limits = item


class EventStream:
    """One open stream. `next_batch` returns what is due, at the pace of the network and in real time."""

    def __init__(self, client: str, greeting: bytes, closed: Callable[[EventStream], None]) -> None:
        self.client = client
        self._greeting = greeting
        self._closed = closed
        self._pending: dict[Hashable, StreamMessage] = {}
        self._telemetry: dict[str, StreamMessage] = {}
        self._events = 0
        self._changed = asyncio.Event()
        self._is_open = True
        now = asyncio.get_running_loop().time()
        self._next_state = self._next_telemetry = self._next_heartbeat = now

    def add(self, message: StreamMessage) -> None:
        """Queue a message; a newer state replaces an older one."""
        item = message.item
        if isinstance(item, Telemetry):
            self._add_telemetry(item.device, message)
            return
        key: Hashable = id(message) if isinstance(item, Event) else (type(item), getattr(item, "device", None))
        self._pending.pop(key, None)  # it goes behind the events that came before it
        self._pending[key] = message
        if isinstance(item, Event):
            self._events += 1
            if self._events > _MOST_PENDING_EVENTS:
                _LOGGER.info("an event stream is closed: its client is too slow")
                self.close()
        if self._events or len(self._pending) == 1:
            self._changed.set()

    def _add_telemetry(self, device: str, message: StreamMessage) -> None:
        self._telemetry[device] = message
        if len(self._telemetry) == 1:
            self._changed.set()

    async def next_batch(self) -> bytes | None:
        """Wait for what is due next: messages, or a heartbeat; `None`: the stream is closed."""
        loop = asyncio.get_running_loop()
        while self._is_open:
            now = loop.time()
            if batch := self._take(now):
                return batch
            due = [self._next_heartbeat]
            if self._pending:
                due.append(self._next_state)
            if self._telemetry:
                due.append(self._next_telemetry)
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(min(due)):
                    await self._changed.wait()
        return None

    def _take(self, now: float) -> bytes:
        parts, self._greeting = [self._greeting], b""
        if self._events or (self._pending and now >= self._next_state):
            parts += [each.encoded() for each in self._pending.values()]
            self._pending.clear()
            self._events = 0
            self._next_state = now + _STATE_SECONDS
        if self._telemetry and now >= self._next_telemetry:
            parts += [each.encoded() for each in self._telemetry.values()]
            self._telemetry.clear()
            self._next_telemetry = now + _TELEMETRY_SECONDS
        if now >= self._next_heartbeat:  # also beside other messages: its pace shows that the connection is alive
            parts.append(encode("heartbeat", Heartbeat(seconds=round(now, 3)).model_dump_json()))
            self._next_heartbeat = now + HEARTBEAT_SECONDS
        return b"".join(parts)

    def close(self) -> None:
        """End the stream."""
        if self._is_open:
            self._is_open = False
            self._changed.set()
            self._closed(self)


class EventHub:
    """A subscriber of the stream: `watch` takes every item."""

    def __init__(
        self,
        snapshots: Iterable[Snapshot],
        *,
        most_streams: int = MOST_STREAMS,
        most_per_client: int = MOST_STREAMS_PER_CLIENT,
    ) -> None:
        self.views = {each.station: StationView(each) for each in snapshots}
        self._streams: dict[str, list[EventStream]] = {name: [] for name in self.views}
        self._bluetooth: ScannerHealth | None = None
        self._run = secrets.token_hex(4)  # ids of another run mean nothing in this one
        self._number = 0
        self._most_streams = most_streams
        self._most_per_client = most_per_client

    def allow(self, streams: int) -> None:
        """Let so many streams be open, of one client or several: for measurements."""
        self._most_streams = self._most_per_client = streams

    @property
    def count(self) -> int:
        """How many streams are open."""
        return sum(len(streams) for streams in self._streams.values())

    def watch(self, item: Item) -> None:
        """Take an item of the stream."""
        if type(item) not in _NAMES:
            return
        if isinstance(item, ScannerHealth):
            self._bluetooth = item
            message = StreamMessage(item)
            for station in self._streams:
                self._send(station, message)
            return
        view = self.views.get(item.station)
        if view is None:
            return
        if isinstance(item, Event):
            self._number += 1
            message = StreamMessage(item, self._id(self._number))
            view.events.append((self._number, message))
        else:
            view.keep(item)
            message = StreamMessage(item)
        self._send(item.station, message)

    def open(self, station: str, client: str, last_id: str | None = None) -> EventStream:
        """Open a stream: first the latest state, then the events since `last_id`, then everything as it comes.

        Raise `KeyError` for an unknown station, `TooManyStreamsError` for one stream too many.
        """
        view = self.views[station]
        every = [each for streams in self._streams.values() for each in streams]
        if len(every) >= self._most_streams:
            raise TooManyStreamsError(f"{self._most_streams} event streams are open, and that is all there may be")
        if sum(each.client == client for each in every) >= self._most_per_client:
            raise TooManyStreamsError(f"you have {self._most_per_client} event streams open; close some")
        seen = self._seen(last_id)
        # The id of the first message is that of the last event that the client has seen, or need not see.
        greeting = [StreamMessage(view.snapshot, self._id(self._number if seen is None else seen))]
        greeting += [StreamMessage(each) for each in (*view.others, *([self._bluetooth] if self._bluetooth else ()))]
        greeting += [] if seen is None else [message for number, message in view.events if number > seen]
        encoded = b"".join((RETRY, *(each.encoded() for each in greeting)))
        stream = EventStream(client, encoded, self._streams[station].remove)
        self._streams[station].append(stream)
        return stream

    def close(self) -> None:
        """End all streams."""
        for streams in self._streams.values():
            for each in list(streams):
                each.close()

    def _send(self, station: str, message: StreamMessage) -> None:
        for stream in list(self._streams[station]):
            stream.add(message)

    def _id(self, number: int) -> str:
        return f"{self._run}-{number}"

    def _seen(self, last_id: str | None) -> int | None:
        """Return the number of the last event that a client has seen; `None` if it is not of this run."""
        run, _, number = (last_id or "").partition("-")
        if run != self._run or not (number.isascii() and number.isdigit() and len(number) <= 12):  # noqa: PLR2004
            return None
        return int(number)
