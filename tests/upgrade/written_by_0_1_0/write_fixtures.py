"""Write the files of this folder with Letdown 0.1.0. README.md says how; it runs in the environment of 0.1.0 only."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from controller.events import Event, EventType
from controller.memory import Answers, Chosen, Identity
from controller.store.stamp import Stamp
from controller.store.store import Store

from controller.safety import Trip, TripKind
from controller.settings import load_settings
from devices.roles import Side

HERE = Path(__file__).parent
NOW = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """Return a moment so many minutes before now."""
    return NOW - timedelta(minutes=minutes)


def event(number: int, session: str, kind: EventType, minutes: float, **data: object) -> Event:
    """Return an event with an id that is always the same."""
    return Event(id=f"{number:032x}", time=at(minutes), station="home", session_id=session, type=kind, data=data)


FINISHED = {
    "outcome": "completed", "reason": "all steps are done", "routine": "classic", "let_down_seconds": 71.5,
    "peak_vacuum_mmhg": 148.0, "warmest_celsius": 40.2, "volume_ml": {"left": 62.5, "right": 48.0, "both": None},
}  # fmt: skip
EVENTS = [
    event(1, "20260301T010000-aaaaaa", EventType.SESSION_STARTED, 90, routine="classic", side="both"),
    event(2, "20260301T010000-aaaaaa", EventType.SESSION_FINISHED, 60, **FINISHED),
    event(3, "20260301T010000-aaaaaa", EventType.VOLUME_LOGGED, 58, left_ml=65.0, right_ml=None),
    event(4, "20260301T010000-aaaaaa", EventType.SETTLED, 57, device="left-pump"),
    event(5, "20260301T022000-bbbbbb", EventType.SESSION_STARTED, 10, routine="gentle", side="left"),
]


async def write(path: Path) -> None:
    """Write a store as a controller leaves it that is killed while the left pump runs."""
    async with Store.opened(path, lambda: Stamp("first boot", 5000.0, NOW)) as store:
        for each in EVENTS:
            store.watch(each)
        for each in EVENTS[1:]:
            store.backlog.put(each)
        memory = store.memory("home")
        uuids = {"control": ("0000fff0-0000-1000-8000-00805f9b34fb", "0000fff1-0000-1000-8000-00805f9b34fb")}
        left = Identity(name="left-pump", profile="open-pump", side=Side.LEFT, address="F0:1E:7D:00:00:01", uuids=uuids)
        right = Identity(name="right-pump", profile="open-pump", side=Side.RIGHT, advertised_name="Open Pump R")
        await memory.starting([left, right])
        memory.stopped("right-pump")
        memory.tripped(Trip(kind=TripKind.VACUUM, device="left-pump", words="310 mmHg"))
        answers = {"lump": True, "fever": False}
        memory.answered(
            Answers(on=date(2026, 3, 1), values=answers, standing=frozenset({"numb"}), day_left_seconds=3600)
        )
        memory.chose(Chosen(routine="gentle", side=Side.LEFT, comfort_vacuum_mmhg=120))
        memory.used(0, frozenset({"suction"}), 600.0, 0.0)
        memory.used(1, frozenset({"heat", "hot"}), 1500.0, 900.0)


def main() -> None:
    """Write the dump of the store, and check that 0.1.0 takes the settings."""
    load_settings(HERE / "letdown.yaml")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "letdown.db"
        asyncio.run(write(path))
        with contextlib.closing(sqlite3.connect(path)) as connection:
            dump = "\n".join(connection.iterdump()) + "\n"
    (HERE / "letdown.db.sql").write_text(dump, encoding="utf-8")


if __name__ == "__main__":
    main()
