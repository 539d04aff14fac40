"""Tables are created and brought up to date by numbered files: each once, all or nothing, and never backwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.database.database import Database
from controller.database.database_errors import DatabaseError, TooNewError
from controller.database.migrations import migrate, newest_in, statements_of
from tests.helpers.engines import Engine

FIRST = "-- The first.\nCREATE TABLE one (id TEXT PRIMARY KEY);\nINSERT INTO one VALUES ('a;b');\n"
FUNCTION = """
CREATE FUNCTION half() RETURNS TEXT LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1;
    RETURN 'postgresql';
END
$$;
CREATE TABLE alone (dialect TEXT);
INSERT INTO alone VALUES (half());
"""
SECOND = "CREATE TABLE two (id TEXT);\nINSERT INTO two SELECT id FROM one;\n"


@pytest.fixture
def database(engine: Engine) -> Iterator[Database]:
    opened = engine.database()
    opened.create()
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "schema"
    path.mkdir()
    add(path, "0001_first.sql", FIRST)
    return path


def add(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    newest_in.cache_clear()


def test_each_file_is_run_once_in_its_order(database: Database, engine: Engine, folder: Path) -> None:
    for _ in range(2):
        migrate(database, folder)
    assert engine.rows("SELECT id FROM one") == [("a;b",)]
    add(folder, "0002_second.sql", SECOND)
    for _ in range(2):
        migrate(database, folder)
    assert engine.rows("SELECT id FROM two") == [("a;b",)]
    assert engine.rows("SELECT version FROM schema_version ORDER BY version") == [(1,), (2,)]


def test_a_file_for_one_engine_is_only_counted_by_the_other(database: Database, engine: Engine, folder: Path) -> None:
    migrate(database, folder)
    add(folder, "0002_only.sqlite.sql", "CREATE TABLE alone (dialect TEXT);\nINSERT INTO alone VALUES ('sqlite');\n")
    add(folder, "0002_only.postgresql.sql", FUNCTION)
    add(folder, "0003_more.sqlite.sql", "CREATE TABLE more (id TEXT);\n")
    for _ in range(2):
        migrate(database, folder)
    assert engine.rows("SELECT dialect FROM alone") == [(database.dialect,)]
    assert engine.rows("SELECT version FROM schema_version ORDER BY version") == [(1,), (2,), (3,)]
    with database.reading() as transaction:
        assert ("more" in database.tables(transaction)) == (database.dialect == "sqlite")


def test_the_body_of_a_function_is_one_statement() -> None:
    assert [each.strip().partition(" ")[0] for each in statements_of(FUNCTION)] == ["CREATE", "CREATE", "INSERT"]


def test_one_that_fails_changes_nothing(database: Database, engine: Engine, folder: Path) -> None:
    migrate(database, folder)
    add(folder, "0002_second.sql", SECOND + "INSERT INTO three VALUES ('x');\n")
    for _ in range(2):
        with pytest.raises(Exception, match="three"):
            migrate(database, folder)
    with database.reading() as transaction:
        assert database.tables(transaction) == {"one", "schema_version"}
    add(folder, "0002_second.sql", SECOND)
    migrate(database, folder)
    assert engine.rows("SELECT id FROM two") == [("a;b",)]


def test_tables_of_a_newer_version_are_left_alone(database: Database, engine: Engine, folder: Path) -> None:
    migrate(database, folder)
    engine.run("INSERT INTO schema_version VALUES (99)")
    with pytest.raises(TooNewError) as error:
        migrate(database, folder)
    assert "was written by a newer version of Letdown (its tables are 0099)" in error.value.problem
    assert error.value.remedy == "use that version"


def test_a_database_of_something_else_is_left_alone(database: Database, engine: Engine, folder: Path) -> None:
    engine.run("CREATE TABLE recipe (name TEXT)")
    with pytest.raises(DatabaseError, match="is a database of something else; name another one"):
        migrate(database, folder)
    with database.reading() as transaction:
        assert database.tables(transaction) == {"recipe"}


def test_two_at_once_do_it_once(engine: Engine, folder: Path) -> None:
    add(folder, "0002_second.sql", SECOND)
    errors: list[Exception] = []
    ready = threading.Barrier(4)

    def run() -> None:
        database = engine.database()
        ready.wait()
        try:
            database.create()
            migrate(database, folder)
        except Exception as error:  # noqa: BLE001 - it is looked at below
            errors.append(error)
        database.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == []
    assert engine.rows("SELECT version FROM schema_version ORDER BY version") == [(1,), (2,)]
    assert engine.rows("SELECT id FROM two") == [("a;b",)]
