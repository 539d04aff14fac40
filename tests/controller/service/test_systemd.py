"""What systemd is told, on a real datagram socket as it would listen on."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.service.systemd import notify, reloading, watchdog
from tests.helpers.systemd_messages import heard

WATCHDOG_SECONDS = 0.15
ABSTRACT = pytest.param("@{}", marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has such names"))


@pytest.fixture(params=["{}/notify"])
def systemd(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Listen as systemd does."""
    # The name must be short: there is room for 107 characters.
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        name = request.param.format(folder)
        door.bind(name.replace("@", "\0"))
        door.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        monkeypatch.setenv("WATCHDOG_USEC", f"{WATCHDOG_SECONDS * 1e6:.0f}")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        yield door


# Words


@pytest.mark.parametrize("systemd", ["{}/notify", ABSTRACT], indirect=True)
def test_what_is_said_arrives(systemd: socket.socket) -> None:
    notify("READY=1", "STATUS=serving home, and Grüße")
    notify("STOPPING=1")
    assert heard(systemd) == ["READY=1\nSTATUS=serving home, and Grüße", "STOPPING=1"]


def test_a_reload_says_when_it_began(systemd: socket.socket) -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    reloading()
    (message,) = heard(systemd)
    word, _, microseconds = message.partition("\nMONOTONIC_USEC=")
    assert word == "RELOADING=1"
    assert before <= int(microseconds) <= before + 1_000_000


@pytest.mark.parametrize("name", [None, ""])
async def test_without_systemd_nothing_happens(
    name: str | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    if name is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", name)
    notify("READY=1")
    async with watchdog():
        assert len(asyncio.all_tasks()) == 1
    assert not caplog.records


def test_a_systemd_that_is_not_there_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOTIFY_SOCKET", f"./{tmp_path.name}")
    for _ in range(3):
        notify("READY=1")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"NOTIFY_SOCKET=./{tmp_path.name}: [Errno 2]" in record.message


def test_a_systemd_that_does_not_read_holds_nobody_up(systemd: socket.socket, caplog: pytest.LogCaptureFixture) -> None:
    began = time.monotonic()
    while not caplog.records and time.monotonic() - began < 10:
        notify("STATUS=" + "x" * 1000)
    assert "timed out" in caplog.text
    assert time.monotonic() - began < 3


# The watchdog


async def test_the_watchdog_hears_of_it_at_a_third_of_its_patience(systemd: socket.socket) -> None:
    async with watchdog():
        await asyncio.sleep(0)
        assert heard(systemd) == ["WATCHDOG=1"]
        await asyncio.sleep(2.2 * WATCHDOG_SECONDS)
        messages = heard(systemd)
        assert set(messages) == {"WATCHDOG=1"}
        assert 3 <= len(messages) <= 6


async def test_the_watchdog_hears_nothing_while_the_loop_hangs_nor_after_the_block(systemd: socket.socket) -> None:
    async with watchdog():
        await asyncio.sleep(0)
        heard(systemd)
        time.sleep(WATCHDOG_SECONDS)  # noqa: ASYNC251 - the loop hangs
        assert heard(systemd) == []
        await asyncio.sleep(0.01)
        assert heard(systemd)
    await asyncio.sleep(WATCHDOG_SECONDS)
    assert heard(systemd) == []


async def test_the_watchdog_of_this_process_is_served(systemd: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    async with watchdog():
        await asyncio.sleep(0)
    assert heard(systemd) == ["WATCHDOG=1"]


@pytest.mark.parametrize(("name", "value"), [("PID", "0"), ("USEC", "0"), ("USEC", "soon"), ("USEC", "-5")])
async def test_a_watchdog_for_another_process_or_of_no_time_is_none(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"WATCHDOG_{name}", value)
    async with watchdog():
        await asyncio.sleep(0.05)
    assert heard(systemd) == []
