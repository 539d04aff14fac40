"""An event stream as the answer to a request: unbuffered, uncompressed, and ended when its client does not read."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_LOGGER = logging.getLogger(__name__)

SLOW_SECONDS = 10.0  # how long a client may take to read what was sent
ABORT = "letdown.abort"  # in the state of a request: a function that ends its connection at once

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),  # nginx would collect it
]


class BatchStream(Protocol):
    """A stream of batches of bytes."""

    async def next_batch(self) -> bytes | None:
        """Wait for what is due next; `None`: the stream is closed."""

    def close(self) -> None:
        """End the stream."""


class EventStreamResponse(Response):
    """Sends a stream until it is closed, from either side."""

    media_type = "text/event-stream"

    def __init__(self, stream: BatchStream) -> None:
        super().__init__()
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        gone = asyncio.create_task(self._close_when_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            while (batch := await self._stream.next_batch()) is not None:
                async with asyncio.timeout(SLOW_SECONDS):
                    await send({"type": "http.response.body", "body": batch, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            _LOGGER.info("an event stream is closed: its client does not read it")
            if (abort := scope.get("extensions", {}).get(ABORT)) is not None:
                abort()
        finally:
            self._stream.close()
            gone.cancel()

    async def _close_when_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._stream.close()
