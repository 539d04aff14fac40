"""What lies between the service and its broker: it can be cut, and it can be slow."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from controller.mqtt.mqtt_settings import BrokerUrl
from tests.helpers.mosquitto import Mosquitto, free_port


class Cable:
    """A way to a broker, with an address of its own. `delay_seconds`: how long everything takes, each way."""

    def __init__(self, broker: Mosquitto) -> None:
        self.url = BrokerUrl(host=broker.host, port=free_port())
        self.delay_seconds = 0.0
        self._broker = broker
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def plug(self) -> None:
        """Let the service through."""
        self._server = await asyncio.start_server(self._join, self.url.host, self.url.port)

    def unplug(self) -> None:
        """Cut it, and accept no connection any more."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            other_reader, other_writer = await asyncio.open_connection(self._broker.host, self._broker.port)
            ends = {writer, other_writer}
            self._writers |= ends
            await asyncio.gather(self._pass_on(reader, other_writer), self._pass_on(other_reader, writer))
            self._writers -= ends

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                loop.call_later(self.delay_seconds, writer.write, data)
        loop.call_later(self.delay_seconds, writer.close)


@contextlib.asynccontextmanager
async def cable(broker: Mosquitto) -> AsyncIterator[Cable]:
    """Lay a cable to a broker for the block."""
    laid = Cable(broker)
    await laid.plug()
    try:
        yield laid
    finally:
        laid.unplug()
