"""A controller's presence on the broker: it announces itself, answers pings, and detects others of the same stations.

An announcement is retained, so its controller may have crashed: only one that answers a ping counts.

A broker is also searched before the controller connects to it, under a different client id: of two clients with one id,
brokers close the first connection, and a controller in use must not be disturbed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

import aiomqtt

from controller.mqtt.broker_login import CredentialsError
from controller.mqtt.connection import connection, may_need_mqtt_3
from controller.mqtt.discovery import Listener
from controller.mqtt.instance import Instance, conflict, read_instance, yields_to
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from controller.mqtt.outbox import Outbox
from controller.mqtt.topics import Topics
from controller.safety.message import KeyedMessage, message

_LOGGER = logging.getLogger(__name__)

_EVERY_SECONDS = 4.0  # between two pings to a known controller
_MOST_UNANSWERED = 3  # pings, after which a controller counts as gone
_MOST_RIVALS = 100  # anyone may publish to the broker

# Of the search before connecting.
_RETAINED_SECONDS = 0.3  # for the broker to send retained messages, and for a live twin to answer
_ANSWER_SECONDS = 1.5  # for an announced controller to answer; a crashed one does not
_TOTAL_SECONDS = 3.0  # devices that still run after a crash are not stopped before this is over
_OPEN_SECONDS = 1.5


class Presence:
    """The presence of one controller, `me`. It sends through the outbox.

    `leased`: a lease rules out others of the same stations, so it looks for none, and only answers.
    `listeners`: callbacks for payload and retain flag, by the topic to subscribe to.
    """

    def __init__(self, me: Instance, topics: Topics, outbox: Outbox, *, leased: bool = False) -> None:
        self.me = me
        self.leased = leased
        self._topics = topics
        self._outbox = outbox
        self._rivals: dict[str, Instance] = {}
        self._unanswered: dict[str, int] = {}  # by the rival's instance
        self.listeners: dict[str, Listener] = {topics.ping(): self._on_ping}
        if not leased:
            self.listeners[topics.instance()] = self._on_own_topic
            self.listeners[topics.of_all_controllers("instance")] = self._on_announcement
            self.listeners[topics.of_all_controllers("pong")] = self._on_pong
        outbox.retain(topics.instance(), me.model_dump_json())

    @property
    def client_id(self) -> str:
        """The MQTT client id: always the same, so that the broker closes a stale connection when we reconnect.

        Beside a live controller of the same node it is a different one, so that both stay connected and receive a stop.
        """
        own = f"letdown-{self.me.node}"
        twin = any(other.node == self.me.node for other in self._rivals.values())
        return f"{own}-{self.me.instance[:8]}" if twin else own

    def refusal(self, station: str) -> KeyedMessage | None:
        """Return why no session may start at a station: another controller serves it, and was first. Else `None`."""
        for other in self._rivals.values():
            if station in other.stations and yields_to(self.me, other):
                return message("other_controller", station=station, node=other.node, host=other.host)
        return None

    def on_live_controller(self, other: Instance) -> None:
        """Log another live controller of the same stations, and ping it from now on."""
        claim = conflict(self.me, other)
        if claim is None or (other.instance not in self._rivals and len(self._rivals) >= _MOST_RIVALS):
            return
        self._unanswered[other.instance] = 0
        if other.instance in self._rivals:
            return
        self._rivals[other.instance] = other
        if yields_to(self.me, other):
            words = "another controller serves %s, too: %s. Until it ends, this one starts no session there"
        else:
            words = "another controller serves %s, too: %s. End it, or give it another mqtt.node or other station names"
        _LOGGER.error(words, claim, other)
        if other.node == self.me.node and not yields_to(self.me, other):
            self._announce()  # it has replaced our announcement

    async def run(self) -> None:
        """Ping known controllers regularly, until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            for other in tuple(self._rivals.values()):
                self._unanswered[other.instance] += 1
                if self._unanswered[other.instance] > _MOST_UNANSWERED:
                    self._forget(other)
                else:
                    self._ping(other)

    def _forget(self, other: Instance) -> None:
        del self._rivals[other.instance], self._unanswered[other.instance]
        _LOGGER.warning("the other controller is gone: %s", other)
        if other.node == self.me.node:
            self._announce()

    @property
    def _yields_node(self) -> bool:
        return any(other.node == self.me.node and yields_to(self.me, other) for other in self._rivals.values())

    def _announce(self) -> None:
        self._outbox.retain(self._topics.instance(), self.me.model_dump_json(), resend=True)

    def _ping(self, other: Instance) -> None:
        self._outbox.notify(self._topics.ping(other.node), self.me.instance)

    def _on_own_topic(self, payload: bytes, retained: bool) -> None:
        if payload:
            self._on_announcement(payload, retained)
        elif not self._yields_node:
            self._announce()  # another controller of this node has ended, and removed the announcement

    def _on_announcement(self, payload: bytes, _retained: bool) -> None:
        other = read_instance(payload)
        if other is None or conflict(self.me, other) is None:
            return
        if other.instance not in self._rivals:
            self._ping(other)  # it may have crashed
        elif other.node == self.me.node and not self._yields_node:
            self._announce()

    def _on_ping(self, payload: bytes, retained: bool) -> None:
        if not retained and payload != self.me.instance.encode():
            self._outbox.notify(self._topics.pong(), self.me.model_dump_json())

    def _on_pong(self, payload: bytes, retained: bool) -> None:
        other = read_instance(payload)
        if other is not None and not retained:
            self.on_live_controller(other)


