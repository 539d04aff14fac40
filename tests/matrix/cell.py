"""One cell of the matrix: bring a session to a moment, inject the fault, and record what follows."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import math
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from controller.contract.commands import Reply
from controller.contract.events import SessionState
from controller.safety.limits import RELEASE_MMHG
from devices.roles import Side
from devices.virtual.suction import UnitError
from tests.helpers.home import PUMPS, RunningHome, fine_home
from tests.matrix.body_recorder import BodyRecorder
from tests.matrix.fault import End, Fault, GoesOn, Uncertainty, stopped
from tests.matrix.moments import Moment, pause

AT_ONCE_SECONDS = 0.5  # a stop is written at once and arrives a moment later
BY_HAND = stopped("stop", "stopped", AT_ONCE_SECONDS)  # ends a session that the fault did not end
GOES_ON_SECONDS = 15.0  # longer than a lease, and than any silence may last
LONG_AGO = "2020-02-02T02:02:02Z"
RELEASED_MMHG = 40.0
AFTER_SECONDS = 120.0  # how long nothing may start again
_STOP_SECONDS = 5.0  # a stop, its read-back and the release are done by then

# Commands that may still arrive after the end. None of them may start anything.
_LATE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("resume", {}),
    ("skip", {}),
    ("let_down", {}),
    ("vacuum_up", {}),
    ("set_vacuum", {"mmhg": 100}),
    ("start", {"retained": True, "no_symptoms": True}),
    ("start", {"expires": LONG_AGO, "no_symptoms": True}),
    ("start", {"id": "test-1", "no_symptoms": True}),  # the id of the first command of all, which began the session
)
_FRESH: tuple[str, dict[str, Any]] = ("start", {"no_symptoms": True})  # refused only while something is latched


@dataclass
class SentCommand:
    """A command that the test sent, its expected outcome, and the task that returns its reply."""

    action: str
    outcome: str
    sending: asyncio.Task[Reply]


@dataclass
class Cell:
    """A session with an injected fault, and what was recorded of it for the invariants."""

    house: RunningHome
    moment: Moment
    fault: Fault
    recorder: BodyRecorder
    end: End = BY_HAND
    injected_at_seconds: float = 0.0
    caused_at_seconds: float = 0.0
    off_seconds: float = math.inf  # from the cause of the end until all bodies were off
    acknowledged_at_seconds: float = math.inf
    injected: asyncio.Event = field(default_factory=asyncio.Event)
    sent: list[SentCommand] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  # expectations that failed on the way
    logged: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def outcome(self) -> End | GoesOn:
        """The expected outcome of the session."""
        return self.fault.outcome_at(self.moment)

    @property
    def latched(self) -> bool:
        """Whether a trip or an uncertain device is shown, so that nothing may start."""
        snapshot = self.house.recorded.snapshot
        return snapshot.trip is not None or bool(snapshot.uncertain)

    # For faults

    def mark_cause(self) -> None:
        """Measure from now: this is what must end the session."""
        self.caused_at_seconds = self.house.clock.now()
        self.injected.set()

    def send(self, action: str, outcome: str = "accepted", **args: Any) -> asyncio.Task[Reply]:
        """Send a command without waiting for its reply, which must have this outcome."""
        sending = asyncio.create_task(self.house.send(action, **args), name=f"send {action}")
        self.sent.append(SentCommand(action, outcome, sending))
        return sending

    async def resume_with(self, arm: Callable[[], object]) -> None:
        """Pause, arm an injection for the next start, resume, and wait for the injection.

        At a moment where nothing starts, nothing is injected.
        """
        if self.moment.name not in ("paused", "between"):
            await pause(self.house)
        arm()
        if self.moment.name != "between":
            await self.house.send("resume")
        if self.moment.starts:
            async with self.house.clock.timeout(5):
                await self.injected.wait()

    async def wait_for_release(self) -> None:
        """Wait until the victim, if it is a running pump, has just reported a release; measure from then."""
        if self.moment.victim in PUMPS and self.moment.on:
            pump = self.house.pump(self.moment.victim)
            await self.house.until(lambda: (pump.reading.vacuum_mmhg or 0) < RELEASED_MMHG, within_seconds=3)
        self.mark_cause()

    async def wait_for_pull(self) -> None:
        """Wait until left-pump, if it runs, pulls and has reported it; measure from then."""
        suction, pump = self.house.home.pumps[Side.LEFT].suction, self.house.pump("left-pump")
        suction.unit_error = UnitError(vacuum_mmhg=20)  # the largest error: so there is enough vacuum even at first
        if "left-pump" in self.moment.on:
            await self.house.until(
                lambda: min(suction.vacuum_mmhg, pump.reading.vacuum_mmhg or 0) > RELEASE_MMHG, within_seconds=3
            )
        self.mark_cause()

    # Expectations

    def expect(self, good: object, problem: str) -> None:
        """Record a problem unless an expectation holds."""
        if not good:
            self.problems.append(problem)


async def run(fault: Fault, moment: Moment) -> Cell:
    """Run one cell, and return what was recorded for the invariants."""
    logged: list[str] = []
    gc.freeze()  # so that the collection below covers this cell's own garbage only, and is quick
    with _recorded_errors(logged):
        async with _set_up(fault, moment) as cell:
            with cell.stack:
                await _inject(cell)
                await _observe(cell)
            count = len(cell.house.recorded.items)
        await asyncio.sleep(0.005)  # tasks that are about to end
        gc.collect()  # logs exceptions that were never retrieved
    gc.unfreeze()
    del cell.house.recorded.items[count:]  # closing the home is not part of the session
    cell.logged = logged
    cell.leaked += [f"{task.get_name()} outlives the home" for task in _others()]
    return cell


@contextlib.asynccontextmanager
async def _set_up(fault: Fault, moment: Moment) -> AsyncIterator[Cell]:
    async with fine_home(owner=fault.owner, serve=True) as house:
        house.give_no_milk()  # nothing but the fault moves a session on
        cell = Cell(house, moment, fault, BodyRecorder(house))
        await moment.reach(house)
        cell.expect(house.on == set(moment.on), f"on before the fault: {house.on}")
        yield cell


async def _inject(cell: Cell) -> None:
    cell.injected_at_seconds = cell.house.clock.now()
    cell.caused_at_seconds = cell.injected_at_seconds
    await cell.fault.inject(cell)


async def _observe(cell: Cell) -> None:
    """Wait for the session's end, or for it to go on and then end by a stop; then try for two minutes to restart it."""
    if isinstance(cell.outcome, GoesOn):
        await _goes_on(cell, cell.outcome)
        cell.mark_cause()
        cell.send("stop")
    else:
        cell.end = cell.outcome
    with contextlib.suppress(AssertionError):
        await cell.house.finished(within_seconds=cell.end.within_seconds + _STOP_SECONDS)
    cell.expect(not cell.house.station.running, "the session did not end")
    await _try_to_restart(cell)
    cell.off_seconds = cell.recorder.last_on_seconds(cell.caused_at_seconds) - cell.caused_at_seconds
    await _acknowledge(cell)


