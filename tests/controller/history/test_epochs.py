"""Several controllers own a station one after the other: the database takes what was theirs, and nothing else."""

from __future__ import annotations

import itertools
import shutil

import pytest

from controller.contract.events import Event, EventType
from controller.contract.session_record import SessionDetails, SessionEdit
from controller.database.database import Statement
from controller.history.history_store import HistoryStore
from controller.history.session_import import import_sessions
from controller.history.session_records import SessionRecords
from controller.history.session_statements import save_milk, save_session
from tests.helpers.engines import Engine
from tests.helpers.session_records import details as invented
from tests.helpers.session_records import record
from tests.helpers.station_owners import (
    STATION,
    WORDS,
    ago,
    drain,
    owner,
    session_id,
    set_takeover,
)

S1, S2, S3 = session_id(30, "aaaaaa"), session_id(8, "bbbbbb"), session_id(5, "cccccc")


async def details(engine: Engine, id_: str) -> SessionDetails:
    async with HistoryStore.opened(engine.path, engine.database()) as store:
        found = await SessionRecords(store).details(id_)
    assert found is not None
    return found


async def ids(engine: Engine) -> set[str]:
    async with HistoryStore.opened(engine.path, engine.database()) as store:
        return {each.id for each in await SessionRecords(store).sessions()}


async def how_it_ended(engine: Engine, id_: str) -> tuple[str | None, str | None]:
    found = (await details(engine, id_)).record
    return found.outcome, found.reason


def events_of(engine: Engine) -> list[str]:
    return sorted(str(id_) for (id_,) in engine.rows("SELECT id FROM session_event"))


async def test_each_row_has_the_epoch_of_its_owner(engine: Engine) -> None:
    async with owner(engine, "a", 7) as first:
        first.take_over()
        first.begin(S1, 30)
        first.finish(S1, 20)
    assert engine.rows("SELECT epoch, ended_epoch FROM session") == [(7, 7)]
    for table in ("milk", "session_event"):
        assert set(engine.rows(f"SELECT epoch FROM {table}")) == {(7,)}
    assert engine.rows("SELECT station, epoch FROM station_epoch") == [(STATION, 7)]


async def test_at_home_there_is_none(engine: Engine) -> None:
    async with owner(engine, "a", None) as home:
        home.take_over()
        home.begin(S1, 30)
        home.finish(S1, 20)
        home.take_over(S1)
    assert engine.rows("SELECT outcome, epoch, ended_epoch FROM session") == [("completed", None, None)]
    assert engine.rows("SELECT * FROM station_epoch") == []
    assert len(engine.rows("SELECT * FROM session_event WHERE epoch IS NULL")) == 3


async def test_what_a_former_owner_recorded_before_arrives_late_and_once(server: Engine) -> None:
    async with owner(server, "a", 1) as first:
        first.take_over()
        first.begin(S1, 30)
    async with owner(server, "a", 1, cut_off=True) as cut_off:  # and its network is lost
        cut_off.publish(EventType.PAIN, S1, 25)
        cut_off.store.put(save_milk(S1, record(left=12.0).milk[0], 1))
    async with owner(server, "b", 2) as second:
        second.take_over(S1)
    assert await how_it_ended(server, S1) == ("failed", "cut_off")
    again = server.path.with_name("a-history-queue.db")
    shutil.copy(again, again.with_name("copy.db"))
    await drain(server, "a")
    shutil.copy(again.with_name("copy.db"), again)  # as after a crash that lost what was removed
    await drain(server, "a")
    found = await details(server, S1)
    assert (found.record.outcome, found.record.reason) == ("failed", "cut_off")
    assert found.record.volume_ml.left == 12.0
    assert events_of(server) == sorted({**first.events, **cut_off.events, **second.events})


async def test_the_successor_arrives_first_and_the_owner_before_it_minutes_later(server: Engine) -> None:
    async with owner(server, "a", 1, cut_off=True) as first:
        first.take_over()
        first.begin(S1, 30)
        first.publish(EventType.PAIN, S1, 25)
    async with owner(server, "b", 2) as second:
        second.take_over(S1)
        second.begin(S2, 8)
        second.finish(S2, 2)
    found = (await details(server, S1)).record  # it is known from its successor alone
    assert (found.station, found.outcome, found.reason) == (STATION, "failed", "cut_off")
    assert abs((found.began_at - ago(30)).total_seconds()) < 1
    await drain(server, "a")
    found = (await details(server, S1)).record
    assert (found.side, found.began_at) == ("left", ago(30))
    assert (found.outcome, found.reason, found.reason_words) == ("failed", "cut_off", WORDS)
    assert server.rows(f"SELECT epoch, ended_epoch FROM session WHERE id = '{S1}'") == [(1, 2)]
    assert await how_it_ended(server, S2) == ("completed", "completed")
    assert events_of(server) == sorted({**first.events, **second.events})


