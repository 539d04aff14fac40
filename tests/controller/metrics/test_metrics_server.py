"""The server of the metrics: what it answers, and what becomes of whoever asks for something else, or too slowly."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from controller.metrics import metrics_server
from controller.metrics.metrics_server import MetricsServer, MetricsServerError, read_token
from controller.metrics.metrics_settings import MetricsSettings
from tests.helpers.web_client import exchange, request

TOKEN = "m" * 40
LOCAL = MetricsSettings(enabled=True, port=0)


class Text:
    content_type = "text/plain; version=0.0.4; charset=utf-8"

    async def text(self) -> bytes:
        return b"letdown_stations 1\n"


@contextlib.asynccontextmanager
async def served(settings: MetricsSettings = LOCAL) -> AsyncIterator[int]:
    server = MetricsServer(settings, Text())
    task = asyncio.create_task(server.run())
    try:
        async with asyncio.timeout(5):
            await server.settled()
        assert server.address is not None, server.problem
        yield int(server.address.removesuffix("/metrics").rpartition(":")[2])
    finally:
        task.cancel()
        await asyncio.wait({task})


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


async def test_it_answers_with_the_metrics() -> None:
    async with served() as port:
        answer = await exchange(port, request("GET", "/metrics"))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert status(answer) == 200
        assert b"Content-Type: text/plain; version=0.0.4" in head
        assert b"Cache-Control: no-store" in head
        assert body == b"letdown_stations 1\n"
        head, _, body = (await exchange(port, request("HEAD", "/metrics?x=1"))).partition(b"\r\n\r\n")
        assert status(head) == 200
        assert b"Content-Length: 19" in head
        assert body == b""


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (request("GET", "/"), 404),
        (request("GET", "/metrics/../etc/passwd"), 404),
        (request("GET", "/metrics?\xe9"), 404),
        (request("POST", "/metrics"), 405),
        (request("DELETE", "/metrics"), 405),
        (request("GET", "/metrics", host="evil.example"), 421),
        (request("GET", "/metrics", host="localhost.evil.example"), 421),
        (b"GET /metrics HTTP/1.1\r\n\r\n", 421),
        (request("GET", "/metrics", ["Host: localhost"]), 421),
        (request("GET", "/metrics", ["Origin: https://evil.example"]), 403),
        (b"GET /metrics HTTP/2.0\r\nHost: localhost\r\n\r\n", 404),
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (request("GET", "/metrics", [f"X: {'x' * 20_000}"]), 431),
        (request("GET", "/metrics", [f"X-{number}: y" for number in range(5000)]), 431),
    ],
)
async def test_everything_else_is_refused(sent: bytes, expected: int) -> None:
    async with served() as port:
        answer = await exchange(port, sent)
        assert status(answer) in (expected, 0 if expected == 431 else expected)  # its connection may be reset
        assert b"letdown_stations" not in answer
        assert status(await exchange(port, request("GET", "/metrics"))) == 200


async def test_with_a_token_nobody_reads_without_it(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    async with served(MetricsSettings(enabled=True, host="0.0.0.0", port=0, token_file=file)) as port:
        for header in ([], [f"Authorization: Bearer {TOKEN}x"], [f"Authorization: Basic {TOKEN}"],
                       ["Authorization: Bearer \xff"], [f"Authorization: Bearer {TOKEN}"] * 2):  # fmt: skip
            answer = await exchange(port, request("GET", "/metrics", header))
            assert status(answer) == 401
            assert b"WWW-Authenticate: Bearer" in answer
            assert b"letdown_stations" not in answer
        right = [f"Authorization: Bearer {TOKEN}"]
        assert status(await exchange(port, request("GET", "/metrics", right, host="node-1.ward.example"))) == 200


async def test_whoever_does_not_finish_a_request_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_server, "HEAD_SECONDS", 0.1)
    async with served() as port:
        assert await exchange(port, b"GET /metrics HTTP/1.1\r\nX", seconds=2.0) == b""


async def test_too_many_connections_are_closed_and_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_server, "HEAD_SECONDS", 0.5)
    async with served() as port:
        slow = [asyncio.create_task(exchange(port, b"G")) for _ in range(metrics_server.MOST_CONNECTIONS)]
        await asyncio.sleep(0.2)
        assert await exchange(port, request("GET", "/metrics")) == b""
        await asyncio.gather(*slow)
        assert status(await exchange(port, request("GET", "/metrics"))) == 200


async def test_a_port_that_is_in_use_is_a_problem_and_no_end(caplog: pytest.LogCaptureFixture) -> None:
    async with served() as port:
        second = MetricsServer(MetricsSettings(enabled=True, port=port), Text())
        task = asyncio.create_task(second.run())
        await second.settled()
        assert not task.done()
        assert second.address is None
        assert second.problem is not None
        task.cancel()
        await asyncio.wait({task})
    assert "the metrics are not served" in caplog.text


@pytest.mark.parametrize("text", [None, "short", f"{TOKEN}\n{TOKEN}", "\N{SNOWMAN}" * 40])
def test_a_file_without_a_token_is_a_clear_error(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "token"
    if text is not None:
        file.write_text(text)
    with pytest.raises(MetricsServerError, match=r"metrics\.token_file"):
        read_token(file)


def test_what_others_can_reach_needs_a_token_file(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="token_file"):
        MetricsSettings(enabled=True, host="0.0.0.0")
    assert not MetricsSettings(enabled=True, host="0.0.0.0", token_file=tmp_path).loopback_only
    assert MetricsSettings(enabled=True, host="127.0.0.1").loopback_only
