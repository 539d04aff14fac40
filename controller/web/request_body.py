"""The body of a request: at most so many bytes, and at most so long to wait for them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.requests import Request

MOST_BYTES = 16_384  # as over MQTT
BODY_SECONDS = 5.0


@dataclass(frozen=True)
class RequestBody:
    """What came of a body. `status`: 200, or why that is not all of it: 400 cut off, 408 too slow, 413 too long."""

    content: bytes
    status: int = 200


async def read_body(request: Request) -> RequestBody:
    """Read a body. Of one that is too long, too slow or cut off, return the beginning: it may hold a stop."""
    content = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    return RequestBody(bytes(content), 400)
                content += message.get("body", b"")
                if len(content) > MOST_BYTES:
                    return RequestBody(bytes(content[:MOST_BYTES]), 413)
                if not message.get("more_body", False):
                    return RequestBody(bytes(content))
    except TimeoutError:
        return RequestBody(bytes(content), 408)