async def test_a_session_that_nobody_published_as_interrupted_is_ended_when_it_arrives(server: Engine) -> None:
    async with owner(server, "a", 1, cut_off=True) as first:
        first.begin(S1, 30)
    async with owner(server, "b", 2) as second:
        second.take_over()
    await drain(server, "a")
    assert (await details(server, S1)).record.reason_words == WORDS
    assert server.rows("SELECT outcome, ended_epoch FROM session") == [("failed", 2)]


async def test_a_session_that_had_ended_before_the_takeover_ended_as_its_owner_says(server: Engine) -> None:
    async with owner(server, "a", 1) as first:
        first.begin(S1, 30)
    async with owner(server, "a", 1, cut_off=True) as late:
        late.recorder = first.recorder
        late.store.put(save_session(record(S1, ago(30), 15, station=STATION, seconds=900), 1))
    async with owner(server, "b", 2) as second:
        second.take_over()
    assert await how_it_ended(server, S1) == ("failed", "cut_off")
    await drain(server, "a")
    assert await how_it_ended(server, S1) == ("completed", "completed")
    assert (await details(server, S1)).record.seconds == 900


async def test_what_the_successor_published_as_interrupted_stays_so(server: Engine) -> None:
    async with owner(server, "a", 1, cut_off=True) as first:
        first.begin(S1, 30)
        first.finish(S1, 20)
    async with owner(server, "b", 2) as second:
        second.take_over(S1)
    await drain(server, "a")
    found = (await details(server, S1)).record
    assert (found.outcome, found.reason, found.ended_at) == ("failed", "cut_off", None)
    assert found.volume_ml.left == 30.0  # what was measured counts all the same
    assert events_of(server) == sorted({**first.events, **second.events})


async def test_a_former_owner_that_goes_on_changes_nothing_that_its_successor_ended(server: Engine) -> None:
    async with owner(server, "a", 1) as first:
        first.begin(S1, 30)
        await first.store.write()
        async with owner(server, "b", 2) as second:
            second.take_over()
        set_takeover(server, 2, 10)
        before = server.rows("SELECT * FROM session")
        running = record(S1, ago(30), None, station=STATION, side="left", seconds=1500, peak_vacuum_mmhg=240)
        assert await first.store.write(save_session(running, 1))
        assert server.rows("SELECT * FROM session") == before
        first.finish(S1, 4, outcome="stopped")
        await first.store.write()
    assert server.rows("SELECT * FROM session") == before
    assert events_of(server) == sorted({**first.events, **second.events})


async def test_what_was_measured_up_to_the_takeover_counts(server: Engine) -> None:
    async with owner(server, "a", 1) as first:
        first.begin(S1, 30)
        await first.store.write()
        async with owner(server, "b", 2) as second:
            second.take_over()
        set_takeover(server, 2, 10)
        running = record(S1, ago(30), None, station=STATION, seconds=19 * 60, peak_vacuum_mmhg=140)
        await first.store.write(save_session(running, 1))
        found = (await details(server, S1)).record
    assert (found.seconds, found.peak_vacuum_mmhg, found.outcome) == (19 * 60, 140, "failed")


