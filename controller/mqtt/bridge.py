"""The bridge between the stream and a broker: publishes what happens, hands in commands, and always comes back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from typing import Any

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from controller.backlog import Backlog
from controller.commands import ALWAYS, STARTING, Args, BadCommandError, Command, Outcome, Reply, parse_command
from controller.events import Item
from controller.mqtt.connection import STEADY_SECONDS, connection, explain, speaks_older
from controller.mqtt.discovery import Listener
from controller.mqtt.instance import Instance
from controller.mqtt.outbox import Asker, Outbox
from controller.mqtt.presence import Presence
from controller.mqtt.reconnect import Reconnect
from controller.mqtt.rivals import find_rival
from controller.mqtt.secrets import RefusedError
from controller.mqtt.sender import Sender
from controller.mqtt.settings import BrokerUrl, MqttSettings
from controller.mqtt.topics import Topics

_LOGGER = logging.getLogger(__name__)

Read = Callable[[bytes], tuple[Command, Args]]
Handle = Callable[[str, Command, Args, bool], Awaitable[Reply]]

_MOST_COMMANDS = 32  # under way at once, not counting stop and pain
_REFUSED_GRANT = 0x80
V5, V311 = aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311
# Parts of a clean exit; with 0.15 s for the connection itself they stay below 1.5 s even if the broker hangs.
_LAST_REPLIES_SECONDS = 0.2
_LAST_MESSAGES_SECONDS = 0.7
_OFFLINE_SECONDS = 0.2
# amqtt 0.12.1 drops what a client published, though it has acknowledged it, when the client leaves before it is passed
# on (seen on Python 3.13: 40 of 200 messages arrived).
_LINGER_SECONDS = 0.15
_KEPT_SECONDS = 0.1  # how long a broker may take to send what it keeps, once it has confirmed a subscription


class Bridge:
    """Keeps a controller's stations on a broker while `run` runs.

    `handle(station, command, args, retained)` carries a command out and returns the reply. It is awaited in a task of
    its own for each command, so a `pain` never waits behind another. `watch` is the stream's watcher.
    `backlog` keeps events that the broker does not have yet. `me`: announce this instance, and look out for another
    controller of the same stations; also before the first connection, to the brokers that are not `checked` yet.
    """

    def __init__(
        self,
        settings: MqttSettings,
        topics: Topics,
        stations: Iterable[str],
        handle: Handle,
        *,
        backlog: Backlog | None = None,
        first_wait_seconds: float = 0.5,
        longest_wait_seconds: float = 30.0,
        mqtt_5: bool = True,
        me: Instance | None = None,
        checked: Collection[BrokerUrl] = (),
    ) -> None:
        if not settings.brokers:
            raise ValueError("the bridge needs a broker; set mqtt.brokers, or start the embedded one and name it here")
        self._settings = settings
        self._topics = topics
        self._filters: list[str] = []
        self._doors: dict[str, tuple[str, Read]] = {}
        self._listeners: dict[str, Listener] = {}
        for station in stations:
            self.open_door(topics.command(station), station, parse_command)
            self._filters += (topics.command(station), *topics.set_filters(station))
        self._handle = handle
        self._reconnect = Reconnect(len(settings.brokers), first_wait_seconds, longest_wait_seconds)
        self._stops: set[asyncio.Task[None]] = set()
        self._commands: set[asyncio.Task[None]] = set()
        self._lasted_seconds = 0.0  # of the last connection; 0 if there was none
        self._told: dict[BrokerUrl, str] = {}
        self._first_protocol = V5 if mqtt_5 else V311
        self._spoken: dict[BrokerUrl, aiomqtt.ProtocolVersion] = {}  # what each broker was found to speak
        self._trying: dict[BrokerUrl, aiomqtt.ProtocolVersion] = {}  # what is tried next, until that is known
        self._flagged = False  # whether this connection brings the retain flag as it was published
        self.outbox = Outbox(topics, backlog)
        self.presence = None if me is None else Presence(me, topics, self.outbox)
        self._listeners.update({} if self.presence is None else self.presence.listeners)
        self._checked = set(checked)
        self._client: aiomqtt.Client | None = None
        self._asking: set[str] = set()  # topics of which the broker was just asked what it keeps
        self._kept: dict[str, Command] = {}
        self.connected = False
        self.broker: BrokerUrl | None = None
        self.trouble: str | None = None

    def open_door(self, topic: str, station: str, read: Read) -> None:
        """Take what comes to this topic, one below a station, for commands to it; `read` makes a command of a payload.

        `read` raises `BadCommandError` where it is none.
        """
        self._doors[topic] = (station, read)

    def listen(self, topic: str, listener: Listener) -> None:
        """Hand what comes to this topic to a listener, with whether it was retained. To be said before `run`."""
        self._listeners[topic] = listener

    def watch(self, item: Item) -> None:
        """Take an item of the stream."""
        self._reconnect.watch(item)
        self.outbox.watch(item)

    @property
    def published(self) -> int:
        """How many messages a broker has acknowledged."""
        return self.outbox.published

    async def run(self) -> None:
        """Connect and serve, again and again, until cancelled; then say goodbye within 1.5 s."""
        loop, brokers = asyncio.get_running_loop(), self._settings.brokers
        turn = 0
        try:
            while True:
                self._lasted_seconds = 0.0
                broker, began = brokers[turn % len(brokers)], loop.time()
                try:
                    await self._serve(broker)
                except (aiomqtt.MqttError, OSError, RefusedError) as error:
                    if self._falls_back(broker, error):
                        continue
                    username = broker.username or self._settings.username
                    trouble = explain(broker, error, lasted_seconds=self._lasted_seconds, username=username)
                    self._tell(broker, trouble)
                except Exception as error:
                    # A mistake in this code must not leave a controller that cannot be told to stop.
                    _LOGGER.exception("the bridge to %s failed; it connects again", broker)
                    self._tell(broker, f"the bridge to {broker} failed: {type(error).__name__}; see the log")
                if self._lasted_seconds > STEADY_SECONDS:
                    self._reconnect.reset()
                elif self._lasted_seconds:
                    self._checked.discard(broker)  # another client of the same id may have ended it
                await self._reconnect.wait(loop.time() - began - self._lasted_seconds)
                turn += 1
        finally:
            for task in self._commands:  # stops are carried out to their end
                task.cancel()

    async def flushed(self, timeout: float) -> bool:  # noqa: ASYNC109 - the result says whether it was reached
        """Wait until the broker has everything but telemetry, at most `timeout` seconds. Return whether it has."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while not self.outbox.idle:
            if loop.time() >= end:
                return False
            await asyncio.sleep(0.01)
        return True

    # -- one connection -----------------------------------------------------------------------------------------------

    async def _serve(self, broker: BrokerUrl) -> None:
        """Be connected to one broker until that ends."""
        loop = asyncio.get_running_loop()
        status = self._topics.status()
        protocol = self._spoken.get(broker) or self._trying.get(broker, self._first_protocol)
        await self._look_for_rival(broker, protocol)
        async with connection(
            broker,
            self._settings,
            identifier=f"letdown-{self._topics.node}" if self.presence is None else self.presence.client_id,
            will=aiomqtt.Will(status, "offline", qos=1, retain=True),
            protocol=protocol,
            open_seconds=self._reconnect.try_seconds,
        ) as client:
            sender = Sender(client, self.outbox, mqtt_5=protocol is V5)
            since = loop.time()
            try:
                self._flagged = protocol is V5
                await self._subscribe(client)
                self._spoken[broker] = protocol
                await client.publish(status, "online", qos=1, retain=True)
                self.outbox.opened()
                self._client = client
                self.connected, self.broker, self.trouble = True, broker, None
                self._told.clear()
                _LOGGER.info("connected to the broker %s", broker)
                watching = () if self.presence is None else (self.presence.run(),)
                await _first_to_end(sender.run(), self._receive(client), *watching)
            except asyncio.CancelledError:
                await self._farewell(client, sender)
                raise
            finally:
                self.connected, self._client = False, None
                self._lasted_seconds = loop.time() - since
                await sender.close()
                self.outbox.closed()

    async def _look_for_rival(self, broker: BrokerUrl, protocol: aiomqtt.ProtocolVersion) -> None:
        """Look for a live controller of the same stations, before a connection of the same client id ends its own."""
        if self.presence is None or broker in self._checked:
            return
        # Where it fails, the connection that follows says why; or the broker lets only some client ids in.
        with contextlib.suppress(aiomqtt.MqttError, OSError, RefusedError):
            me, open_seconds = self.presence.me, self._reconnect.try_seconds
            rival = await find_rival(broker, self._settings, me, protocol, open_seconds)
            self._checked.add(broker)
            if rival is not None:
                self.presence.found(rival)

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        """Subscribe to all commands, or raise: a controller that cannot hear a stop must not say it is online."""
        needed = [*self._filters, self._topics.status()]
        wanted = [*needed, *self._listeners]
        if self._flagged:
            options = SubscribeOptions(qos=1, retainAsPublished=True)
            codes = await client.subscribe([(each, options) for each in wanted])
        else:
            codes = await client.subscribe([(each, 1) for each in wanted])
        granted = [_value(code) for code in codes]
        deaf = [topic for topic, code in zip(wanted, granted, strict=False) if code >= _REFUSED_GRANT]
        if missed := [topic for topic in deaf if topic in self._listeners]:
            _LOGGER.warning("the broker does not let us subscribe to %s; all but that works", ", ".join(missed))
        if deaf := [topic for topic in deaf if topic in needed]:
            raise RefusedError(f"does not let us subscribe to {', '.join(deaf)}; allow it in its access list")

    async def _receive(self, client: aiomqtt.Client) -> None:
        """Start the handling of each message that comes in; never wait for it."""
        async for message in client.messages:
            topic, payload = str(message.topic), message.payload
            if topic in self._doors:
                self._take(topic, bytes(payload), self._asker(topic, message), retained=bool(message.retain))
            elif (listener := self._listener(message.topic)) is not None:
                self._hear(listener, topic, bytes(payload), retained=bool(message.retain))
            elif topic == self._topics.status() and not message.retain and payload != b"online":
                # The will of an earlier connection that the broker only now believes dead.
                self.outbox.retain(topic, "online", again=True)

    def _listener(self, topic: aiomqtt.Topic) -> Listener | None:
        """Return who listens to a topic: to this very one, or through a wildcard."""
        exact = self._listeners.get(topic.value)
        wider = (each for name, each in self._listeners.items() if "+" in name and topic.matches(name))
        return exact or next(wider, None)

    def _hear(self, listener: Listener, topic: str, payload: bytes, *, retained: bool) -> None:
        """Hand a message to its listener. Whatever it holds, it must not cost the connection: a stop may come next."""
        try:
            listener(payload, retained)
        except Exception:
            _LOGGER.exception("what came to %s cannot be used", topic)

    async def _farewell(self, client: aiomqtt.Client, sender: Sender) -> None:
        """Send what is left, then `offline`: a clean disconnect does not send the will."""
        # Whatever goes wrong here must not hide the cancellation.
        with contextlib.suppress(Exception):
            if tasks := self._commands | self._stops:
                await asyncio.wait(tasks, timeout=_LAST_REPLIES_SECONDS)
            async with asyncio.timeout(_LAST_MESSAGES_SECONDS):
                await sender.drain()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_OFFLINE_SECONDS):
                last = [(self._topics.instance(), "")] if self.presence is not None else []
                last.append((self._topics.status(), "offline"))
                await asyncio.gather(*(client.publish(*each, qos=1, retain=True) for each in last))
            await asyncio.sleep(_LINGER_SECONDS)

    def _falls_back(self, broker: BrokerUrl, error: Exception) -> bool:
        """Say whether MQTT 3.1.1 is to be tried at once: MQTT 5 did not work, and nothing ever did with this broker."""
        if broker in self._spoken or self._first_protocol is not V5 or not speaks_older(error):
            return False
        tried = self._trying.get(broker, V5)
        self._trying[broker] = V311 if tried is V5 else V5
        return tried is V5

    def _tell(self, broker: BrokerUrl, trouble: str) -> None:
        # A broker that is away for a day is one warning, not thousands.
        _LOGGER.log(logging.DEBUG if trouble == self._told.get(broker) else logging.WARNING, "%s", trouble)
        self._told[broker] = self.trouble = trouble

    # -- commands -----------------------------------------------------------------------------------------------------

    async def _is_kept(self, topic: str, command: Command) -> bool:
        """Say whether the broker keeps a copy of a start, which it would send again at some later time.

        MQTT 3.1.1 delivers a retained message to those who are there without the flag. So the broker is asked: to
        subscribe once more brings what it keeps, with the flag.
        """
        client = self._client
        if client is None or self._flagged:
            return False
        self._kept.pop(topic, None)
        self._asking.add(topic)
        try:
            await client.subscribe(topic, qos=1)
            await asyncio.sleep(_KEPT_SECONDS)
        finally:
            self._asking.discard(topic)
            if topic not in self._filters:  # it was heard through a wider filter, and would come twice from now on
                await client.unsubscribe(topic)
        return self._kept.pop(topic, None) == command

    def _asker(self, topic: str, message: aiomqtt.Message) -> Asker | None:
        """Return where the sender of a command wants its reply, too (MQTT 5): below the station's replies alone.

        Else whoever may send a command could have this controller write anywhere at the broker.
        """
        wanted = getattr(message.properties, "ResponseTopic", None)
        station, _ = self._doors[topic]
        if not isinstance(wanted, str) or not self._topics.is_below_replies(station, wanted):
            return None
        return Asker(wanted, getattr(message.properties, "CorrelationData", None))

    def _take(self, topic: str, payload: bytes, asker: Asker | None = None, *, retained: bool) -> None:
        """Start carrying out a command, or refuse it."""
        station, read = self._doors[topic]
        if retained and topic in self._asking:
            with contextlib.suppress(BadCommandError):
                self._kept[topic] = read(payload)[0]
            return
        try:
            command, args = read(payload)
        except BadCommandError as error:
            self.outbox.reply(station, error.reply, asker)
            return
        except Exception:
            # It must not cost the connection, over which a stop may come next.
            _LOGGER.exception("a command for %s cannot be read", station)
            self.outbox.reply(station, Reply(outcome="refused", reasons=("this command cannot be read",)), asker)
            return
        work = self._carry_out(topic, command, args, asker, retained=retained)
        if command.action in ALWAYS:
            _start(work, self._stops)
        elif len(self._commands) < _MOST_COMMANDS:
            _start(work, self._commands)
        else:
            work.close()
            reply = _reply(command, "refused", "too many commands at once; send it again later")
            self.outbox.reply(station, reply, asker)

    async def _carry_out(
        self, topic: str, command: Command, args: Args, asker: Asker | None, *, retained: bool
    ) -> None:
        station, _ = self._doors[topic]
        starts = command.action in STARTING
        try:
            if starts and not retained:
                retained = await self._is_kept(topic, command)
            if starts and self.presence is not None and (reason := self.presence.refusal(station)) is not None:
                reply = _reply(command, "refused", reason)
            else:
                reply = await self._handle(station, command, args, retained)
        except Exception:
            _LOGGER.exception("%s at %s failed", command.action, station)
            reply = _reply(command, "failed", "an error inside the controller; see its log")
        self.outbox.reply(station, reply, asker)


def _reply(command: Command, outcome: Outcome, reason: str) -> Reply:
    return Reply(id=command.id, action=command.action, outcome=outcome, reasons=(reason,))


def _value(code: int | ReasonCode) -> int:
    return code.value if isinstance(code, ReasonCode) else code


def _start(work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def _first_to_end(*work: Coroutine[Any, Any, None]) -> None:
    """Run several until the first ends, then end the others; raise what the first raised."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    done.pop().result()
