"""The bridge between the stream and a broker: publishes items, receives commands, and reconnects for ever."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from controller.contract.about import About
from controller.contract.events import Item, Snapshot
from controller.contract.handle import Handle
from controller.contract.words import Words, load_words
from controller.mqtt.backlog import Backlog
from controller.mqtt.broker_login import CredentialsError
from controller.mqtt.command_receiver import CommandReceiver
from controller.mqtt.connection import STABLE_SECONDS, connection, explain, may_need_mqtt_3
from controller.mqtt.discovery import Listener
from controller.mqtt.instance import Instance
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from controller.mqtt.outbox import Outbox
from controller.mqtt.picture_publisher import PicturePublisher
from controller.mqtt.presence import Presence, find_rival
from controller.mqtt.publisher import Publisher
from controller.mqtt.reconnect import Reconnect
from controller.mqtt.topics import Topics

_LOGGER = logging.getLogger(__name__)

_REFUSED_GRANT = 0x80
V5, V311 = aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311
# Parts of a clean exit; with 0.15 s for the connection itself they stay below 1.5 s even if the broker hangs.
_LAST_REPLIES_SECONDS = 0.2
_LAST_MESSAGES_SECONDS = 0.7
_OFFLINE_SECONDS = 0.2
# amqtt 0.12.1 drops messages that it has acknowledged, if their client disconnects before they are passed on (seen on
# Python 3.13: 40 of 200 messages arrived).
_LINGER_SECONDS = 0.15
_LOOK_SECONDS = 0.5


class Bridge:
    """Connects a controller's stations to a broker while `run` runs. `watch` is a subscriber of the stream.

    `commands` receives those of the stations; register further topics there before `run`.

    `stations`: what carries out the commands of each, see `CommandReceiver`; may be empty. `backlog`: saves events that
    the broker does not have yet.
    `me`: announce this instance, and detect other controllers of the same stations, unless they are `leased`; also
    before the first connection, on the brokers that are not `checked` yet. `words`: the language of replies; English by
    default. `about`: retained for as long as the controller runs. Set `may_connect` before `run` where that depends on
    something.
    """

    def __init__(
        self,
        settings: MqttSettings,
        topics: Topics,
        stations: Mapping[str, Handle],
        *,
        backlog: Backlog | None = None,
        first_wait_seconds: float = 0.5,
        longest_wait_seconds: float = 30.0,
        mqtt_5: bool = True,
        me: Instance | None = None,
        leased: bool = False,
        checked: Collection[BrokerUrl] = (),
        about: About | None = None,
        words: Words | None = None,
    ) -> None:
        if not settings.brokers:
            raise ValueError("the bridge needs a broker; set mqtt.brokers, or start the embedded one and name it here")
        self._settings = settings
        # In a fleet: a former owner of a station would end the connection of its successor.
        self.may_connect: Callable[[], bool] = lambda: True
        self._topics = topics
        self.outbox = Outbox(topics, backlog, publish=settings.publish)
        self._pictures = PicturePublisher(topics, self.outbox)
        self.presence = None if me is None else Presence(me, topics, self.outbox, leased=leased)
        self.commands = CommandReceiver(topics, stations, self.outbox, self.presence, words or load_words("en"))
        removed = [topics.instance()] if self.presence is not None else []
        if about is not None:
            removed.append(topics.about())
            self.outbox.retain(topics.about(), about.model_dump_json())
            shown = {topics.recent_sessions: about.recent_sessions, topics.history: about.history}
            shown[topics.learned_comfort] = about.history
            for topic in (topic for topic, on in shown.items() if not on):  # remove what was published while it was on
                for station in stations:
                    self.outbox.retain(topic(station), "")
        self._last_messages = {**dict.fromkeys(removed, ""), topics.status(): "offline"}  # at a clean exit
        self._listeners: dict[str, Listener] = {} if self.presence is None else dict(self.presence.listeners)
        self._reconnect = Reconnect(len(settings.brokers), first_wait_seconds, longest_wait_seconds)
        self._lasted_seconds = 0.0  # of the last connection; 0 if there was none
        self._logged: dict[BrokerUrl, str] = {}
        self._first_protocol = V5 if mqtt_5 else V311
        self._protocols: dict[BrokerUrl, aiomqtt.ProtocolVersion] = {}  # that each broker is known to support
        self._next_protocols: dict[BrokerUrl, aiomqtt.ProtocolVersion] = {}  # to try next, until one is known
        self._checked = set(checked)
        self.connected = False
        self.broker: BrokerUrl | None = None
        self.problem: str | None = None

    def listen(self, topic: str, listener: Listener) -> None:
        """Call a listener with payload and retain flag of messages on a topic. To be called before `run`."""
        self._listeners[topic] = listener

    def watch(self, item: Item) -> None:
        """Take an item of the stream."""
        self._reconnect.watch(item)
        self.outbox.watch(item)
        self._pictures.watch(item)
        if isinstance(item, Snapshot):
            self.commands.on_snapshot(item)

    async def run(self) -> None:
        """Connect and serve, again and again, until cancelled; then publish `offline` within 1.5 s."""
        loop, brokers = asyncio.get_running_loop(), self._settings.brokers
        turn = 0
        try:
            while True:
                self._lasted_seconds = 0.0
                if not self.may_connect():
                    await asyncio.sleep(_LOOK_SECONDS)
                    continue
                broker, began = brokers[turn % len(brokers)], loop.time()
                try:
                    await self._serve(broker)
                except (aiomqtt.MqttError, OSError, CredentialsError) as error:
                    if self._falls_back(broker, error):
                        continue
                    username = broker.username or self._settings.username
                    problem = explain(broker, error, lasted_seconds=self._lasted_seconds, username=username)
                    self._log_problem(broker, str(problem))
                except Exception as error:
                    # A bug in this code must not leave a controller that cannot receive a stop.
                    _LOGGER.exception("the bridge to %s failed; it reconnects", broker)
                    self._log_problem(broker, f"the bridge to {broker} failed: {type(error).__name__}; see the log")
                if self._lasted_seconds > STABLE_SECONDS:
                    self._reconnect.reset()
                elif self._lasted_seconds:
                    self._checked.discard(broker)  # another client with the same id may have ended it
                await self._reconnect.wait(loop.time() - began - self._lasted_seconds)
                turn += 1
        finally:
            self.commands.cancel()

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
        """Connect to one broker, and serve until the connection ends."""
        loop = asyncio.get_running_loop()
        status = self._topics.status()
        protocol = self._protocols.get(broker) or self._next_protocols.get(broker, self._first_protocol)
        await self._search_rival(broker, protocol)
        async with connection(
            broker,
            self._settings,
            identifier=f"letdown-{self._topics.node}" if self.presence is None else self.presence.client_id,
            will=aiomqtt.Will(status, "offline", qos=1, retain=True),
            protocol=protocol,
            open_seconds=self._reconnect.attempt_seconds,
        ) as client:
            publisher = Publisher(client, self.outbox, mqtt_5=protocol is V5)
            since = loop.time()
            try:
                await self._subscribe(client, mqtt_5=protocol is V5)
                self._protocols[broker] = protocol
                await client.publish(status, "online", qos=1, retain=True)
                self.outbox.on_connected()
                self.commands.on_connected(client, retain_flags=protocol is V5)
                self.connected, self.broker, self.problem = True, broker, None
                self._logged.clear()
                _LOGGER.info("connected to the broker %s", broker)
                background = () if self.presence is None else (self.presence.run(),)
                await _first_to_end(publisher.run(), self._receive(client), *background)
            except asyncio.CancelledError:
                await self._shut_down(client, publisher)
                raise
            finally:
                self.connected = False
                self._lasted_seconds = loop.time() - since
                self.commands.on_disconnected()
                await publisher.close()
                self.outbox.on_disconnected()

    async def _search_rival(self, broker: BrokerUrl, protocol: aiomqtt.ProtocolVersion) -> None:
        """Search for a live controller of the same stations, before our client id ends its connection."""
        if self.presence is None or self.presence.leased or broker in self._checked:
            return
        # If it fails, the connection that follows says why; or the broker only accepts certain client ids.
        with contextlib.suppress(aiomqtt.MqttError, OSError, CredentialsError):
            me, open_seconds = self.presence.me, self._reconnect.attempt_seconds
            rival = await find_rival(broker, self._settings, me, protocol, open_seconds)
            self._checked.add(broker)
            if rival is not None:
                self.presence.on_live_controller(rival)

    async def _subscribe(self, client: aiomqtt.Client, *, mqtt_5: bool) -> None:
        """Subscribe to all commands, or raise: a controller that cannot receive a stop must not claim to be online.

        Commands with QoS 1. All else is retained or sent again, and some brokers keep a queue for each topic of QoS 1.
        """
        needed = [*self.commands.filters, self._topics.status()]
        wanted = dict.fromkeys([*needed, *self._listeners], 0) | dict.fromkeys(self.commands.filters, 1)
        if mqtt_5:
            how = {topic: SubscribeOptions(qos=qos, retainAsPublished=True) for topic, qos in wanted.items()}
            codes = await client.subscribe(list(how.items()))
        else:
            codes = await client.subscribe(list(wanted.items()))
        granted = [code.value if isinstance(code, ReasonCode) else code for code in codes]
        refused = [topic for topic, code in zip(wanted, granted, strict=False) if code >= _REFUSED_GRANT]
        if optional := [topic for topic in refused if topic in self._listeners]:
            _LOGGER.warning("the broker refuses subscriptions to %s; everything else works", ", ".join(optional))
        if refused := [topic for topic in refused if topic in needed]:
            raise CredentialsError(f"does not let us subscribe to {', '.join(refused)}", "allow it in its access list")

    async def _receive(self, client: aiomqtt.Client) -> None:
        """Start the handling of each message; never wait for it."""
        async for message in client.messages:
            topic, payload = message.topic.value, message.payload
            if topic in self.commands:
                self.commands.on_message(message)
            elif (listener := self._listener(message.topic)) is not None:
                try:
                    listener(bytes(payload), bool(message.retain))
                except Exception:
                    # It must not end the connection: a stop may come next.
                    _LOGGER.exception("a message on %s cannot be used", topic)
            elif topic == self._topics.status() and not message.retain and payload != b"online":
                # The will of an earlier connection that the broker only now considers lost.
                self.outbox.retain(topic, "online", resend=True)

    def _listener(self, topic: aiomqtt.Topic) -> Listener | None:
        """Return the listener of a topic: of exactly this one, or of a wildcard."""
        exact = self._listeners.get(topic.value)
        wider = (each for name, each in self._listeners.items() if "+" in name and topic.matches(name))
        return exact or next(wider, None)

    async def _shut_down(self, client: aiomqtt.Client, publisher: Publisher) -> None:
        """Publish what is queued, then `offline`: after a DISCONNECT, the broker does not publish the will."""
        # No error here may hide the cancellation.
        with contextlib.suppress(Exception):
            if tasks := self.commands.tasks:
                await asyncio.wait(tasks, timeout=_LAST_REPLIES_SECONDS)
            async with asyncio.timeout(_LAST_MESSAGES_SECONDS):
                await publisher.drain()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_OFFLINE_SECONDS):
                last = self._last_messages.items()
                await asyncio.gather(*(client.publish(*each, qos=1, retain=True) for each in last))
            await asyncio.sleep(_LINGER_SECONDS)

    def _falls_back(self, broker: BrokerUrl, error: Exception) -> bool:
        """Return whether to try MQTT 3.1.1 at once: MQTT 5 failed, and nothing has ever worked with this broker."""
        if broker in self._protocols or self._first_protocol is not V5 or not may_need_mqtt_3(error):
            return False
        tried = self._next_protocols.get(broker, V5)
        self._next_protocols[broker] = V311 if tried is V5 else V5
        return tried is V5

    def _log_problem(self, broker: BrokerUrl, problem: str) -> None:
        # A broker that is unreachable for a day is one warning, not thousands.
        _LOGGER.log(logging.DEBUG if problem == self._logged.get(broker) else logging.WARNING, "%s", problem)
        self._logged[broker] = self.problem = problem


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