async def test_a_session_that_began_after_the_takeover_is_refused_and_the_rest_is_taken(
    server: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    async with owner(server, "b", 2) as second:
        second.take_over()
        second.begin(S2, 8)
    set_takeover(server, 2, 10)
    async with owner(server, "a", 1, cut_off=True) as first:
        first.begin(S1, 30)
        first.finish(S1, 20)
        first.begin(S3, 5)
        first.publish(EventType.PAIN, S3, 4)
        first.finish(S3, 3)
        first.publish(EventType.SESSION_EDITED, S1, 1, revision=1)
    await drain(server, "a")
    assert await ids(server) == {S1, S2}
    theirs = [each.id for each in first.events.values() if each.session_id == S1]
    assert events_of(server) == sorted([*theirs, *second.events])
    assert "a record is left out that the history refuses (another controller owns its station by now)" in caplog.text
    assert S3 not in caplog.text


async def test_a_former_owner_cannot_write_into_a_session_of_its_successor(
    server: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    async with owner(server, "b", 2) as second:
        second.take_over()
        second.begin(S2, 8)
    before = server.rows("SELECT * FROM session")
    async with owner(server, "a", 1) as first:
        first.publish(EventType.PAIN, S2, 4)
        first.store.put(save_milk(S2, record(left=99.0).milk[0], 1))
        first.store.put(save_session(record(S2, ago(8), station=STATION), 1))
        first.take_over()
    assert server.rows("SELECT * FROM session") == before
    assert server.rows("SELECT * FROM milk") == []
    assert events_of(server) == sorted(second.events)
    assert caplog.text.count("another controller owns its station by now") == 3


async def test_a_controller_without_an_epoch_changes_nothing_of_a_fleet(server: Engine) -> None:
    async with owner(server, "b", 2) as second:
        second.take_over()
        second.begin(S2, 8)
    set_takeover(server, 2, 10)
    before = server.rows("SELECT * FROM session")
    async with owner(server, "home", None) as home:
        home.take_over()
        home.begin(S3, 5)
        home.publish(EventType.PAIN, S2, 4)
        # as a version did that knew of no epochs
        home.store.put(Statement("UPDATE session SET outcome = 'failed' WHERE outcome IS NULL"))
        home.store.put(
            Statement(
                "INSERT INTO session_event (id, session_id, began_seconds, type, data) "
                "VALUES ('x', :id, 1, 'pain', '')",
                {"id": S2},
            )
        )
    assert server.rows("SELECT * FROM session") == before
    assert events_of(server) == sorted(second.events)


async def test_a_session_that_a_home_left_under_way_is_ended_when_it_becomes_part_of_a_fleet(server: Engine) -> None:
    async with owner(server, "home", None) as home:
        home.begin(S1, 30)
    async with owner(server, "b", 2) as second:
        second.take_over(S1)
    await drain(server, "home")
    assert await how_it_ended(server, S1) == ("failed", "cut_off")
    assert events_of(server) == sorted({**home.events, **second.events})


async def test_people_enter_correct_import_and_erase_whoever_owns_the_station(server: Engine) -> None:
    async with owner(server, "a", 1) as first:
        first.begin(S1, 30)
        await first.store.write()
        async with owner(server, "b", 2) as second:
            second.take_over(S1)
            second.begin(S2, 8)
        records = SessionRecords(first.store)
        edited = await records.edit(SessionEdit(session_id=S1, left_ml=40, note="mine"))
        assert (edited.volume_ml.left, edited.note, edited.outcome) == (40, "mine", "failed")
        assert (await records.edit(SessionEdit(session_id=S2, right_ml=20))).volume_ml.right == 20
        by_hand = await records.log_milk(STATION, 10, None, by_hand=True)
        mine = invented(record(S3, ago(5), station=STATION))
        assert (await import_sessions(first.store, [mine], replace=False)).added == [S3]
        assert (await details(server, S3)).events == mine.events
    async with owner(server, "b", 2) as second:
        await second.store.write(Statement("DELETE FROM session WHERE id = :id", {"id": S1}))
    assert await ids(server) == {S2, S3, by_hand.id}


@pytest.mark.parametrize("order", list(itertools.permutations("abc")), ids="".join)
async def test_in_whatever_order_queues_arrive_the_history_is_the_same(server: Engine, order: tuple[str, ...]) -> None:
    events: dict[str, Event] = {}
    began = {"a": (S1, 30.0), "b": (S2, 8.0), "c": (S3, 5.0)}
    left = None
    for epoch, name in enumerate("abc", start=1):
        async with owner(server, name, epoch, cut_off=True) as one:
            one.take_over(left)
            left, minutes_ago = began[name]
            one.begin(left, minutes_ago)
            one.publish(EventType.PAIN, left, minutes_ago - 1)
        events |= one.events
    for name in order:
        await drain(server, name)
    assert server.rows("SELECT id, epoch, side, outcome, reason FROM session ORDER BY id") == [
        (S1, 1, "left", "failed", "cut_off"),
        (S2, 2, "left", "failed", "cut_off"),
        (S3, 3, "left", None, None),
    ]
    assert events_of(server) == sorted(events)


async def test_of_three_owners_each_keeps_what_was_its_own(server: Engine) -> None:
    for epoch, session, began in ((1, S1, 30.0), (2, S2, 8.0), (3, S3, 5.0)):
        async with owner(server, f"n{epoch}", epoch, cut_off=True) as one:
            one.take_over()
            one.begin(session, began)
    for epoch, since in ((3, 6.0), (1, 40.0), (2, 10.0)):  # their queues arrive in no order
        await drain(server, f"n{epoch}")
        set_takeover(server, epoch, since)
    found = server.rows("SELECT id, epoch, outcome FROM session ORDER BY id")
    assert found == [(S1, 1, "failed"), (S2, 2, "failed"), (S3, 3, None)]


async def test_a_clock_that_is_ahead_loses_no_session(server: Engine) -> None:
    async with owner(server, "b", 2) as second:
        second.take_over()
    async with owner(server, "a", 1) as first:
        first.begin(S1, -60)
    assert await how_it_ended(server, S1) == ("failed", "cut_off")


async def test_an_epoch_counts_from_its_first_session_on_even_if_the_takeover_never_arrived(server: Engine) -> None:
    async with owner(server, "b", 2) as second:
        second.begin(S2, 8)
    assert server.rows("SELECT station, epoch FROM station_epoch") == [(STATION, 2)]
