"""A real terminal for tests: a command in a tmux session of its own, its screen and its keys."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import time
import uuid
from pathlib import Path

from tests.helpers.command_line import LETDOWN, environment

_WAIT_SECONDS = 40.0


class Terminal:
    """A shell in a terminal of some size. `end` it after the test."""

    def __init__(self, folder: Path, width: int, height: int) -> None:
        assert shutil.which("tmux"), "tmux is missing; tests/system/install installs it"
        self._name = f"letdown-{uuid.uuid4().hex[:8]}"
        self._tmux("new-session", "-d", "-x", str(width), "-y", str(height), "-c", str(folder), "sh")
        self.run("stty -a | tr -d '\\n' > before")
        self.run("PS1='$ '")

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._name, "-f", "/dev/null", *arguments],
            env={**environment(), "TERM": "screen-256color", "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def run(self, line: str) -> None:
        """Type a line into the shell."""
        self._tmux("send-keys", "-l", line)
        self._tmux("send-keys", "Enter")

    def letdown(self, *arguments: str) -> None:
        """Start the command, and print its exit code when it ends."""
        self.run(f"clear; {shlex.join((*LETDOWN, *arguments))}; echo code=$?; stty -a | tr -d '\\n' > after")

    def press(self, key: str) -> None:
        """Press a key, as tmux calls it."""
        self._tmux("send-keys", "Space" if key == " " else key)

    def paste(self, text: str) -> None:
        """Paste a text."""
        self._tmux("set-buffer", text)
        self._tmux("paste-buffer")

    def resize(self, width: int, height: int) -> None:
        """Make the terminal larger or smaller."""
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    @property
    def screen(self) -> str:
        """What the screen shows, line by line."""
        return self._tmux("capture-pane", "-p")

    @property
    def text(self) -> str:
        """What the screen shows, as one text without frames and drawings."""
        return " ".join(re.sub("[│╭╮╰╯─\u2800-\u28ff]", " ", self.screen).split())

    def until(self, text: str, seconds: float = _WAIT_SECONDS) -> str:
        """Wait for a text on the screen, and return the whole."""
        end = time.monotonic() + seconds
        while text not in (shown := self.text):
            assert time.monotonic() < end, f"{text!r} never came:\n{self.screen}"
            time.sleep(0.05)
        return shown

    def end(self) -> None:
        """Close the terminal, and all that runs in it."""
        subprocess.run(["tmux", "-L", self._name, "kill-server"], check=False, capture_output=True)
