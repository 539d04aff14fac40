"""One cell of the matrix: a session is brought to a place, the fault strikes, and all that follows is written down."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import math
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from controller import safety
from controller.commands import Reply
from controller.events import SessionState
from devices.roles import Side
from devices.virtual.suction import UnitError
from tests.controller.household import PUMPS, House, household
from tests.matrix.fault import Doubt, End, Fault, GoesOn, stopped
from tests.matrix.places import Place, pause
from tests.matrix.truth import Truth

AT_ONCE_SECONDS = 0.5  # a stop is written at once, and its device has it a moment later
BY_HAND = stopped("stop", "stopped", AT_ONCE_SECONDS)  # how a session that went on is ended here
GOES_ON_SECONDS = 15.0  # longer than a lease, and than any silence may last
LONG_AGO = "2020-02-02T02:02:02Z"
RELEASED_MMHG = 40.0
AFTER_SECONDS = 120.0  # for so long it is looked at that nothing begins again
_STOP_SECONDS = 5.0  # a stop, its read-back and letting go have their results by then

# What may still come in after the end. None of it may start anything.
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
_FRESH: tuple[str, dict[str, Any]] = ("start", {"no_symptoms": True})  # only what is latched stands in its way


@dataclass
class Said:
    """A command of the test's, the outcome that it must have, and its reply when it is there."""

    action: str
    outcome: str
    sending: asyncio.Task[Reply]


@dataclass
class Cell:
    """A session in which a fault strikes. The invariants look at what is written down here."""

    house: House
    place: Place
    fault: Fault
    truth: Truth
    end: End = BY_HAND
    struck_at_seconds: float = 0.0
    caused_at_seconds: float = 0.0
    off_seconds: float = math.inf  # from the cause of the end until all was off, in truth
    acknowledged_at_seconds: float = math.inf
    struck: asyncio.Event = field(default_factory=asyncio.Event)
    said: list[Said] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what was wrong on the way
    logged: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def outcome(self) -> End | GoesOn:
        """What must become of the session."""
        return self.fault.outcome_in(self.place)

    @property
    def latched(self) -> bool:
        """Whether a trip or a doubt is shown, so that nothing may start."""
        snapshot = self.house.told.snapshot
        return snapshot.trip is not None or bool(snapshot.uncertain)

    # For faults

    def cause(self) -> None:
        """Count from now: this is what must end the session."""
        self.caused_at_seconds = self.house.clock.now()
        self.struck.set()

    def say(self, action: str, outcome: str = "accepted", **args: Any) -> asyncio.Task[Reply]:
        """Send a command, and do not wait for its reply, which must have this outcome."""
        sending = asyncio.create_task(self.house.send(action, **args), name=f"send {action}")
        self.said.append(Said(action, outcome, sending))
        return sending

    async def begin_again(self, arm: Callable[[], object]) -> None:
        """Arm something that strikes when what belongs to this place begins again, let it begin, wait for the strike.

        Where nothing begins, nothing strikes.
        """
        if self.place.name not in ("paused", "between"):
            await pause(self.house)
        arm()
        if self.place.name != "between":
            await self.house.send("resume")
        if self.place.starts:
            async with self.house.clock.timeout(5):
                await self.struck.wait()

    async def let_go(self) -> None:
        """Wait until the victim, if it is a pump that runs, has just said that its vacuum let go; count from then."""
        if self.place.victim in PUMPS and self.place.on:
            pump = self.house.pump(self.place.victim)
            await self.house.until(lambda: (pump.reading.vacuum_mmhg or 0) < RELEASED_MMHG, within_seconds=3)
        self.cause()

    async def pull(self) -> None:
        """Wait until left-pump, if it runs, pulls, and has said so; count from then."""
        suction, pump = self.house.home.pumps[Side.LEFT].suction, self.house.pump("left-pump")
        suction.unit_error = UnitError(vacuum_mmhg=20)  # as much as it may be off: so there is enough, even at first
        if "left-pump" in self.place.on:
            await self.house.until(
                lambda: min(suction.vacuum_mmhg, pump.reading.vacuum_mmhg or 0) > safety.RELEASE_MMHG, within_seconds=3
            )
        self.cause()

    # What is looked at

    def note_unless(self, good: object, words: str) -> None:
        """Write down what is wrong."""
        if not good:
            self.notes.append(words)


