"""The web interface in this process: a client that comes from anywhere, and raw requests to a real server."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import httpx

from controller.contract.about import About
from controller.contract.commands import Args, Command, Reply
from controller.contract.events import Snapshot
from controller.contract.handle import Handle
from controller.safety.message import KeyedMessage
from controller.web.access_token import AccessToken
from controller.web.board_streams import BoardStreams
from controller.web.event_hub import EventHub
from controller.web.local_board import LocalBoard
from controller.web.openapi import example_about
from controller.web.role_tokens import RoleTokens
from controller.web.station_commands import StationCommands
from controller.web.web_app import web_app
from controller.web.web_parts import WebParts
from controller.web.web_server import WebServer
from controller.web.web_settings import WebSettings
from tests.helpers.home import words

TOKEN = "t" * 43
STATION = "home"
LOCAL = WebSettings(port=0)
LAN = WebSettings(host="192.168.1.5", port=8080)
BEARER = {"authorization": f"Bearer {TOKEN}"}


class Asked:
    """Stands for the service: notes the commands, and answers each with `outcome`."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, Command, Args]] = []
        self.outcome = "accepted"
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def actions(self) -> list[str]:
        return [command.action.value for _, command, _ in self.commands]

    async def handle(self, station: str, command: Command, args: Args, retained: bool) -> Reply:
        assert not retained
        self.commands.append((station, command, args))
        await self.gate.wait()
        return Reply(id=command.id, action=command.action.value, outcome=self.outcome)


def parts_of(
    handle: Handle, *snapshots: Snapshot, about: About | None = None, refusal: KeyedMessage | None = None, **hub: int
) -> WebParts:
    """Return the parts of a web interface; by default of one station that is idle."""
    commands = StationCommands(handle, words(), lambda _: refusal)
    shown = snapshots or (Snapshot(station=STATION),)
    return WebParts(
        hub=EventHub(shown, **hub),
        board=BoardStreams(LocalBoard(shown)),
        commands=commands,
        about=about or example_about("1.2"),
        words=words(),
    )


def client(
    parts: WebParts,
    settings: WebSettings = LOCAL,
    *,
    peer: str = "127.0.0.1",
    base: str = "http://localhost:8080",
    headers: Mapping[str, str] | None = None,
    token: AccessToken | None = None,
) -> httpx.AsyncClient:
    """Return a client of the application, without a server; `peer` is where it comes from."""
    served_app = web_app(parts, settings, RoleTokens.of(token or AccessToken(TOKEN)))

    async def app(scope: Any, receive: Any, send: Any) -> None:  # httpx takes the name in the URL for our address
        await served_app({**scope, "server": (settings.host, 8080)}, receive, send)

    transport = httpx.ASGITransport(app, client=(peer, 50_000), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=base, headers=headers)


def problem(response: httpx.Response, status: int) -> str:
    """Return the detail of a problem, which has this status and the headers of every answer."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    data = response.json()
    assert data["status"] == status
    return str(data["detail"])


@contextlib.asynccontextmanager
async def served(parts: WebParts, settings: WebSettings = LOCAL) -> AsyncIterator[tuple[WebServer, int]]:
    """Serve on a real port; yield server and port."""
    server = WebServer(settings, parts, token_file=None, first_wait_seconds=0.05)
    task = asyncio.create_task(server.run())
    try:
        async with asyncio.timeout(10):
            await server.settled()
        assert server.address is not None, server.problem
        yield server, int(server.address.rstrip("/").rpartition(":")[2])
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=5)


async def exchange(port: int, *pieces: bytes, pause_seconds: float = 0.0, seconds: float = 15.0) -> bytes:
    """Send bytes to a server, and return all that it sends until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(seconds):
            with contextlib.suppress(ConnectionError):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(pause_seconds)
            received = b""
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(65_536):
                    received += data
            return received
    finally:
        writer.close()


def request(method: str, path: str, headers: Sequence[str] = (), body: bytes = b"", host: str = "localhost") -> bytes:
    """Return the bytes of a request, after whose answer the connection ends."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode() + body


def messages(text: str) -> list[tuple[str, Any]]:
    """Return the messages of an event stream: name and data."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


class Follower:
    """A client that follows an event stream over a real connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.text = ""

    @property
    def messages(self) -> list[tuple[str, Any]]:
        return messages(self.text.partition("\r\n\r\n")[2].replace("\r\n", ""))

    async def until(self, words: str, seconds: float = 10.0) -> None:
        """Read until these words came."""
        async with asyncio.timeout(seconds):
            while words not in self.text:
                data = await self._reader.read(65_536)
                assert data, f"it ended before {words!r}"
                self.text += data.decode()

    async def end(self, seconds: float = 10.0) -> None:
        """Read until the server ends it."""
        async with asyncio.timeout(seconds):
            with contextlib.suppress(ConnectionError):
                while data := await self._reader.read(65_536):
                    self.text += data.decode()


@contextlib.asynccontextmanager
async def follower(port: int, station: str = STATION, *headers: str) -> AsyncIterator[Follower]:
    """Follow a station."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request("GET", f"/api/v1/stations/{station}/events", headers))
    try:
        yield Follower(reader, writer)
    finally:
        writer.close()
