"""What waits to be published: how much of each kind is kept, in which order, and how fast it may go. Sends nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from controller.backlog import Backlog, ShortBacklog
from controller.commands import Reply
from controller.events import Choices, DeviceView, Event, Guide, Hearing, Item, Snapshot, Telemetry
from controller.mqtt.topics import Topics

_LOGGER = logging.getLogger(__name__)

_MOST_EVENTS = 10_000  # some hundred sessions
_MOST_REPLIES = 1000
_MOST_STATES = 100  # states of one session that wait on one topic
_PROGRESS_SECONDS = 0.2  # between two retained messages that differ only in how far things are
_TELEMETRY_SECONDS = 0.1
_DROPS_PER_WARNING = 100


@dataclass(eq=False, slots=True)
class Message:
    """One publication. It is written out (`payload`) when its turn comes: most progress is overtaken before that."""

    topic: str
    content: BaseModel | str
    qos: Literal[0, 1] = 1
    retain: bool = False
    key: Hashable = None  # two messages of one topic with the same key differ only in progress
    every_key: bool = False  # a client is to see every key in order, not only the latest
    correlation: bytes | None = None  # what tells the asker which command a reply is for (MQTT 5)
    payload: str = ""


@dataclass(frozen=True, slots=True)
class Asker:
    """Where the sender of a command wants its reply, and by what it knows which command it is for (MQTT 5)."""

    topic: str
    correlation: bytes | None = None


class _Lane:
    """What waits on one retained topic, and what was sent there last."""

    __slots__ = ("last", "sent_at", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[Message] = deque()
        self.last: Message | None = None
        self.sent_at = float("-inf")

    def due_at(self) -> float:
        if len(self.waiting) > 1 or self.last is None or self.waiting[0].key != self.last.key:
            return float("-inf")
        return self.sent_at + _PROGRESS_SECONDS


class Outbox:
    """Takes items from the stream at once and hands out messages when their time has come. Nothing here waits.

    Time is real, not simulated: it is the network's pace that is kept, whatever the speed of the session.
    An event is in the `backlog` for as long as it is here: what an earlier controller left there comes first.
    """

    def __init__(
        self, topics: Topics, backlog: Backlog | None = None, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._topics = topics
        self._backlog: Backlog = backlog or ShortBacklog()
        self._now = now
        self._connected = False
        self._changed = asyncio.Event()
        self._replies: deque[Message] = deque()
        self._notices: dict[str, Message] = {}
        self._events: deque[Message] = deque()
        self._lanes: dict[str, _Lane] = {}
        self._busy: dict[str, _Lane] = {}  # the lanes where something waits
        self._telemetry: dict[str, Message] = {}
        self._telemetry_sent_at: dict[str, float] = {}
        self._in_flight: dict[Message, None] = {}
        self.published = 0
        self.dropped = 0
        for event in self._backlog.left():
            self._take_up(event)

    # -- what comes in ----------------------------------------------------------------------------------------------

    def watch(self, item: Item) -> None:
        """Take an item of the stream."""
        match item:
            case Event():
                self._in_order(self._events, Message(self._topics.event(item.station), item), _MOST_EVENTS)
                self._backlog.put(item)
            case Snapshot():
                stands = (item.session_id, item.state, item.step, item.step_index)
                self._retain(Message(self._topics.state(item.station), item, retain=True, key=stands, every_key=True))
            case Guide():
                says = (item.step, item.technique, item.side, item.title, item.words, item.picture, item.question)
                self._retain(Message(self._topics.guide(item.station), item, retain=True, key=says))
            case Choices():
                self._retain(Message(self._topics.choices(item.station), item, retain=True, key=item))
            case Hearing():
                self.retain(self._topics.radio(), "online" if item.online else "offline")
            case DeviceView():
                self._device(item)
            case Telemetry():
                if self._connected:
                    topic = self._topics.device_telemetry(item.station, item.device)
                    self._telemetry[topic] = Message(topic, item, qos=0)
        self._changed.set()

    def reply(self, station: str, reply: Reply, asker: Asker | None = None) -> None:
        """Take the reply to a command: for all to see, and where the asker wanted it."""
        if asker is not None:
            self._in_order(self._replies, Message(asker.topic, reply, correlation=asker.correlation), _MOST_REPLIES)
        self._in_order(self._replies, Message(self._topics.reply(station), reply), _MOST_REPLIES)
        self._changed.set()

    def retain(self, topic: str, text: str, *, again: bool = False, every: bool = False) -> None:
        """Take a retained message in plain text; `again`: even if it is what was sent last.

        `every`: also if another follows before its turn comes; else only the latest is sent.
        """
        key = object() if again else text
        self._retain(Message(topic, text, retain=True, key=key, every_key=every), again=again)
        self._changed.set()

    def say(self, topic: str, text: str) -> None:
        """Take a message that is of use only now: it goes next, and a later one on its topic replaces it.

        It is not retained, and dropped while there is no connection.
        """
        if self._connected:
            self._notices[topic] = Message(topic, text, qos=0)
            self._changed.set()

    def _device(self, item: DeviceView) -> None:
        key = (item.link, item.available, item.trouble, item.reading.run_state, item.reading.fault)
        topic = self._topics.device_state(item.station, item.device)
        self._retain(Message(topic, item, retain=True, key=key))
        self.retain(
            self._topics.device_availability(item.station, item.device), "online" if item.available else "offline"
        )

    def _take_up(self, event: Event) -> None:
        """Take an event that an earlier controller left."""
        try:
            topic = self._topics.event(event.station)
        except ValueError as error:
            _LOGGER.warning("an event of an earlier run is dropped: %s", error)
            self._backlog.drop(event.id)
        else:
            self._in_order(self._events, Message(topic, event), _MOST_EVENTS)

    def _let_go(self, message: Message) -> None:
        """Forget an event for good."""
        if isinstance(message.content, Event):
            self._backlog.drop(message.content.id)

    def _in_order(self, queue: deque[Message], message: Message, most: int) -> None:
        queue.append(message)
        self._trim(queue, most)

    def _trim(self, queue: deque[Message], most: int) -> None:
        while len(queue) > most:
            message = queue.popleft()
            self._let_go(message)
            self.dropped += 1
            if self.dropped % _DROPS_PER_WARNING == 1:
                _LOGGER.warning(
                    "%d messages dropped so far, the last for %s: more than %d waited for the broker",
                    self.dropped,
                    message.topic,
                    most,
                )

    def _retain(self, message: Message, *, again: bool = False) -> None:
        lane = self._lanes.setdefault(message.topic, _Lane())
        waiting = lane.waiting
        if waiting and (not message.every_key or waiting[-1].key == message.key):
            waiting[-1] = message
        elif not waiting and not again and lane.last is not None and lane.last.content == message.content:
            return
        else:
            waiting.append(message)
            self._trim(waiting, _MOST_STATES)
        self._busy[message.topic] = lane

    # -- what goes out ----------------------------------------------------------------------------------------------

    def take(self, *, hurry: bool = False) -> Message | None:
        """Hand out the message whose turn it is, or `None` if none is due; `hurry`: whatever its pace.

        Replies and notices go first, then what things are now, then what happened, then telemetry.
        """
        while (message := self._next(hurry=hurry)) is not None:
            try:
                content = message.content
                # `fallback`: an odd value in an event's data is no reason to lose the event.
                message.payload = content if isinstance(content, str) else content.model_dump_json(fallback=str)
            except Exception:
                _LOGGER.exception("%s cannot be written as JSON; it is not published", type(message.content).__name__)
                self._let_go(message)
                continue
            self._in_flight[message] = None
            return message
        return None

    def due_in(self) -> float | None:
        """Return the seconds until something is due, or `None` if nothing waits."""
        if self._replies or self._notices or self._events:
            return 0.0
        times = [lane.due_at() for lane in self._busy.values()]
        times += [self._telemetry_due_at(topic) for topic in self._telemetry]
        return max(0.0, min(times) - self._now()) if times else None

    async def ready(self) -> None:
        """Return when `take` may have something, or after `wake`."""
        seconds = self.due_in()
        if seconds == 0.0:
            return
        # `due_in` has seen everything that came before, and nothing comes between it and this line.
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    def wake(self) -> None:
        """Let `ready` return."""
        self._changed.set()

    def acknowledged(self, message: Message) -> None:
        """Forget a message that the broker has."""
        if message in self._in_flight:
            del self._in_flight[message]
            self._let_go(message)
            self.published += 1

    @property
    def idle(self) -> bool:
        """Whether the broker has everything but telemetry."""
        return not (self._replies or self._events or self._busy or any(message.qos for message in self._in_flight))

    def _next(self, *, hurry: bool) -> Message | None:
        if self._replies:
            return self._replies.popleft()
        if self._notices:
            return self._notices.pop(next(iter(self._notices)))
        now = self._now()
        for topic, lane in self._busy.items():
            if hurry or lane.due_at() <= now:
                lane.last, lane.sent_at = lane.waiting.popleft(), now
                if not lane.waiting:
                    del self._busy[topic]
                return lane.last
        if self._events:
            return self._events.popleft()
        for topic in self._telemetry:
            if self._telemetry_due_at(topic) <= now:
                self._telemetry_sent_at[topic] = now
                return self._telemetry.pop(topic)
        return None

    def _telemetry_due_at(self, topic: str) -> float:
        return self._telemetry_sent_at.get(topic, float("-inf")) + _TELEMETRY_SECONDS

    # -- the connection -----------------------------------------------------------------------------------------------

    def opened(self) -> None:
        """Begin with a broker that may know nothing: everything retained is due again, at once."""
        self._connected = True
        self.again()

    def again(self) -> None:
        """Publish everything retained once more, at once: somebody has just come who may know nothing of it."""
        for topic, lane in self._lanes.items():
            lane.sent_at = float("-inf")
            if not lane.waiting and lane.last is not None:
                lane.waiting.append(lane.last)
                self._busy[topic] = lane
        self._changed.set()

    def closed(self) -> None:
        """Put what the broker did not acknowledge back where it was; telemetry is forgotten."""
        self._connected = False
        self._telemetry.clear()
        self._notices.clear()
        for message in reversed(self._in_flight):
            if message.retain:
                self._put_back(message)
            elif message.qos:
                (self._replies if isinstance(message.content, Reply) else self._events).appendleft(message)
        self._in_flight.clear()
        self._trim(self._events, _MOST_EVENTS)
        self._trim(self._replies, _MOST_REPLIES)

    def _put_back(self, message: Message) -> None:
        lane = self._lanes[message.topic]
        if not lane.waiting or (message.every_key and lane.waiting[0].key != message.key):
            lane.waiting.appendleft(message)
            self._busy[message.topic] = lane
