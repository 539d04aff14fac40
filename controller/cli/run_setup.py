"""Runs the dialogue of `letdown setup` with a radio, and saves the answers."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from controller.cli.line_reader import EndOfInputError, LineReader
from controller.cli.setup_dialogue import SetupDialogue
from controller.cli.setup_radio import SetupRadio, failed
from controller.setup.file_writer import SettingsWriteError
from devices.errors import DeviceError


async def run_dialogue(file: Path, language: str | None, seconds: float, *, named: bool, virtual: bool) -> int:
    """Ask everything, and save it after the last yes. Return the exit code."""
    dialogue: SetupDialogue
    async with SetupRadio(lambda: dialogue.draft, seconds, virtual=virtual) as radio:
        try:
            dialogue = SetupDialogue(file, language, LineReader(), radio)
            async with _nothing_changed(lambda: dialogue):
                agreed = await dialogue.run()
            if not agreed:
                return 0
            backup = dialogue.draft.save()
        except SettingsWriteError as error:
            return failed(f"{error}; nothing was changed")
        except EndOfInputError:
            return failed("nobody answers, so nothing was changed; in a script use --yes, with --device NAME=ADDRESS")
        options = f" --config {shlex.quote(str(file))}" if named else ""
        dialogue.finish(backup, f"{options} --virtual" if virtual else options)
    return 0


@contextlib.asynccontextmanager
async def _nothing_changed(dialogue: Callable[[], SetupDialogue]) -> AsyncIterator[None]:
    """Say that nothing was changed where the dialogue ends early."""
    try:
        yield
    except (asyncio.CancelledError, DeviceError):
        terminal = dialogue().terminal
        terminal.gap()
        terminal.say("cancelled")
        raise
