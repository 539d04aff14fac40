"""Sessions that the store knows and the history does not: of earlier versions, and cut off by a crash. Each once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.contract.events import EndReason, SessionState, Volume
from controller.contract.session_record import SessionEdit, SessionRecord
from controller.history.carry_over import carry_over
from controller.history.epochs import end_interrupted
from controller.history.history_store import HistoryStore, queue_file
from controller.history.session_records import SessionRecords
from controller.journal.store import Store
from devices.roles import Side
from tests.helpers.engines import Engine
from tests.helpers.histories import recorded
from tests.helpers.stores import BEGAN, after_a_crash, began, earlier_store, ended, run

SESSION = """
INSERT INTO session VALUES ('s1', 'home', 'classic', 'left', '2026-03-01T02:30:00.000000+00:00',
'2026-03-01T02:40:00.000000+00:00', 'completed', 'the routine is done', 61.5, 30, 31, NULL, 40, NULL, 148, 41.5)
"""
OPEN = "INSERT INTO session (id, station, routine, side, began_at) VALUES ('s2', 'home', 'gentle', 'both', {at})"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = earlier_store(tmp_path / "letdown.db", "0004")
    run(path, SESSION)
    run(path, OPEN.format(at="'2026-03-01T04:30:00.000000+00:00'"))
    return path


async def sessions(engine: Engine) -> dict[str, SessionRecord]:
    async with HistoryStore.opened(engine.path, engine.database()) as history:
        return {each.id: each for each in await SessionRecords(history).sessions()}


async def start(path: Path, engine: Engine) -> None:
    """Begin as the service does."""
    async with Store.opened(path) as store, HistoryStore.opened(engine.path, engine.database()) as history:
        await carry_over(store, history)
        history.put(end_interrupted("home", "the controller ended"))


async def test_sessions_of_an_earlier_version_are_taken_over_once_with_everything(path: Path, engine: Engine) -> None:
    for _ in range(2):
        await start(path, engine)
    found = await sessions(engine)
    assert found.keys() == {"s1", "s2"}
    kept, cut_off = found["s1"], found["s2"]
    assert (kept.began_at, kept.ended_at) == (BEGAN, datetime(2026, 3, 1, 2, 40, tzinfo=UTC))
    assert (kept.side, kept.outcome, kept.reason) == (Side.LEFT, SessionState.COMPLETED, "the routine is done")
    assert (kept.let_down_seconds, kept.peak_vacuum_mmhg, kept.warmest_celsius) == (61.5, 148, 41.5)
    assert kept.volume_ml == Volume(left=40, right=31)
    assert {(each.side, each.source): each.ml for each in kept.milk} == {
        (Side.LEFT, "measured"): 30,
        (Side.RIGHT, "measured"): 31,
        (Side.LEFT, "entered"): 40,
    }
    assert (cut_off.outcome, cut_off.reason, cut_off.ended_at) == (SessionState.FAILED, EndReason.CUT_OFF, None)


async def test_they_stay_in_the_store_until_they_are_safe(path: Path, engine: Engine) -> None:
    queue_file(engine.path).mkdir()  # where they cannot be written
    await start(path, engine)
    async with Store.opened(path) as store:
        assert [row["id"] for row in store.earlier_sessions] == ["s1", "s2"]
    queue_file(engine.path).rmdir()
    await start(path, engine)
    assert (await sessions(engine)).keys() == {"s1", "s2"}
    async with Store.opened(path) as store:
        assert store.earlier_sessions == []


async def test_taken_over_again_after_a_crash_what_was_corrected_since_stays(path: Path, engine: Engine) -> None:
    async with Store.opened(path), HistoryStore.opened(engine.path, engine.database()):
        before = after_a_crash(path)  # with everything still in it
    await start(path, engine)
    async with HistoryStore.opened(engine.path, engine.database()) as history:
        await SessionRecords(history).edit(SessionEdit(session_id="s1", left_ml=None, note="mine"))
    corrected = await sessions(engine)
    await start(before, engine)
    assert await sessions(engine) == corrected
    assert corrected["s1"].note == "mine"


async def test_without_a_database_they_wait_and_are_taken_over_when_it_is_back(path: Path, engine: Engine) -> None:
    await sessions(engine)
    with engine.away():
        await start(path, engine)
    assert (await sessions(engine)).keys() <= {"s1", "s2"}
    async with HistoryStore.opened(engine.path, engine.database()) as history:
        await history.write()
    assert (await sessions(engine)).keys() == {"s1", "s2"}


async def test_a_session_that_a_crash_cut_off_is_in_the_history_and_ended(tmp_path: Path, engine: Engine) -> None:
    path = tmp_path / "letdown.db"
    async with Store.opened(path) as store, HistoryStore.opened(engine.path, engine.database()) as history:
        publish = recorded(history)
        for each in (began("s1"), ended("s1"), began("s2", 700)):
            store.watch(each)
            publish(each)
        store.watch(began("s3", 900))  # which the history did not get before the crash
        await store.persistence("home").save_starting([])
        crashed = after_a_crash(path)
    for _ in range(2):
        await start(crashed, engine)
    found = await sessions(engine)
    assert {id_: each.outcome for id_, each in found.items()} == {"s1": "completed", "s2": "failed", "s3": "failed"}
    assert {found[each].reason for each in ("s2", "s3")} == {"cut_off"}


async def test_sessions_of_other_stations_go_on(engine: Engine) -> None:
    async with HistoryStore.opened(engine.path, engine.database()) as history:
        publish = recorded(history)
        publish(began("s1"))
        publish(began("w1", station="work"))
        history.put(end_interrupted("home", "the controller ended"))
        await history.write()
    assert {id_: each.outcome for id_, each in (await sessions(engine)).items()} == {"s1": "failed", "w1": None}
