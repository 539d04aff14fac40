"""A person at a guided recording, in simulated time: presses keys some time after they are asked for."""

from __future__ import annotations

import asyncio
import contextlib
import io
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from controller.cli.capture_guide import run_guide
from controller.cli.guided_recording import RecordingView
from controller.cli.recording_display import RecordingDisplay
from controller.cli.setup_terminal import SetupTerminal
from controller.contract.words import load_words
from devices.capture.labels import Labels, load_labels
from devices.driver.vocabulary import RoleName
from devices.support.clock import ScaledClock
from tests.helpers.scripted_setup_dialogue import Answers

BEGAN = datetime(2026, 11, 30, 14, 0, tzinfo=UTC)
Hand = Callable[[RecordingView], Sequence[tuple[float, str]]]
"""What is pressed when something new is shown: seconds later, and which key."""


def prompt(view: RecordingView) -> Sequence[tuple[float, str]]:
    """Press Enter two seconds after the beep, and type 85 where a number is asked for."""
    if view.state == "type":
        return [(1, "8"), (2, "5"), (3, "\n")] if not view.typed else []
    return [(2, "\n")] if view.state == "now" else []


class _WatchedDisplay(RecordingDisplay):
    """Draws, and lets somebody know what is drawn."""

    on_view: Callable[[RecordingView], None]

    def show(self, view: RecordingView) -> None:
        super().show(view)
        self.on_view(view)


class GuidedOwner:
    """Answers the questions, and presses what `hand` says. `said`: all that was written to the terminal."""

    def __init__(self, answers: Sequence[str], hand: Hand = prompt, language: str = "en") -> None:
        self._words = load_words(language)
        self._hand = hand
        self._written = io.StringIO()
        self.views: list[RecordingView] = []
        self.terminal = SetupTerminal(
            {**self._words.setup, **self._words.capture},
            Answers(answers),
            Console(file=self._written, width=90, highlight=False, force_terminal=True, color_system=None),
        )

    @property
    def said(self) -> str:
        """All that was said, with its lines unwrapped."""
        return " ".join(self._written.getvalue().split())

    def record(self, file: Path, role: RoleName | None = None) -> Labels:
        """Go through a whole recording, and return the labels in the file."""

        async def run() -> None:
            clock = ScaledClock(math.inf)
            display = _WatchedDisplay(self._words.capture, self.terminal.console)
            await run_guide(
                file,
                role,
                self._words,
                clock,
                terminal=self.terminal,
                display=display,
                keys=lambda on_key, _: self._keys(on_key, display, clock),
                wall_clock=lambda: BEGAN,
            )

        asyncio.run(run())
        return load_labels(file)

    @contextlib.contextmanager
    def _keys(self, on_key: Callable[[str], None], display: _WatchedDisplay, clock: ScaledClock) -> Iterator[None]:
        tasks: list[asyncio.Future[None]] = []
        seen: tuple[object, ...] = ()

        async def press(seconds: float, key: str) -> None:
            await clock.sleep(seconds)
            on_key(key)

        def watch(view: RecordingView) -> None:
            nonlocal seen
            self.views.append(view)
            if (view.number, view.state, view.problem) != seen:
                seen = (view.number, view.state, view.problem)
                tasks.extend(asyncio.ensure_future(press(*each)) for each in self._hand(view))

        display.on_view = watch
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
