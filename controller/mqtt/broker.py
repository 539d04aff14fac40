"""The embedded broker, for demos and homes without one: amqtt, in this process, reachable from this machine only."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.mqtt.settings import BrokerUrl

if TYPE_CHECKING:
    from amqtt.broker import Broker

_HOST = "127.0.0.1"
_LISTENER = "default"
_SHUTDOWN_SECONDS = 0.7


_LOGGER = logging.getLogger(__name__)


class BrokerError(Exception):
    """The embedded broker cannot run. `str()` says why and what to do."""


@dataclass(frozen=True)
class EmbeddedBroker:
    """Where the embedded broker listens."""

    port: int

    @property
    def url(self) -> BrokerUrl:
        """Its address, as a bridge takes it."""
        return BrokerUrl(host=_HOST, port=self.port)


@contextlib.asynccontextmanager
async def embedded_broker(port: int = 1883) -> AsyncIterator[EmbeddedBroker]:
    """Run a broker for the block; port 0 takes a free one. Raise `BrokerError` if it cannot run."""
    broker = _broker(port)
    doors = _Doors(broker)
    started = False
    try:
        await doors.open(port)  # before amqtt starts: a port in use then costs nothing
        await broker.start()
        started = True
        yield EmbeddedBroker(doors.port)
    finally:
        await doors.close()
        if started:
            # Bounded: amqtt waits up to 5 s for clients that do not read.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SHUTDOWN_SECONDS):
                    await broker.shutdown()
        await doors.clear()


class _Doors:
    """The socket and the connections.

    amqtt 0.12.1 neither tells which free port it took nor ends connections that have not yet said who they are, so it
    is used with an "external" listener.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._server: asyncio.Server | None = None
        self._visits: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.port = 0

    async def open(self, port: int) -> None:
        """Listen. Raise `BrokerError` if that cannot be."""
        try:
            self._server = await asyncio.start_server(self._enter, _HOST, port)
        except OSError as error:
            raise BrokerError(_explain(port, error)) from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Let nobody in any more."""
        if self._server is not None:
            self._server.close()

    async def clear(self) -> None:
        """End the connections that are left."""
        visits = dict(self._visits)
        for task, writer in visits.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*visits, return_exceptions=True)

    def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._visit(reader, writer))
        self._visits[task] = writer
        task.add_done_callback(self._visits.pop)

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter

        try:
            await self._broker.external_connected(StreamReaderAdapter(reader), StreamWriterAdapter(writer), _LISTENER)
        except Exception as error:  # noqa: BLE001 - one client's trouble is not the broker's
            _LOGGER.debug("a client of the embedded broker failed: %r", error)
        finally:
            writer.close()


def _explain(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"the embedded broker cannot use port {port}: something is there already, perhaps another broker such as "
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
    for chatty in ("amqtt", "transitions"):  # every connection and state change; an owner's own setting stands
        if logging.getLogger(chatty).level == logging.NOTSET:
            logging.getLogger(chatty).setLevel(logging.ERROR)
    listener = ListenerConfig(type=ListenerType.EXTERNAL, bind=f"{_HOST}:{port}")
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}

    class QuietBroker(Broker):
        """Sends a client the retained messages of its own subscriptions only.

        amqtt 0.12.1 sends everyone who connects those of all subscribers. A client that says one thing and hangs up,
        such as mosquitto_pub with a `pain`, is then gone before it is heard.
        """

        async def _publish_retained_messages_for_subscription(self, subscription: Any, session: Any) -> None:
            if any(each is session for each, _ in self._subscriptions.get(subscription[0], ())):
                await super()._publish_retained_messages_for_subscription(subscription, session)

    return QuietBroker(BrokerConfig(listeners={_LISTENER: listener}, plugins=plugins))
