"""Hostile requests of every kind, while a session runs: each is refused, and the pumps notice nothing of any."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator

import pytest

from controller.contract.events import SessionState
from controller.web.web_settings import WebSettings
from tests.helpers.home import PUMPS, RunningHome, fine_home
from tests.helpers.web_client import exchange, parts_of, request, served

pytestmark = pytest.mark.system

STATION = "/api/v1/stations/home"
STOP, COMMANDS, EVENTS = f"{STATION}/stop", f"{STATION}/commands", f"{STATION}/events"
JSON = "Content-Type: application/json"
PAUSE, START = b'{"action": "pause"}', b'{"action": "start"}'
SMUGGLED = request("POST", f"{STATION}/pain")
EVERYWHERE = WebSettings(host="0.0.0.0", port=0)

# To the page that is open to this machine: what, the request, and the statuses that it may be answered with.
OPEN: dict[str, tuple[bytes, set[int]]] = {
    "stop of another site": (request("POST", STOP, ["Origin: https://evil.example"]), {403}),
    "stop of a sandboxed frame": (request("POST", STOP, ["Origin: null"]), {403}),
    "form of another site": (
        request("POST", STOP, ["Sec-Fetch-Site: cross-site", "Content-Type: application/x-www-form-urlencoded"]),
        {403},
    ),
    "command of another site": (request("POST", COMMANDS, ["Origin: https://evil.example", JSON], PAUSE), {403}),
    "command as a simple request": (request("POST", COMMANDS, ["Content-Type: text/plain"], PAUSE), {415}),
    "events of another site": (request("GET", EVENTS, ["Origin: https://evil.example"]), {403}),
    "a neighbour on this machine": (request("POST", STOP, ["Sec-Fetch-Site: same-site"]), {403}),
    "preflight": (request("OPTIONS", COMMANDS, ["Origin: https://evil.example"]), {403}),
    "rebinding": (request("POST", STOP, host="evil.example:8080"), {421}),
    "rebinding to read": (request("GET", EVENTS, host="evil.example"), {421}),
    "through a proxy without the token": (request("POST", STOP, ["X-Forwarded-For: 203.0.113.7"]), {401}),
    "as the ingress from elsewhere": (
        request("POST", STOP, ["X-Ingress-Path: /x", "X-Remote-User-Id: 1", "X-Forwarded-For: 1"]),
        {401},
    ),
    "huge body": (request("POST", COMMANDS, [JSON], b'{"action": "pause", "x": "' + b"x" * 2_000_000), {413, 0}),
    "endless body": (
        request("POST", COMMANDS, [JSON, "Transfer-Encoding: chunked"]) + b"4000\r\n" * 2,
        {400, 408, 413},
    ),
    "slow body": (request("POST", COMMANDS, [JSON, "Content-Length: 50"]) + PAUSE, {408}),
    "command of a wrong session": (
        request("POST", COMMANDS, [JSON], b'{"action": "pause", "session": "another"}'),
        {409},
    ),
    "expired command": (
        request("POST", COMMANDS, [JSON], b'{"action": "pause", "expires": "2020-01-01T00:00:00Z"}'),
        {409},
    ),
    "second start": (request("POST", COMMANDS, [JSON], START), {409}),
    "no vacuum like this": (request("POST", COMMANDS, [JSON], b'{"action":"set_vacuum","args":{"mmhg":1e999}}'), {422}),
    "many braces": (request("POST", COMMANDS, [JSON], b"[" * 16_000), {422}),
    "path traversal": (request("GET", "/static/../../../../etc/passwd"), {404}),
    "encoded path traversal": (request("GET", "/static/%2e%2e%2f%2e%2e%2fetc%2fpasswd"), {404}),
    "twice encoded": (request("GET", "/static/%252e%252e%252fetc%252fpasswd"), {404}),
    "backslashes": (request("GET", "/static/..\\..\\etc\\passwd"), {404}),
    "station traversal": (request("POST", "/api/v1/stations/..%2fhome/stop"), {404, 405}),
    "absolute target": (request("GET", "http://evil.example/api/v1/stations"), {404}),
    "header bomb": (request("GET", "/", [f"X-{number}: y" for number in range(5000)]), {400, 431}),
    "long header": (request("GET", "/", [f"X: {'x' * 100_000}"]), {400, 431, 0}),
    "two lengths": (request("POST", COMMANDS, ["Content-Length: 0"], SMUGGLED), {400}),
    "length and chunks": (
        request("POST", COMMANDS, ["Content-Length: 4", "Transfer-Encoding: chunked"]) + SMUGGLED,
        {400, 422},
    ),
    "hidden chunks": (request("POST", COMMANDS, ["Transfer-Encoding: \x0bchunked"]) + SMUGGLED, {400}),
    "wrong method": (request("GET", STOP), {405}),
    "wrong method, too": (request("DELETE", STATION), {405}),
    "tunnel": (request("CONNECT", "evil.example:443"), {400, 404, 405}),
    "upgrade": (request("GET", EVENTS, ["Upgrade: websocket", "Sec-Fetch-Site: cross-site"]), {403}),
    "encoded slashes": (request("POST", "/api%2fv1%2Fstations/home%2fstop"), {404}),
    "encoded dots": (request("POST", "/api/v1/x/%2e%2e/stations/home/stop"), {404}),
    "encoded backslash": (request("POST", "/api/v1/stations/home%5cstop"), {404}),
    "dots": (request("POST", "/static/../api/v1/stations/home/stop"), {404, 405}),
    "doubled slashes": (request("POST", f"/{STOP}"), {404, 405}),
    "line break in the path": (request("GET", "/%0d%0aSet-Cookie:%20letdown=x"), {404}),
    "zero in the path": (request("POST", f"{STOP}%00"), {404}),
    "letter case": (request("POST", "/API/V1/stations/home/stop"), {404}),
    "two hosts": (request("POST", STOP, ["Host: evil.example"]), {400}),
    "twice the same host": (request("POST", STOP, ["Host: localhost"]), {400}),
    "no host": (f"POST {STOP} HTTP/1.1\r\n\r\n".encode(), {400}),
    "a host with a person": (request("POST", STOP, host="localhost@evil.example"), {400}),
    "a host with a path": (request("POST", STOP, host="localhost/evil.example"), {400}),
    "a host that looks alike": (request("POST", STOP, host="\u217cocalhost"), {400, 421}),
    "another name for this machine": (request("POST", STOP, host="2130706433"), {421}),
    "HTTP/1.0 without a host": (f"POST {STOP} HTTP/1.0\r\n\r\n".encode(), {400}),
    "HTTP/1.0 of another site": (
        f"POST {STOP} HTTP/1.0\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\r\n".encode(),
        {403},
    ),
    "HTTP/0.9": (b"GET /\r\n\r\n", {400}),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
    "HTTP/9.9": (f"POST {STOP} HTTP/9.9\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(), {400, 505}),
    "bare line feeds": (
        request("POST", STOP, ["Origin: https://evil.example"]).replace(b"\r\n", b"\n"),
        {400, 403},
    ),
    "a folded header": (request("POST", STOP, ["Origin: https://evil.example", " folded"]), {400, 403}),
    "space before the colon": (request("POST", COMMANDS, ["Content-Length : 0", "Transfer-Encoding : chunked"]), {400}),
    **{
        f"chunks {name}": (request("POST", COMMANDS, [JSON, "Transfer-Encoding: chunked"]) + body, {400, 408, 413, 422})
        for name, body in {
            "of a negative size": b"-1\r\n" + PAUSE + b"\r\n0\r\n\r\n",
            "of no size": b"\r\n" + PAUSE + b"\r\n0\r\n\r\n",
            "of an endless size": b"ffffffffffffffffffff\r\n" + PAUSE,
            "with a hidden request": b"0\r\n\r\n" + SMUGGLED.replace(b"home", b"none"),
            "with endless extensions": b"12;" + b"x" * 30_000,
            "with endless trailers": b"0\r\n" + b"X: y\r\n" * 10_000,
            "cut off": b"12\r\n" + PAUSE[:9],
        }.items()
    },
    "an unknown coding": (request("POST", COMMANDS, [JSON, "Transfer-Encoding: gzip, chunked"]), {400, 501}),
    "a compressed command": (
        request("POST", COMMANDS, [JSON, "Content-Encoding: gzip"], gzip.compress(PAUSE)),
        {415, 422},
    ),
    "a negative length": (request("POST", COMMANDS, [JSON, "Content-Length: -1"]), {400}),
    "a length in words": (request("POST", COMMANDS, [JSON, "Content-Length: 1e3"]), {400}),
    "a form with a file": (
        request("POST", COMMANDS, ["Content-Type: multipart/form-data; boundary=x"], b"--x\r\n\r\n" + PAUSE),
        {415, 422},
    ),
    "a button of the page on another site": (
        request("POST", "/do/home/pause", ["Sec-Fetch-Site: cross-site"], b"x=1"),
        {403},
    ),
    "a button of the page in a sandbox": (request("POST", "/do/home/pause", ["Origin: null"], b"x=1"), {403}),
    "a slow form": (request("POST", "/do/home/pause", ["Content-Length: 50"]) + b"x=1", {408}),
    "a method in a header": (request("GET", STOP, ["X-HTTP-Method-Override: POST"]), {405}),
    **{
        f"method {name}": (request(name, STOP), {405}) for name in ("PUT", "PATCH", "TRACE", "HEAD", "PROPFIND", "stop")
    },
    "a header of 15 kB": (request("GET", STOP, [f"Cookie: {'x' * 15_000}"]), {405}),
    "a header of 17 kB": (request("POST", STOP, [f"Cookie: {'x' * 17_000}"]), {400, 431}),
    "a path of 20 kB": (request("POST", f"{STOP}?id={'x' * 20_000}"), {400, 414, 431}),
    "no HTTP": (b"\x16\x03\x01" + bytes(range(256)) * 8, {400}),
}

# To the page that is open to the network.
CLOSED: dict[str, tuple[bytes, set[int]]] = {
    "stop without the token": (request("POST", STOP), {401}),
    "pain without the token": (request("POST", f"{STATION}/pain"), {401}),
    "state without the token": (request("GET", STATION), {401}),
    "events without the token": (request("GET", EVENTS), {401}),
    "stop with a wrong token": (request("POST", STOP, ["Authorization: Bearer wrong"]), {401}),
    "stop with no token": (request("POST", STOP, ["Authorization: Bearer "]), {401}),
    "stop with another scheme": (request("POST", STOP, ["Authorization: Basic d3Jvbmc6"]), {401}),
    "stop with a wrong cookie": (request("POST", STOP, ["Cookie: letdown-8080=9999999999.x.y"]), {401}),
    "stop with the token in the address": (request("POST", f"{STOP}?token=x"), {401}),
    "a made-up link": (
        request("POST", "/sign-in", ["Content-Type: application/x-www-form-urlencoded"], b"code=9999999999.x.y"),
        {403},
    ),
    "two tokens": (request("POST", STOP, ["Authorization: Bearer a", "Authorization: Bearer b"]), {401}),
    "the public path as a detour": (request("GET", "/sign-in/../api/v1/stations"), {401, 404}),
    "the public path, encoded": (request("GET", "/sign-in%2f..%2fapi/v1/stations"), {404}),
    "the public path twice": (request("GET", "//sign-in"), {401, 404}),
    "the public path in the query": (request("GET", "/api/v1/stations?/sign-in"), {401}),
    "files without the token": (request("GET", "/service-worker.js"), {401}),
    "as Home Assistant": (
        request("POST", STOP, ["X-Ingress-Path: /api/hassio_ingress/x", "X-Remote-User-Id: 1", "X-Hass-Source: core"]),
        {401},
    ),
    "as this machine": (request("POST", STOP, ["X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1"]), {401}),
    **{
        f"guess {number}": (request("POST", STOP, [f"Authorization: Bearer {number}"]), {401, 429})
        for number in range(30)
    },
}


def statuses(answer: bytes) -> set[int]:
    return {int(each[:3]) for each in answer.split(b"HTTP/1.1 ")[1:]} or {0}


class Session:
    """A session in suction, and what the pumps were told to stop so far."""

    def __init__(self, house: RunningHome) -> None:
        self.house = house
        self.parts = parts_of(house.service.handle, house.station.snapshot)
        house.stream.subscribe(self.parts.hub.watch)
        self._id = house.recorded.snapshot.session_id
        self._stops = self._stops_so_far()

    def _stops_so_far(self) -> list[int]:
        return [self.house.commanded(key, "stop", "pause", "off") for key in PUMPS]

    def check(self, what: str) -> None:
        """The session goes on, and no pump was told to stop."""
        assert set(PUMPS) <= self.house.on, what
        assert self.house.recorded.snapshot.state is SessionState.RUNNING, what
        assert self.house.recorded.snapshot.session_id == self._id, what
        assert self._stops_so_far() == self._stops, what


@contextlib.asynccontextmanager
async def in_suction() -> AsyncIterator[Session]:
    async with fine_home(speed=10.0) as house:
        await house.reach("express")
        session = Session(house)
        session.check("before")
        yield session


async def test_every_hostile_request_is_refused_and_the_session_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.web.request_body.BODY_SECONDS", 0.5)
    monkeypatch.setattr("controller.web.http_protocol.HEAD_SECONDS", 1.0)
    async with in_suction() as session:
        for table, settings in ((OPEN, WebSettings(port=0)), (CLOSED, EVERYWHERE)):
            async with served(session.parts, settings) as (server, port):
                for name, (data, allowed) in table.items():
                    try:
                        answer = await exchange(port, data)
                    except TimeoutError:
                        pytest.fail(f"{name}: the connection does not end")
                    assert statuses(answer) <= allowed, name
                    session.check(name)
                assert server.problem is None


DRIPS: dict[str, tuple[bytes, ...]] = {
    "a head, byte by byte": tuple(bytes([each]) for each in request("POST", STOP)[:60]),
    "headers without end": (request("POST", STOP)[:-2], *(b"X: y\r\n",) * 60),
    "a body, byte by byte": (
        request("POST", COMMANDS, [JSON, "Content-Length: 19"]),
        *(bytes([each]) for each in PAUSE * 3),
    ),
    "chunks, one by one": (
        request("POST", COMMANDS, [JSON, "Transfer-Encoding: chunked"]),
        *(b"1\r\n%c\r\n" % each for each in PAUSE * 3),
    ),
    "a form, byte by byte": (request("POST", "/do/home/pause", ["Content-Length: 60"]), *(b"x",) * 60),
}


async def test_what_comes_drop_by_drop_is_ended_and_the_session_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.web.request_body.BODY_SECONDS", 0.5)
    monkeypatch.setattr("controller.web.http_protocol.HEAD_SECONDS", 0.5)
    async with in_suction() as session, served(session.parts) as (_, port):
        for name, pieces in DRIPS.items():
            answer = await exchange(port, *pieces, pause_seconds=0.1, seconds=20)
            assert statuses(answer) <= {0, 400, 408}, name
            session.check(name)


async def test_a_flood_of_connections_and_streams_does_not_keep_a_stop_from_working() -> None:
    async with in_suction() as session, served(session.parts) as (_, port):
        streams = [asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        opened = await asyncio.gather(*streams)
        for _, writer in opened:
            writer.write(request("GET", EVENTS))
        slow = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(300)))
        for _, writer in slow:
            with contextlib.suppress(ConnectionError):
                writer.write(b"POST / HTTP/1.1\r\nX: ")
        await asyncio.sleep(0.5)
        session.check("flood")
        assert session.parts.hub.count <= 16
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await exchange(port, request("POST", STOP))
        assert loop.time() - began < 2.0
        assert statuses(answer) == {200}
        reply = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert {reply["devices"][key] for key in PUMPS} == {"stopped"}
        assert session.house.on == set()
        for _, writer in (*opened, *slow):
            writer.close()
