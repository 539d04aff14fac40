"""Whatever happens in whatever order: what is remembered is what was last said before the controller ended."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.memory import CutOff, Remembered, Used
from controller.safety import Trip, TripKind
from controller.store import engine
from controller.store.store import Store
from devices.roles import Side
from tests.controller.store.conftest import Wall, after_a_crash
from tests.controller.store.test_sessions import began, ended

STATIONS = ("home", "work")
NAMES = (f"s{number}" for number in itertools.count())
STATION = st.sampled_from(STATIONS)
DEVICES = st.sampled_from(["left-pump", "right-pump", "warm-pad"])
TRIPS = st.builds(Trip, kind=st.sampled_from(TripKind), device=DEVICES, words=st.sampled_from(["", "45 °C"]))
SAYINGS = st.one_of(
    st.tuples(st.just("starting"), STATION, st.lists(DEVICES, unique=True)),
    st.tuples(st.sampled_from(["doubted", "stopped"]), STATION, DEVICES),
    st.tuples(st.just("tripped"), STATION, st.none() | TRIPS),
    st.tuples(st.just("answered"), STATION, st.dates(), st.dictionaries(st.text(max_size=3), st.booleans())),
    st.tuples(st.just("used"), STATION, st.sampled_from(["suction", "heat"]), st.floats(0, 1e6)),
    st.tuples(st.just("session"), STATION),
    st.tuples(st.just("wall"), STATION, st.floats(-1e4, 1e5)),
)


class Model:
    """What the stations should remember, in plain dictionaries."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, Any]] = {"home": {}, "work": {}}
        self.session: dict[str, str] = {}  # those under way, by station

    def say(self, kind: str, station: str, *what: Any, now: datetime) -> None:
        known = self.known[station]
        match kind:
            case "starting":
                known["running"] = known.get("running", frozenset()) | set(what[0])
            case "doubted":
                known["running"] = known.get("running", frozenset()) | {what[0]}
            case "stopped":
                known["running"] = known.get("running", frozenset()) - {what[0]}
            case "tripped":
                known["trip"] = what[0]
            case "answered":
                known["answered_on"], known["answers"] = what
            case "used":
                known.setdefault("last_on", {})[what[0]] = (what[1], now)

    def remembered(self, station: str, now: datetime) -> Remembered:
        known = dict(self.known[station])
        used = {
            name: Used(used_seconds=seconds, rested_seconds=max(0.0, (now - at).total_seconds()))
            for name, (seconds, at) in known.pop("last_on", {}).items()
        }
        cut_off = self.session.get(station)
        return Remembered(
            **known, used=used, cut_off=cut_off and CutOff(session_id=cut_off, routine="classic", side=Side.LEFT)
        )


async def live_through(path: Path, wall: Wall, model: Model, sayings: list[tuple[Any, ...]], crash: bool) -> Path:
    """Say it all to a store that is then closed, or crashes. Return what is left of it."""
    async with await Store.open(path, wall) as store:
        for station in STATIONS:
            assert store.memory(station).remembered == model.remembered(station, wall.now)
        model.session = {}
        for kind, station, *what in sayings:
            memory = store.memory(station)
            model.say(kind, station, *what, now=wall.now)
            match kind:
                case "starting":
                    await memory.starting(*what)
                case "wall":
                    wall.move(*what)
                case "session" if station in model.session:
                    store.watch(ended(model.session.pop(station), station=station))
                case "session":
                    model.session[station] = next(NAMES)
                    store.watch(began(model.session[station], station=station))
                case _:
                    getattr(memory, kind)(*what)
        if crash:
            await store.memory("home").starting([])
            return after_a_crash(path)
    return path


def test_a_hundred_histories(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Here it is about order, not about power cuts: the disk need not be waited for.
    monkeypatch.setattr(engine, "PRAGMAS", ("journal_mode = WAL", "synchronous = OFF"))
    wall, model = Wall(), Model()

    @settings(max_examples=100, deadline=None, database=None)
    @given(st.lists(SAYINGS, max_size=8), st.booleans())
    def live(sayings: list[tuple[Any, ...]], crash: bool) -> None:
        """One life after the other, of one store."""
        left = runner.run(live_through(path, wall, model, sayings, crash))
        if left != path:
            replace(path, left)

    with asyncio.Runner() as runner:
        live()


def replace(path: Path, left: Path) -> None:
    """Put what a crash left where the store was."""
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    for file in left.parent.iterdir():
        shutil.move(file, path.parent)