async def find_rival(
    broker: BrokerUrl,
    settings: MqttSettings,
    me: Instance,
    protocol: aiomqtt.ProtocolVersion,
    open_seconds: float | None = None,
) -> Instance | None:
    """Return a live controller of the same stations, if one answers a ping. Raise what `connection` raises."""
    topics = Topics(settings.base_topic, settings.node)
    identifier = f"letdown-{me.node}-check-{me.instance[:8]}"
    async with connection(
        broker, settings, identifier=identifier, protocol=protocol, open_seconds=open_seconds
    ) as client:
        await client.subscribe([(topics.of_all_controllers(each), 1) for each in ("status", "instance", "pong")])
        await client.publish(topics.ping(me.node), me.instance, qos=1)
        return await _first_answer(client, topics, me)


async def _first_answer(client: aiomqtt.Client, topics: Topics, me: Instance) -> Instance | None:
    """Ping every controller that is announced for the same stations, and return the first that answers."""
    began = asyncio.get_running_loop().time()
    announced: set[str] = set()  # nodes
    offline: set[str] = set()  # nodes whose process has ended or is disconnected: the broker has published their will
    try:
        async with asyncio.timeout(_RETAINED_SECONDS) as bound:
            async for message in client.messages:
                payload, node = bytes(message.payload), message.topic.value.split("/")[-2]
                other = read_instance(payload)
                if message.topic.matches(topics.of_all_controllers("status")):
                    (offline.add if payload == b"offline" else offline.discard)(node)
                elif other is None or conflict(me, other) is None:
                    continue
                elif message.topic.matches(topics.of_all_controllers("instance")):
                    announced.add(node)
                    await client.publish(topics.ping(other.node), me.instance, qos=1)
                elif not message.retain:
                    return other
                bound.reschedule(began + (_ANSWER_SECONDS if announced - offline else _RETAINED_SECONDS))
    except TimeoutError:
        pass
    return None


async def find_rivals(
    brokers: Iterable[BrokerUrl], settings: MqttSettings, me: Instance
) -> tuple[Instance | None, frozenset[BrokerUrl]]:
    """Search all brokers at once. Return a live controller of the same stations, and the brokers that were reached.

    Takes 3 s at most. An unreachable broker does not prevent a start: devices are stopped without one.
    """
    brokers = tuple(brokers)
    found = await asyncio.gather(*(_search(each, settings, me) for each in brokers))
    rivals = [rival for _, rival in found if rival is not None]
    return rivals[0] if rivals else None, frozenset(
        broker for broker, (reached, _) in zip(brokers, found, strict=True) if reached
    )


async def _search(broker: BrokerUrl, settings: MqttSettings, me: Instance) -> tuple[bool, Instance | None]:
    try:
        async with asyncio.timeout(_TOTAL_SECONDS):
            try:
                return True, await find_rival(broker, settings, me, aiomqtt.ProtocolVersion.V5, _OPEN_SECONDS)
            except (aiomqtt.MqttError, OSError) as error:
                if not may_need_mqtt_3(error):
                    raise
            return True, await find_rival(broker, settings, me, aiomqtt.ProtocolVersion.V311, _OPEN_SECONDS)
    except (aiomqtt.MqttError, OSError, CredentialsError) as error:
        _LOGGER.info("%s was not searched for other controllers: %s", broker, error or "no answer")
    return False, None
