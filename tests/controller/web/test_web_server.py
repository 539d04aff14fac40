"""The server on a real port: what it refuses, how it ends, and how it comes back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import threading
import time
from pathlib import Path
from unittest import mock

import pytest

from controller.contract.event_data import EventType
from controller.contract.events import Event
from controller.web.access_control import AccessControl
from controller.web.page_address import ADDRESS_FILE, addresses_for_phones, noted_port
from controller.web.role_tokens import RoleTokens
from controller.web.web_app import web_app
from controller.web.web_parts import WebParts
from controller.web.web_server import WebError, WebServer, bind
from controller.web.web_settings import WebSettings
from tests.helpers.certificate import write_certificate
from tests.helpers.patience import until
from tests.helpers.web_client import LOCAL, Asked, Follower, exchange, follower, parts_of, request, served

STOP = "/api/v1/stations/home/stop"
COMMANDS = "/api/v1/stations/home/commands"


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


async def test_it_answers_and_ends_within_a_second_with_streams_open() -> None:
    asked = Asked()
    async with served(parts_of(asked.handle)) as (server, port):
        assert server.address == f"http://127.0.0.1:{port}/"
        async with contextlib.AsyncExitStack() as stack:
            followers = [await stack.enter_async_context(follower(port)) for _ in range(16)]
            for each in followers:
                await each.until("event: guide")
            refused = await exchange(port, request("GET", "/api/v1/stations/home/events"))
            assert (status_of(refused), b"16 event streams" in refused) == (429, True)
            assert status_of(await exchange(port, request("POST", STOP))) == 200
            idle = await asyncio.open_connection("127.0.0.1", port)
            task = next(each for each in asyncio.all_tasks() if each.get_coro().__qualname__ == "WebServer.run")  # type: ignore[union-attr]
            began = time.monotonic()
            task.cancel()
            await asyncio.wait({task})
            assert time.monotonic() - began < 1.0
            await asyncio.gather(*(each.end() for each in followers))
            idle[1].close()
        assert server.address is None
    assert asked.actions == ["stop"]


async def test_a_stream_is_sent_as_it_comes_and_is_not_to_be_collected_or_compressed() -> None:
    parts = parts_of(Asked().handle)
    with mock.patch("controller.web.event_hub.HEARTBEAT_SECONDS", 0.2):
        await _follow(parts)


async def _follow(parts: WebParts) -> None:
    async with served(parts) as (_, port), follower(port, "home", "Accept-Encoding: gzip") as other:
        await other.until("event: guide")
        head = other.text.partition("\r\n\r\n")[0].lower()
        assert "content-type: text/event-stream" in head
        assert "x-accel-buffering: no" in head
        assert "cache-control: no-store, no-transform" in head
        assert "content-encoding" not in head
        parts.hub.watch(Event(id="e1", station="home", session_id=None, type=EventType.PAIN, data={}))
        await other.until('"id":"e1"', 1.0)
        await other.until("event: heartbeat")
        other.writer.close()
        await until(lambda: parts.hub.count == 0)


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    parts = parts_of(Asked().handle)
    with mock.patch("controller.web.event_stream_response.SLOW_SECONDS", 0.2):
        async with served(parts) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            writer.write(request("GET", "/api/v1/stations/home/events"))
            await until(lambda: parts.hub.count == 1)
            large = Event(station="home", session_id="s" * 100_000, type=EventType.PAIN, data={})
            for _ in range(200):
                parts.hub.watch(large)
                await asyncio.sleep(0)
            await until(lambda: parts.hub.count == 0)
            writer.close()
            assert not reader.at_eof()


# What is refused


async def test_a_slow_head_is_cut_off_and_a_slow_body_answered() -> None:
    asked = Asked()
    with (
        mock.patch("controller.web.http_protocol.HEAD_SECONDS", 0.2),
        mock.patch("controller.web.request_body.BODY_SECONDS", 0.2),
    ):
        async with served(parts_of(asked.handle)) as (_, port):
            assert await exchange(port) == b""
            assert await exchange(port, b"GET / HTTP/1.1\r\n", b"x: ", pause_seconds=0.05) == b""
            head = request("POST", COMMANDS, ["Content-Type: application/json", "Content-Length: 100"])
            assert status_of(await exchange(port, head, b'{"action"')) == 408
            drip = [b"x"] * 3
            assert status_of(await exchange(port, head, *drip, pause_seconds=0.05)) == 408
    assert asked.actions == []


async def test_a_body_that_nobody_reads_does_not_go_on_for_ever() -> None:
    asked = Asked()
    with mock.patch("controller.web.http_protocol._REST_SECONDS", 0.1):
        async with served(parts_of(asked.handle)) as (_, port):
            head = request("POST", STOP, ["Content-Length: 1000000000"]).replace(b"Connection: close\r\n", b"")
            answer = await exchange(port, head, *[b"x" * 1000] * 20, pause_seconds=0.02)
            assert status_of(answer) in (200, 0)  # the end of the connection may overtake it
    assert asked.actions == ["stop"]


SMUGGLED = b"POST /api/v1/stations/home/pain HTTP/1.1\r\nHost: localhost\r\n\r\n"
NOT_HTTP = {
    "both lengths": request("POST", COMMANDS, ["Transfer-Encoding: chunked", "Content-Length: 5"], SMUGGLED),
    "two lengths": request("POST", COMMANDS, ["Content-Length: 0"], SMUGGLED),
    "a length that is none": request("POST", COMMANDS, ["Content-Length: +5"]) + SMUGGLED,
    "a negative length": request("POST", COMMANDS, ["Content-Length: -1"]) + SMUGGLED,
    "an unknown coding": request("POST", COMMANDS, ["Transfer-Encoding: xchunked"]) + SMUGGLED,
    "a coding twice": request("POST", COMMANDS, ["Transfer-Encoding: chunked, chunked"]) + SMUGGLED,
    "a space before the colon": request("POST", COMMANDS, ["Transfer-Encoding : chunked"]) + SMUGGLED,
    "a line break in a header": request("POST", COMMANDS, ["X: a\nTransfer-Encoding: chunked"]) + SMUGGLED,
    "a bare return": request("POST", COMMANDS, ["X: a\rY: b"]) + SMUGGLED,
    "a zero byte": request("GET", "/", ["X: a\0b"]),
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": request("GET", "/", ["Host: evil.example"]),
    "another version": b"GET / HTTP/9.9\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "a chunk that is none": request("POST", COMMANDS, ["Transfer-Encoding: chunked"]) + b"zz\r\n" + SMUGGLED,
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a long head": request("GET", "/", [f"X: {'x' * 20_000}"]),
    "many headers": request("GET", "/", [f"X-{number}: {number}" for number in range(3000)]),
    "a long path": request("GET", "/" + "x" * 20_000),
}


async def test_what_is_not_proper_http_is_refused_and_nothing_in_it_is_carried_out() -> None:
    asked = Asked()
    async with served(parts_of(asked.handle)) as (_, port):
        for name, data in NOT_HTTP.items():
            answer = await exchange(port, data)
            assert status_of(answer) in (0, 400, 404, 408, 414, 422, 431, 505), name
            assert answer.count(b"HTTP/1.1 ") <= 1, name
            if status_of(answer) == 400:
                assert b"application/problem+json" in answer, name
        assert status_of(await exchange(port, request("GET", "/api/v1/health"))) == 200
    assert asked.actions == []


async def is_open(reader: asyncio.StreamReader) -> bool:
    """Return whether the server has not ended a connection."""
    try:
        async with asyncio.timeout(0.01):
            await reader.read(1)
    except TimeoutError:
        return True
    except ConnectionError:
        pass
    return False


async def test_idle_connections_make_room_and_a_stop_always_gets_through() -> None:
    asked = Asked()
    with mock.patch("controller.web.http_protocol.MOST_CONNECTIONS", 10):
        async with served(parts_of(asked.handle)) as (_, port):
            idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(30)]
            assert status_of(await exchange(port, request("POST", STOP))) == 200
            assert sum([await is_open(reader) for reader, _ in idle]) <= 10
            for _, writer in idle:
                writer.close()
    assert asked.actions == ["stop"]


# Ports


def taken() -> socket.socket:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    return listening


async def test_a_port_that_is_taken_is_named_once_and_tried_until_it_is_free(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with taken() as other:
        port = other.getsockname()[1]
        server = WebServer(WebSettings(port=port), parts_of(Asked().handle), token_file=None, first_wait_seconds=0.02)
        task = asyncio.create_task(server.run())
        await server.settled()
        assert f"port {port}: it is in use by another program" in (server.problem or "")
        await asyncio.sleep(0.2)
        assert caplog.text.count("in use by another program") == 1
    await until(lambda: server.address is not None)
    assert server.problem is None
    task.cancel()
    await asyncio.wait({task})


def test_without_a_port_the_next_free_one_is_taken() -> None:
    with mock.patch("controller.web.web_server.LAST_PORT", 0), pytest.raises(WebError, match="8080 to 0"):
        bind(WebSettings())
    with taken() as first:
        port = first.getsockname()[1]
        with (
            mock.patch("controller.web.web_server.FIRST_PORT", port),
            mock.patch("controller.web.web_server.LAST_PORT", port + 20),
            bind(WebSettings()) as second,
        ):
            assert port < second.getsockname()[1] <= port + 20


def test_an_address_that_this_machine_has_not_is_explained() -> None:
    with pytest.raises(WebError, match="no such address"):
        bind(WebSettings(host="203.0.113.7", port=0))


async def test_a_certificate_that_cannot_be_used_is_explained(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("no certificate")
    for file in ("a.pem", "missing.pem"):
        settings = WebSettings(port=0, certificate=tmp_path / file, key=tmp_path / file)
        server = WebServer(settings, parts_of(Asked().handle), token_file=None)
        task = asyncio.create_task(server.run())
        await server.settled()
        assert "web.certificate" in (server.problem or "")
        task.cancel()
        await asyncio.wait({task})


# Trouble


@pytest.mark.system
@pytest.mark.parametrize("how", ["ended", "failed"])
async def test_a_server_that_is_ended_or_fails_is_served_again_on_its_port(how: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings = WebSettings(port=free.getsockname()[1])
    async with served(parts_of(Asked().handle), settings) as (_, port):
        (running,) = [task for task in asyncio.all_tasks() if task.get_name() == "web server"]
        if how == "ended":
            running.cancel()
        else:
            with mock.patch("uvicorn.Server.on_tick", side_effect=RuntimeError("a bug")):
                await asyncio.wait({running})
        async with asyncio.timeout(10):
            answer = b""
            while status_of(answer) != 200:
                with contextlib.suppress(ConnectionError):
                    answer = await exchange(port, request("GET", "/api/v1/health"), seconds=5)
                await asyncio.sleep(0.02)


async def test_a_crash_of_the_server_is_logged_and_it_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    parts = parts_of(Asked().handle)
    broken = mock.patch("controller.web.web_server.web_app", side_effect=RuntimeError("a bug"))
    server = WebServer(LOCAL, parts, token_file=None, first_wait_seconds=0.02)
    with broken:
        task = asyncio.create_task(server.run())
        await server.settled()
        assert server.problem == "RuntimeError; see the log"
    await until(lambda: server.address is not None)
    assert "sessions go on" in caplog.text
    assert not task.done()
    task.cancel()
    await asyncio.wait({task})


async def test_the_address_is_noted_while_it_is_served(tmp_path: Path) -> None:
    token_file, address_file = tmp_path / "web-token", tmp_path / ADDRESS_FILE
    server = WebServer(LOCAL, parts_of(Asked().handle), token_file=token_file, address_file=address_file)
    assert noted_port(tmp_path, LOCAL) == (8080, False)
    task = asyncio.create_task(server.run())
    await server.settled()
    port = json.loads(address_file.read_text())["port"]
    assert noted_port(tmp_path, LOCAL) == (port, True)
    assert token_file.stat().st_mode & 0o777 == 0o600
    task.cancel()
    await asyncio.wait({task})
    assert not address_file.exists()


def test_phones_get_addresses_that_they_can_reach() -> None:
    assert addresses_for_phones(WebSettings(), 8080) == []
    assert addresses_for_phones(WebSettings(host="192.168.1.5"), 8080) == ["http://192.168.1.5:8080/"]
    everywhere = addresses_for_phones(WebSettings(host="0.0.0.0", allowed_hosts=("pump.example.org",)), 80)
    assert everywhere[0] == "http://pump.example.org/"
    assert everywhere[-1].endswith(".local/")
    tls = WebSettings(host="::", certificate="a", key="b", allowed_hosts=("fd00::1",))
    assert addresses_for_phones(tls, 8443)[0] == "https://[fd00::1]:8443/"


async def test_over_tls_it_answers_https(tmp_path: Path) -> None:
    ssl = pytest.importorskip("ssl")
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    write_certificate(certificate, key)
    settings = WebSettings(port=0, certificate=certificate, key=key)
    async with served(parts_of(Asked().handle), settings) as (server, port):
        assert (server.address or "").startswith("https://")
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=ssl._create_unverified_context())
        writer.write(request("GET", "/api/v1/health"))
        assert b"200 OK" in await Follower(reader, writer)._reader.read(1000)
        writer.close()


async def test_a_slow_machine_that_builds_the_page_holds_up_nothing() -> None:
    """The event loop may not hang for two seconds: then the process ends, for devices run without anybody."""
    began, longest = threading.Event(), 0.0

    def slow(parts: WebParts, settings: WebSettings, tokens: RoleTokens) -> AccessControl:
        began.set()
        time.sleep(1.0)
        return web_app(parts, settings, tokens)

    with mock.patch("controller.web.web_server.web_app", slow):
        async with asyncio.TaskGroup() as group:

            async def beat() -> None:
                nonlocal longest
                before = time.monotonic()
                while not began.is_set() or time.monotonic() - start < 1.0:
                    await asyncio.sleep(0.01)
                    longest, before = max(longest, time.monotonic() - before), time.monotonic()

            start = time.monotonic()
            group.create_task(beat())
            async with served(parts_of(Asked().handle)) as (server, _):
                assert server.address is not None
    assert longest < 0.9