async def run(fault: Fault, place: Place) -> Cell:
    """Run one cell. Return all that happened; the invariants judge it."""
    logged: list[str] = []
    gc.freeze()  # so that the collection below is of this cell's own garbage, and quick
    with _listening(logged):
        async with _furnished(fault, place) as cell:
            with cell.stack:
                await _strike(cell)
                await _look_after(cell)
            told = len(cell.house.told.items)
        await asyncio.sleep(0.005)  # what is about to end, ends
        gc.collect()  # what failed and was asked about by nobody is complained about now
    gc.unfreeze()
    del cell.house.told.items[told:]  # that the household is closed, is no part of the session
    cell.logged = logged
    cell.leaked += [f"{task.get_name()} outlives all" for task in _others()]
    return cell


@contextlib.asynccontextmanager
async def _furnished(fault: Fault, place: Place) -> AsyncIterator[Cell]:
    async with household(owner=fault.owner, serve=True) as house:
        house.give_no_milk()  # nothing but the fault moves a session on
        cell = Cell(house, place, fault, Truth(house))
        await place.reach(house)
        cell.note_unless(house.on == set(place.on), f"on before the fault: {house.on}")
        yield cell


async def _strike(cell: Cell) -> None:
    cell.struck_at_seconds = cell.house.clock.now()
    cell.caused_at_seconds = cell.struck_at_seconds
    await cell.fault.strike(cell)


async def _look_after(cell: Cell) -> None:
    """See the session end, or go on and then end by a stop; then try to tempt it for two minutes."""
    if isinstance(cell.outcome, GoesOn):
        await _goes_on(cell, cell.outcome)
        cell.cause()
        cell.say("stop")
    else:
        cell.end = cell.outcome
    with contextlib.suppress(AssertionError):
        await cell.house.finished(within_seconds=cell.end.within_seconds + _STOP_SECONDS)
    cell.note_unless(not cell.house.station.running, "the session did not end")
    await _tempt(cell)
    cell.off_seconds = cell.truth.last_on_seconds(cell.caused_at_seconds) - cell.caused_at_seconds
    await _acknowledge(cell)


async def _goes_on(cell: Cell, outcome: GoesOn) -> None:
    house, place = cell.house, cell.place
    await house.elapse(GOES_ON_SECONDS)
    cell.note_unless(house.station.running, f"it ended: {house.told.snapshot.reason}")
    paused = place.name == "paused" and not outcome.resumed
    cell.note_unless((house.told.snapshot.state is SessionState.PAUSED) is paused, f"it is {house.told.snapshot.state}")
    should = set() if paused else set(place.starts) - set(outcome.stops)
    cell.note_unless(house.on == should, f"on while it goes on: {house.on}, not {should}")
    cell.note_unless(house.told.snapshot.trip is None, f"tripped: {house.told.snapshot.trip}")


async def _tempt(cell: Cell) -> None:
    """Let two minutes pass, in which links come back, and all comes in that must not start anything."""
    house = cell.house
    for action, args in (_FRESH, *_LATE, _FRESH):
        if (action, args) != _FRESH or cell.latched:
            cell.say(action, "refused", **args)
        for _ in range(2):
            await house.idle(AFTER_SECONDS / 2 / (len(_LATE) + 2))
            house.air.solicit()  # who is there is heard; advertising goes by real time, of which none passes here
    for task in _others():
        device = next((name for name in house.home.twins if name in task.get_name()), None)
        doubted = device in house.guard.uncertain
        if task.get_name().startswith(("keep ", "steps of", "session ", "stop ", "insist")) and not doubted:
            cell.leaked.append(f"{task.get_name()} goes on after two minutes")


async def _acknowledge(cell: Cell) -> None:
    """Let the person see to whatever is latched; then nothing stands in the way any more, and nothing begins."""
    house = cell.house
    cell.acknowledged_at_seconds = house.clock.now()
    if cell.latched and cell.outcome.doubt is Doubt.SAID:
        await cell.say("acknowledge", "failed")
    elif cell.latched:
        await cell.say("acknowledge")
        await house.idle(_STOP_SECONDS)
        snapshot = house.told.snapshot
        cell.note_unless(snapshot.trip is None and not snapshot.uncertain, "an acknowledgement did not let go of all")


def _others() -> list[asyncio.Task[Any]]:
    here = asyncio.current_task()
    return [task for task in asyncio.all_tasks() if task is not here and not task.done()]


@contextlib.contextmanager
def _listening(logged: list[str]) -> Iterator[None]:
    """Write down every error and every traceback that is logged inside the block."""

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.ERROR or record.exc_info:
                logged.append(f"{record.name}: {record.getMessage()}")

    ear, root = Ear(), logging.getLogger()
    root.addHandler(ear)
    try:
        yield
    finally:
        root.removeHandler(ear)
