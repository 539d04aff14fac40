"""Reminders of sessions, parts and batteries, as events and states, through restarts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.contract.event_data import EventData, ReminderData, SessionFinishedData, StepStartedData
from controller.contract.events import DeviceView, Event, Item, Snapshot
from controller.contract.reminders import Reminders
from controller.contract.session_state import SessionState
from controller.contract.stream import Stream
from controller.contract.words import load_words
from controller.history.history_store import HistoryStore
from controller.history.reminders.reminder_publisher import ReminderPublisher
from controller.history.reminders.reminder_settings import ReminderSettings
from controller.history.session_records import save
from devices.roles import LinkState, PumpReading, Side
from tests.helpers.session_records import numbered
from tests.helpers.wall_clock import WallClock

ALL = {"next_session_after_hours": 3, "clean_parts": True, "battery_below_percent": 20}
FINISHED = SessionFinishedData(outcome=SessionState.COMPLETED, reason=None, routine="classic")


class Reminding:
    """A publisher of reminders, what it published, and a clock that a test sets."""

    def __init__(self, store: HistoryStore | None, **settings: Any) -> None:
        self.store, self.settings = store, ReminderSettings.model_validate(settings)
        self.clock = WallClock()
        self.items: list[Item] = []

    async def restart(self, language: str = "en") -> None:
        stream, self.items = Stream(), []
        stream.subscribe(self.items.append)
        if self.store is not None:
            await self.store.write()
        self.publisher = ReminderPublisher(
            self.settings,
            ["home"],
            clock=self.clock,
            stream=stream,
            words=load_words(language),
            store=self.store,
            now=self.clock.wall,
            zone=UTC,
        )
        await self.publisher.load()
        self.publisher.remind()

    async def after(self, minutes: float) -> list[ReminderData]:
        """Let time pass, half a minute at a time, and return what it reminded of."""
        known = len(self.reminded)
        for _ in range(round(minutes * 2)):
            self.clock.now_seconds += 30
            self.publisher.remind()
        return self.reminded[known:]

    @property
    def reminded(self) -> list[ReminderData]:
        return [each.data for each in self.items if isinstance(each, Event) and isinstance(each.data, ReminderData)]

    @property
    def shown(self) -> Reminders:
        return [each for each in self.items if isinstance(each, Reminders)][-1]

    def happens(self, data: EventData, session_id: str | None = "s1") -> None:
        event = Event.of("home", session_id, data)
        self.publisher.watch(event.model_copy(update={"time": self.clock.wall()}))

    async def session(self, minutes: float = 20, *, pumps: bool = True) -> None:
        self.publisher.watch(Snapshot(station="home", state=SessionState.RUNNING))
        if pumps:
            self.happens(StepStartedData(step="express", index=1))
        await self.after(minutes)
        self.happens(FINISHED)
        self.publisher.watch(Snapshot(station="home", state=SessionState.COMPLETED))

    def battery(self, percent: float | None, *, available: bool = True) -> None:
        view = DeviceView(
            station="home",
            device="left-pump",
            profile="open-pump",
            side=Side.LEFT,
            link=LinkState.CONNECTED,
            available=available,
            reading=PumpReading(battery_percent=percent),
        )
        self.publisher.watch(view)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[HistoryStore]:
    async with HistoryStore.opened(tmp_path / "history.db") as opened:
        yield opened


async def test_a_session_is_followed_by_cleaning_and_by_the_next_one(store: HistoryStore) -> None:
    house = Reminding(store, **ALL)
    await house.restart()
    await house.session()
    ended = house.clock.wall()
    assert [each.kind for each in await house.after(60)] == ["clean_parts"]
    assert house.shown.parts_to_clean is True
    assert (house.shown.next_session_due, house.shown.next_session_at) == (False, ended.replace(hour=ended.hour + 3))
    await house.publisher.parts_clean("home")
    assert [each.kind for each in await house.after(3 * 60)] == ["next_session"]
    assert (house.shown.parts_to_clean, house.shown.next_session_due) == (False, True)
    assert house.reminded[-1].due_at == house.shown.next_session_at
    assert house.reminded[-1].words == "The time for the next session has come, if it suits you."


async def test_a_session_without_pumping_changes_nothing(store: HistoryStore) -> None:
    house = Reminding(store, **ALL)
    await house.restart()
    await house.session(pumps=False)
    assert await house.after(4 * 60) == []
    assert (house.shown.parts_to_clean, house.shown.next_session_at) == (None, None)


@pytest.mark.parametrize("with_store", [True, False])
async def test_a_restart_reminds_of_nothing_again_and_forgets_nothing(store: HistoryStore, with_store: bool) -> None:
    house = Reminding(store if with_store else None, **ALL)
    await house.restart()
    await house.session()
    house.battery(15)
    assert {each.kind for each in await house.after(30)} == {"clean_parts", "battery_low"}
    await house.restart()
    house.battery(15)
    found = [each.kind for each in await house.after(4 * 60)]
    assert found == (["next_session"] if with_store else ["battery_low"])
    assert house.shown.parts_to_clean is (True if with_store else None)


async def test_a_battery_reminds_once_until_it_was_charged(store: HistoryStore) -> None:
    house = Reminding(store, battery_below_percent=20)
    await house.restart()
    assert house.shown.battery_low is None
    house.battery(None)
    assert await house.after(1) == []
    assert house.shown.battery_low is None
    for percent in (60, 20):
        house.battery(percent)
        assert await house.after(1) == []
    assert house.shown.battery_low is False
    house.battery(19)
    (found,) = await house.after(1)
    assert (found.kind, found.device, found.words) == (
        "battery_low",
        "left-pump",
        "The battery of left-pump is at 19 %.",
    )
    assert house.shown.low_batteries == ("left-pump",)
    for percent in (21, 18, 24, 19):
        house.battery(percent)
        assert await house.after(1) == []
    house.battery(25)
    await house.after(1)
    assert house.shown.battery_low is False
    house.battery(19)
    assert [each.kind for each in await house.after(1)] == ["battery_low"]


async def test_a_device_that_is_out_of_reach_reports_no_battery(store: HistoryStore) -> None:
    house = Reminding(store, battery_below_percent=20)
    await house.restart()
    house.battery(5, available=False)
    assert await house.after(5) == []
    assert house.shown.battery_low is None


async def test_several_things_come_one_after_the_other(store: HistoryStore) -> None:
    house = Reminding(store, **ALL, quiet_hours="03:00-12:00")
    await house.restart()  # it is 03:00
    await house.session()
    house.battery(3)
    assert await house.after(8 * 60) == []
    assert house.shown.next_session_due is True
    found: list[tuple[datetime, str]] = []
    for _ in range(200):
        found += [(house.clock.wall(), each.kind) for each in await house.after(0.5)]
    assert [kind for _, kind in found] == ["next_session", "clean_parts", "battery_low"]
    assert all(at.hour == 12 for at, _ in found)
    assert len({at for at, _ in found}) == 3


async def test_a_history_from_before_says_when_the_last_session_was(store: HistoryStore) -> None:
    await store.write(*save(numbered(-1, left=40, suction_seconds=600)))
    house = Reminding(store, next_session_after_hours=6)
    await house.restart()
    ended_at = numbered(-1).ended_at
    assert house.shown.next_session_at is not None
    assert ended_at is not None
    assert (house.shown.next_session_at - ended_at).total_seconds() == pytest.approx(6 * 3600)


async def test_what_happens_before_the_history_is_read_counts(store: HistoryStore) -> None:
    house = Reminding(store, **ALL)
    await house.restart()
    await house.session()
    await house.publisher.parts_clean("home")
    await store.write()
    stream = Stream()
    publisher = ReminderPublisher(
        house.settings, ["home"], clock=house.clock, stream=stream, words=load_words("de"), store=store,
        now=house.clock.wall, zone=UTC,
    )  # fmt: skip
    house.publisher = publisher
    stream.subscribe(house.items.append)
    await house.session(10)
    await publisher.load()
    assert [each.kind for each in await house.after(15)] == ["clean_parts"]
    assert house.reminded[-1].words == "Die Teile der Pumpe warten noch auf die Reinigung."


async def test_it_starts_nothing_and_knows_no_other_station(store: HistoryStore) -> None:
    house = Reminding(store, **ALL)
    await house.restart()
    house.publisher.watch(Snapshot(station="attic", state=SessionState.RUNNING))
    await house.session()
    await house.after(24 * 60)
    assert all(isinstance(each, Reminders) or each.type == "reminder" for each in house.items)  # type: ignore[union-attr]
