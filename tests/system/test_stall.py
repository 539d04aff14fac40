"""A service that hangs does not stay like that: it ends, and says where; and its unit is one that systemd takes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from controller.contract.events import EndReason
from controller.service import stall_watchdog
from tests.helpers.command_line import ROOT, environment
from tests.helpers.controlled import service_under_test
from tests.helpers.mosquitto import find, mosquitto
from tests.helpers.mqtt_listener import TOPICS, ear
from tests.helpers.service_process import (
    PUMPS,
    STATUS,
    Program,
    devices_are_there,
    program,
    refused,
    service,
    session,
    start_suction,
    wait,
)
from tests.helpers.systemd_messages import heard

pytestmark = pytest.mark.system

# `letdown`, but for a command that never comes to an end, as no command of ours may be.
HANGING = """
import sys, time
from controller.service.service import Service

handle = Service.handle

async def hang(self, station, command, args, retained=False):
    if command.action == "skip":
        time.sleep(60)
    return await handle(self, station, command, args, retained=retained)

Service.handle = hang
sys.argv[0] = "letdown"
from controller.cli.main import app
app()
"""


async def test_a_service_that_hangs_ends_within_four_seconds_and_says_where(tmp_path: Path) -> None:
    (tmp_path / "hanging.py").write_text(HANGING, encoding="utf-8")
    async with mosquitto() as broker, ear(broker.url) as other:
        command = [sys.executable, "hanging.py", "run", "--virtual", "--speed", "10", "--broker", str(broker.url)]
        with (tmp_path / "log").open("wb") as log:
            env = environment(LETDOWN_MQTT__NODE=TOPICS.node)
            process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, env=env, stderr=log)
        running = Program(process, tmp_path / "log")
        try:
            await devices_are_there(other)
            await start_suction(other)
            began = time.monotonic()
            await other.command({"id": "endless", "action": "skip"})
            assert await asyncio.wait_for(process.wait(), 30) == stall_watchdog.EXIT_CODE == 70
            assert 1.5 < time.monotonic() - began < 4
            await wait(lambda: other.payloads(STATUS)[-1] == "offline")
        finally:
            if process.returncode is None:
                await running.kill()
            print(running.log)  # noqa: T201 - pytest shows it when the test fails
        assert " CRITICAL controller.service.stall_watchdog: the event loop hung for 2 s" in running.log
        assert "in hang\n    time.sleep(60)\n" in running.log


async def test_the_start_after_a_hang_stops_what_was_running_and_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "hanging.py").write_text(HANGING, encoding="utf-8")
    async with service_under_test(tmp_path, endless=True) as home:
        async with home.running((sys.executable, "hanging.py")) as running:
            await home.ready(running)
            await home.start_and_run("express")
            await home.other.command({"id": "endless", "action": "skip"})
            assert await asyncio.wait_for(running.process.wait(), 30) == stall_watchdog.EXIT_CODE
        await wait(lambda: not home.seen.connected)
        assert home.seen.on == set(PUMPS)  # nothing but a controller ever stops these
        ended = time.monotonic()
        async with home.running() as running:
            await home.ready(running)
            await wait(lambda: not home.seen.on)
            assert {line["why"] for line in home.seen.of("off", since=ended)} == {"commanded"}
            await wait(lambda: home.settled == set(PUMPS))
            assert home.seen.of("on", since=ended) == []
            assert session(home.other)["state"] == "failed"
            assert session(home.other)["reason"] == EndReason.CUT_OFF


async def test_a_service_that_was_frozen_as_a_whole_goes_on(tmp_path: Path) -> None:
    async with mosquitto() as broker, service(tmp_path, broker) as running, ear(broker.url) as other:
        await asyncio.sleep(2 * stall_watchdog.BEAT_SECONDS)
        running.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(2 * stall_watchdog.STALL_SECONDS)
        running.process.send_signal(signal.SIGCONT)
        assert "no_session" in await refused(other, "skip")
        await asyncio.sleep(2 * stall_watchdog.BEAT_SECONDS)
        assert running.process.returncode is None


async def test_systemd_is_told_of_the_start_of_every_few_seconds_and_of_the_end(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"{folder}/notify")
        systemd.setblocking(False)
        env = {"NOTIFY_SOCKET": f"{folder}/notify", "WATCHDOG_USEC": "300000", "LETDOWN_MQTT__EMBEDDED_PORT": "0"}
        async with program(tmp_path, "run", "--virtual", **env) as running:
            messages: list[str] = []

            def told() -> list[str]:
                messages.extend(heard(systemd))
                return messages

            await wait(
                lambda: "READY=1" in told() and messages.count("WATCHDOG=1") > 3
            )  # it is alive before it is ready
            assert messages.count("READY=1") == 1
            assert await running.end_by(signal.SIGTERM) == (0, pytest.approx(1.5, abs=1.5))
            assert "STOPPING=1" in told()


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is of Linux")
def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    text = (ROOT / "config/letdown.service").read_text(encoding="utf-8")
    unit = tmp_path / "letdown.service"
    # It looks for the program, which is not installed here.
    unit.write_text(text.replace("/opt/letdown/bin/letdown", sys.executable), encoding="utf-8")
    done = subprocess.run(
        [find("systemd-analyze"), "verify", "--man=no", str(unit)],
        env=os.environ | {"SYSTEMD_LOG_LEVEL": "notice"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert unit.name not in done.stderr
