"""How a step of a guided recording looks in the terminal: one thing to do, large, and a bar that runs down."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rich.align import Align
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.text import Text

from controller.cli.guided_recording import RecordingView

_WIDTH = 72


class RecordingDisplay:
    """Draws each step in the same place; `texts` are those of the section `capture` of a language."""

    def __init__(self, texts: Mapping[str, str], console: Console | None = None) -> None:
        self._texts = texts
        self._console = console or Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def start(self) -> None:
        """Take a place in the terminal."""
        self._live.start()

    def stop(self) -> None:
        """Leave it."""
        self._live.stop()

    def beep(self) -> None:
        """Sound the terminal's bell."""
        self._console.bell()

    def show(self, view: RecordingView) -> None:
        """Draw a step."""
        self._live.update(guide_panel(view, self._texts), refresh=True)


def step_words(view: RecordingView, texts: Mapping[str, str]) -> str:
    """Return what is to be done."""
    return texts[f"do_{view.step.text}"].strip().format(**view.step.fills)


def guide_panel(view: RecordingView, texts: Mapping[str, str]) -> RenderableType:
    """Return a step as it is drawn."""
    words = step_words(view, texts)
    title = texts["step"].format(number=view.number, total=view.total)
    if view.state == "wait":
        seconds = Text(texts["wait"].format(seconds=math.ceil(view.seconds_left)), "bold yellow")
        bar = ProgressBar(view.step.quiet_seconds, view.seconds_left, width=_WIDTH - 10)
        then = Text(texts["then"].format(what=words))
        return _panel(title, "yellow", seconds, Text(), bar, Text(), then, Text(texts["keys"], "dim"))
    if view.state == "type":
        problem = [Text(texts["number_wrong"].format(typed=view.problem), "yellow")] if view.problem else []
        typed = Text(f"> {view.typed}▌")
        return _panel(
            title, "cyan", Text(words, "bold cyan"), Text(), typed, *problem, Text(), Text(texts["keys_typing"], "dim")
        )
    now, enter = Text(texts["now"], "bold green"), Text(texts["press_enter"], "green")
    return _panel(title, "green", now, Text(), Text(words, "bold"), Text(), enter, Text(texts["keys"], "dim"))


def _panel(title: str, style: str, *rows: RenderableType) -> Panel:
    return Panel(
        Group(*(Align.center(row) for row in rows)), title=title, border_style=style, width=_WIDTH, padding=(1, 2)
    )
