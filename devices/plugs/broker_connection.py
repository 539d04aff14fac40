"""One connection to the broker, as a plug's link needs it: over aiomqtt, or made up by a test."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import aiomqtt

from devices.driver.broker_access import BrokerAccess
from devices.errors import LinkLostError, UncertainError
from devices.plugs.plug_protocol import PlugMessage

_KEEPALIVE_SECONDS = 10
_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 2.0
_CLOSE_SECONDS = 0.2
_MOST_MESSAGES = 1000

_PAHO_LOGGER = logging.getLogger(f"{__name__}.paho")
_PAHO_LOGGER.setLevel(logging.CRITICAL)  # it logs a lost connection as an error; the link logs it itself


@dataclass(frozen=True)
class ReceivedMessage:
    """A message of the broker. `retained`: the broker had kept it, so its age is unknown."""

    topic: str
    payload: bytes
    retained: bool = False


class BrokerConnection(Protocol):
    """What a link does with its connection. Nothing is ever published as retained."""

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Subscribe. Raise `LinkLostError`."""

    async def publish(self, publication: PlugMessage, *, qos: int) -> None:
        """Publish; with QoS 1, return when the broker has it. Raise `UncertainError`."""

    def publish_now(self, publication: PlugMessage) -> None:
        """Publish with QoS 1, in this turn of the event loop, and wait for nothing. Raise `LinkLostError`."""

    def messages(self) -> AsyncIterator[ReceivedMessage]:
        """Yield what is received, until the connection is lost."""


OpenBroker = Callable[[], AbstractAsyncContextManager[BrokerConnection]]


class _MqttConnection:
    """`BrokerConnection` over aiomqtt."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client

    async def subscribe(self, topics: Sequence[str]) -> None:
        try:
            await self._client.subscribe([(topic, 1) for topic in topics], timeout=_ANSWER_SECONDS)
        except aiomqtt.MqttError as error:
            raise LinkLostError("the broker did not answer a subscription") from error

    async def publish(self, publication: PlugMessage, *, qos: int) -> None:
        try:
            await self._client.publish(
                publication.topic, publication.payload, qos=qos, retain=False, timeout=_ANSWER_SECONDS
            )
        except aiomqtt.MqttError as error:
            raise UncertainError("the broker did not acknowledge a message") from error

    def publish_now(self, publication: PlugMessage) -> None:
        # Of aiomqtt (2.5), `publish` returns to the event loop before it writes, and a stop must not wait for that.
        sent = self._client._client.publish(publication.topic, publication.payload, 1, False)
        if sent.rc:
            raise LinkLostError("there is no connection to the broker")

    async def messages(self) -> AsyncIterator[ReceivedMessage]:
        with contextlib.suppress(aiomqtt.MqttError):
            async for message in self._client.messages:
                payload = message.payload if isinstance(message.payload, bytes) else b""
                yield ReceivedMessage(message.topic.value, payload, bool(message.retain))


@contextlib.asynccontextmanager
async def mqtt_connection(broker: BrokerAccess, identifier: str) -> AsyncIterator[BrokerConnection]:
    """Connect for the block. Raise `LinkLostError` with what is wrong.

    MQTT 3.1.1, which every broker speaks, and with a clean session: nothing that was sent while there was no connection
    arrives later.
    """
    where = f"the broker {broker.host}:{broker.port}"
    username, password, tls = broker.credentials()
    client = aiomqtt.Client(
        broker.host,
        broker.port,
        username=username,
        password=password,
        identifier=identifier,
        protocol=aiomqtt.ProtocolVersion.V311,
        clean_session=True,
        keepalive=_KEEPALIVE_SECONDS,
        timeout=_CONNECT_SECONDS,
        max_queued_incoming_messages=_MOST_MESSAGES,
        logger=_PAHO_LOGGER,
        # Without it, a stop may wait some 40 ms for the TCP acknowledgement of the previous packet.
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        tls_context=tls,
    )
    client._client.connect_timeout = _CONNECT_SECONDS
    try:
        await client.__aenter__()
    except (aiomqtt.MqttError, OSError) as error:
        _close(client)
        raise LinkLostError(f"{where} cannot be used ({error}): check mqtt.brokers, and whether it runs") from error
    except asyncio.CancelledError:
        _close(client)
        raise
    client.timeout = _CLOSE_SECONDS
    try:
        yield _MqttConnection(client)
    finally:
        with contextlib.suppress(aiomqtt.MqttError, OSError):
            await client.__aexit__(None, None, None)
        _close(client)


def _close(client: aiomqtt.Client) -> None:
    """Close the socket in any state: after a failed connect or disconnect, aiomqtt (2.5) leaves it open."""
    paho = client._client
    paho.on_socket_open = None
    with contextlib.suppress(OSError, ValueError):
        paho._sock_close()
    if client._disconnected.done():
        client._disconnected.exception()  # retrieved, so that asyncio does not warn
