"""Events wait in the store until they are dropped: in their order, whatever happens to the controller or to a row."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from controller.contract.events import Event
from controller.journal.store import Store
from tests.helpers.stores import after_a_crash, began, ended, run, settled, written_by_another

EVENTS = [began("s1"), ended("s1"), began("s2", 700), ended("s2", 900)]


async def left(path: Path) -> list[Event]:
    async with Store.opened(path) as store:
        return list(store.backlog.take_unpublished())


def ids(events: list[Event]) -> list[str]:
    return [event.id for event in events]


async def kept(store: Store) -> None:
    """Wait until all that was said is on the disk."""
    await store.persistence("home").save_starting([])


async def test_what_was_put_is_left_in_its_order_and_stays_until_it_is_dropped(path: Path) -> None:
    async with Store.opened(path) as store:
        assert store.backlog.take_unpublished() == []
        for event in EVENTS:
            store.backlog.add(event)
    for _ in range(2):
        assert await left(path) == EVENTS
    async with Store.opened(path) as store:
        store.backlog.remove(EVENTS[0].id)
        store.backlog.remove(EVENTS[2].id)
    assert await left(path) == [EVENTS[1], EVENTS[3]]


async def test_what_is_put_later_comes_later_also_after_a_restart(path: Path) -> None:
    for event in EVENTS:
        async with Store.opened(path) as store:
            store.backlog.add(event)
    async with Store.opened(path) as store:
        store.backlog.remove(EVENTS[1].id)
    assert await left(path) == [EVENTS[0], *EVENTS[2:]]


async def test_it_is_handed_over_once_so_that_it_is_not_held_twice(path: Path) -> None:
    async with Store.opened(path) as store:
        store.backlog.add(EVENTS[0])
    async with Store.opened(path) as store:
        assert store.backlog.take_unpublished() == EVENTS[:1]
        assert store.backlog.take_unpublished() == []


async def test_it_is_on_the_disk_after_a_crash(path: Path) -> None:
    async with Store.opened(path) as store:
        for event in EVENTS:
            store.backlog.add(event)
        store.backlog.remove(EVENTS[0].id)
        await kept(store)
        crashed = after_a_crash(path)
    assert await left(crashed) == EVENTS[1:]


async def test_after_a_crash_before_the_row_was_deleted_it_comes_again_under_the_same_id(path: Path) -> None:
    async with Store.opened(path) as store:
        store.backlog.add(EVENTS[0])
        await kept(store)
        with written_by_another(path):
            store.backlog.remove(EVENTS[0].id)
            await settled()
            crashed = after_a_crash(path)
    assert ids(await left(crashed)) == ids(EVENTS[:1])
    assert await left(path) == []


async def test_putting_waits_for_no_disk(path: Path, patient: None) -> None:
    async with Store.opened(path) as store:
        await kept(store)
        with written_by_another(path):
            for event in EVENTS:
                store.backlog.add(event)  # a wait would never end
    assert await left(path) == EVENTS


async def test_an_odd_value_is_kept_as_it_is_published(path: Path) -> None:
    odd = EVENTS[1].model_copy(update={"data": EVENTS[1].data.model_copy(update={"peak_vacuum_mmhg": math.nan})})
    async with Store.opened(path) as store:
        store.backlog.add(odd)
    (back,) = await left(path)
    assert back.model_dump_json(fallback=str) == odd.model_dump_json(fallback=str)


@pytest.mark.parametrize("content", ["'no json'", "'{}'", "x'ff00fe'", "7", "cast(x'ff22' as text)"])
async def test_a_row_that_cannot_be_read_is_dropped_and_said(
    path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Store.opened(path) as store:
        store.backlog.add(EVENTS[0])
    run(path, f"INSERT INTO outbox VALUES ('broken', 2, 'home', {content})")
    async with Store.opened(path) as store:
        store.backlog.add(EVENTS[1])
    assert "an event that waited for the broker cannot be read (" in caplog.text
    caplog.clear()
    assert await left(path) == EVENTS[:2]
    assert caplog.text == ""
