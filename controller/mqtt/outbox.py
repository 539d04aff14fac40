"""The outbox: what is queued for the broker, in which order, how much of it, and at which pace. Sends nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from pydantic import BaseModel

from controller.contract.comfort import ComfortAdvice
from controller.contract.commands import Reply
from controller.contract.events import DeviceView, Event, Guide, Item, ScannerHealth, Snapshot, StartDefaults, Telemetry
from controller.contract.history_summary import HistorySummary
from controller.contract.recent_sessions import RecentSessions
from controller.contract.reminders import Reminders
from controller.contract.uploads import UploadSummary
from controller.mqtt.backlog import Backlog
from controller.mqtt.minimal import minimal, minimal_reply
from controller.mqtt.topics import Topics

_LOGGER = logging.getLogger(__name__)

_MOST_EVENTS = 10_000  # hundreds of sessions
_MOST_REPLIES = 1000
_MOST_STATES = 100  # queued states of one session
_PROGRESS_SECONDS = 0.2  # between two retained messages that differ only in progress
_TELEMETRY_SECONDS = 0.1
_DROPS_PER_WARNING = 100


@dataclass(eq=False, slots=True)
class Publication:
    """One publication. It is serialised (`payload`) when its turn comes: most progress is coalesced before that."""

    topic: str
    content: BaseModel | str
    qos: Literal[0, 1] = 1
    retain: bool = False
    key: Hashable = None  # two messages of one topic with the same key differ only in progress
    each_key: bool = False  # each key is published, in order; else only the latest
    correlation: bytes | None = None  # correlation data of the command that a reply is for (MQTT 5)
    unsaved: bool = False  # not to be handed out yet: a crash would lose what was published
    payload: str = ""

    @property
    def content_type(self) -> str:
        """The media type of the payload: JSON, a drawing, or plain text."""
        if not isinstance(self.content, str) or self.content.startswith("{"):
            return "application/json"
        return "image/svg+xml" if self.content.startswith("<svg") else "text/plain"


@dataclass(frozen=True, slots=True)
class ReplyTarget:
    """Response topic and correlation data of a command (MQTT 5)."""

    topic: str
    correlation: bytes | None = None


@dataclass(eq=False, slots=True)
class _RetainedTopic:
    """The queue of one retained topic, and what was last sent there. Times are in seconds."""

    queue: deque[Publication] = field(default_factory=deque)
    last_sent: Publication | None = None
    sent_at: float = float("-inf")

    def due_at(self) -> float:
        if len(self.queue) > 1 or self.last_sent is None or self.queue[0].key != self.last_sent.key:
            return float("-inf")
        return self.sent_at + _PROGRESS_SECONDS


class Outbox:
    """Takes items from the stream and hands out publications when they are due. Nothing here waits.

    Time is real, not simulated: the pace is that of the network, whatever the speed of a simulation.
    An event is in the `backlog` as long as it is here, and is handed out only once it is saved there; the events of
    earlier runs come first. `publish`: `minimal` leaves out what is a health record.
    """

    def __init__(
        self,
        topics: Topics,
        backlog: Backlog | None = None,
        *,
        publish: Literal["all", "minimal"] = "all",
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topics = topics
        self._topic_of: dict[type[Item], Callable[[str], str]] = {
            StartDefaults: topics.start_defaults,
            RecentSessions: topics.recent_sessions,
            HistorySummary: topics.history,
            Reminders: topics.reminders,
            UploadSummary: topics.uploads,
            ComfortAdvice: topics.learned_comfort,
        }
        self._minimal = publish == "minimal"
        self._backlog = backlog or Backlog()
        self._now = now
        self._connected = False
        self._changed = asyncio.Event()
        self._replies: deque[Publication] = deque()
        self._notices: dict[str, Publication] = {}
        self._events: deque[Publication] = deque()
        self._retained: dict[str, _RetainedTopic] = {}
        self._queued: dict[str, _RetainedTopic] = {}  # those with a queue
        self._telemetry: dict[str, Publication] = {}
        self._telemetry_sent_at: dict[str, float] = {}
        self._in_flight: dict[Publication, None] = {}
        self.published = 0  # how many a broker has acknowledged
        self.dropped = 0
        for event in self._backlog.take_unpublished():
            self._add_unpublished(event)

    # -- input ------------------------------------------------------------------------------------------------------

    def watch(self, item: Item) -> None:
        """Take an item of the stream."""
        published = minimal(item) if self._minimal else item
        if published is not None:
            self._take(published)
            self._changed.set()

    def _take(self, item: Item) -> None:
        match item:
            case Event():
                publication = Publication(self._topics.event(item.station), item, unsaved=True)
                self._enqueue(self._events, publication, _MOST_EVENTS)
                try:
                    self._backlog.add(item, partial(self._on_saved, publication))
                except Exception:
                    self._on_saved(publication)  # it never will be, and goes out all the same
                    raise
            case Snapshot():
                stage = (item.session_id, item.state, item.step, item.step_index, item.allowed_actions)
                self._retain(Publication(self._topics.state(item.station), item, retain=True, key=stage, each_key=True))
            case Guide():
                shown = (item.step, item.technique, item.side, item.title, item.words, item.picture, item.question)
                self._retain(Publication(self._topics.guide(item.station), item, retain=True, key=shown))
            case (
                StartDefaults() | RecentSessions() | HistorySummary() | Reminders() | UploadSummary() | ComfortAdvice()
            ):
                topic = self._topic_of[type(item)](item.station)
                self._retain(Publication(topic, item, retain=True, key=item))
            case ScannerHealth():
                self.retain(self._topics.radio(), "online" if item.online else "offline")
            case DeviceView():
                self._device(item)
            case Telemetry():
                if self._connected:
                    topic = self._topics.device_telemetry(item.station, item.device)
                    self._telemetry[topic] = Publication(topic, item, qos=0)

    def _on_saved(self, event: Publication) -> None:
        event.unsaved = False
        self._changed.set()

    def reply(self, station: str, reply: Reply, target: ReplyTarget | None = None) -> None:
        """Take the reply to a command, for the station's reply topic and for the response topic, if there is one."""
        if self._minimal:
            reply = minimal_reply(reply)
        if target is not None:
            self._enqueue(
                self._replies, Publication(target.topic, reply, correlation=target.correlation), _MOST_REPLIES
            )
        self._enqueue(self._replies, Publication(self._topics.reply(station), reply), _MOST_REPLIES)
        self._changed.set()

    def retain(self, topic: str, text: str, *, resend: bool = False, coalesce: bool = True) -> None:
        """Take a retained message in plain text. `resend`: even if it is what was last sent.

        `coalesce`: only the latest message that is queued for a topic is sent; else each one.
        """
        key = object() if resend else text
        self._retain(Publication(topic, text, retain=True, key=key, each_key=not coalesce), resend=resend)
        self._changed.set()

    def notify(self, topic: str, text: str) -> None:
        """Take a message that is useful only now: it goes next, and a later one on its topic replaces it.

        It is not retained, and dropped while disconnected.
        """
        if self._connected:
            self._notices[topic] = Publication(topic, text, qos=0)
            self._changed.set()

    def _device(self, item: DeviceView) -> None:
        key = (item.link, item.available, item.link_problem, item.reading.run_state, item.reading.fault)
        topic = self._topics.device_state(item.station, item.device)
        # That it stopped is published even if it is gone right after; but not later on, what happened without a broker.
        self._retain(Publication(topic, item, retain=True, key=key, each_key=self._connected))
        self.retain(
            self._topics.device_availability(item.station, item.device), "online" if item.available else "offline"
        )

    def _add_unpublished(self, event: Event) -> None:
        """Take an event of an earlier run."""
        shown = minimal(event) if self._minimal else event
        if shown is None:
            self._backlog.remove(event.id)
            return
        try:
            topic = self._topics.event(event.station)
        except ValueError as error:
            _LOGGER.warning("an event of an earlier run is dropped: %s", error)
            self._backlog.remove(event.id)
        else:
            self._enqueue(self._events, Publication(topic, shown), _MOST_EVENTS)

    def _forget(self, message: Publication) -> None:
        """Remove an event from the backlog."""
        if isinstance(message.content, Event):
            self._backlog.remove(message.content.id)

    def _enqueue(self, queue: deque[Publication], message: Publication, most: int) -> None:
        queue.append(message)
        self._trim(queue, most)

    def _trim(self, queue: deque[Publication], most: int) -> None:
        while len(queue) > most:
            message = queue.popleft()
            self._forget(message)
            self.dropped += 1
            if self.dropped % _DROPS_PER_WARNING == 1:
                _LOGGER.warning(
                    "%d messages dropped so far, the last for %s: more than %d were queued for the broker",
                    self.dropped,
                    message.topic,
                    most,
                )

    def _retain(self, message: Publication, *, resend: bool = False) -> None:
        topic = self._retained.setdefault(message.topic, _RetainedTopic())
        queue, last = topic.queue, topic.last_sent
        if queue and (not message.each_key or queue[-1].key == message.key):
            queue[-1] = message
        elif not queue and not resend and last is not None and last.content == message.content:
            return
        else:
            queue.append(message)
            self._trim(queue, _MOST_STATES)
        self._queued[message.topic] = topic

    # -- output -----------------------------------------------------------------------------------------------------

    def take(self, *, paced: bool = True) -> Publication | None:
        """Hand out the next publication that is due, or `None`. `paced=False`: retained messages are due at once.

        Replies and notices go first, then retained messages, then events, then telemetry.
        """
        while (message := self._next(paced=paced)) is not None:
            try:
                content = message.content
                # `fallback`: an odd value in an event's data must not lose the event.
                message.payload = content if isinstance(content, str) else content.model_dump_json(fallback=str)
            except Exception:
                _LOGGER.exception("%s cannot be serialised; it is not published", type(message.content).__name__)
                self._forget(message)
                continue
            self._in_flight[message] = None
            return message
        return None

    def due_in(self) -> float | None:
        """Return the seconds until something is due, or `None` if nothing is queued."""
        if self._replies or self._notices or self._event_due:
            return 0.0
        times = [topic.due_at() for topic in self._queued.values()]
        times += [self._telemetry_due_at(topic) for topic in self._telemetry]
        return max(0.0, min(times) - self._now()) if times else None

    async def ready(self) -> None:
        """Return when `take` may have something, or after `wake`."""
        seconds = self.due_in()
        if seconds == 0.0:
            return
        # `due_in` has seen everything so far, and nothing can come between it and this line.
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def saved(self) -> bool:
        """Return whether there is an event that had to be waited for, until it was saved."""
        if not self._events or self._event_due:
            return False
        while self._events and not self._event_due:
            self._changed.clear()
            await self._changed.wait()
        return True

    @property
    def _event_due(self) -> bool:
        return bool(self._events) and not self._events[0].unsaved

    def wake(self) -> None:
        """Let `ready` return."""
        self._changed.set()

    def acknowledged(self, message: Publication) -> None:
        """Remove a message that the broker has acknowledged."""
        if message in self._in_flight:
            del self._in_flight[message]
            self._forget(message)
            self.published += 1

    @property
    def idle(self) -> bool:
        """Whether the broker has everything but telemetry."""
        return not (self._replies or self._events or self._queued or any(message.qos for message in self._in_flight))

    @property
    def waiting(self) -> int:
        """How many messages wait for the broker, or for its acknowledgement."""
        queues = (self._replies, self._notices, self._events, self._queued, self._telemetry, self._in_flight)
        return sum(map(len, queues))

    @property
    def unacknowledged_events(self) -> int:
        """How many events no broker has acknowledged yet: the backlog."""
        return len(self._events) + sum(isinstance(each.content, Event) for each in self._in_flight)

    def _next(self, *, paced: bool) -> Publication | None:
        if self._replies:
            return self._replies.popleft()
        if self._notices:
            return self._notices.pop(next(iter(self._notices)))
        now = self._now()
        for name, topic in self._queued.items():
            if not paced or topic.due_at() <= now:
                topic.last_sent, topic.sent_at = topic.queue.popleft(), now
                if not topic.queue:
                    del self._queued[name]
                return topic.last_sent
        if self._event_due:
            return self._events.popleft()
        for name in self._telemetry:
            if self._telemetry_due_at(name) <= now:
                self._telemetry_sent_at[name] = now
                return self._telemetry.pop(name)
        return None

    def _telemetry_due_at(self, topic: str) -> float:
        return self._telemetry_sent_at.get(topic, float("-inf")) + _TELEMETRY_SECONDS

    # -- the connection -----------------------------------------------------------------------------------------------

    def on_connected(self) -> None:
        """Begin with a broker that may have nothing: all retained messages are due again, at once."""
        self._connected = True
        self.republish()

    def republish(self) -> None:
        """Queue all retained messages once more, due at once: for a broker or a client that may not have them."""
        for name, topic in self._retained.items():
            topic.sent_at = float("-inf")
            if not topic.queue and topic.last_sent is not None:
                topic.queue.append(topic.last_sent)
                self._queued[name] = topic
        self._changed.set()

    def on_disconnected(self) -> None:
        """Queue again what the broker has not acknowledged; telemetry and notices are dropped."""
        self._connected = False
        self._telemetry.clear()
        self._notices.clear()
        for message in reversed(self._in_flight):
            if message.retain:
                self._requeue(message)
            elif message.qos:
                (self._replies if isinstance(message.content, Reply) else self._events).appendleft(message)
        self._in_flight.clear()
        self._trim(self._events, _MOST_EVENTS)
        self._trim(self._replies, _MOST_REPLIES)

    def _requeue(self, message: Publication) -> None:
        """Queue a retained message again, unless a later one has superseded it."""
        topic = self._retained[message.topic]
        if not topic.queue or (message.each_key and topic.queue[0].key != message.key):
            topic.queue.appendleft(message)
            self._queued[message.topic] = topic
