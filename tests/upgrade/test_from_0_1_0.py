"""What an owner of 0.1.0 has is there after the upgrade; and what it takes to go back."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from controller.contract.events import EndReason, EventType, SessionState, Volume
from controller.contract.session_record import HistoryError, SessionRecord
from controller.database.sqlite_database import SqliteDatabase
from controller.history.carry_over import carry_over
from controller.history.history_store import HistoryStore
from controller.history.session_records import SessionRecords
from controller.journal.store import Store
from controller.journal.tables import REVISION
from controller.safety.limits import TripKind
from controller.safety.persistence import (
    DeviceIdentity,
    EnergyUse,
    InterruptedSession,
    SavedAnswers,
    SavedStartDefaults,
)
from controller.settings import load_settings
from devices.roles import Side
from tests.helpers.stores import Clocks

WRITTEN = Path(__file__).parent / "written_by_0_1_0"
DUMP = (WRITTEN / "letdown.db.sql").read_text(encoding="utf-8")
DONE, CUT_OFF = "20260301T010000-aaaaaa", "20260301T022000-bbbbbb"


def dump(path: Path) -> str:
    """Return all that is in a file, as SQL."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return "\n".join(connection.iterdump()) + "\n"


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "letdown.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(DUMP)
    return path


async def taken_over(path: Path, clocks: Clocks) -> dict[str, SessionRecord]:
    """Start as the service does, and return the sessions of the history."""
    file = path.with_name("letdown-history.db")
    async with Store.opened(path, clocks) as store, HistoryStore.opened(file, SqliteDatabase(file)) as history:
        await carry_over(store, history)
    async with HistoryStore.opened(file, SqliteDatabase(file)) as history:
        return {each.id: each for each in await SessionRecords(history).sessions()}


async def test_what_safety_must_remember_is_there(path: Path, clocks: Clocks) -> None:
    async with Store.opened(path, clocks) as store:
        assert store.problem is None
        known = store.persistence("home").saved
    uuids = {"control": ("0000fff0-0000-1000-8000-00805f9b34fb", "0000fff1-0000-1000-8000-00805f9b34fb")}
    left = DeviceIdentity(
        name="left-pump", profile="open-pump", side=Side.LEFT, address="F0:1E:7D:00:00:01", uuids=uuids
    )
    assert known.running == {"left-pump": left}
    assert known.trip is not None
    assert (known.trip.kind, known.trip.device, known.trip.detail) == (TripKind.VACUUM, "left-pump", "310 mmHg")
    answers = {"lump": True, "fever": False}
    standing = frozenset({"numb"})
    assert known.answers == SavedAnswers(on=date(2026, 3, 1), values=answers, standing=standing, day_left_seconds=3600)
    assert known.start_defaults == SavedStartDefaults(routine="gentle", side=Side.LEFT, comfort_vacuum_mmhg=120)
    assert set(known.energy_uses) == {
        EnergyUse(budgets=frozenset({"suction"}), began_seconds_ago=600, ended_seconds_ago=0),
        EnergyUse(budgets=frozenset({"heat", "hot"}), began_seconds_ago=1500, ended_seconds_ago=900),
    }
    assert known.interrupted == InterruptedSession(session_id=CUT_OFF, routine="gentle", side=Side.LEFT)


async def test_past_sessions_are_in_the_history(path: Path, clocks: Clocks) -> None:
    found = await taken_over(path, clocks)
    assert found.keys() == {DONE, CUT_OFF}
    done, cut_off = found[DONE], found[CUT_OFF]
    assert (done.routine, done.side, done.outcome) == ("classic", Side.BOTH, SessionState.COMPLETED)
    assert (done.began_at, done.ended_at) == (
        datetime(2026, 3, 1, 1, tzinfo=UTC),
        datetime(2026, 3, 1, 1, 30, tzinfo=UTC),
    )
    assert (done.let_down_seconds, done.peak_vacuum_mmhg, done.warmest_celsius) == (71.5, 148, 40.2)
    assert done.volume_ml == Volume(left=65, right=48)
    assert {(each.side, each.source): each.ml for each in done.milk} == {
        (Side.LEFT, "measured"): 62.5,
        (Side.RIGHT, "measured"): 48,
        (Side.LEFT, "entered"): 65,
    }
    assert (cut_off.outcome, cut_off.reason) == (SessionState.FAILED, EndReason.CUT_OFF)


