"""An import adds what is missing, keeps what is here, and is all of a file or nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from controller.contract.session_record import HistoryError, Milk, SessionDetails, SessionEdit
from controller.database.database import Statement
from controller.history.history_store import HistoryStore
from controller.history.session_import import Imported, import_sessions
from controller.history.session_records import SessionRecords
from controller.history.whole_sessions import as_stored
from devices.roles import Side
from tests.helpers.session_records import BEGAN, details, record

MILK = tuple(
    Milk(side=side, source=source, ml=41.7) for side, source in ((Side.LEFT, "entered"), (Side.BOTH, "weighed"))
)


def one(number: int, note: str | None = None) -> SessionDetails:
    return details(record(f"s{number}", BEGAN.replace(day=number), milk=MILK, note=note, revision=2))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[HistoryStore]:
    async with HistoryStore.opened(tmp_path / "history.db") as opened:
        yield opened


async def test_everything_of_a_session_is_kept(store: HistoryStore) -> None:
    done = await import_sessions(store, [one(1, "my words")], replace=False)
    assert done == Imported(added=["s1"])
    kept = await SessionRecords(store).details("s1")
    assert kept is not None
    assert set(kept.record.milk) == set(MILK)
    wanted = one(1, "my words")
    assert kept.record.model_copy(update={"milk": MILK}) == wanted.record
    assert (kept.steps, kept.events) == (wanted.steps, wanted.events)
    curves = {(each.device, each.quantity): each for each in kept.curves}
    assert curves == {(each.device, each.quantity): as_stored(each) for each in wanted.curves}
    assert curves["left-pump", "vacuum_mmhg"].values == wanted.curves[0].values  # nothing is lost


async def test_the_same_file_again_changes_nothing(store: HistoryStore) -> None:
    await import_sessions(store, [one(1), one(2)], replace=False)
    before = await SessionRecords(store).sessions()
    for replace in (False, True):
        done = await import_sessions(store, [one(1), one(2), one(3)][:2], replace=replace)
        assert done == Imported(same=["s1", "s2"])
    assert await SessionRecords(store).sessions() == before


async def test_what_differs_is_kept_unless_it_is_to_be_replaced(store: HistoryStore) -> None:
    records = SessionRecords(store)
    await import_sessions(store, [one(1)], replace=False)
    edited = await records.edit(SessionEdit(session_id="s1", left_ml=77.0, note="corrected since"))
    done = await import_sessions(store, [one(1), one(2)], replace=False)
    assert done == Imported(added=["s2"], different=["s1"])
    assert (await records.sessions(until=BEGAN.replace(day=2)))[0] == edited
    done = await import_sessions(store, [one(1), one(2)], replace=True)
    assert done == Imported(replaced=["s1"], same=["s2"])
    (kept,) = await records.sessions(until=BEGAN.replace(day=2))
    assert (kept.note, kept.volume_ml.left) == (None, 41.7)
    assert kept.revision > edited.revision  # who has seen the other one notices


async def test_an_error_in_the_middle_of_a_file_imports_nothing(store: HistoryStore) -> None:
    def damaged() -> Iterator[SessionDetails]:
        yield one(1)
        raise ValueError("damaged from here on")

    with pytest.raises(ValueError, match="damaged"):
        await import_sessions(store, damaged(), replace=False)
    assert await SessionRecords(store).sessions() == []


async def test_events_of_another_session_import_nothing(store: HistoryStore) -> None:
    await import_sessions(store, [one(1)], replace=False)
    thief = one(2).model_copy(update={"events": one(1).events})
    with pytest.raises(HistoryError, match="nothing was imported"):
        await import_sessions(store, [one(3), thief], replace=False)
    assert [each.id for each in await SessionRecords(store).sessions()] == ["s1"]


async def test_a_session_that_appears_meanwhile_is_not_overwritten(store: HistoryStore) -> None:
    def appearing() -> Iterator[SessionDetails]:
        yield one(1)
        store.put(
            Statement("INSERT INTO session (id, station, routine, side, began_at) VALUES ('s1', 'x', 'y', 'left', 5)")
        )

    with pytest.raises(HistoryError, match="try again"):
        await import_sessions(store, appearing(), replace=True)
    (kept,) = await SessionRecords(store).sessions()
    assert kept.station == "x"
