"""What lies between a browser and the web page, as bad as networks and proxies are: slow, silent, cut, forgetful."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable

_NOTHING = re.compile(rb"(?!)")
_REQUEST = re.compile(rb"(?:GET|POST) [^\r\n]* HTTP/1\.1")
_STREAM = re.compile(rb"^content-type: text/event-stream", re.IGNORECASE | re.MULTILINE)

Chunks = asyncio.Queue[tuple[float, bytes]]
Passes = Callable[[bytes], tuple[bytes, bool]]  # of a chunk, what passes, and whether the connection goes on


class BadNetwork:
    """A way to a port of this machine. Everything passes, until something is set.

    `open`: while it is not set, nothing passes, and no connection ends. `delay_seconds`: how long everything takes,
    each way. `down`: connections end at once. `buffers`: event streams never pass, as with a proxy that waits for
    their end. `loses`, `halves`: of the answers to the requests whose first line they match, nothing or half passes,
    and then the connection ends. `requests`: the first lines of all requests that the service got.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self.port = 0
        self.open = asyncio.Event()
        self.open.set()
        self.delay_seconds = 0.0
        self.buffers = False
        self.loses = self.halves = _NOTHING
        self.requests: list[str] = []
        self._down = False
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def down(self) -> bool:
        """Whether connections end at once."""
        return self._down

    @down.setter
    def down(self, down: bool) -> None:
        self._down = down
        if down:
            self.cut()

    def cut(self) -> None:
        """End all connections."""
        for writer in self._writers:
            writer.transport.abort()

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection."""
        if self._down:
            writer.transport.abort()
            return
        with contextlib.suppress(OSError):
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self._to)
            ends = {writer, other_writer}
            self._writers |= ends
            connection = _Connection(self)
            try:
                await asyncio.gather(
                    self._carry(reader, other_writer, connection.asked),
                    self._carry(other_reader, writer, connection.answered),
                )
            finally:
                self._writers -= ends
                for each in ends:
                    each.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passes: Passes) -> None:
        loop, chunks = asyncio.get_running_loop(), Chunks()

        async def write() -> None:
            while (chunk := await chunks.get())[1]:
                await asyncio.sleep(chunk[0] - loop.time())
                await self.open.wait()
                data, goes_on = passes(chunk[1])
                writer.write(data)
                await writer.drain()
                if not goes_on:
                    writer.close()
                    return

        writing = asyncio.create_task(write())
        try:
            data = b" "
            while data:
                data = await reader.read(65_536)
                chunks.put_nowait((loop.time() + self.delay_seconds, data))
            await writing
        except OSError:
            pass
        finally:
            writing.cancel()
            await asyncio.wait({writing})
            writer.close()


class _Connection:
    """What passes of the requests and answers of one connection."""

    def __init__(self, network: BadNetwork) -> None:
        self._network = network
        self._request = b""
        self._buffers = False

    def asked(self, data: bytes) -> tuple[bytes, bool]:
        for line in _REQUEST.findall(data):
            self._request, self._buffers = line, False
            self._network.requests.append(line.decode())
        return data, True

    def answered(self, data: bytes) -> tuple[bytes, bool]:
        if self._network.loses.search(self._request):
            return b"", False
        if self._network.halves.search(self._request):
            return data[: len(data) // 2], False
        self._buffers |= self._network.buffers and bool(_STREAM.search(data))
        return b"" if self._buffers else data, True


@contextlib.asynccontextmanager
async def bad_network(port: int) -> AsyncIterator[BadNetwork]:
    """Put one before a port of this machine."""
    network = BadNetwork(port)
    server = await asyncio.start_server(network.join, "127.0.0.1", 0)
    network.port = server.sockets[0].getsockname()[1]
    try:
        yield network
    finally:
        server.close()
        network.cut()
