"""Stores for tests: what they hold, what a crash would leave of them, and clocks and disks that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.contract.event_data import EVENT_DATA
from controller.contract.events import Event, EventType, Volume
from controller.journal import timestamp
from controller.journal.store import Store
from controller.journal.timestamp import Timestamp
from controller.safety.limits import Trip, TripKind
from controller.safety.persistence import (
    DeviceIdentity,
    EnergyUse,
    Persistence,
    PersistenceError,
    SavedAnswers,
    SavedStartDefaults,
    SavedState,
)
from devices.roles import Side

TRIP = Trip(kind=TripKind.VACUUM, device="left-pump", detail="310 mmHg")
CHOSEN = SavedStartDefaults(routine="gentle", side=Side.LEFT, comfort_vacuum_mmhg=120)
ANSWERS = SavedAnswers(
    on=date(2026, 3, 1), values={"lump": True, "fever": False}, standing=frozenset({"numb"}), day_left_seconds=3600
)
SUCTION, HOT = frozenset({"suction"}), frozenset({"heat", "hot"})
LEFT = DeviceIdentity(
    name="left-pump",
    profile="open-pump",
    side=Side.LEFT,
    address="f0:1e:7d:00:00:01",
    uuids={"control": ("0000fff0-0000-1000-8000-00805f9b34fb", "0000fff1-0000-1000-8000-00805f9b34fb")},
)
RIGHT = DeviceIdentity(name="right-pump", profile="open-pump", side=Side.RIGHT, advertised_name="Open Pump R")
BEGAN = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)


class Clocks:
    """The clocks of a machine, which a test sets."""

    def __init__(self) -> None:
        self.now = Timestamp("first boot", 5000.0, datetime(2026, 3, 1, 2, 30, tzinfo=UTC))

    def __call__(self) -> Timestamp:
        return self.now

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.now = replace(self.now, monotonic_seconds=self.now.monotonic_seconds + seconds)
        self.set_wall(seconds)

    def set_wall(self, seconds: float) -> None:
        """Set the clock on the wall ahead, or back."""
        self.now = replace(self.now, wall=self.now.wall + timedelta(seconds=seconds))

    def reboot(self) -> None:
        """Start the machine anew, which takes no time."""
        self.now = replace(self.now, boot_id=f"after {self.now.boot_id}", monotonic_seconds=0.0)


def content(path: Path) -> bytes:
    """Return what is in a file."""
    return path.read_bytes()


def run(path: Path, statement: str) -> None:
    """Run a statement of SQL on a file."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def earlier_store(path: Path, revision: str) -> Path:
    """Make a store as an earlier version made it, up to revision 0004."""
    tables = Path(__file__).parents[1] / f"controller/journal/earlier/{revision}.sql"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(tables.read_text(encoding="utf-8"))
    return path


def after_a_crash(path: Path) -> Path:
    """Return a copy of what is on the disk now, as it would be found if the controller ended in this moment."""
    folder = path.parent / "crashed"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in (path, path.with_name(path.name + "-wal")):
        if file.exists():
            shutil.copy(file, folder)
    return folder / path.name


@contextlib.contextmanager
def written_by_another(path: Path) -> Iterator[None]:
    """Let another program be in the middle of writing, for as long as the block lasts."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


async def settled() -> None:
    """Let everything that is ready take its turn, without any wait for the disk."""
    for _ in range(20):
        await asyncio.sleep(0)


def device(name: str) -> DeviceIdentity:
    return DeviceIdentity(name=name, profile="open-pump", advertised_name=name)


async def saved(path: Path, name: str = "home", clocks: Clocks | None = None) -> SavedState:
    async with Store.opened(path, clocks or timestamp.now) as store:
        assert store.problem is None
        return store.persistence(name).saved


def say_all(persistence: Persistence) -> None:
    persistence.save_trip(TRIP)
    persistence.save_answers(ANSWERS)
    persistence.save_energy_use(0, SUCTION, 120.5, 0)
    persistence.save_energy_use(1, HOT, 60, -240)
    persistence.save_start_defaults(CHOSEN)


async def say_otherwise(persistence: Persistence) -> None:
    """Replace parts of what `say_all` has said."""
    persistence.save_trip(TRIP.model_copy(update={"kind": TripKind.STALE}))
    persistence.save_answers(SavedAnswers(values={"numb": False}))
    persistence.save_energy_use(1, HOT, 90, 0)
    await persistence.save_starting([LEFT.model_copy(update={"address": "f0:1e:7d:00:00:09"})])


def check_otherwise(known: SavedState) -> None:
    """Check that what `say_otherwise` has said is known."""
    assert known.trip is not None
    assert known.trip.kind is TripKind.STALE
    assert known.answers == SavedAnswers(values={"numb": False})
    assert known.energy_uses[1] == EnergyUse(budgets=HOT, began_seconds_ago=90, ended_seconds_ago=0)
    assert known.running["left-pump"].address == "f0:1e:7d:00:00:09"


def event(kind: EventType, session: str | None, seconds: float, station: str = "home", **data: Any) -> Event:
    at = BEGAN + timedelta(seconds=seconds)
    return Event(time=at, station=station, session_id=session, type=kind, data=EVENT_DATA[kind].model_validate(data))


def began(session: str, seconds: float = 0, station: str = "home") -> Event:
    return event(EventType.SESSION_STARTED, session, seconds, station, routine="classic", side="left")


def ended(session: str, seconds: float = 600, station: str = "home", **volume_ml: float) -> Event:
    return event(
        EventType.SESSION_FINISHED,
        session,
        seconds,
        station,
        outcome="completed",
        reason="completed",
        reason_words="the routine is done",
        routine="classic",
        let_down_seconds=61.5,
        volume_ml=Volume(**volume_ml).model_dump(),
        peak_vacuum_mmhg=148.0,
        warmest_celsius=None,
    )


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


async def opened_in_trouble(path: Path) -> tuple[str, SavedState]:
    """Open a store, see that it keeps nothing and starts nothing, and return why, and what it remembers."""
    async with Store.opened(path) as store:
        assert store.problem is not None
        persistence = store.persistence("home")
        assert persistence.problem == store.problem
        with pytest.raises(PersistenceError) as refused:
            await persistence.save_starting([LEFT])
        assert str(refused.value) == f"{store.problem}; nothing was started"
        say_all(persistence)
        persistence.save_uncertain(RIGHT)
        persistence.save_stopped(LEFT.name)
        for event in (began("s9"), ended("s9")):
            store.watch(event)
            store.backlog.add(event)
            store.backlog.remove(event.id)
        assert list(store.backlog.take_unpublished()) == []
        assert store.persistence("home") is persistence
        return store.problem, persistence.saved


async def until(true: Callable[[], bool]) -> None:
    """Wait for what the writer's thread does."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - a thread has no event of this loop
            await asyncio.sleep(0.001)