async def test_events_that_no_broker_has_are_still_to_be_published(path: Path, clocks: Clocks) -> None:
    async with Store.opened(path, clocks) as store:
        waiting = list(store.backlog.take_unpublished())
    assert [(int(each.id), each.type) for each in waiting] == [
        (2, EventType.SESSION_FINISHED),
        (3, EventType.VOLUME_LOGGED),
        (4, EventType.STOP_CONFIRMED),
        (5, EventType.SESSION_STARTED),
    ]
    ended = waiting[0].data.model_dump()
    assert (ended["reason"], ended["reason_words"]) == (None, "all steps are done")
    assert ended["volume_ml"] == {"left": 62.5, "right": 48, "both": None}


async def test_the_copy_from_before_is_the_file_of_0_1_0(path: Path, clocks: Clocks) -> None:
    """To go back, it takes the place of the store."""
    await taken_over(path, clocks)
    assert dump(path.with_name("letdown.db.backup-0004")) == DUMP


async def test_0_1_0_refuses_the_new_store(path: Path, clocks: Clocks) -> None:
    """It knows revisions up to 0004; of any other it says that a newer version wrote the file, and starts nothing."""
    await taken_over(path, clocks)
    assert f"INSERT INTO \"alembic_version\" VALUES('{REVISION}')" in dump(path)
    assert REVISION > "0004"


async def test_a_store_of_a_later_version_starts_nothing_and_is_left_as_it_is(path: Path, clocks: Clocks) -> None:
    await taken_over(path, clocks)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9001'")
    before = dump(path)
    async with Store.opened(path, clocks) as store:
        assert store.problem is not None
        assert "newer version of Letdown (its tables are 9001)" in store.problem
        assert store.persistence("home").saved.running.keys() == {"left-pump"}  # what may run is stopped all the same
    assert dump(path) == before


async def test_a_history_of_a_later_version_is_left_as_it_is(path: Path, clocks: Clocks) -> None:
    await taken_over(path, clocks)
    file = path.with_name("letdown-history.db")
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("INSERT INTO schema_version (version) VALUES (9001)")
    before = dump(file)
    async with HistoryStore.opened(file, SqliteDatabase(file)) as history:
        with pytest.raises(HistoryError, match=r"newer version of Letdown \(its tables are 9001\)"):
            await SessionRecords(history).sessions()
    assert dump(file) == before


def test_settings_mean_what_they_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", "secret")
    for name in ("W3_LOCAL_KEY", "W3_UUID", "W3_DEVICE_ID"):
        monkeypatch.setenv(name, "a" * 16)
    shutil.copy(WRITTEN / "letdown.yaml", tmp_path)
    for name in ("proxy.key", "ca.pem", "client.pem", "client.key"):
        (tmp_path / name).touch()
    for name in ("my-profiles", "my-routines"):
        (tmp_path / name).mkdir()
    found = load_settings(tmp_path / "letdown.yaml")
    assert found.language == "de"
    assert found.radio.adapters == ("hci0", "hci1")
    assert found.limits.model_dump() == {
        "comfort_vacuum_mmhg": 140,
        "stimulation_vacuum_mmhg": 90,
        "heat_celsius": 40,
        "heat_without_temperature": True,
        "vibration": True,
        "vibration_at_full": True,
        "go_on_with_one_pump": True,
        "start_suction": "ask",
        "manual_use": "stop",
        "remote_raise": "refuse",
    }
    assert found.mqtt.base_topic == "pumping"
    assert found.store.path == tmp_path / "state/letdown.db"
    home = found.stations["home"]
    assert (home.body, [device.name for device in home.devices]) == ("ann", ["left-pump", "right-pump", "warm-pad"])
    assert home.devices[0].through == "hci1"
    assert home.devices[1].allow_unverified
    assert home.devices[1].max_level == 4
