"""A session that a node lost ends: at once where it gives the station up, and after a crash when it runs again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.contract.event_data import SessionFinishedData
from controller.contract.events import EndReason, Event
from controller.contract.words import load_words
from controller.fleet.node_journal import NodeJournal
from controller.history.history_store import HistoryStore
from controller.history.session_recorder import SessionRecorder
from controller.history.session_records import SessionRecords
from controller.journal.store import Store
from tests.helpers.stores import began, ended

BEGAN = began("20260301T023000-000001")


@pytest.fixture
async def history(tmp_path: Path) -> AsyncIterator[HistoryStore]:
    async with HistoryStore.opened(tmp_path / "history.db") as opened:
        SessionRecorder(opened, lambda: 0.0, epoch=7)._on_event(BEGAN.model_copy(update={"epoch": 7}))
        yield opened


async def end(store: Store, history: HistoryStore) -> list[Event]:
    """Let a node end what was cut off at its station, twice; return what it publishes."""
    delivered: list[Event] = []
    journal = NodeJournal(store, history, load_words("en"), delivered.append)
    for _ in range(2):
        journal.end_cut_off("home")
    return delivered


async def check(event: Event, history: HistoryStore) -> None:
    """Check that it is the end that a successor publishes as well, and that the history has it."""
    assert isinstance(event.data, SessionFinishedData)
    assert event.data.reason is EndReason.CUT_OFF
    assert event.id == Event.of("home", BEGAN.session_id, event.data).id
    assert await history.write()
    (record,) = await SessionRecords(history).sessions()
    assert record.reason == EndReason.CUT_OFF
    rows = await history.read("SELECT id, epoch FROM session_event ORDER BY began_seconds, type DESC")
    assert rows == [{"id": BEGAN.id, "epoch": 7}, {"id": event.id, "epoch": 7}]


async def test_a_session_of_which_the_cluster_may_not_know_ends_when_its_station_is_given_up(
    tmp_path: Path, history: HistoryStore
) -> None:
    async with Store.opened(tmp_path / "letdown.db") as store:
        store.watch(BEGAN)
        (event,) = await end(store, history)
    await check(event, history)
    async with Store.opened(tmp_path / "letdown.db") as store:
        assert await end(store, history) == []


async def test_a_session_of_an_earlier_process_ends_when_the_node_runs_again(
    tmp_path: Path, history: HistoryStore
) -> None:
    async with Store.opened(tmp_path / "letdown.db") as store:
        store.watch(BEGAN)
    async with Store.opened(tmp_path / "letdown.db") as store:
        (event,) = await end(store, history)
    await check(event, history)


async def test_a_session_that_has_ended_was_not_cut_off(tmp_path: Path, history: HistoryStore) -> None:
    async with Store.opened(tmp_path / "letdown.db") as store:
        store.watch(BEGAN)
        store.watch(ended(BEGAN.session_id or ""))
        assert await end(store, history) == []
