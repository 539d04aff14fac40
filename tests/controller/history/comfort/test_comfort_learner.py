"""What is learned is published and kept; a person can turn it off, accept what is suggested, and reset it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.contract.comfort import ComfortAdvice
from controller.contract.event_data import SessionStartedData
from controller.contract.events import Event
from controller.contract.session_record import HistoryError, SessionRecord
from controller.contract.stream import Stream
from controller.database.database import Row, Statement
from controller.history.comfort.comfort_learner import ComfortLearner, advice
from controller.history.comfort.comfort_state import accept, reset, turn
from controller.history.history_store import HistoryStore
from controller.history.session_records import save
from controller.safety.message import NotAllowedError
from devices.roles import Phase, Side
from tests.helpers.home import RunningHome, running_home
from tests.helpers.patience import until
from tests.helpers.sampling import sampled

Read = Callable[..., Awaitable[list[Row]]]

BEGAN = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
_EVENT = (
    "INSERT INTO session_event (id, session_id, began_seconds, type, data) VALUES (:id, :session, :at, :type, :data)"
)
_STEP = "INSERT INTO step (session_id, number, name, began_seconds, seconds) VALUES (:session, 4, 'express', 490, 900)"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[HistoryStore]:
    async with HistoryStore.opened(tmp_path / "history.db") as opened:
        yield opened


async def add(store: HistoryStore, number: int, kind: str, station: str = "home", **data: object) -> None:
    """Add a session in which one event happened during expression."""
    record = SessionRecord(
        id=f"s{number}",
        station=station,
        routine="classic",
        side=Side.LEFT,
        began_at=BEGAN + timedelta(hours=3 * number),
        let_down_seconds=60.0 + number,
    )
    event = {"id": f"e{number}", "session": record.id, "at": 600.0, "type": kind, "data": json.dumps(data)}
    await store.write(*save(record), Statement(_STEP, {"session": record.id}), Statement(_EVENT, event))


async def learned(store: HistoryStore) -> float | None:
    found = (await advice(store, "home", ["home"])).learned_for(Side.LEFT, Phase.EXPRESSION)
    return None if found is None else found.mmhg


async def test_what_is_learned_is_kept_when_its_sessions_are_erased_until_it_is_reset(store: HistoryStore) -> None:
    await add(store, 1, "pain", phase="expression", vacuum_mmhg=140)
    assert await learned(store) == 120
    await store.write(Statement("DELETE FROM session"))
    assert await learned(store) == 120
    await reset(store, "home", BEGAN + timedelta(hours=4))
    assert await learned(store) is None
    await add(store, 0, "pain", phase="expression", vacuum_mmhg=100)  # from before
    assert await learned(store) is None
    await add(store, 2, "pain", phase="expression", vacuum_mmhg=130)
    assert await learned(store) == 110


async def test_turned_off_it_applies_nothing_and_forgets_nothing(store: HistoryStore) -> None:
    await add(store, 1, "pain", phase="expression", vacuum_mmhg=140)
    await turn(store, "home", on=False)
    assert await learned(store) is None
    assert (await advice(store, "home", ["home"])).learned != ()
    await turn(store, "home", on=True)
    assert await learned(store) == 120


async def test_a_suggestion_counts_once_it_is_accepted(store: HistoryStore) -> None:
    for number in range(8):
        await add(store, number, "vacuum_set", phase="expression", from_mmhg=100, mmhg=140)
    found = await advice(store, "home", ["home"])
    assert found.learned == ()
    assert [each.mmhg for each in found.suggestions] == [140]
    await accept(store, "home", found.suggestions, BEGAN + timedelta(days=2))
    found = await advice(store, "home", ["home"])
    assert [(each.mmhg, each.because) for each in found.learned] == [(140, "accepted")]
    assert found.suggestions == ()


async def test_stations_of_one_body_learn_together_and_others_do_not(store: HistoryStore) -> None:
    await add(store, 1, "pain", station="bedroom", phase="expression", vacuum_mmhg=140)
    assert (await advice(store, "home", ["home", "bedroom"])).learned != ()
    assert (await advice(store, "office", ["office"])).learned == ()


async def test_what_is_usual_needs_three_sessions(store: HistoryStore) -> None:
    for number in (1, 2):
        await add(store, number, "let_down")
    assert (await advice(store, "home", ["home"])).let_down is None
    await add(store, 3, "let_down")
    usual = (await advice(store, "home", ["home"])).let_down
    assert usual is not None
    assert (usual.seconds, usual.sessions) == (62.0, 3)


async def test_it_is_published_at_start_and_when_a_session_begins_or_ends(
    store: HistoryStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stream, found = Stream(), asyncio.Queue[ComfortAdvice]()
    stream.subscribe(found.put_nowait, ComfortAdvice)
    learner = asyncio.create_task(ComfortLearner(store, stream, {"home": ["home"]}).run())
    began = Event.of("home", "s9", SessionStartedData(routine="classic", side=Side.LEFT))
    async with asyncio.timeout(30):
        assert (await found.get()).learned == ()
        await add(store, 1, "pain", phase="expression", vacuum_mmhg=140)
        stream.publish(began)
        assert [each.mmhg for each in (await found.get()).learned] == [120]

        asked = asyncio.Event()

        async def unreachable(*_: object, **__: object) -> None:
            asked.set()
            raise HistoryError("the disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(store, "read", unreachable)
            stream.publish(began)
            await asked.wait()
            await asyncio.sleep(0)
        assert "the disk is full" in caplog.text
        assert found.empty()  # what was learned stays as it was
        stream.publish(began)
        assert (await found.get()).learned != ()
    learner.cancel()


@pytest.mark.system
async def test_a_decision_takes_effect_at_once_and_only_what_was_seen_is_accepted(store: HistoryStore) -> None:
    stream, published = Stream(), list[ComfortAdvice]()
    stream.subscribe(published.append, ComfortAdvice)
    learner = ComfortLearner(store, stream, {"home": ["home"]})
    for number in range(8):
        await add(store, number, "vacuum_set", phase="expression", from_mmhg=100, mmhg=140)
    with pytest.raises(NotAllowedError, match="nothing_suggested"):
        await learner.decide("home", "accept")  # suggested just now: the person has not seen it yet
    assert published[-1].suggestions != ()
    await learner.decide("home", "accept")
    assert [(each.mmhg, each.because) for each in published[-1].learned] == [(140, "accepted")]
    await learner.decide("home", "off")
    assert published[-1].learning is False
    await learner.decide("home", "on")
    assert published[-1].learning is True
    await learner.decide("home", "reset")
    assert published[-1].learned == published[-1].suggestions == ()
    with pytest.raises(NotAllowedError, match="nothing_suggested"):
        await learner.decide("home", "accept")


# A session begins while the history cannot be reached


class LearningStation:
    """A station of virtual devices whose learned comfort comes from a history."""

    def __init__(self, house: RunningHome, store: HistoryStore) -> None:
        self.house = house
        self.learner = ComfortLearner(store, house.stream, {"home": ["home"]})
        house.stream.subscribe(self._learned, ComfortAdvice)

    def _learned(self, advice: ComfortAdvice) -> None:
        self.house.station.comfort = advice

    async def targets_mmhg(self) -> set[float]:
        """Run the pumps up to where they are raised by themselves, and return what they are set to."""
        await self.house.reach("express", run_seconds=90)
        return {pump.suction.target_mmhg for pump in self.house.home.pumps.values()}


@contextlib.asynccontextmanager
async def learning_station(store: HistoryStore) -> AsyncIterator[LearningStation]:
    async with running_home() as house:
        made = LearningStation(house, store)
        task = asyncio.create_task(made.learner.run())
        yield made
        task.cancel()
        await asyncio.wait({task})


async def _down(*_: object, **__: object) -> list[Row]:
    raise HistoryError("connection refused")


async def _hangs(*_: object, **__: object) -> list[Row]:
    await asyncio.Event().wait()
    return []


@pytest.mark.system
@pytest.mark.parametrize("read", sampled([_down, _hangs], keep=lambda read: read is _down))
async def test_without_a_history_suction_begins_at_the_routines_own_vacuum_and_in_time(
    store: HistoryStore, monkeypatch: pytest.MonkeyPatch, read: Read
) -> None:
    await add(store, 1, "pain", phase="expression", vacuum_mmhg=140)
    monkeypatch.setattr(store, "read", read)
    async with learning_station(store) as found:
        assert await found.targets_mmhg() == {150}  # the comfort cap: the envelope holds as ever


@pytest.mark.system
@pytest.mark.parametrize("read", sampled([_down, _hangs], keep=lambda read: read is _hangs))
async def test_what_was_learned_before_holds_while_the_history_is_gone(
    store: HistoryStore, monkeypatch: pytest.MonkeyPatch, read: Read
) -> None:
    await add(store, 1, "pain", phase="expression", vacuum_mmhg=140)
    async with learning_station(store) as found:
        await until(lambda: found.house.station.comfort is not None)
        monkeypatch.setattr(store, "read", read)
        assert await found.targets_mmhg() == {120}


@pytest.mark.system
async def test_a_history_that_comes_back_in_mid_session_lowers_the_next_start_and_raises_nothing(
    store: HistoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(store, 1, "pain", phase="expression", vacuum_mmhg=140)
    async with learning_station(store) as found:
        with monkeypatch.context() as patched:
            patched.setattr(store, "read", _down)
            assert await found.targets_mmhg() == {150}
        house = found.house
        house.stream.publish(Event.of("home", "s9", SessionStartedData(routine="classic", side=Side.LEFT)))
        await until(lambda: house.station.comfort is not None)
        assert {pump.suction.target_mmhg for pump in house.home.pumps.values()} == {150}  # nothing moves by itself
        assert (await house.send("pause")).outcome == "accepted"
        await house.elapse(5)
        assert (await house.send("resume")).outcome == "accepted"
        await house.elapse(120)
        assert {pump.suction.target_mmhg for pump in house.home.pumps.values()} == {120}
