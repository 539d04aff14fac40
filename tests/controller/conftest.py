"""The databases of both engines: unit tests use SQLite, the system tests run the same ones on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.engines import Engine, SqliteEngine


@pytest.fixture(scope="session")
def postgres() -> Iterator[object]:
    """A server of the tests' own. Imported here: most tests need none."""
    from tests.helpers.postgres import postgres_server

    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.system)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """A place for a database that does not exist yet, of each engine."""
    path = tmp_path / "letdown-history.db"
    if request.param == "sqlite":
        return SqliteEngine(path)
    from tests.helpers.postgres import PostgresEngine

    return PostgresEngine(request.getfixturevalue("postgres"), path)


@pytest.fixture(params=[pytest.param("postgres", marks=pytest.mark.system)])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """A place for a database that does not exist yet, of PostgreSQL alone."""
    from tests.helpers.postgres import PostgresEngine

    return PostgresEngine(request.getfixturevalue("postgres"), tmp_path / "letdown-history.db")
