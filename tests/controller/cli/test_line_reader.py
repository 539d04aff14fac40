"""Lines that are typed: from a terminal, a pipe or a file; hidden ones are not shown."""

from __future__ import annotations

import asyncio
import os
import pty
import termios
from pathlib import Path

import pytest

from controller.cli.line_reader import EndOfInputError, LineReader


async def test_lines_of_a_pipe_come_one_by_one_however_they_were_written() -> None:
    reading, writing = os.pipe()
    reader = LineReader(reading)
    os.write(writing, b"one\n  two  \nth")
    assert [await reader.line(), await reader.line()] == ["one", "two"]
    third = asyncio.create_task(reader.line())
    await asyncio.sleep(0.01)
    assert not third.done()
    os.write(writing, "reè".encode())
    os.close(writing)
    assert await third == "threè"  # without an end of line
    with pytest.raises(EndOfInputError):
        await reader.line()
    os.close(reading)


async def test_lines_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("1\n\n2\n")
    descriptor = os.open(tmp_path / "answers", os.O_RDONLY)
    reader = LineReader(descriptor)
    assert [await reader.line() for _ in range(3)] == ["1", "", "2"]
    with pytest.raises(EndOfInputError):
        await reader.line()
    os.close(descriptor)


def echoes(descriptor: int) -> bool:
    return bool(termios.tcgetattr(descriptor)[3] & termios.ECHO)


async def test_a_hidden_line_is_not_shown_and_the_next_one_is() -> None:
    terminal, end = pty.openpty()
    reader = LineReader(end)
    with reader.hidden():
        assert not echoes(end)
        os.write(terminal, b"secret\n")
        assert await reader.line() == "secret"
    assert echoes(end)
    os.write(terminal, b"shown\n")
    assert await reader.line() == "shown"
    seen = os.read(terminal, 100)
    assert b"shown" in seen
    assert b"secret" not in seen
    os.close(terminal)
    os.close(end)


async def test_what_was_typed_is_shown_again_after_ctrl_c() -> None:
    terminal, end = pty.openpty()
    reader = LineReader(end)

    async def ask() -> None:
        with reader.hidden():
            await reader.line()

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0.01)
    assert not echoes(end)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert echoes(end)
    os.close(terminal)
    os.close(end)
