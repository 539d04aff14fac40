"""The parent's terminal as a whole: shows what happens, and turns keys into commands."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Protocol

from pydantic import JsonValue
from rich.console import Console

from controller.cli.process import AGAIN_SECONDS
from controller.cli.terminal.keyboard import Keyboard
from controller.cli.terminal.keys import Press, key_line, press
from controller.cli.terminal.live_view import draw
from controller.cli.terminal.plain_lines import PlainLines
from controller.cli.terminal.screen import ENTER, LEAVE, TerminalWriter, frame
from controller.cli.terminal.view_state import Picture, Tone, ViewState
from controller.contract.commands import ALWAYS, Action, Reply
from controller.contract.words import Words

_LOGGER = logging.getLogger(__name__)

_FRAME_SECONDS = 0.15
_OURS = ("letdown", "controller", "devices")  # loggers; those of libraries mean nothing to a parent
_WIDE = 10_000  # columns: plain lines are not wrapped
_SETTLE_SECONDS = 3.0
_MOST_LOGGED = 500  # lines that are kept while the view is shown


class Send(Protocol):
    """Carries out a command, in this process or over MQTT. The reply is `None` where none came in time."""

    def __call__(self, action: Action, args: Mapping[str, JsonValue]) -> Awaitable[Reply | None]:
        """Carry out a command."""


def is_plain(console: Console) -> bool:
    """Return whether only plain lines fit: into a pipe, a simple terminal, or one whose user wants no colours."""
    return not console.is_terminal or console.is_dumb_terminal or bool(os.environ.get("NO_COLOR"))


def shows_braille(console: Console) -> bool:
    """Return whether a terminal can show drawings: the console of Linux has no such characters."""
    return console.encoding.lower().replace("-", "") == "utf8" and os.environ.get("TERM") != "linux"


class ParentTerminal:
    """Shows one station and takes keys for it, inside `with shown()`. `take` is a subscriber of the stream.

    `send`: what commands go through. `on_press`: called with each key that takes part in the session. `on_leave`:
    called with the key that leaves. `interrupted`: whether Ctrl+C has ended it. `confirmed`: what each device confirmed
    after the last stop or pain.
    """

    def __init__(
        self,
        state: ViewState,
        send: Send,
        *,
        console: Console | None = None,
        on_press: Callable[[], None] = lambda: None,
        on_leave: Callable[[], None] = lambda: None,
    ) -> None:
        self.state = state
        self.interrupted = False
        self.confirmed: dict[str, str] = {}
        self._send = send
        self._on_press = on_press
        self._on_leave = on_leave
        self._console = console or Console()
        self._plain = is_plain(self._console)
        state.drawings = shows_braille(self._console)
        self._writer: TerminalWriter | None = None
        self._lines = PlainLines(state.words, self._print_line)
        self._drawing_failed = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._logged: deque[str] = deque(maxlen=_MOST_LOGGED)

    @property
    def words(self) -> Words:
        """The texts that are shown."""
        return self.state.words

    def use(self, words: Words) -> None:
        """Show everything in another language from now on."""
        self.state.words = self._lines.words = words

    def take(self, item: object) -> None:
        """Keep one item of the stream, and show it."""
        self.state.take(item)
        if self._plain and self._writer is not None:
            self._lines.take(item)

    def notify(self, words: str, tone: Tone = "note") -> None:
        """Show a line for some seconds; in plain lines, print it."""
        self.state.notify(words, tone)
        if self._plain:
            self._print_line(f"  {words}")

    def show_no_contact(self) -> None:
        """In plain lines, print that there is no contact. The view shows it by itself."""
        if self._plain and self.state.no_contact is not None:
            self._print_line(self.words.of_terminal("no_contact_why", why=self.state.no_contact))

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show the view and read keys inside the block; give the terminal back afterwards, however it ends."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        again_at = 0.0

        def interrupt() -> None:
            """End what is shown. More of them change nothing, or they would interrupt the stopping of devices."""
            nonlocal again_at
            if task is not None and loop.time() >= again_at:
                self.interrupted, again_at = True, loop.time() + AGAIN_SECONDS
                task.cancel()

        with contextlib.ExitStack() as stack:
            for each in ("SIGINT", "SIGQUIT"):
                with contextlib.suppress(NotImplementedError, AttributeError, RuntimeError):  # Windows
                    loop.add_signal_handler(getattr(signal, each), interrupt)
            self._writer = TerminalWriter(self._console.file.fileno(), self._console.encoding)
            stack.callback(self._close)
            if not self._plain:
                stack.enter_context(self._logs_kept())
                self._writer.write(ENTER)
                drawing = loop.create_task(self._draw_regularly(), name="terminal view")
                stack.callback(drawing.cancel)
            if Keyboard.available():
                keyboard = Keyboard(self._on_key, on_suspend=self._suspend, on_resume=self._resume)
                stack.enter_context(keyboard.reading())
                self.state.keys = self._lines.keys = True
            if self._plain:
                self._begin_plain()
            yield

    def _begin_plain(self) -> None:
        if self.state.headline:
            self._print_line(self.state.headline)
        if self.state.keys:
            keys = key_line(self.state.picture(), _WIDE)
            self._print_line("  ".join(f"{key} {what}" for key, what in keys))

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            if not self._plain:
                writer.write(LEAVE)
            writer.close()
        for line in self._logged:
            print(line, file=sys.stderr)  # noqa: T201 - what was logged meanwhile

    async def settled(self) -> None:
        """Wait for the replies to what was pressed, three seconds at most."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_SETTLE_SECONDS)

    # Showing

    async def _draw_regularly(self) -> None:
        while True:
            if self._writer is not None:
                self._writer.show(partial(self._frame, self.state.picture()))
            await asyncio.sleep(_FRAME_SECONDS)

    def _frame(self, picture: Picture) -> str:
        """Draw a picture for the terminal as large as it is now. Called in the writer's thread."""
        try:
            width, height = os.get_terminal_size(self._console.file.fileno())
        except (OSError, ValueError):
            width, height = 80, 24
        try:
            return frame(draw(picture, width or 80, height or 24, self._console.color_system))
        except Exception:
            # What to do, and how to stop, must be readable even then.
            if not self._drawing_failed:
                self._drawing_failed = True
                _LOGGER.exception("the view cannot be drawn")
            guide = picture.guide.words if picture.guide else ""
            return frame(f"{guide}\n{picture.words.terminal['never_hurts']}")

    def _print_line(self, line: str) -> None:
        if self._writer is not None:
            self._writer.write(f"{line}\n")

    def _suspend(self) -> None:
        if self._writer is not None and not self._plain:
            self._writer.write(LEAVE)
            self._writer.flush()

    def _resume(self) -> None:
        if self._writer is not None and not self._plain:
            self._writer.write(ENTER)

    @contextlib.contextmanager
    def _logs_kept(self) -> Iterator[None]:
        """Keep log lines for the terminal until the view is gone; warnings are shown in it, too."""
        root = logging.getLogger()
        theirs = [each for each in root.handlers if _logs_to_terminal(each)]
        mine = _Kept(self._logged, self.state)
        if theirs:
            mine.setFormatter(theirs[0].formatter)
            root.addHandler(mine)
        for each in theirs:
            root.removeHandler(each)
        try:
            yield
        finally:
            root.removeHandler(mine)
            for each in theirs:
                root.addHandler(each)

    # Keys

    def _on_key(self, key: str) -> None:
        asked = press(key, self.state)
        if asked is None or asked.view != "help":
            self.state.help = False
        if asked is None:
            return
        if asked.view == "help":
            self.state.help = not self.state.help
            if self._plain:
                self._begin_plain()
        elif asked.view == "leave":
            self._on_leave()
        elif asked.action is not None:
            self._on_press()
            self._begin(asked)

    def _begin(self, asked: Press) -> None:
        """Carry out a command in a task of its own: none waits for another."""
        assert asked.action is not None  # noqa: S101 - for the type checker
        task = asyncio.get_running_loop().create_task(self._carry_out(asked.action, asked.args))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, action: Action, args: Mapping[str, JsonValue]) -> None:
        words = self.words
        reply = await self._send(action, args)
        if reply is None:
            self.notify(words.of_terminal("no_answer", action=action_name(words, action)), "alarm")
            return
        why = "; ".join(reply.reasons)
        if action in ALWAYS and reply.devices:
            self.confirmed = dict(reply.devices)
            self.notify(
                " · ".join(confirmations(words, reply.devices)), "good" if reply.outcome == "accepted" else "alarm"
            )
        if reply.outcome == "limited":
            self.notify(words.of_terminal("limited_to", words=why))
        elif reply.outcome in ("refused", "failed"):
            self.notify(words.of_terminal(reply.outcome, words=why), "alarm")


class _Kept(logging.Handler):
    """Keeps log lines for later."""

    def __init__(self, lines: deque[str], state: ViewState) -> None:
        super().__init__()
        self._lines = lines
        self._state = state

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))
        if record.levelno >= logging.WARNING and record.name.startswith(_OURS):
            self._state.notify(record.getMessage())


def _logs_to_terminal(handler: logging.Handler) -> bool:
    stream = getattr(handler, "stream", None)
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # it is closed
        return False


def confirmations(words: Words, devices: Mapping[str, str]) -> list[str]:
    """Return what each device confirmed after a stop, such as `left-pump: confirmed off`."""
    return [f"{device}: {words.labels.stop.get(result, result)}" for device, result in devices.items()]


def action_name(words: Words, action: Action) -> str:
    """Return what the line of keys calls an action."""
    names = words.terminal
    match action:
        case Action.VACUUM_UP | Action.VACUUM_DOWN:
            return names["what_vacuum"]
        case Action.ANSWER:
            return f"{names['what_yes']}/{names['what_no']}"
        case _:
            return names.get(f"what_{action.value}", action.value)
