"""A forked program is what a shell would have started: its surroundings, its streams, its signals and its end."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.helpers.command_line import fork_server
from tests.helpers.forked import ForkedProcess

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what a process has open from /proc"),
]

PROGRAM = "tests.helpers.tells_itself"
ENV = {"ONLY": "this", "HOME": "/nowhere"}


def begin(folder: Path, *arguments: str, stdin: int | None = None) -> ForkedProcess:
    with (folder / "out").open("wb") as out, (folder / "errors").open("wb") as errors:
        return fork_server().begin(
            *arguments, main=PROGRAM, cwd=folder, env=ENV, stdin=stdin, stdout=out, stderr=errors
        )


@pytest.mark.parametrize(("argument", "code", "errors"), [("", 0, 1), ("exit", 7, 1), ("raise", 1, 4)])
async def test_it_has_what_it_was_given_and_nothing_else_and_its_code_is_told(
    argument: str, code: int, errors: int, tmp_path: Path
) -> None:
    process = begin(tmp_path, argument)
    assert await process.wait(30) == code == process.returncode
    told = json.loads((tmp_path / "out").read_text())
    assert told["arguments"] == ["letdown", argument]
    assert told["folder"] == str(tmp_path)
    assert told["env"] == ENV
    assert told["stdin"] == ""
    assert told["files"] == [0, 1, 2]
    assert told["threads"] == 1
    assert told["blocked"] == []
    assert told["handlers"] == [True, True, True]
    lines = (tmp_path / "errors").read_text().splitlines()
    assert lines[0] == "a word"
    assert len(lines) >= errors
    assert ("RuntimeError: an error" in lines) is (argument == "raise")


async def test_it_reads_what_it_is_given(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    process = begin(tmp_path, stdin=reader)
    os.close(reader)
    os.write(writer, b"some words")
    os.close(writer)
    assert await process.wait(30) == 0
    assert json.loads((tmp_path / "out").read_text())["stdin"] == "some words"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, -15), (signal.SIGINT, -2), (signal.SIGSTOP, None)]
)
async def test_a_signal_reaches_it_and_how_it_ended_is_told(
    number: signal.Signals, code: int | None, tmp_path: Path
) -> None:
    process = begin(tmp_path, "wait")
    assert process.returncode is None
    while not (tmp_path / "out").read_text():
        assert process.wait_blocking(0.01) is None
    process.send_signal(number)
    assert process.wait_blocking(30 if code is not None else 0.3) == code
    if code is None:
        process.kill()
        assert process.wait_blocking(30) == -9
    process.send_signal(signal.SIGTERM)  # to nobody: no error


async def test_several_run_at_a_time_and_one_ends_without_the_others(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(3)]
    for folder in folders:
        folder.mkdir()
    first, second, third = (begin(folder, "wait") for folder in folders)
    second.kill()
    assert await second.wait(30) == -9
    assert (first.returncode, third.returncode) == (None, None)
    first.kill()
    third.terminate()
    assert (await first.wait(30), await third.wait(30)) == (-9, -15)
