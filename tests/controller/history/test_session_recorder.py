"""Sessions in the history as they happen: all of them, at most a second late, and none twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from controller.contract.event_data import (
    LetDownData,
    PainData,
    PausedData,
    ResumedData,
    SessionEditedData,
)
from controller.contract.events import Guide, Volume
from controller.contract.session_record import Milk, SessionDetails, SessionEdit, StepRecord
from controller.contract.session_state import SessionState
from controller.database.database import Statement
from controller.history.history_store import HistoryStore
from controller.history.session_recorder import SessionRecorder
from controller.history.session_records import SessionRecords
from devices.roles import Phase, RunState, Side
from tests.helpers.recorded_stream import STEPS, Show, Unreachable
from tests.helpers.session_records import BEGAN
from tests.helpers.stores import after_a_crash

CUT_OFF = "the controller was interrupted"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[HistoryStore]:
    async with HistoryStore.opened(tmp_path / "history.db") as opened:
        yield opened


async def details(store: HistoryStore, session_id: str = "s1") -> SessionDetails:
    await store.write()
    found = await SessionRecords(store).details(session_id)
    assert found is not None
    return found


async def settled(show: Show) -> None:
    """Write what has changed, and wait for that."""
    show.recorder.write()
    await show.recorder.settle()


def play_everything(show: Show) -> None:
    """Play a session with a warm compress and a pump."""
    show.device("pad", Side.BOTH, RunState.STOPPED, warmer=True)
    show.device("pump", Side.LEFT, RunState.STOPPED)
    show.start()
    show.elapse(10)
    show.step("warm")
    show.stream.publish(Guide(station="home", cautions=("no_temperature",)))
    show.elapse(5)  # it is not on yet
    show.device("pad", Side.BOTH, RunState.RUNNING, warmer=True)
    for _ in range(20):
        show.elapse(1)
        show.telemetry("pad", surface_celsius=38.25)
    show.device("pad", Side.BOTH, RunState.STOPPED, warmer=True)
    show.steps[2] = show.steps[2].model_copy(update={"by_hand": True})
    show.step("massage")
    show.elapse(30)
    show.step("stimulate")
    show.stream.publish(Guide(station="home", cautions=("not_confirmed", "no_temperature")))
    show.elapse(5)
    show.snapshot(phase=Phase.STIMULATION, rate_cpm=100.0, highest_target_mmhg=70.0)
    show.elapse(40)
    show.event(LetDownData(by="flow", seconds=40.0))
    show.snapshot(let_down_seconds=40.0, let_down_by="flow")
    show.step("express", phase=Phase.EXPRESSION, rate_cpm=54.0, highest_target_mmhg=120.0)
    for _ in range(60):
        show.elapse(1, volume_ml=Volume(left=20.0), peak_vacuum_mmhg=131.0)
        show.telemetry("pump", vacuum_mmhg=118.5, flow_ml_per_s=0.25)
    show.snapshot(phase=None, rate_cpm=None)
    show.elapse(3)
    show.finish(left=21.5, both=None)


async def test_all_of_a_session_is_recorded(store: HistoryStore) -> None:
    play_everything(Show(store))
    found = await details(store)
    record = found.record
    assert (record.id, record.station, record.routine, record.side) == ("s1", "home", "classic", Side.BOTH)
    assert (record.began_at, record.ended_at) == (BEGAN, BEGAN + timedelta(seconds=173))
    assert (record.outcome, record.reason) == (SessionState.COMPLETED, "completed")
    assert record.reason_words == "the routine is done"
    assert (record.let_down_seconds, record.let_down_by) == (40.0, "flow")
    assert record.milk == (Milk(side=Side.LEFT, source="measured", ml=21.5),)
    assert (record.peak_vacuum_mmhg, record.highest_target_mmhg, record.rate_cpm) == (131.0, 120.0, 54.0)
    assert (record.seconds, record.heat_seconds, record.massage_seconds) == (173.0, 20.0, 30.0)
    assert record.suction_seconds == 100.0
    assert record.cautions == ("no_temperature", "not_confirmed")
    assert [(each.name, each.began_seconds, each.outcome, each.by_hand) for each in found.steps] == [
        ("warm", 10.0, "done", False),
        ("massage", 35.0, "done", True),
        ("stimulate", 65.0, "done", False),
        ("express", 110.0, "done", False),
    ]
    assert {each.seconds for each in found.steps} == {30.0}
    assert [each.type for each in found.events] == [
        "session_started",
        *("step_started", "step_finished") * 2,
        "step_started",
        "let_down",
        "step_finished",
        "step_started",
        "step_finished",
        "session_finished",
    ]
    assert [each.data for each in found.events if each.type == "let_down"] == [{"by": "flow", "seconds": 40.0}]
    curves = {(each.device, each.quantity): each for each in found.curves}
    assert curves.keys() == {("pad", "surface_celsius"), ("pump", "vacuum_mmhg"), ("pump", "flow_ml_per_s")}
    assert curves["pad", "surface_celsius"].values == (*[None] * 16, *[38.25] * 20)
    assert curves["pump", "vacuum_mmhg"].values == (*[None] * 111, *[118.5] * 60)
    assert curves["pump", "vacuum_mmhg"].side is Side.LEFT
    rows = await store.read("SELECT count(*) AS count FROM curve")
    assert rows[0]["count"] == len(curves), "one row each, once it is over"


async def test_a_pause_is_no_suction_and_the_session_takes_longer(store: HistoryStore) -> None:
    show = Show(store)
    show.start()
    show.step("express", phase=Phase.EXPRESSION)
    show.elapse(10)
    show.event(PausedData())
    show.snapshot(state=SessionState.PAUSED, phase=None)
    show.seconds += 50  # nothing is published while it is paused
    show.event(ResumedData())
    show.snapshot(state=SessionState.RUNNING, phase=Phase.EXPRESSION)
    show.elapse(5)
    show.finish()
    record = (await details(store)).record
    assert (record.suction_seconds, record.seconds) == (15.0, 65.0)


async def test_steps_by_hand_count_as_long_as_they_take(store: HistoryStore) -> None:
    show = Show(store)
    show.steps = [each.model_copy(update={"by_hand": True}) for each in show.steps]
    show.start()
    for name in STEPS[1:]:
        show.step(name)
        show.elapse(20)
    show.finish()
    record = (await details(store)).record
    assert (record.heat_seconds, record.massage_seconds, record.suction_seconds) == (20.0, 20.0, 40.0)
    assert record.milk == ()
    assert record.peak_vacuum_mmhg is None


async def test_a_compress_that_never_reports_its_state_counts_as_on_in_its_step(store: HistoryStore) -> None:
    show = Show(store)
    show.device("pad", Side.BOTH, RunState.UNKNOWN, warmer=True)
    show.start()
    show.step("warm")
    show.elapse(20)
    show.step("massage")
    show.finish()
    assert (await details(store)).record.heat_seconds == 20.0


# A crash


async def test_a_crash_leaves_everything_up_to_the_last_second(store: HistoryStore, tmp_path: Path) -> None:
    show = Show(store)
    show.device("pump", Side.LEFT, RunState.RUNNING)
    show.start()
    show.step("express", phase=Phase.EXPRESSION)
    for number in range(1, 71):
        show.elapse(1, volume_ml=Volume(left=number / 2))
        show.telemetry("pump", vacuum_mmhg=100.0)
        await settled(show)
    crashed = after_a_crash(tmp_path / "history.db")

    async with HistoryStore.opened(crashed) as restarted:
        SessionRecorder(restarted, lambda: 0.0).end_interrupted(["home"], CUT_OFF)
        found = await details(restarted)
        assert (found.record.outcome, found.record.reason) == (SessionState.FAILED, "cut_off")
        assert (found.record.reason_words, found.record.ended_at) == (CUT_OFF, None)
        assert (found.record.seconds, found.record.suction_seconds) == (70.0, 70.0)
        assert found.record.volume_ml == Volume(left=35.0)
        assert [(each.name, each.seconds, each.outcome) for each in found.steps] == [("express", None, None)]
        (curve,) = found.curves
        assert curve.values == (None, *[100.0] * 70)
        assert [each.type for each in found.events] == ["session_started", "step_started"]

        again = Show(restarted)  # a new session is a session of its own
        again.start("s2")
        again.finish(left=5.0)
        await restarted.write()
        records = await SessionRecords(restarted).sessions()
        assert {each.id: each.volume_ml.left for each in records} == {"s1": 35.0, "s2": 5.0}
        SessionRecorder(restarted, lambda: 0.0).end_interrupted(["home"], CUT_OFF)
        await restarted.write()
        assert {each.id: each.outcome for each in await SessionRecords(restarted).sessions()} == {
            "s1": SessionState.FAILED,
            "s2": SessionState.COMPLETED,
        }


async def test_only_the_sessions_of_these_stations_are_ended(store: HistoryStore) -> None:
    for station in ("home", "ward"):
        show = Show(store, station)
        show.start(f"of-{station}")
    await store.write()
    SessionRecorder(store, lambda: 0.0).end_interrupted(["home"], CUT_OFF)
    await store.write()
    outcomes = {each.id: each.outcome for each in await SessionRecords(store).sessions()}
    assert outcomes == {"of-home": SessionState.FAILED, "of-ward": None}


# A history that cannot be reached


async def test_a_session_during_which_the_history_cannot_be_reached_is_recorded_afterwards(store: HistoryStore) -> None:
    unreachable = Unreachable(store)
    show = Show(unreachable)
    show.device("pump", Side.LEFT, RunState.RUNNING)
    show.start()
    show.step("express", phase=Phase.EXPRESSION)
    for number in range(600):
        show.elapse(1, volume_ml=Volume(left=number / 10))
        show.telemetry("pump", vacuum_mmhg=100.0)
        await settled(show)
    assert len(unreachable.tried) == 600
    assert max(unreachable.tried) < 25, "only the latest of each is kept"
    show.finish(left=60.0)
    unreachable.reachable = True
    await unreachable.write()
    found = await details(store)
    assert (found.record.outcome, found.record.volume_ml) == (SessionState.COMPLETED, Volume(left=60.0))
    assert len(found.curves[0].values) == 601
    assert [each.type for each in found.events][-1] == "session_finished"


async def test_its_events_and_once_a_minute_the_rest_are_safe_while_the_history_cannot_be_reached(
    store: HistoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreachable = Unreachable(store)
    show = Show(unreachable)
    show.start()
    show.step("express")
    events = [each.parameters["type"] for each in unreachable.queue if "INTO session_event" in each.sql]
    assert events == ["session_started", "step_started"]
    show.elapse(5, volume_ml=Volume(left=1.0))
    await settled(show)
    assert not any("INTO milk" in each.sql for each in unreachable.queue), "not yet"
    monkeypatch.setattr("controller.history.coalesced_writes._UNSAVED_SECONDS", 0.0)
    show.elapse(5, volume_ml=Volume(left=2.0))
    await settled(show)
    unreachable.reachable = True
    await unreachable.write()
    found = (await details(store)).record
    assert (found.seconds, found.volume_ml.left) == (10.0, 2.0)


async def test_what_was_being_written_when_a_session_ended_does_not_come_after_its_end(store: HistoryStore) -> None:
    show = Show(store)
    show.start()
    show.step("express")
    show.elapse(5, volume_ml=Volume(left=1.0))
    show.recorder.write()  # its task has not begun
    show.elapse(1, volume_ml=Volume(left=2.0))
    show.finish(left=2.5)
    await show.recorder.settle()
    record = (await details(store)).record
    assert (record.outcome, record.volume_ml.left) == (SessionState.COMPLETED, 2.5)


async def test_a_history_that_never_answers_does_not_hold_up_the_end(store: HistoryStore) -> None:
    class Silent(Unreachable):
        async def write(self, *statements: Statement) -> bool:
            await asyncio.Event().wait()
            return False

    silent = Silent(store)
    show = Show(silent)
    show.start()
    show.recorder.write()
    await asyncio.sleep(0)
    show.finish(left=2.5)
    async with asyncio.timeout(5):
        await show.recorder.settle()
    assert any(each.parameters.get("outcome") == "completed" for each in silent.queue)


async def test_it_writes_every_second_by_itself_and_ends_in_order(
    store: HistoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.history.session_recorder._EVERY_SECONDS", 0.01)
    show = Show(store)
    running = asyncio.create_task(show.recorder.run())
    show.start()
    show.elapse(7)
    async with asyncio.timeout(10):
        while (await details(store)).record.seconds != 7.0:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    show.finish(left=3.0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await details(store)).record.volume_ml.left == 3.0


async def test_a_session_that_does_not_end_with_the_controller_is_recorded_up_to_then(store: HistoryStore) -> None:
    show = Show(store)
    running = asyncio.create_task(show.recorder.run())
    show.start()
    await asyncio.sleep(0)
    show.elapse(7)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    record = (await details(store)).record
    assert (record.seconds, record.outcome) == (7.0, None)


# What a person does meanwhile and afterwards


async def test_what_a_person_entered_stays_whatever_is_recorded_later(store: HistoryStore) -> None:
    show = Show(store)
    show.start()
    await SessionRecords(store).edit(SessionEdit(session_id="latest", left_ml=50, note="calm"), "home")
    show.step("express", phase=Phase.EXPRESSION)
    show.elapse(3, volume_ml=Volume(left=10.0))
    await settled(show)
    show.finish(left=11.0)
    record = (await details(store)).record
    assert (record.volume_ml.left, record.note, record.revision) == (50, "calm", 1)
    assert {each.source: each.ml for each in record.milk} == {"entered": 50, "measured": 11}


async def test_events_after_its_end_belong_to_a_session_as_well(store: HistoryStore) -> None:
    show = Show(store)
    show.start()
    show.finish()
    show.seconds += 100
    show.event(PainData())
    again = Show(store)  # also after a restart
    again.seconds = again.began_seconds + 7200
    again.event(SessionEditedData(revision=1))
    again.event(SessionEditedData(revision=1), "unknown")
    found = await details(store)
    later = [(each.type, each.seconds) for each in found.events][-2:]
    assert later == [("pain", 100.0), ("session_edited", 7200.0)]
    assert {row["session_id"] for row in await store.read("SELECT session_id FROM session_event")} == {"s1"}


async def test_a_session_that_was_erased_does_not_come_back(store: HistoryStore) -> None:
    show = Show(store)
    show.start()
    show.finish(left=5.0)
    await store.write(Statement("DELETE FROM session"))
    show.event(SessionEditedData(revision=1))
    await store.write()
    assert await SessionRecords(store).sessions() == []
    for table in ("milk", "step", "session_event", "curve"):
        assert (await store.read(f"SELECT count(*) AS count FROM {table}"))[0]["count"] == 0


async def test_two_stations_are_recorded_at_once(store: HistoryStore) -> None:
    left = Show(store)
    right = Show(store, "attic", left)
    for show, id_ in ((left, "h"), (right, "a")):
        show.start(id_)
        show.step("express", phase=Phase.EXPRESSION)
    left.elapse(10, volume_ml=Volume(left=1.0))
    right.elapse(20, volume_ml=Volume(right=2.0))
    right.finish(right=2.0)
    left.finish(left=1.0)
    await store.write()
    records = {each.id: each for each in await SessionRecords(store).sessions()}
    assert {id_: each.station for id_, each in records.items()} == {"h": "home", "a": "attic"}
    assert (records["h"].volume_ml, records["a"].volume_ml) == (Volume(left=1.0), Volume(right=2.0))


async def test_the_shape_of_a_step_that_is_under_way(store: HistoryStore) -> None:
    show = Show(store)
    show.start()
    show.step("warm")
    show.elapse(3)
    await settled(show)
    assert (await details(store)).steps == (StepRecord(name="warm", began_seconds=0.0),)
