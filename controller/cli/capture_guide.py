"""`letdown capture guide`: instructions and questions, then the recording step by step, and what to do with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from controller.cli.guide_questions import GuideQuestions
from controller.cli.guided_recording import GuidedRecording
from controller.cli.line_reader import LineReader
from controller.cli.recording_display import RecordingDisplay
from controller.cli.setup_terminal import SetupTerminal
from controller.cli.terminal.keyboard import Keyboard
from controller.contract.words import Words
from devices.capture.guided_script import duration_minutes, script_for
from devices.capture.labels import LabeledAction
from devices.capture.labels_file import new_labels, write_labels
from devices.driver.vocabulary import EnergyRole
from devices.support.clock import Clock

Keys = Callable[[Callable[[str], None], RecordingDisplay], AbstractContextManager[None]]
"""Passes each key on to a function while it is open, and gives the display a rest while the process is stopped."""


def keys_of_terminal(on_key: Callable[[str], None], display: RecordingDisplay) -> AbstractContextManager[None]:
    """Return what reads the keys of this terminal."""
    return Keyboard(on_key, on_suspend=display.stop, on_resume=display.start).reading()


async def run_guide(
    file: Path,
    role: EnergyRole | None,
    words: Words,
    clock: Clock,
    *,
    terminal: SetupTerminal | None = None,
    display: RecordingDisplay | None = None,
    keys: Keys = keys_of_terminal,
    wall_clock: Callable[[], datetime] = lambda: datetime.now().astimezone(),
) -> None:
    """Ask, lead, and write the labels to `file` after each step. What was recorded stays, however it ends."""
    terminal = terminal or SetupTerminal({**words.setup, **words.capture}, LineReader())
    questions = GuideQuestions(terminal)
    terminal.head("title")
    terminal.say("intro")
    terminal.say("off_body", "bold yellow")
    phone = await questions.phone()
    role = role or await questions.role()
    controls = await questions.controls(role)
    app = await questions.app()
    script = script_for(controls)
    terminal.head("ready")
    terminal.say("how", steps=len(script), minutes=duration_minutes(script))
    terminal.say("off_body", "bold yellow")
    await terminal.ask(terminal.text("begin"))
    labels = new_labels(role, wall_clock(), app)

    def save(actions: tuple[LabeledAction, ...]) -> None:
        write_labels(file, labels.model_copy(update={"actions": actions}))

    display = display or RecordingDisplay(words.capture, terminal.console)
    recording = GuidedRecording(script, clock, display.show, display.beep, save)
    try:
        with keys(recording.press, display):
            display.start()
            try:
                await recording.run()
            finally:
                display.stop()
    except asyncio.CancelledError:
        kept = recording.labels
        terminal.gap()
        terminal.say("ended" if kept else "ended_early", "yellow", count=len(kept), file=file)
        raise
    terminal.say("done", "green", count=len(recording.labels), file=file)
    questions.how_to_fetch(phone)
    terminal.head("next_steps")
    for command, key in (
        (f"letdown capture show FILE --html frames.html --labels {file}", "next_show"),
        (f"letdown capture draft FILE --labels {file}", "next_draft"),
    ):
        terminal.show(command, "cyan", indent=2)
        terminal.show(terminal.text(key), indent=6)
    terminal.say("share_note", "dim")
