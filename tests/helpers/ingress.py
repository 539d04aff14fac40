"""Home Assistant's ingress, as far as a page sees it: all of it below a path with a token, in a frame of another page.

What it does to headers and bodies is what `homeassistant/components/hassio/ingress.py` (2025.4) and the supervisor do:
the prefix is cut off and named in `X-Ingress-Path`, the person is named in `X-Remote-User-*`, and texts are compressed,
event streams among them, which holds them back (home-assistant/core#160704).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import uvicorn

TOKEN = "aB-_9" * 8
PREFIX = f"/api/hassio_ingress/{TOKEN}/"
USER = "5f0c1a"
# Of loopback, every address is this machine's: these stand for the supervisor and for somebody else.
TRUSTED, STRANGER = "127.0.0.2", "127.0.0.3"

_DROPPED = {"content-length", "content-encoding", "transfer-encoding", "accept-encoding", "connection", "host"}
_FRAME = f'<!doctype html><title>Home Assistant</title><iframe src="{PREFIX}" width="400" height="650"></iframe>'


class Ingress:
    """The ASGI application. `compresses`: also event streams. `headers`: what it sends instead of its own."""

    def __init__(self, port: int, address: str, *, compresses: bool) -> None:
        transport = httpx.AsyncHTTPTransport(local_address=address)
        self._client = httpx.AsyncClient(
            transport=transport, base_url=f"http://127.0.0.1:{port}", timeout=httpx.Timeout(None)
        )
        self._host = f"127.0.0.1:{port}"
        self._compresses = compresses
        self.headers: dict[str, str] = {}
        self.paths: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        path: str = scope["raw_path"].decode()
        if not path.startswith(PREFIX):
            await _answer(send, 200 if path == "/" else 404, _FRAME if path == "/" else "")
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.paths.append(path.removeprefix(PREFIX))
        query = f"?{scope['query_string'].decode()}" if scope["query_string"] else ""
        request = self._client.build_request(
            scope["method"],
            "/" + path.removeprefix(PREFIX) + query,
            headers=self._forwarded(scope),
            content=body,
        )
        answer = await self._client.send(request, stream=True)
        try:
            await self._pass_on(answer, receive, send)
        finally:
            await answer.aclose()

    def _forwarded(self, scope: Any) -> dict[str, str]:
        given = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        return {
            **{name: value for name, value in given.items() if name not in _DROPPED},
            "host": self._host,
            "x-hass-source": "core.ingress",
            "x-ingress-path": PREFIX.rstrip("/"),
            "x-forwarded-for": "192.0.2.7",
            "x-forwarded-host": given["host"],
            "x-forwarded-proto": "http",
            "x-remote-user-id": USER,
            "x-remote-user-name": "anna",
            "x-remote-user-display-name": "Anna",
            **self.headers,
        }

    async def _pass_on(self, answer: httpx.Response, receive: Any, send: Any) -> None:
        headers = [(name, value) for name, value in answer.headers.raw if name.lower().decode() not in _DROPPED]
        compressing = zlib.compressobj(wbits=16 + zlib.MAX_WBITS) if self._compresses else None
        if compressing is not None:
            headers.append((b"content-encoding", b"gzip"))
        await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
        gone = asyncio.create_task(_until_gone(receive))
        chunks = answer.aiter_raw()
        try:
            while True:
                chunk = asyncio.ensure_future(anext(chunks, None))
                await asyncio.wait({gone, chunk}, return_when=asyncio.FIRST_COMPLETED)
                if not chunk.done():
                    chunk.cancel()
                    await asyncio.wait({chunk})
                    return
                data = chunk.result()
                if data is None:
                    break
                body = data if compressing is None else compressing.compress(data)
                await send({"type": "http.response.body", "body": body, "more_body": True})
            last = b"" if compressing is None else compressing.flush()
            await send({"type": "http.response.body", "body": last})
        finally:
            gone.cancel()


async def _until_gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer(send: Any, status: int, text: str) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": text.encode()})


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


@contextlib.asynccontextmanager
async def ingress(port: int, address: str = TRUSTED, *, compresses: bool = False) -> AsyncIterator[tuple[Ingress, int]]:
    """Put one before a port of this machine; it comes from `address`. Yield it and its own port."""
    app = Ingress(port, address, compresses=compresses)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = _Server(uvicorn.Config(app, lifespan="off", log_config=None, ws="none"))
    task = asyncio.create_task(server.serve([listening]))
    try:
        yield app, listening.getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        await asyncio.wait({task}, timeout=5)
        listening.close()
