"""The dialogue of `letdown setup` with answers written down beforehand, and without a radio."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console

from controller.cli.line_reader import EndOfInputError, LineReader
from controller.cli.setup_dialogue import SetupDialogue
from controller.cli.setup_terminal import SetupTerminal
from controller.safety.stopping import Stopped
from devices.bluetooth.advertisement import Advertisement


class Answers(LineReader):
    """Gives the answers in turn, and notes which were hidden."""

    def __init__(self, answers: Sequence[str]) -> None:
        super().__init__(0)
        self.left = list(answers)
        self.secrets: list[str] = []
        self._is_hidden = False

    async def line(self) -> str:
        if not self.left:
            raise EndOfInputError
        line = self.left.pop(0)
        if self._is_hidden:
            self.secrets.append(line)
        return line

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        self._is_hidden = True
        yield
        self._is_hidden = False


class Nearby:
    """Stands for the radio: what is near at each scan, and what becomes of each test."""

    def __init__(self, *scans: list[Advertisement], result: Stopped = "stopped", service: bool = False) -> None:
        self.scans = list(scans)
        self.result = result
        self.service = service
        self.tested: list[str] = []

    async def scan(self, words: Callable[[int, int], str]) -> list[Advertisement]:
        """Return what is near now."""
        assert words(1, 2)
        return self.scans.pop(0) if len(self.scans) > 1 else self.scans[0]

    async def test(self, name: str, show: Callable[[str], None], on_stopped: Callable[[str, Stopped], None]) -> bool:
        """Test a device, with the result that was given."""
        self.tested.append(name)
        show("a detail")
        on_stopped(name, self.result)
        return self.result in ("stopped", "unconfirmed")

    async def service_runs(self) -> bool:
        """Return whether a service runs."""
        return self.service


class Talk:
    """One dialogue, led to its end: what was said, whether it is to be saved, and which answers were left over."""

    def __init__(self, file: Path, nearby: Nearby, answers: Sequence[str], language: str | None = "en") -> None:
        self.reader = Answers(answers)
        self._said = io.StringIO()
        dialogue = SetupDialogue(file, language, self.reader, nearby, self._terminal)
        self.draft = dialogue.draft

        async def run() -> bool:
            agreed = await dialogue.run()
            if agreed:
                dialogue.finish(dialogue.draft.save(), "")
            return agreed

        try:
            self.agreed: bool | None = asyncio.run(run())
        except EndOfInputError:
            self.agreed = None
        assert self.reader.left == [], self.said

    def _terminal(self, texts: dict[str, str], reader: LineReader) -> SetupTerminal:
        return SetupTerminal(texts, reader, Console(file=self._said, width=80, highlight=False))

    @property
    def said(self) -> str:
        """All that was said, with its lines unwrapped."""
        return " ".join(self._said.getvalue().split())
