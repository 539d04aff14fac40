"""Sessions are kept as they begin and end, can be read beside the controller, and a crash does not leave them open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.events import Event, EventType, SessionState, Volume
from controller.memory import CutOff
from controller.store.errors import StoreError
from controller.store.sessions import SessionRow, sessions
from controller.store.store import Store
from devices.roles import Side
from tests.controller.household import MILK, household
from tests.controller.store.conftest import after_a_crash, content, run
from tests.controller.store.test_memory import LEFT, remembered

BEGAN = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)


def event(kind: EventType, session: str | None, seconds: float, station: str = "home", **data: Any) -> Event:
    return Event(time=BEGAN + timedelta(seconds=seconds), station=station, session_id=session, type=kind, data=data)


def began(session: str, seconds: float = 0, station: str = "home") -> Event:
    return event(EventType.SESSION_STARTED, session, seconds, station, routine="classic", side="left")


def ended(session: str, seconds: float = 600, station: str = "home", **volume_ml: float) -> Event:
    return event(
        EventType.SESSION_FINISHED,
        session,
        seconds,
        station,
        outcome="completed",
        reason="the routine is done",
        routine="classic",
        let_down_seconds=61.5,
        volume_ml=Volume(**volume_ml).model_dump(),
        peak_vacuum_mmhg=148.0,
        warmest_celsius=None,
    )


def logged(session: str | None, left_ml: float | None, right_ml: float | None, seconds: float = 700) -> Event:
    return event(EventType.VOLUME_LOGGED, session, seconds, left_ml=left_ml, right_ml=right_ml)


async def kept(path: Path, *events: Event) -> list[SessionRow]:
    async with Store.opened(path) as store:
        for each in events:
            store.watch(each)
    return await sessions(path)


async def test_a_session_is_kept_with_what_was_measured(path: Path) -> None:
    assert await kept(path, began("s1"), ended("s1", left=40.5)) == [
        SessionRow(
            id="s1",
            station="home",
            routine="classic",
            side=Side.LEFT,
            began_at=BEGAN,
            ended_at=BEGAN + timedelta(seconds=600),
            outcome=SessionState.COMPLETED,
            reason="the routine is done",
            let_down_seconds=61.5,
            left_ml=40.5,
            peak_vacuum_mmhg=148,
        )
    ]


async def test_a_real_session_is_kept_as_it_was_told(path: Path) -> None:
    async with Store.opened(path) as store, household(parent=True) as house:
        house.stream.subscribe(store.watch)
        await house.start(MILK.id)
        told = await house.finished()
    (row,) = await sessions(path)
    assert (row.id, row.station, row.routine, row.side) == (told.session_id, told.station, told.routine, told.side)
    assert (row.outcome, row.reason) == (told.state, told.reason)
    assert (row.let_down_seconds, row.volume_ml) == (told.let_down_seconds, told.volume_ml)
    assert (row.peak_vacuum_mmhg, row.warmest_celsius) == (told.peak_vacuum_mmhg, told.warmest_celsius)
    assert row.ended_at is not None
    assert row.ended_at > row.began_at


async def test_times_are_kept_in_utc(path: Path) -> None:
    berlin = began("s1").model_copy(update={"time": datetime.fromisoformat("2026-03-01T03:30:00+01:00")})
    (row,) = await kept(path, berlin)
    assert row.began_at == BEGAN
    assert row.began_at.utcoffset() == timedelta(0)


async def test_a_session_is_on_the_disk_before_what_it_starts(path: Path) -> None:
    async with Store.opened(path) as store:
        store.watch(began("s1"))
        await store.memory("home").starting([LEFT])
        (row,) = await sessions(after_a_crash(path))
    assert (row.id, row.outcome, row.ended_at) == ("s1", None, None)


async def test_what_ended_before_it_began_was_no_session(path: Path) -> None:
    assert await kept(path, ended("s0")) == []
    rows = await kept(path, began("s1"), ended("s0"), began("s2", 9), ended("s1"))
    assert [(row.id, row.outcome) for row in rows] == [("s2", None), ("s1", None)]


@pytest.mark.parametrize(
    ("measured", "by_hand", "volume"),
    [
        ({"left": 30, "right": 31}, [(40, None)], Volume(left=40, right=31)),
        ({"left": 30}, [(40, None), (None, 41)], Volume(left=40, right=41)),
        ({"left": 30}, [(40, None), (42, None)], Volume(left=42)),
        ({"both": 80}, [(40, 41)], Volume(left=40, right=41)),
        ({"both": 80}, [(None, None)], Volume(both=80)),
        ({}, [(0, 5)], Volume(left=0, right=5)),
        ({}, [], Volume()),
    ],
)
@pytest.mark.parametrize("when", ["during", "after"])
async def test_milk_that_was_logged_by_hand_goes_before_what_a_device_measured(
    path: Path,
    when: str,
    measured: dict[str, float],
    by_hand: list[tuple[float | None, float | None]],
    volume: Volume,
) -> None:
    milk = [logged("s1", *each) for each in by_hand]
    end = [ended("s1", **measured)]
    (row,) = await kept(path, began("s1"), *(milk + end if when == "during" else end + milk))
    assert row.volume_ml == volume
    assert Volume(left=row.left_ml, right=row.right_ml, both=row.both_ml) == Volume(**measured)


async def test_milk_of_no_session_is_no_session(path: Path) -> None:
    assert await kept(path, logged(None, 40, 40), logged("s0", 40, 40)) == []


# After a crash


async def test_a_session_that_was_cut_off_is_ended_and_told_of_once(path: Path) -> None:
    async with Store.opened(path) as store:
        for each in (
            began("s1"),
            ended("s1"),
            began("s3", 20),
            began("s2", 10),  # in whatever order
            began("w1", 30, "work"),
            ended("w1", 40, "work"),
        ):
            store.watch(each)
            await store.memory("home").starting([])
        crashed = after_a_crash(path)
    assert (await remembered(crashed, "work")).cut_off is None

    crashed = after_a_crash(path)
    assert (await remembered(crashed)).cut_off == CutOff(session_id="s3", routine="classic", side=Side.LEFT)
    by_id = {row.id: row for row in await sessions(crashed)}
    for cut_off in ("s2", "s3"):
        assert by_id[cut_off].outcome is SessionState.FAILED
        assert by_id[cut_off].reason == "the controller ended in mid-session"
        assert by_id[cut_off].ended_at is None, "nobody knows"
    assert by_id["s1"].outcome is by_id["w1"].outcome is SessionState.COMPLETED
    assert (await remembered(crashed)).cut_off is None


# Reading


async def test_the_last_come_first_and_those_of_one_station_when_wanted(path: Path) -> None:
    events = [began(f"{station}{n}", n, station) for n in range(30) for station in ("home", "work")]
    assert len(await kept(path, *events)) == 20
    assert [row.id for row in await sessions(path, "home", 3)] == ["home29", "home28", "home27"]
    assert len(await sessions(path, "work", 100)) == 30
    assert await sessions(path, "nowhere") == []


async def test_a_controller_goes_on_while_its_sessions_are_read(path: Path) -> None:
    async with Store.opened(path) as store:
        for n in range(3):
            store.watch(began(f"s{n}", n))
            await store.memory("home").starting([])
            assert len(await sessions(path)) == n + 1


async def test_reading_changes_nothing(path: Path) -> None:
    await kept(path, began("s1"), ended("s1"))
    before = content(path)
    await sessions(path)
    assert content(path) == before
    assert (await sessions(path))[0].outcome is SessionState.COMPLETED


async def test_reading_changes_nothing_after_a_crash_either(path: Path) -> None:
    async with Store.opened(path) as store:
        store.watch(began("s1"))
        await store.memory("home").starting([LEFT])
        crashed = after_a_crash(path)
    before = content(crashed)
    assert [row.id for row in await sessions(crashed)] == ["s1"]
    assert content(crashed) == before
    assert (await remembered(crashed)).running == {"left-pump": LEFT}


async def test_where_there_is_no_store_yet_none_is_made(tmp_path: Path) -> None:
    path = tmp_path / "none" / "letdown.db"
    with pytest.raises(StoreError, match=f"^the store at {path} is not there yet; the controller makes it"):
        await sessions(path)
    assert not path.parent.exists()


async def test_tables_of_another_version_are_not_guessed_at(path: Path, tmp_path: Path) -> None:
    run(path, "UPDATE alembic_version SET version_num = '0099'")
    with pytest.raises(StoreError, match=f"^the store at {path} was written by a newer version"):
        await sessions(path)
    run(path, "UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(StoreError, match=f"^the store at {path} has no such tables yet; the controller makes them"):
        await sessions(path)
    (tmp_path / "nothing.db").touch()
    with pytest.raises(StoreError, match="has no such tables yet"):
        await sessions(tmp_path / "nothing.db")


async def test_a_file_that_is_no_store_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "letdown.db"
    path.write_text("once upon a time\n" * 100, encoding="utf-8")
    with pytest.raises(StoreError, match=r"cannot be used \(file is not a database\)"):
        await sessions(path)
