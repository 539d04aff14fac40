"""Whatever happens in whatever order: what is remembered is what was last said before the controller ended."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.journal import store_files
from controller.journal.store import Store
from controller.safety.limits import Trip, TripKind
from controller.safety.persistence import DeviceIdentity, EnergyUse, InterruptedSession, SavedAnswers, SavedState
from devices.roles import Side
from tests.helpers.sampling import examples
from tests.helpers.stores import Clocks, after_a_crash, began, ended

STATIONS = ("home", "work")
NAMES = (f"s{number}" for number in itertools.count())
STATION = st.sampled_from(STATIONS)
DEVICES = st.sampled_from(["left-pump", "right-pump", "warm-pad"])
IDENTITIES = st.builds(
    DeviceIdentity,
    name=DEVICES,
    profile=st.sampled_from(["", "open-pump"]),
    side=st.sampled_from(Side),
    address=st.none() | st.text(max_size=3),
    advertised_name=st.none() | st.text(max_size=3),
    uuids=st.dictionaries(st.text(max_size=3), st.tuples(st.text(max_size=3), st.text(max_size=3)), max_size=2),
)
ANSWERS = st.builds(
    SavedAnswers,
    on=st.none() | st.dates(),
    values=st.dictionaries(st.text(max_size=3), st.booleans()),
    standing=st.frozensets(st.sampled_from(["lump", "fever"])),
    day_left_seconds=st.floats(0, 1e5),
)
BUDGETS = st.sets(st.sampled_from(["suction", "heat", "hot"])).map(frozenset)
TRIPS = st.builds(Trip, kind=st.sampled_from(TripKind), device=DEVICES, detail=st.sampled_from(["", "45 °C"]))
SAYINGS = st.one_of(
    st.tuples(st.just("save_starting"), STATION, st.lists(IDENTITIES, unique_by=lambda each: each.name)),
    st.tuples(st.just("save_uncertain"), STATION, IDENTITIES),
    st.tuples(st.just("save_stopped"), STATION, DEVICES),
    st.tuples(st.just("save_trip"), STATION, st.none() | TRIPS),
    st.tuples(st.just("save_answers"), STATION, ANSWERS),
    st.tuples(
        st.just("save_energy_use"), STATION, st.integers(0, 2), BUDGETS, st.integers(0, 5000), st.integers(-900, 0)
    ),
    st.tuples(st.just("session"), STATION),
    st.tuples(st.just("time"), STATION, st.integers(0, 40_000)),
)


class Model:
    """What the bodies should remember, in plain dictionaries. About clocks, see `test_timestamp.py`."""

    def __init__(self) -> None:
        self.seconds = 0
        self.opening = 0
        self.running: dict[str, dict[str, DeviceIdentity]] = {station: {} for station in STATIONS}
        self.trip: dict[str, Trip | None] = {}
        self.answers: dict[str, tuple[SavedAnswers, int]] = {}
        self.uses: dict[str, dict[tuple[int, int], tuple[EnergyUse, int]]] = {station: {} for station in STATIONS}
        self.session: dict[str, str] = {}  # those under way, by station

    def say(self, kind: str, station: str, *what: Any) -> None:
        match kind:
            case "save_starting":
                self.running[station] |= {device.name: device for device in what[0]}
            case "save_uncertain":
                self.running[station] |= {what[0].name: what[0]}
            case "save_stopped":
                self.running[station].pop(what[0], None)
            case "save_trip":
                self.trip[station] = what[0]
            case "save_answers":
                self.answers[station] = (what[0], self.seconds)
            case "save_energy_use":
                number, budgets, began, ended = what
                use = EnergyUse(budgets=budgets, began_seconds_ago=began, ended_seconds_ago=ended)
                self.uses[station][(self.opening, number)] = (use, self.seconds)
            case "time":
                self.seconds += what[0]

    def open(self) -> None:
        """Begin another opening: old uses are forgotten after they were told once more."""
        self.opening += 1
        for station, uses in self.uses.items():
            kept = {key: each for key, each in uses.items() if self._now(*each).ended_seconds_ago <= 25 * 3600}
            self.uses[station] = kept

    def saved(self, station: str) -> SavedState:
        answers, said = self.answers.get(station, (SavedAnswers(), 0))
        left_seconds = max(0.0, answers.day_left_seconds - (self.seconds - said))
        cut_off = self.session.get(station)
        return SavedState(
            running=self.running[station],
            trip=self.trip.get(station),
            answers=answers.model_copy(update={"day_left_seconds": left_seconds}),
            energy_uses=tuple(self._now(*each) for _, each in sorted(self.uses[station].items())),
            interrupted=cut_off and InterruptedSession(session_id=cut_off, routine="classic", side=Side.LEFT),
        )

    def _now(self, use: EnergyUse, said: int) -> EnergyUse:
        passed = self.seconds - said
        return EnergyUse(
            budgets=use.budgets,
            began_seconds_ago=use.began_seconds_ago + passed,
            ended_seconds_ago=use.ended_seconds_ago + passed,
        )


async def live_through(path: Path, clocks: Clocks, model: Model, sayings: list[tuple[Any, ...]], crash: bool) -> Path:
    """Say it all to a store that is then closed, or crashes. Return what is left of it."""
    async with Store.opened(path, clocks) as store:
        for station in STATIONS:
            assert store.persistence(station).saved == model.saved(station)
        model.open()
        for kind, station, *what in sayings:
            persistence = store.persistence(station)
            model.say(kind, station, *what)
            match kind:
                case "save_starting":
                    await persistence.save_starting(*what)
                case "time":
                    clocks.run(*what)
                case "session" if station in model.session:
                    store.watch(ended(model.session.pop(station), station=station))
                case "session":
                    model.session[station] = next(NAMES)
                    store.watch(began(model.session[station], station=station))
                case _:
                    getattr(persistence, kind)(*what)
        if crash:
            await store.persistence("home").save_starting([])
            return after_a_crash(path)
    return path


@pytest.mark.system
def test_a_hundred_histories(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Here it is about order, not about power cuts: the disk need not be waited for.
    monkeypatch.setattr(store_files, "PRAGMAS", ("journal_mode = WAL", "synchronous = OFF"))
    clocks, model = Clocks(), Model()

    @settings(max_examples=examples(100), deadline=None, database=None)
    @given(st.lists(SAYINGS, max_size=8), st.booleans())
    def live(sayings: list[tuple[Any, ...]], crash: bool) -> None:
        """One life after the other, of one store."""
        left = runner.run(live_through(path, clocks, model, sayings, crash))
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
