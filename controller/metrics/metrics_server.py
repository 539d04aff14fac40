"""A small HTTP server for Prometheus, where no page serves the metrics. It answers `GET /metrics`, and nothing else.

Every request is bounded: its head in length and time, the connections in number; each is closed after its answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import http
import logging
import re
from pathlib import Path

from controller.contract.exposition import Exposition
from controller.metrics.metrics_settings import DEFAULT_PORT, MetricsSettings
from devices.support.hosts import is_loopback

_LOGGER = logging.getLogger(__name__)

HEAD_BYTES = 8192
MOST_CONNECTIONS = 16
HEAD_SECONDS = 5.0
_SEND_SECONDS = 10.0
_LEAST_TOKEN = 32  # characters
_RETRY_SECONDS = 30.0
_REQUEST = re.compile(rb"(GET|HEAD) /metrics(\?[!-~]*)? HTTP/1\.[01]")
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?")


class MetricsServerError(Exception):
    """The metrics cannot be served now. `str()` says why, and what to do."""


class MetricsServer:
    """Serves an exposition while `run` runs. `address`: where it is, or `None`; then `problem` says why."""

    def __init__(self, settings: MetricsSettings, exposition: Exposition) -> None:
        self._settings = settings
        self._exposition = exposition
        self._connections = 0
        self._token: bytes | None = None
        self._settled = asyncio.Event()
        self.address: str | None = None
        self.problem: str | None = None

    async def run(self) -> None:
        """Serve until cancelled; what prevents it is logged once, and tried again."""
        while True:
            try:
                await self._serve()
            except (MetricsServerError, OSError) as error:
                if str(error) != self.problem:
                    _LOGGER.warning("the metrics are not served: %s", error)
                self.problem = str(error)
            self._settled.set()
            await asyncio.sleep(_RETRY_SECONDS)

    async def settled(self) -> None:
        """Wait until the metrics are served, or could not be."""
        await self._settled.wait()

    async def _serve(self) -> None:
        settings = self._settings
        if settings.token_file is not None:
            self._token = await asyncio.to_thread(read_token, settings.token_file)
        port = DEFAULT_PORT if settings.port is None else settings.port
        server = await asyncio.start_server(self._answer, settings.host, port, limit=HEAD_BYTES)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.address = f"http://{host}:{server.sockets[0].getsockname()[1]}/metrics"
        self.problem = None
        _LOGGER.info("the metrics are at %s", self.address)
        self._settled.set()
        try:
            async with server:
                await server.serve_forever()
        finally:
            self.address = None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections <= MOST_CONNECTIONS:
                status, body, is_head = await self._respond(reader)
                async with asyncio.timeout(_SEND_SECONDS):
                    writer.write(self._encoded(status, body, is_head=is_head))
                    await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            writer.transport.abort()
        except Exception:
            _LOGGER.exception("a request for the metrics failed")
            writer.transport.abort()
        finally:
            self._connections -= 1
            writer.close()
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(_SEND_SECONDS):
                    await writer.wait_closed()

    async def _respond(self, reader: asyncio.StreamReader) -> tuple[http.HTTPStatus, bytes, bool]:
        """Return status and body of the answer to a request, and whether only its head is wanted."""
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, b"", False
        first, *lines = head[:-4].split(b"\r\n")
        status = self._status(first, _headers(lines))
        body = await self._exposition.text() if status is http.HTTPStatus.OK else b""
        return status, body, first.startswith(b"HEAD ")

    def _status(self, first: bytes, headers: dict[str, list[str]]) -> http.HTTPStatus:
        """Return whether a request is answered, and if not, why."""
        if _REQUEST.fullmatch(first) is None:
            method, _, rest = first.partition(b" ")
            if method.isalpha() and method not in (b"GET", b"HEAD") and rest:
                return http.HTTPStatus.METHOD_NOT_ALLOWED
            return http.HTTPStatus.NOT_FOUND if rest else http.HTTPStatus.BAD_REQUEST
        if self._token is not None:
            return self._authorized(headers.get("authorization", []))
        # Without a token, a web site must not reach this by a name that points here (DNS rebinding).
        hosts = headers.get("host", [])
        if len(hosts) != 1 or not _names_this_machine(hosts[0]):
            return http.HTTPStatus.MISDIRECTED_REQUEST
        return http.HTTPStatus.FORBIDDEN if "origin" in headers else http.HTTPStatus.OK

    def _authorized(self, given: list[str]) -> http.HTTPStatus:
        scheme, _, token = (given[0] if len(given) == 1 else "").partition(" ")
        right = hmac.compare_digest(token.strip().encode(errors="replace"), self._token or b"")
        return http.HTTPStatus.OK if right and scheme.lower() == "bearer" else http.HTTPStatus.UNAUTHORIZED

    def _encoded(self, status: http.HTTPStatus, body: bytes, *, is_head: bool) -> bytes:
        ok = status is http.HTTPStatus.OK
        content = body if ok else f"{status.phrase}\n".encode()
        lines = [
            f"HTTP/1.1 {status.value} {status.phrase}",
            f"Content-Type: {self._exposition.content_type if ok else 'text/plain; charset=utf-8'}",
            f"Content-Length: {len(content)}",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
        ]
        if status is http.HTTPStatus.UNAUTHORIZED:
            lines.append('WWW-Authenticate: Bearer realm="letdown"')
        if status is http.HTTPStatus.METHOD_NOT_ALLOWED:
            lines.append("Allow: GET, HEAD")
        return "\r\n".join((*lines, "", "")).encode() + (b"" if is_head else content)


def read_token(file: Path) -> bytes:
    """Return the token in a file. Raise `MetricsServerError`."""
    try:
        with file.open("rb") as opened:
            token = opened.read(4096).strip()
    except OSError as error:
        raise MetricsServerError(f"metrics.token_file, {file}, cannot be read: {error.strerror or error}") from None
    if len(token) < _LEAST_TOKEN or not token.isascii() or b"\n" in token:
        raise MetricsServerError(
            f"metrics.token_file, {file}, holds no token: one line of at least {_LEAST_TOKEN} characters; "
            f"make one with: openssl rand -hex 32 > {file}"
        )
    return token


def _headers(lines: list[bytes]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.decode("latin-1").partition(":")
        found.setdefault(name.strip().lower(), []).append(value.strip())
    return found


def _names_this_machine(authority: str) -> bool:
    match = _HOST.fullmatch(authority.lower())
    return match is not None and is_loopback((match[1] or match[2]).rstrip("."))
