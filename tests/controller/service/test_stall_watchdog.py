"""A process whose event loop hangs ends and says where, and no other does. Each test in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.service import stall_watchdog
from tests.helpers.command_line import environment

PROGRAM = """
import asyncio, contextlib, logging, math, threading, time
from controller.service import stall_watchdog
from devices.support.clock import ScaledClock

stall_watchdog.STALL_SECONDS, stall_watchdog.BEAT_SECONDS = {stall}, {stall} / 8

async def main():
{main}

asyncio.run(main())
print("lived")
"""
STALL_SECONDS = 0.4  # the real two seconds are waited for in tests/system/test_stall.py


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """Start programs that are ended after the test at the latest."""
    processes = []

    def begin(main: str) -> subprocess.Popen[str]:
        file = tmp_path / "program.py"
        body = "\n".join(f"    {line}" for line in main.strip().splitlines())
        file.write_text(PROGRAM.format(stall=STALL_SECONDS, main=body), encoding="utf-8")
        pipe = subprocess.PIPE
        command = [sys.executable, str(file)]
        process = subprocess.Popen(command, env=environment(), stdout=pipe, stderr=pipe, text=True)
        processes.append(process)
        return process

    yield begin
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_loop_that_hangs_ends_the_process_and_it_says_where(start: Any) -> None:
    process = start(
        """
def wait_for_nothing(key):
    time.sleep(60)

async with stall_watchdog.heartbeat():
    await asyncio.sleep(0.2)
    print("hanging", flush=True)
    wait_for_nothing("s3" + "cret")
        """
    )
    assert process.stdout.readline() == "hanging\n"
    began = time.monotonic()
    _, said = process.communicate(timeout=10)
    assert time.monotonic() - began > 0.7 * STALL_SECONDS
    assert process.returncode == 70
    assert " CRITICAL controller.service.stall_watchdog: the event loop hung for 0.4 s" in said
    assert "in wait_for_nothing\n    time.sleep(60)\n" in said
    assert "s3cret" not in said


@pytest.mark.system
def test_it_ends_even_when_the_loop_never_rests(start: Any) -> None:
    process = start("async with stall_watchdog.heartbeat():\n    while True: pass")
    _, said = process.communicate(timeout=10)
    assert process.returncode == 70
    assert "while True: pass" in said


@pytest.mark.system
def test_it_ends_even_when_the_loop_hangs_in_a_log_that_nobody_reads(start: Any) -> None:
    process = start(
        """
logging.basicConfig()
async with stall_watchdog.heartbeat():
    while True:
        logging.error("x" * 1000)
        await asyncio.sleep(0)
        """
    )
    assert process.wait(10) == 70  # its stderr is a pipe that is full by now


@pytest.mark.system
def test_a_process_that_was_frozen_as_a_whole_lives_on(start: Any) -> None:
    process = start(
        """
async with stall_watchdog.heartbeat():
    await asyncio.sleep(0.2)
    print("there", flush=True)
    await asyncio.sleep(0.5)
        """
    )
    assert process.stdout.readline() == "there\n"
    process.send_signal(signal.SIGSTOP)
    time.sleep(2 * STALL_SECONDS)
    process.send_signal(signal.SIGCONT)
    said, _ = process.communicate(timeout=10)
    assert (process.returncode, said) == (0, "lived\n")


@pytest.mark.system
def test_a_loop_that_is_busy_with_many_short_things_does_not_hang(start: Any) -> None:
    process = start(
        """
async def chatter():
    while True:
        await asyncio.sleep(0)

async with stall_watchdog.heartbeat():
    task = asyncio.create_task(chatter())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.8):
            await ScaledClock(math.inf).sleep(1)  # it settles until nobody else is ready: never
    task.cancel()
        """
    )
    said, _ = process.communicate(timeout=10)
    assert (process.returncode, said) == (0, "lived\n")


def test_after_the_block_nothing_is_left_of_it(start: Any) -> None:
    process = start(
        """
with contextlib.suppress(ZeroDivisionError):
    async with stall_watchdog.heartbeat():
        await asyncio.sleep(0.1)
        1 / 0
print([each.name for each in threading.enumerate()])
await asyncio.sleep(0)
print(len(asyncio.all_tasks()))
time.sleep(0.6)
        """
    )
    said, _ = process.communicate(timeout=10)
    assert (process.returncode, said) == (0, "['MainThread']\n1\nlived\n")


async def test_what_goes_wrong_in_the_block_comes_out_of_it() -> None:
    with pytest.raises(KeyError):
        async with stall_watchdog.heartbeat():
            raise KeyError
