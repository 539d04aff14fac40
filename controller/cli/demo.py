"""The demo: one whole session on virtual devices, shown live."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from controller.app import App
from controller.assembly.extras import SetupError
from controller.cli.command_settings import virtual_app
from controller.cli.person import Person
from controller.cli.terminal.local_session import end, interruption, sender, stop_everything
from controller.cli.terminal.parent_terminal import ParentTerminal, confirmations
from controller.cli.terminal.session_summary import summary_data, summary_table
from controller.cli.terminal.view_state import ViewState
from controller.contract.events import Guide, SessionState, Snapshot
from controller.contract.words import Words, load_words
from controller.history.history_store import HistoryStore
from controller.service.station import RefusedStartError, Station
from controller.session.routine import load_routines
from controller.settings import Settings
from devices.roles import Side
from devices.support.clock import ScaledClock
from devices.support.closest import unknown

_CONNECT_SECONDS = 20.0
_BROKER_SECONDS = 5.0


@dataclass(frozen=True)
class DemoOptions:
    """Options of the command line. `speed`: simulated seconds per real second.

    `ask`: the person at the terminal answers everything; else a simulated parent does, until the person presses a key.
    """

    routine: str
    side: Side
    speed: float
    seed: int
    as_json: bool = False
    keep: bool = False
    ask: bool = False


async def run_demo(settings: Settings, options: DemoOptions) -> int:
    """Run one session and show it. Return the exit code. Raise `SetupError` where the session cannot start."""
    if options.routine not in (known := load_routines()):
        raise SetupError(unknown("routine", options.routine, known))
    demo = _Demo(settings, options, load_words(settings.language))
    try:
        async with demo.connected() as (app, station, task):
            await demo.run_session(app, station)
            demo.print_summary(station.snapshot, app)
            if options.keep:
                demo.print_note(demo.words.of_terminal("keep_running", broker=app.broker))
                with contextlib.suppress(asyncio.CancelledError):  # by Ctrl+C, as intended
                    await task
    except asyncio.CancelledError:
        for line in interruption(demo.words, demo.confirmed):
            demo.print_note(line)
        raise
    return 0 if station.snapshot.state is SessionState.COMPLETED else 1


class _Demo:
    """One demo. `confirmed`: what each device confirmed after a stop."""

    def __init__(self, settings: Settings, options: DemoOptions, words: Words) -> None:
        self.words = words
        self.confirmed: dict[str, str] = {}
        self._last: Guide | None = None  # what the guide showed at the end
        self._settings = settings
        self._options = options
        self._clock = ScaledClock(options.speed)
        self._console = Console()
        self._notes = Console(stderr=True) if options.as_json else self._console
        self._person = Person(takes_part=options.ask)
        self._held = contextlib.ExitStack()  # connecting takes real time, but no simulated time

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[App, Station, asyncio.Task[None]]]:
        """Yield the service, connected to all devices and to the broker. After an interruption, stop everything."""
        with self._held:
            self._held.enter_context(self._clock.held())
            if self._console.is_terminal and not self._options.as_json:
                self._console.print(self.words.terminal["connecting_devices"])
            async with (
                _history_for_now() as history,
                virtual_app(
                    self._settings,
                    self._clock,
                    self._options.seed,
                    parent=self._person.leaves_it_to_others,
                    history=history,
                ) as app,
            ):
                station = next(iter(app.stations.values()))
                task = asyncio.create_task(app.run())
                try:
                    await _wait_until_connected(app, task)
                    yield app, station, task
                except asyncio.CancelledError:
                    self._held.close()
                    self.confirmed = await stop_everything(station)
                    raise
                finally:
                    await end(task)

    async def run_session(self, app: App, station: Station) -> None:
        """Run the session to its end, and show it."""
        options, terminal = self._options, None
        with contextlib.ExitStack() as shown:
            if not options.as_json:
                headline = self.words.of_terminal(
                    "headline", seed=options.seed, speed=f"{options.speed:g}", broker=app.broker
                )
                if app.web is not None and app.web.address is not None:
                    headline += " · " + self.words.of_terminal("page_at", address=app.web.address)
                terminal = ParentTerminal(
                    ViewState(self.words, headline),
                    sender(app.service, station.name),
                    console=self._console,
                    on_press=self._person.take_part,
                )
                shown.enter_context(terminal.shown())
                app.stream.subscribe(terminal.take)
            try:
                station.start(options.routine, options.side, no_symptoms=False)
            except RefusedStartError as error:
                raise SetupError(self.words.sentence(error.message)) from None
            self._held.close()
            await station.finished()
            if terminal is not None:
                await terminal.settled()
                self.confirmed, self._last = terminal.confirmed, terminal.state.guide
            await app.bridge.flushed(2.0)

    def print_summary(self, snapshot: Snapshot, app: App) -> None:
        """Print what came out."""
        published = app.bridge.outbox.published
        if self._options.as_json:
            print(json.dumps(summary_data(snapshot, published)), flush=True)  # noqa: T201 - what was asked for
        else:
            self._console.print(summary_table(snapshot, self.words, published, str(app.broker)))
            if self._last is not None:
                self.print_note(f"{self._last.title}: {self._last.words}")
            for line in confirmations(self.words, self.confirmed):
                self.print_note(f"  {line}")

    def print_note(self, line: str) -> None:
        """Print a line for the person."""
        self._notes.print(line, soft_wrap=True, highlight=False, markup=False)


@contextlib.asynccontextmanager
async def _history_for_now() -> AsyncIterator[HistoryStore]:
    """Keep the history of the demo for the page, in a folder that is deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="letdown-demo-", ignore_cleanup_errors=True) as folder:
        async with HistoryStore.opened(Path(folder) / "history.db") as history:
            yield history


async def _wait_until_connected(app: App, task: asyncio.Task[None]) -> None:
    """Wait for all devices and the broker, in real time. Raise `SetupError` when one does not connect in time."""
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    while True:
        if task.done():
            await task
        missing = [d.name for s in app.stations.values() for d in s.devices if not d.link.connected]
        if not missing and app.bridge.connected:
            if app.web is not None:
                await app.web.settled()
            return
        if missing and loop.time() - started_at > _CONNECT_SECONDS:
            raise SetupError(f"these virtual devices did not connect: {', '.join(missing)}")
        if not missing and loop.time() - started_at > _BROKER_SECONDS:
            raise SetupError(app.bridge.problem or f"the broker at {app.broker} does not answer")
        await asyncio.sleep(0.01)
