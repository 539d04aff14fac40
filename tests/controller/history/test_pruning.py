"""Sessions go at the age that the settings say, with all that belongs to them, and not before. On both engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from controller.database.database import Statement
from controller.database.migrations import files, migrate, newest_in, run_file
from controller.history import pruning
from controller.history.history_store import HistoryStore
from controller.history.history_writing import SCHEMA
from controller.history.pruning import HistoryPruner
from controller.history.session_import import import_sessions
from controller.history.session_records import SessionRecords, save
from tests.helpers.engines import Engine
from tests.helpers.session_records import begun, details, record

NOW = datetime.now(UTC)
TABLES = ("milk", "step", "session_event", "curve")


def of(days: float) -> str:
    return f"{NOW - timedelta(days=days):%Y%m%dT%H%M%S}-abc123"


@pytest.fixture
async def store(engine: Engine) -> AsyncIterator[HistoryStore]:
    async with HistoryStore.opened(engine.path, engine.database()) as opened:
        yield opened


@pytest.fixture
async def shared(server: Engine) -> AsyncIterator[HistoryStore]:
    async with HistoryStore.opened(server.path, server.database()) as opened:
        yield opened


async def keep(store: HistoryStore, *days: float) -> None:
    sessions = [details(record(of(each), NOW - timedelta(days=each), left=5.0)) for each in days]
    await import_sessions(store, sessions, replace=False)


async def kept(store: HistoryStore) -> set[str]:
    return {each.id for each in await SessionRecords(store).sessions()}


def months(engine: Engine) -> set[str]:
    found = "SELECT relname FROM pg_class WHERE relname ~ '^curve_[0-9]{6}$'"
    return {str(name).removeprefix("curve_") for (name,) in engine.rows(found)}


def month(days: float) -> str:
    return f"{NOW - timedelta(days=days):%Y%m}"


async def test_what_is_older_goes_with_all_that_belongs_to_it(
    engine: Engine, store: HistoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", pruning.__name__)
    await keep(store, 1, 29.9, 30.1, 400)
    assert await HistoryPruner(store, 30).prune() == 2
    assert await kept(store) == {of(1), of(29.9)}
    for table in TABLES:
        assert {owner for (owner,) in engine.rows(f"SELECT DISTINCT session_id FROM {table}")} == {of(1), of(29.9)}
    assert [each.getMessage() for each in caplog.records] == ["2 sessions that began more than 30 days ago were pruned"]
    assert await HistoryPruner(store, 30).prune() == 0
    assert len(caplog.records) == 1


async def test_nothing_is_pruned_unless_the_settings_say_so(store: HistoryStore) -> None:
    await keep(store, 1, 4000)
    assert await HistoryPruner(store, None).prune() == 0
    assert await kept(store) == {of(1), of(4000)}


async def test_a_session_under_way_stays_whatever_the_clock_said_when_it_began(store: HistoryStore) -> None:
    await store.write(*save(begun("20200101T000000-abc123", began_at=datetime(2020, 1, 1, tzinfo=UTC))))
    assert await HistoryPruner(store, 30).prune() == 0
    assert await kept(store) == {"20200101T000000-abc123"}


async def test_what_another_program_has_stays_there(store: HistoryStore) -> None:
    await keep(store, 40, 50)
    for days, state in ((40, "sent"), (50, "erasing")):
        await store.write(
            Statement(
                "INSERT INTO upload (target, session_id, station, state) VALUES ('t', :id, 'home', :state)",
                {"id": of(days), "state": state},
            )
        )
    assert await HistoryPruner(store, 30).prune() == 2
    assert await store.read("SELECT session_id, state FROM upload") == [{"session_id": of(50), "state": "erasing"}]


async def test_many_controllers_prune_at_once(engine: Engine, store: HistoryStore) -> None:
    await store.write(*(each for n in range(900) for each in save(record(f"{of(40)}{n}", NOW - timedelta(days=40)))))
    await keep(store, 1)
    others = [await HistoryStore.open(engine.path.with_name(f"{n}.db"), engine.database()) for n in range(4)]
    pruned = await asyncio.gather(*(HistoryPruner(each, 30).prune() for each in (store, *others)))
    for each in others:
        await each.close()
    assert sum(pruned) == 900
    assert await kept(store) == {of(1)}


async def test_a_session_is_recorded_while_others_are_pruned(store: HistoryStore) -> None:
    await store.write(*(each for n in range(900) for each in save(record(f"{of(40)}{n}", NOW - timedelta(days=40)))))
    pruning_ = asyncio.create_task(HistoryPruner(store, 30).prune())
    for n in range(20):
        assert await store.write(*save(begun(f"{of(0)}{n}", began_at=NOW)))
    assert await pruning_ == 900
    assert len(await kept(store)) == 20


async def test_a_month_of_which_nothing_is_kept_goes_as_a_whole(server: Engine, shared: HistoryStore) -> None:
    await shared.write()
    for days in (100, 200):
        server.run(f"SELECT add_month('{NOW - timedelta(days=days):%Y-%m-01}')")
    await keep(shared, 1, 100, 200)
    assert months(server) > {month(0), month(100), month(200)}
    await HistoryPruner(shared, 150).prune()
    assert month(200) not in months(server)
    assert month(100) in months(server)
    assert await kept(shared) == {of(1), of(100)}


async def test_what_others_have_on_the_same_server_stays(server: Engine, shared: HistoryStore) -> None:
    await keep(shared, 200, 1)
    await shared.write(*save(record(f"{of(200)}-theirs", NOW - timedelta(days=200), station="theirs")))
    server.run(f"SELECT add_month('{NOW - timedelta(days=200):%Y-%m-01}')")
    assert await HistoryPruner(shared, 30, ["home", "attic"]).prune() == 1
    assert await kept(shared) == {of(1), f"{of(200)}-theirs"}
    assert month(200) in months(server)


async def test_a_month_with_a_session_under_way_stays(server: Engine, shared: HistoryStore) -> None:
    await shared.write(*save(begun(of(200), began_at=NOW - timedelta(days=200))))
    server.run(f"SELECT add_month('{NOW - timedelta(days=200):%Y-%m-01}')")
    await HistoryPruner(shared, 30).prune()
    assert month(200) in months(server)


async def test_the_next_months_are_there_before_they_begin(server: Engine, shared: HistoryStore) -> None:
    await shared.write()
    for each in months(server):
        server.run(f"SELECT drop_month('{each}')")
    await keep(shared, 1)  # into the part for all others
    assert server.rows("SELECT count(*) FROM curve_other") != [(0,)]
    await HistoryPruner(shared, None).prune()
    assert len(months(server)) == 3
    assert month(0) in months(server)
    if month(1) == month(0):
        assert server.rows("SELECT count(*) FROM curve_other") == [(0,)], "it moves into its month"
    assert len((await SessionRecords(shared).details(of(1)) or pytest.fail("lost")).curves) == 5


async def test_former_owners_of_a_station_are_forgotten_after_a_while(server: Engine, shared: HistoryStore) -> None:
    await shared.write()
    for station, epoch, days in (("a", 1, 200), ("a", 2, 100), ("a", 3, 1), ("b", 1, 200)):
        since = (NOW - timedelta(days=days)).timestamp()
        server.run(f"INSERT INTO station_epoch VALUES ('{station}', {epoch}, '', {since})")
    await HistoryPruner(shared, None).prune()
    assert server.rows("SELECT station, epoch FROM station_epoch ORDER BY 1, 2") == [("a", 3), ("b", 1)]


async def test_it_runs_by_itself_but_not_after_the_clock_was_set(
    store: HistoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "_LOOK_SECONDS", 0.01)
    await keep(store, 1, 40)
    ahead = iter(range(0, 10**9, 3600))
    jumping = asyncio.create_task(HistoryPruner(store, 30, None, lambda: NOW + timedelta(seconds=next(ahead))).run())
    await asyncio.sleep(0.1)
    jumping.cancel()
    assert await kept(store) == {of(1), of(40)}
    running = asyncio.create_task(HistoryPruner(store, 30).run())
    async with asyncio.timeout(10):
        while await kept(store) != {of(1)}:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    running.cancel()


async def test_tables_of_the_version_before_keep_everything(engine: Engine) -> None:
    database = engine.database()
    database.create()
    with database.writing() as transaction:
        first = next(file for number, file in files(SCHEMA, dialect=database.dialect) if number == 1)
        run_file(transaction, first)
        transaction.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)", {})
        transaction.execute("INSERT INTO schema_version VALUES (1)", {})
        for n, id_ in enumerate(("20250630T235959-aaaaaa", "20250701T000000-bbbbbb", "an-id-of-its-own", of(0))):
            values = {"id": id_, "n": f"e{n}"}
            for sql in (
                "INSERT INTO session (id, station, routine, side, began_at) VALUES (:id, 'home', 'classic', 'left', 1)",
                "INSERT INTO milk VALUES (:id, 'left', 'measured', 7)",
                "INSERT INTO step VALUES (:id, 1, 'express', 0, 60, 'dry', 0)",
                "INSERT INTO session_event VALUES (:n, :id, 1.5, 'pain', '{}')",
                "INSERT INTO curve VALUES (:id, 'pump', 'vacuum_mmhg', 0, 'left', CAST('ab' AS BYTEA))"
                if database.dialect == "postgresql"
                else "INSERT INTO curve VALUES (:id, 'pump', 'vacuum_mmhg', 0, 'left', CAST('ab' AS BLOB))",
            ):
                transaction.execute(sql, values)
    names = "session_id, device, quantity, began_second, side, samples"
    queries = (
        "SELECT id, station, began_at FROM session ORDER BY id",
        "SELECT session_id, side, source, ml FROM milk ORDER BY 1",
        "SELECT session_id, number, name FROM step ORDER BY 1",
        "SELECT id, session_id, began_seconds, type, data FROM session_event ORDER BY 1",
        f"SELECT {names} FROM curve ORDER BY 1",
    )
    before = [sorted(map(str, engine.rows(each))) for each in queries]
    migrate(database, SCHEMA)
    assert [sorted(map(str, engine.rows(each))) for each in queries] == before
    assert engine.rows("SELECT max(version) FROM schema_version") == [(newest_in(SCHEMA),)]
    if database.dialect == "postgresql":
        assert months(engine) >= {"202506", "202507", month(0)}
        assert engine.rows("SELECT session_id FROM curve_other") == [("an-id-of-its-own",)]
    engine.run("DELETE FROM session WHERE id = '20250630T235959-aaaaaa'")
    database.close()
