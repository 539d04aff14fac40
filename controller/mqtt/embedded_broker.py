"""The embedded broker, for demos and homes without one: amqtt, in this process, only reachable from this machine."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from controller.mqtt.mqtt_settings import BrokerUrl

if TYPE_CHECKING:
    from amqtt.broker import Broker

_HOST = "127.0.0.1"
_LISTENER = "default"
_SHUTDOWN_SECONDS = 0.7


_LOGGER = logging.getLogger(__name__)


class BrokerError(Exception):
    """The embedded broker cannot run. `str()` says why, with the remedy."""


@contextlib.asynccontextmanager
async def embedded_broker(port: int = 1883) -> AsyncIterator[BrokerUrl]:
    """Run a broker for the block; yield its address. Port 0 takes a free one. Raise `BrokerError` if it cannot run."""
    broker = _broker(port)
    connections = _Connections(broker)
    try:
        # Before amqtt starts, to fail early if the port is in use.
        server = await asyncio.start_server(connections.accept, _HOST, port)
    except OSError as error:
        raise BrokerError(_explain(port, error)) from error
    try:
        await broker.start()
        try:
            yield BrokerUrl(host=_HOST, port=server.sockets[0].getsockname()[1])
        finally:
            server.close()
            # Bounded: amqtt waits up to 5 s for clients that do not read.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SHUTDOWN_SECONDS):
                    await broker.shutdown()
    finally:
        server.close()
        await connections.abort()


class _Connections:
    """The connections to the listening socket.

    amqtt 0.12.1 neither reports which free port it took nor closes connections that have not sent a CONNECT yet, so it
    is used with an "external" listener.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def abort(self) -> None:
        """Close the remaining connections."""
        clients = dict(self._clients)
        for task, writer in clients.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*clients, return_exceptions=True)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._clients[task] = writer
        task.add_done_callback(self._clients.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter

        try:
            await self._broker.external_connected(StreamReaderAdapter(reader), StreamWriterAdapter(writer), _LISTENER)
        except Exception as error:  # noqa: BLE001 - an error of one client must not end the broker
            _LOGGER.debug("a client of the embedded broker failed: %r", error)
        finally:
            writer.close()


def _explain(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"the embedded broker cannot use port {port}: it is in use, perhaps by another broker such as "
            f"mosquitto; to use that one, set mqtt.brokers: [mqtt://{_HOST}:{port}]"
        )
    if error.errno == errno.EACCES:
        return f"the embedded broker may not use port {port}; set mqtt.embedded_port to one above 1023, such as 1883"
    return f"the embedded broker cannot listen on port {port} ({error.strerror}); name a broker in mqtt.brokers"


def _broker(port: int) -> Broker:
    try:
        from amqtt.broker import Broker
        from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
    except ImportError as error:
        raise BrokerError(
            f"the embedded broker needs amqtt ({error}); "
            'install it with pip install "letdown[demo]", or name a broker in mqtt.brokers'
        ) from error
    for chatty in ("amqtt", "transitions"):  # they log every connection; an owner's setting takes precedence
        if logging.getLogger(chatty).level == logging.NOTSET:
            logging.getLogger(chatty).setLevel(logging.ERROR)
    listener = ListenerConfig(type=ListenerType.EXTERNAL, bind=f"{_HOST}:{port}")
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}

    class QuietBroker(Broker):
        """Sends a client only the retained messages of its own subscriptions.

        amqtt 0.12.1 sends every new client those of all subscribers. A client that publishes once and disconnects, such
        as mosquitto_pub with a `pain`, is then gone before its message is processed.
        """

        async def _publish_retained_messages_for_subscription(self, subscription: Any, session: Any) -> None:
            if any(each is session for each, _ in self._subscriptions.get(subscription[0], ())):
                await super()._publish_retained_messages_for_subscription(subscription, session)

    return QuietBroker(BrokerConfig(listeners={_LISTENER: listener}, plugins=plugins))
