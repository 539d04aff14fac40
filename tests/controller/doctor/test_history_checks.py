"""What the doctor says of the history: of a file and of PostgreSQL; it creates and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from controller.database.database import Statement
from controller.database.postgres_database import PostgresDatabase
from controller.doctor import history_checks
from controller.doctor.check_result import CheckResult
from controller.doctor.history_checks import history
from controller.history.epochs import take_over
from controller.history.history_queue import HistoryQueue, encode
from controller.history.history_store import HistoryStore, queue_file
from tests.helpers.engines import Engine
from tests.helpers.stores import names, run

NOTE = Statement("INSERT INTO done (station, what, done_at) VALUES ('home', 'parts', 1)")


async def checked(path: Path, *, service_runs: bool = False) -> CheckResult:
    return await history(path, None, service_runs=service_runs)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    path = tmp_path / "letdown-history.db"
    async with HistoryStore.opened(path) as store:
        await store.write(NOTE)
    return path


async def test_one_that_can_be_used_is_fine(engine: Engine) -> None:
    async with HistoryStore.opened(engine.path, engine.database()) as store:
        await store.write(NOTE)
        found = await history(engine.path, engine.database(), service_runs=True)
    assert (found.state, found.subject) == ("ok", "history")
    assert found.message == f"{engine.database().name} can be used"


async def test_one_that_refuses_the_sessions_of_a_controller_that_is_alone_is_a_problem(server: Engine) -> None:
    async with HistoryStore.opened(server.path, server.database()) as store:
        await store.write(take_over("home", 1, "cut off"))
        in_a_fleet = await history(server.path, server.database(), service_runs=True)
        elsewhere = await history(server.path, server.database(), service_runs=True, alone=["bedroom"])
        found = await history(server.path, server.database(), service_runs=True, alone=["bedroom", "home"])
    assert (in_a_fleet.state, elsewhere.state) == ("ok", "ok")
    assert (found.state, found.subject) == ("problem", "history")
    assert "refuses the sessions of home: a fleet has served there" in found.message


async def test_one_that_cannot_be_reached_is_a_problem_with_a_remedy(engine: Engine) -> None:
    async with HistoryStore.opened(engine.path, engine.database()) as store:
        await store.write(NOTE)
    with engine.away():
        found = await history(engine.path, engine.database(), service_runs=False)
    assert (found.state, found.subject) == ("problem", "history")
    assert "cannot be " in found.message
    assert found.remedy


async def test_one_that_hangs_is_a_problem_after_a_while(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging:
        def __getattr__(self, name: str) -> object:
            return getattr(engine.database(), name)

        def reading(self) -> object:
            monkeypatch.undo()
            import time

            time.sleep(0.5)
            return engine.database().reading()

    monkeypatch.setattr(history_checks, "_ANSWER_SECONDS", 0.05)
    found = await history(engine.path, Hanging(), service_runs=False)  # type: ignore[arg-type]
    assert found.state == "problem"
    assert "has not answered for" in found.message


async def test_a_file_that_does_not_exist_yet_is_a_note_and_is_not_created(tmp_path: Path) -> None:
    found = await checked(tmp_path / "new" / "letdown-history.db")
    assert (found.state, found.message.endswith("does not exist yet: created on first `letdown run`")) == ("note", True)
    assert names(tmp_path) == set()


def text(path: Path) -> None:
    path.write_text("once upon a time\n" * 500)


def newer(path: Path) -> None:
    run(path, "INSERT INTO schema_version VALUES (99)")


def open_to_all(path: Path) -> None:
    path.chmod(0o644)


@pytest.mark.parametrize(
    ("spoil", "message", "remedy"),
    [
        (text, "cannot be used (file is not a database)", "move {path}* away to begin a new one"),
        (newer, "was written by a newer version of Letdown (its tables are 0099)", "use that version"),
        (open_to_all, "others than its owner may read or write {path}", "chmod 600 {path}"),
    ],
)
async def test_a_file_that_is_wrong_is_a_problem_with_a_remedy(
    path: Path, spoil: Callable[[Path], None], message: str, remedy: str
) -> None:
    spoil(path)
    before = names(path.parent)
    found = await checked(path)
    assert found.state == "problem"
    assert message.format(path=path) in found.message
    assert found.remedy == remedy.format(path=path)
    assert names(path.parent) == before


async def test_records_that_wait_without_a_service_are_a_note(path: Path) -> None:
    queue = HistoryQueue(queue_file(path))
    queue.append([encode([NOTE]), encode([NOTE])])
    queue.close()
    found = await checked(path)
    assert (found.state, found.remedy) == ("note", "letdown run writes them")
    assert found.message == f"the history at {path} can be used; 2 records wait for it"
    assert (await checked(path, service_runs=True)).state == "ok"


async def test_a_missing_extra_is_a_problem_that_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.database.postgres_database.find_spec", lambda _: None)
    database = PostgresDatabase(lambda: "postgresql://user:hush@host/letdown")
    found = await history(tmp_path / "letdown-history.db", database, service_runs=False)
    assert (found.state, found.remedy) == ("problem", "pip install 'letdown[postgres]'")
    assert "hush" not in found.message
