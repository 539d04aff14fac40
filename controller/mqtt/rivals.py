"""Looks on a broker for a live controller that serves the same stations, under a client id of its own.

Done before the controller itself connects: brokers close the connection of the first of two clients of one id, and a
controller that serves somebody must not be disturbed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

import aiomqtt

from controller.mqtt.connection import connection, speaks_older
from controller.mqtt.instance import Instance, read_instance, shared
from controller.mqtt.secrets import RefusedError
from controller.mqtt.settings import BrokerUrl, MqttSettings
from controller.mqtt.topics import Topics

_LOGGER = logging.getLogger(__name__)

_RETAINED_SECONDS = 0.3  # how long a broker may take to send what it retains, and a live twin to answer
_ANSWER_SECONDS = 1.5  # how long a controller that is named there may take to answer; one that crashed does not
_TOTAL_SECONDS = 3.0  # devices that may still run after a crash are not stopped before
_OPEN_SECONDS = 1.5


async def find_rival(
    broker: BrokerUrl,
    settings: MqttSettings,
    me: Instance,
    protocol: aiomqtt.ProtocolVersion,
    open_seconds: float | None = None,
) -> Instance | None:
    """Return a live controller that serves the same, if one answers. Raise what `connection` raises."""
    topics = Topics(settings.base_topic, settings.node)
    identifier = f"letdown-{me.node}-check-{me.instance[:8]}"
    async with connection(
        broker, settings, identifier=identifier, protocol=protocol, open_seconds=open_seconds
    ) as client:
        await client.subscribe([(each, 1) for each in (topics.statuses(), topics.instances(), topics.pongs())])
        await client.publish(topics.ping(me.node), me.instance, qos=1)
        return await _first_answer(client, topics, me)


async def _first_answer(client: aiomqtt.Client, topics: Topics, me: Instance) -> Instance | None:
    """Ask every controller that is announced for the same whether it is there, and return the first that answers."""
    began = asyncio.get_running_loop().time()
    announced: set[str] = set()  # nodes
    offline: set[str] = set()  # nodes whose process has ended, or lost the broker: the broker has published their will
    try:
        async with asyncio.timeout(_RETAINED_SECONDS) as bound:
            async for message in client.messages:
                payload, node = bytes(message.payload), message.topic.value.split("/")[-2]
                other = read_instance(payload)
                if message.topic.matches(topics.statuses()):
                    (offline.add if payload == b"offline" else offline.discard)(node)
                elif other is None or shared(me, other) is None:
                    continue
                elif message.topic.matches(topics.instances()):
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
    """Look on all brokers at once. Return a live controller that serves the same, and the brokers that were reached.

    Takes 3 s at most. A broker that cannot be reached is no reason not to start: devices are stopped without one.
    """
    brokers = tuple(brokers)
    found = await asyncio.gather(*(_look(each, settings, me) for each in brokers))
    rivals = [rival for _, rival in found if rival is not None]
    return rivals[0] if rivals else None, frozenset(
        broker for broker, (reached, _) in zip(brokers, found, strict=True) if reached
    )


async def _look(broker: BrokerUrl, settings: MqttSettings, me: Instance) -> tuple[bool, Instance | None]:
    try:
        async with asyncio.timeout(_TOTAL_SECONDS):
            try:
                return True, await find_rival(broker, settings, me, aiomqtt.ProtocolVersion.V5, _OPEN_SECONDS)
            except (aiomqtt.MqttError, OSError) as error:
                if not speaks_older(error):
                    raise
            return True, await find_rival(broker, settings, me, aiomqtt.ProtocolVersion.V311, _OPEN_SECONDS)
    except (aiomqtt.MqttError, OSError, RefusedError) as error:
        _LOGGER.info("%s was not asked for other controllers: %s", broker, error or "no answer")
    return False, None
