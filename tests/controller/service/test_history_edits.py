"""Corrections of sessions and milk measured by hand, as commands: what is entered, refused and published."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.contract.commands import Action, Command, Reply, parse_command
from controller.contract.event_data import SessionEditedData, VolumeLoggedData
from controller.contract.events import EventType, SessionState, Volume
from controller.contract.session_record import BY_HAND, LOG_HOURS, SessionRecord
from controller.contract.stream import Stream
from controller.contract.words import load_words
from controller.history.history_store import HistoryStore
from controller.history.session_recorder import SessionRecorder
from controller.history.session_records import SessionRecords, save
from controller.safety.limits import OwnerLimits
from controller.safety.persistence import InMemoryPersistence
from controller.service.service import Service
from controller.service.station import Station
from controller.session.routine import load_routines
from devices.support.clock import ScaledClock
from tests.helpers.home import Recorder
from tests.helpers.session_records import begun

JUST_NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


class Home:
    """Two stations without devices, and their history."""

    def __init__(self, store: HistoryStore | None) -> None:
        self.clock, self.stream = ScaledClock(speed=1000), Stream()
        self.records = None if store is None else SessionRecords(store)
        self.recorder = None if store is None else SessionRecorder(store, self.clock.now)
        if self.recorder is not None:
            self.recorder.subscribe(self.stream)
        self.recorded = Recorder(self.clock, self.stream)
        self.stations = [self._station(name) for name in ("home", "attic")]
        self.service = Service(self.stations, history=self.records)

    def _station(self, name: str) -> Station:
        return Station(
            name,
            clock=self.clock,
            stream=self.stream,
            devices=[],
            owner=OwnerLimits(),
            routines=load_routines(),
            words=load_words("en"),
            persistence=InMemoryPersistence(),
        )

    async def send(self, action: str, *, station: str = "home", retained: bool = False, **args: Any) -> Reply:
        more = {key: args.pop(key) for key in ("sent", "expires", "session", "id") if key in args}
        command = Command(action=Action(action), args=args, **more)
        command, checked = parse_command(command.model_dump_json(exclude_none=True).encode())
        return await self.service.handle(station, command, checked, retained=retained)

    async def run_session(self) -> str:
        """Run a session until the person stops it, and return its id."""
        reply = await self.send("start", routine="gentle", no_symptoms=True)
        assert reply.session_id is not None
        await self.send("stop")
        await self.stations[0].finished()
        return reply.session_id

    async def sessions(self, station: str = "home") -> list[SessionRecord]:
        assert self.records is not None
        return list(await self.records.sessions(station))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[HistoryStore]:
    async with HistoryStore.opened(tmp_path / "history.db") as opened:
        yield opened


@pytest.fixture
async def home(store: HistoryStore) -> Home:
    return Home(store)


async def kept(store: HistoryStore, *records: SessionRecord) -> None:
    for record in records:
        await store.write(*save(record))


# Corrections


async def test_a_correction_is_accepted_published_and_in_the_history(home: Home, store: HistoryStore) -> None:
    await kept(store, begun("s1", left=30, right=31))
    reply = await home.send("edit_session", session_id="s1", revision=0, left_ml=42, note="felt fine")
    assert (reply.outcome, reply.reasons) == ("accepted", ())
    (event,) = home.recorded.events(EventType.SESSION_EDITED)
    assert (event.station, event.session_id, event.data) == ("home", "s1", SessionEditedData(revision=1))
    (record,) = await home.sessions()
    assert (record.volume_ml, record.note, record.revision) == (Volume(left=42, right=31), "felt fine", 1)
    assert {(each.side, each.ml) for each in record.milk if each.source == "measured"} == {("left", 30), ("right", 31)}


async def test_the_latest_session_needs_no_id(home: Home, store: HistoryStore) -> None:
    await kept(store, begun("s1"), begun("s2", hours=3), begun("a1", hours=5, station="attic"))
    assert (await home.send("edit_session", session_id="latest", right_ml=7)).outcome == "accepted"
    assert [(each.id, each.volume_ml.right) for each in await home.sessions()] == [("s2", 7), ("s1", None)]
    assert [each.revision for each in await home.sessions("attic")] == [0]


async def test_a_session_that_was_changed_meanwhile_is_not_overwritten(home: Home, store: HistoryStore) -> None:
    await kept(store, begun("s1"))
    await home.send("edit_session", session_id="s1", revision=0, left_ml=40)
    reply = await home.send("edit_session", session_id="s1", revision=0, left_ml=50)
    assert (reply.outcome, reply.keys) == ("refused", ("edited_meanwhile",))
    assert len(home.recorded.events(EventType.SESSION_EDITED)) == 1
    assert [each.volume_ml.left for each in await home.sessions()] == [40]


@pytest.mark.parametrize("session_id", ["s2", "", "latest"])
async def test_what_is_not_in_the_history_cannot_be_corrected(home: Home, session_id: str) -> None:
    reply = await home.send("edit_session", session_id=session_id, left_ml=50)
    assert (reply.outcome, reply.keys) == ("refused", ("no_such_session",))
    assert home.recorded.events(EventType.SESSION_EDITED) == []


async def test_a_session_of_another_station_cannot_be_corrected_through_this_one(
    home: Home, store: HistoryStore
) -> None:
    await kept(store, begun("s1"))
    for session_id in ("s1", "latest"):
        reply = await home.send("edit_session", station="attic", session_id=session_id, left_ml=50)
        assert (reply.outcome, reply.keys) == ("refused", ("no_such_session",))
    assert [(each.revision, each.milk) for each in await home.sessions()] == [(0, ())]
    assert (await home.send("edit_session", session_id="s1", left_ml=50)).outcome == "accepted"


async def test_without_a_history_there_is_nothing_to_correct() -> None:
    home = Home(None)
    reply = await home.send("edit_session", session_id="latest", left_ml=50)
    assert (reply.outcome, reply.keys) == ("refused", ("no_history",))
    assert "edit_session" not in home.stations[0].reporter.allowed_actions()
    assert "log_volume" in home.stations[0].reporter.allowed_actions()


async def test_with_a_history_a_correction_is_offered(home: Home) -> None:
    assert "edit_session" in home.stations[0].reporter.allowed_actions()


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"retained": True}, "retained"),
        ({"expires": "2020-01-01T00:00:00Z"}, "expired"),
        ({"sent": "2020-01-01T00:00:00Z"}, "late_or_clocks_differ"),
        ({"session": "another"}, "wrong_session"),
    ],
)
@pytest.mark.parametrize("action", ["edit_session", "log_volume"])
async def test_what_is_stale_changes_nothing(
    home: Home, store: HistoryStore, action: str, more: dict[str, Any], key: str
) -> None:
    await kept(store, begun("s1", began_at=JUST_NOW))
    args = {"session_id": "s1"} if action == "edit_session" else {}
    reply = await home.send(action, **args, left_ml=50, **more)
    assert (reply.outcome, reply.keys) == ("refused", (key,))
    assert [(each.revision, each.milk) for each in await home.sessions()] == [(0, ())]


async def test_the_same_command_twice_counts_once(home: Home, store: HistoryStore) -> None:
    await kept(store, begun("s1", began_at=JUST_NOW))
    outcomes = [(await home.send("log_volume", id="7", left_ml=50, by_hand=True)).outcome for _ in range(2)]
    assert outcomes == ["accepted", "refused"]
    assert len(await home.sessions()) == 2


@pytest.mark.parametrize(("action", "args"), [("edit_session", {"session_id": "latest"}), ("log_volume", {})])
async def test_a_history_that_cannot_be_reached_fails_the_command_and_not_the_session(
    tmp_path: Path, action: str, args: dict[str, Any]
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        opened = await stack.enter_async_context(HistoryStore.opened(tmp_path / "history.db"))
        home = Home(opened)
        (tmp_path / "history.db").unlink(missing_ok=True)
        (tmp_path / "history.db").mkdir()  # no file can be there
        await home.send("start", routine="gentle", no_symptoms=True)
        reply = await home.send(action, **args, left_ml=50)
        assert (reply.outcome, reply.keys) == ("failed", ("history_unreachable",))
        assert reply.detail
        assert home.recorded.events(EventType.SESSION_EDITED, EventType.VOLUME_LOGGED) == []
        assert home.stations[0].running
        assert (await home.send("skip")).outcome == "accepted"
        await home.send("stop")
        await home.stations[0].finished()
        assert home.recorded.snapshot.state is SessionState.STOPPED


async def test_a_session_that_is_shown_shows_the_correction(home: Home) -> None:
    session_id = await home.run_session()
    await home.send("edit_session", session_id=session_id, left_ml=20)
    assert home.recorded.snapshot.volume_ml == Volume(left=20)
    await home.send("edit_session", session_id=session_id, left_ml=None)
    assert home.recorded.snapshot.volume_ml == Volume()


# Milk measured by hand


async def test_logged_milk_is_entered_into_the_latest_session_and_keeps_the_side_that_is_not_named(home: Home) -> None:
    session_id = await home.run_session()
    for args in ({"left_ml": 61.5}, {"right_ml": 50}):
        assert (await home.send("log_volume", **args)).outcome == "accepted"
    events = home.recorded.events(EventType.VOLUME_LOGGED)
    assert [(each.session_id, each.data) for each in events] == [
        (session_id, VolumeLoggedData(left_ml=61.5, right_ml=None)),
        (session_id, VolumeLoggedData(left_ml=None, right_ml=50)),
    ]
    assert home.recorded.snapshot.volume_ml == Volume(left=61.5, right=50)
    (record,) = await home.sessions()
    assert {(each.side, each.source, each.ml) for each in record.milk} == {
        ("left", "entered", 61.5),
        ("right", "entered", 50),
    }
    assert home.recorded.events(EventType.SESSION_EDITED) == []


async def test_logged_milk_of_a_running_session_stays_when_it_ends(home: Home) -> None:
    await home.send("start", routine="gentle", no_symptoms=True)
    assert (await home.send("log_volume", left_ml=12)).outcome == "accepted"
    await home.send("stop")
    await home.stations[0].finished()
    (record,) = await home.sessions()
    assert (record.volume_ml.left, record.revision) == (12, 1)


async def test_after_a_restart_logged_milk_belongs_to_the_latest_session(store: HistoryStore) -> None:
    session_id = await Home(store).run_session()
    await store.write()
    restarted = Home(store)
    assert (await restarted.send("log_volume", left_ml=44)).outcome == "accepted"
    assert [(each.id, each.volume_ml.left) for each in await restarted.sessions()] == [(session_id, 44)]
    (event,) = restarted.recorded.events(EventType.VOLUME_LOGGED)
    assert event.session_id == session_id


async def test_what_was_measured_stays_beside_what_was_logged(home: Home, store: HistoryStore) -> None:
    await kept(store, begun("s1", began_at=JUST_NOW, both=80))
    await home.send("log_volume", left_ml=40, right_ml=45)
    (record,) = await home.sessions()
    assert record.volume_ml == Volume(left=40, right=45)
    assert [each.ml for each in record.milk if each.source == "measured"] == [80]


@pytest.mark.parametrize(
    ("args", "side", "volume_ml"),
    [
        ({"left_ml": 30}, "left", Volume(left=30)),
        ({"right_ml": 31}, "right", Volume(right=31)),
        ({"left_ml": 30, "right_ml": 31}, "both", Volume(left=30, right=31)),
    ],
)
async def test_milk_without_a_session_is_a_session_of_its_own(
    home: Home, args: dict[str, Any], side: str, volume_ml: Volume
) -> None:
    before = datetime.now(UTC)
    assert (await home.send("log_volume", **args)).outcome == "accepted"
    (record,) = await home.sessions()
    assert (record.routine, record.side, record.outcome) == (BY_HAND, side, SessionState.COMPLETED)
    assert record.volume_ml == volume_ml
    assert before <= record.began_at <= datetime.now(UTC)
    assert record.ended_at == record.began_at
    (event,) = home.recorded.events(EventType.VOLUME_LOGGED)
    assert event.session_id == record.id


async def test_the_other_side_follows_into_the_same_session(home: Home) -> None:
    await home.send("log_volume", left_ml=30)
    await home.send("log_volume", right_ml=31)
    (record,) = await home.sessions()
    assert record.volume_ml == Volume(left=30, right=31)


@pytest.mark.parametrize(("hours", "sessions"), [(LOG_HOURS - 0.1, 1), (LOG_HOURS + 0.1, 2)])
async def test_milk_of_today_is_not_entered_into_a_session_of_long_ago(
    home: Home, store: HistoryStore, hours: float, sessions: int
) -> None:
    began_at = datetime.now(UTC) - timedelta(hours=hours)
    await kept(store, begun("s1", began_at=began_at, left=60))
    await home.send("log_volume", left_ml=30)
    records = await home.sessions()
    assert len(records) == sessions
    assert records[-1].volume_ml.left == (30 if sessions == 1 else 60)


async def test_milk_expressed_by_hand_leaves_the_latest_session_alone(home: Home, store: HistoryStore) -> None:
    await kept(store, begun("s1", began_at=JUST_NOW, left=60))
    await home.send("log_volume", left_ml=20, by_hand=True)
    assert [(each.routine, each.volume_ml.left) for each in await home.sessions()] == [(BY_HAND, 20), ("classic", 60)]


async def test_nothing_logged_changes_nothing(home: Home) -> None:
    assert (await home.send("log_volume")).outcome == "accepted"
    assert await home.sessions() == []


async def test_without_a_history_logged_milk_is_published(store: HistoryStore) -> None:
    home = Home(None)
    session_id = await home.run_session()
    await home.send("log_volume", left_ml=61.5)
    await home.send("log_volume", right_ml=50)
    first, _ = home.recorded.events(EventType.VOLUME_LOGGED)
    assert (first.session_id, first.data) == (session_id, VolumeLoggedData(left_ml=61.5, right_ml=None))
    assert home.recorded.snapshot.volume_ml == Volume(left=61.5, right=50)
    assert await SessionRecords(store).sessions() == []


def test_no_routine_can_be_taken_for_milk_entered_by_hand() -> None:
    assert BY_HAND not in load_routines()
    with pytest.raises(ValueError, match="id"):
        next(iter(load_routines().values())).model_validate(
            {"id": BY_HAND, "name": {"en": "x"}, "summary": {"en": "x"}, "steps": ["check"]}
        )
