"""A command as a process: every signal ends it in order, at any time, and with the exit code that is documented."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.cli import process
from controller.cli.process import _hangup, _until_signalled
from tests.helpers.command_line import LETDOWN, ROOT, Started, environment

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Give signals their usual effect again: a command that was ended by one leaves the rest to its process."""
    before = {each: signal.getsignal(each) for each in EXIT_CODES}
    if before[signal.SIGHUP] is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests run under nohup
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


async def command(ended: list[str], cleaning_seconds: float = 0.0) -> int:
    """Stand for a command: it waits to be ended, and then takes its time to stop what runs."""
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(cleaning_seconds)
        ended.append("stopped")
    return 0


@pytest.mark.parametrize(("number", "code"), EXIT_CODES.items())
@pytest.mark.parametrize("service", [False, True])
async def test_a_signal_ends_it_in_order_with_its_code(number: signal.Signals, code: int, service: bool) -> None:
    ended: list[str] = []
    asyncio.get_running_loop().call_later(0.01, send, number)
    found = await _until_signalled(command(ended), service=service)
    assert found == (0 if service and number is signal.SIGTERM else code)
    assert ended == ["stopped"]


@pytest.mark.parametrize(("number", "code"), EXIT_CODES.items())
async def test_it_ends_in_order_where_the_loop_handles_no_signals_as_on_windows(
    number: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(*_: object) -> None:
        raise NotImplementedError

    ended: list[str] = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "add_signal_handler", cannot)
    monkeypatch.setattr(loop, "remove_signal_handler", cannot)
    loop.call_later(0.01, send, number)
    assert await _until_signalled(command(ended), service=False) == code
    assert ended == ["stopped"]


async def test_more_signals_do_not_interrupt_the_stopping(capsys: pytest.CaptureFixture[str]) -> None:
    ended: list[str] = []
    for number, each in enumerate((signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)):
        asyncio.get_running_loop().call_later(0.01 * (number + 1), send, each)
    assert await _until_signalled(command(ended, 0.1), service=False) == 130
    assert ended == ["stopped"]
    assert capsys.readouterr().err == "letdown: it is ending, and stops every device first; please wait\n"


async def test_what_hangs_at_its_end_is_interrupted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "AGAIN_SECONDS", 0.02)
    ended: list[str] = []
    for number in (1, 2):
        asyncio.get_running_loop().call_later(0.05 * number, send, signal.SIGINT)
    async with asyncio.timeout(5):
        assert await _until_signalled(command(ended, 60.0), service=False) == 130
    assert ended == []


async def test_a_command_that_handles_a_hangup_itself_is_not_ended_by_it() -> None:
    asked: list[int] = []

    async def reloading() -> int:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.append, 1)
        for _ in range(3):
            await asyncio.sleep(0.01)
            send(signal.SIGHUP)
        await asyncio.sleep(0.01)
        return 0

    assert await _until_signalled(reloading(), service=True) == 0
    assert asked == [1, 1, 1]


def test_nohup_is_respected() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert _hangup() == ()
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        assert _hangup() == (signal.SIGHUP,)
    finally:
        signal.signal(signal.SIGHUP, before)


# Ctrl+C while it starts

INTERRUPTED_AT = """
import os, signal, sys
wanted = sys.argv.pop(1)
class Finder:
    def find_spec(name, path=None, target=None):
        if name == wanted:
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder)
from controller.cli.entry import main
sys.argv[0] = "letdown"
main()
"""
IMPORTED = ["controller.cli.standard_streams", "typer", "controller.cli.run_commands", "asyncio"]
IMPORTED += ["controller.cli.command_settings", "pydantic", "devices.profiles.catalog", "controller.session.routine"]


@pytest.mark.parametrize("module", ["controller.cli.standard_streams", "pydantic"])
def test_ctrl_c_during_an_import_ends_it_at_once_and_silently(module: str, tmp_path: Path) -> None:
    interrupt_at(module, tmp_path)


@pytest.mark.system
@pytest.mark.parametrize("module", IMPORTED)
def test_ctrl_c_during_any_import_ends_it_at_once_and_silently(module: str, tmp_path: Path) -> None:
    interrupt_at(module, tmp_path)


def interrupt_at(module: str, folder: Path) -> None:
    asked = [sys.executable, "-c", INTERRUPTED_AT, module, "routines"]
    done = subprocess.run(asked, cwd=folder, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


# Ctrl+C, and the end of a terminal, while devices run


@pytest.mark.system
@pytest.mark.parametrize("number", EXIT_CODES)
def test_a_device_test_that_is_interrupted_stops_the_device_and_says_so(number: signal.Signals, start: Any) -> None:
    trial: Started = start("devices", "test", "left-pump", "--virtual", "--yes")
    trial.until("running: run state running")
    for _ in range(3):
        trial.process.send_signal(number)
        time.sleep(0.02)
    out, err = trial.process.communicate(timeout=30)
    assert trial.process.returncode == EXIT_CODES[number]
    assert "interrupted: stopped, confirmed by the device" in out
    assert "Traceback" not in out + err


@pytest.mark.system
@pytest.mark.parametrize("number", EXIT_CODES)
def test_a_demo_that_is_interrupted_ends_in_order(number: signal.Signals, start: Any) -> None:
    demo: Started = start("demo", "--speed", "1")
    demo.until("How are you? ...")
    code, seconds, rest = demo.end_by(number)
    assert code == EXIT_CODES[number]
    assert seconds < 5
    assert "Traceback" not in rest


@pytest.mark.system
def test_a_closed_terminal_ends_the_service_in_order(tmp_path: Path) -> None:
    """`script` gives it a terminal; when that goes away, everything it prints fails, too."""
    master, slave = os.openpty()
    served = subprocess.Popen(
        [*LETDOWN, "run", "--virtual"],
        cwd=tmp_path,
        env=environment(LETDOWN_MQTT__EMBEDDED_PORT="0", PYTHONPATH=str(ROOT)),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    said = b""
    while b"warm-pad is connected" not in said:
        said += os.read(master, 4096)
    os.close(master)
    served.send_signal(signal.SIGHUP)
    assert served.wait(15) == 129


@pytest.mark.parametrize("closed", [True, False])
async def test_a_socket_that_closed_before_it_could_be_watched_is_no_error(
    caplog: pytest.LogCaptureFixture, closed: bool
) -> None:
    """aiomqtt registers its socket in a later turn of the loop; a broker may end in between."""

    async def register() -> None:
        ours, theirs = socket.socketpair()
        fileno = ours.fileno()
        loop = asyncio.get_running_loop()
        if closed:
            ours.close()
            loop.call_soon_threadsafe(loop.add_writer, fileno, print)
        else:
            loop.call_soon(ours.sendall)  # a mistake of ours is still logged
        await asyncio.sleep(0.01)
        ours.close()
        theirs.close()

    assert await _until_signalled(register(), service=True) is None
    assert [record.levelname for record in caplog.records] == ([] if closed else ["ERROR"])