async def _goes_on(cell: Cell, outcome: GoesOn) -> None:
    house, moment = cell.house, cell.moment
    await house.elapse(GOES_ON_SECONDS)
    cell.expect(house.station.running, f"it ended: {house.recorded.snapshot.reason}")
    paused = moment.name == "paused" and not outcome.resumed
    cell.expect(
        (house.recorded.snapshot.state is SessionState.PAUSED) is paused, f"it is {house.recorded.snapshot.state}"
    )
    should = set() if paused else set(moment.starts) - set(outcome.stops)
    cell.expect(house.on == should, f"on while it goes on: {house.on}, not {should}")
    cell.expect(house.recorded.snapshot.trip is None, f"tripped: {house.recorded.snapshot.trip}")


async def _try_to_restart(cell: Cell) -> None:
    """Let two minutes pass in which links come back and every command arrives that must not start anything."""
    house = cell.house
    for action, args in (_FRESH, *_LATE, _FRESH):
        if (action, args) != _FRESH or cell.latched:
            cell.send(action, "refused", **args)
        for _ in range(2):
            await house.idle(AFTER_SECONDS / 2 / (len(_LATE) + 2))
            house.air.solicit()  # advertising goes by real time, of which none passes here
    for task in _others():
        device = next((name for name in house.home.twins if name in task.get_name()), None)
        uncertain = device in house.guard.uncertain
        if task.get_name().startswith(("keep ", "steps of", "session ", "stop ", "insist")) and not uncertain:
            cell.leaked.append(f"{task.get_name()} goes on after two minutes")


async def _acknowledge(cell: Cell) -> None:
    """Acknowledge whatever is latched; then nothing is latched any more, and nothing starts."""
    house = cell.house
    cell.acknowledged_at_seconds = house.clock.now()
    if cell.latched and cell.outcome.uncertainty is Uncertainty.UNTIL_OFF:
        await cell.send("acknowledge", "failed")
    elif cell.latched:
        await cell.send("acknowledge")
        await house.idle(_STOP_SECONDS)
        snapshot = house.recorded.snapshot
        cell.expect(snapshot.trip is None and not snapshot.uncertain, "an acknowledgement did not clear everything")


def _others() -> list[asyncio.Task[Any]]:
    here = asyncio.current_task()
    return [task for task in asyncio.all_tasks() if task is not here and not task.done()]


@contextlib.contextmanager
def _recorded_errors(logged: list[str]) -> Iterator[None]:
    """Collect every error and every traceback that is logged inside the block."""

    class Recorder(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.ERROR or record.exc_info:
                logged.append(f"{record.name}: {record.getMessage()}")

    recorder, root = Recorder(), logging.getLogger()
    root.addHandler(recorder)
    try:
        yield
    finally:
        root.removeHandler(recorder)
