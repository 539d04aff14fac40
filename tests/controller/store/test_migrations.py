"""The migrations make the very tables that the code knows."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine

import controller.store
from controller.memory import Answers, CutOff, Identity
from controller.store.engine import engine_of
from controller.store.sessions import sessions
from controller.store.tables import METADATA, REVISION
from devices.roles import Side
from tests.controller.store.conftest import Clocks, run
from tests.controller.store.test_memory import TRIP, remembered

(FOLDER,) = controller.store.__path__
BEGAN = "'2026-03-01T02:00:00.000000+00:00'"
SCRIPTS = ScriptDirectory(f"{FOLDER}/migrations")


def test_the_migrations_make_the_tables_that_the_code_knows(empty: Path) -> None:
    with create_engine(f"sqlite:///{empty}", poolclass=NullPool).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


def test_the_tables_say_which_migration_is_the_last() -> None:
    assert SCRIPTS.get_heads() == [REVISION]


def test_migrations_only_go_forward_since_going_back_would_forget() -> None:
    scripts = list(SCRIPTS.walk_revisions())
    assert scripts
    assert [script.revision for script in scripts if hasattr(script.module, "downgrade")] == []


# What an older version kept


def older(path: Path, revision: str) -> None:
    """Make a store as an older version made it."""
    with engine_of(path).begin() as connection:
        config = Config()
        config.set_main_option("script_location", f"{FOLDER}/migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
async def test_a_store_of_an_older_version_is_brought_up_to_date_with_what_is_in_it(
    tmp_path: Path, revision: str, clocks: Clocks
) -> None:
    path = tmp_path / "letdown.db"
    path.touch()
    older(path, revision)
    run(path, f"INSERT INTO running VALUES ('home', 'left-pump', {BEGAN})")
    run(path, f"INSERT INTO trip VALUES ('home', 'vacuum', 'left-pump', '310 mmHg', {BEGAN})")
    run(path, "INSERT INTO answers VALUES ('home', '2026-03-01', '{\"lump\": true}')")
    for budget, used, minutes in [("suction", 600, 20), ("heat", 300, 10), ("hot", 120, 10), ("vibration", 60, 45)]:
        run(path, f"INSERT INTO used VALUES ('home', '{budget}', {used}, '2026-03-01T02:{minutes}:00.000000+00:00')")
    run(path, f"INSERT INTO used VALUES ('home', 'light', 5, {BEGAN})")  # of which nobody knows anything
    run(path, f"INSERT INTO session (id, station, routine, side, began_at) VALUES ('s1', 'home', 'a', 'left', {BEGAN})")
    assert [row.id for row in await sessions(path)] == ["s1"]  # which can be read before that
    known = await remembered(path, clocks=clocks)
    assert known.running == {"left-pump": Identity(name="left-pump", profile="")}
    assert known.trip == TRIP
    assert known.answers == Answers(on=date(2026, 3, 1), values={"lump": True})
    assert sorted((sorted(use.budgets), use.began_seconds_ago, use.ended_seconds_ago) for use in known.uses) == [
        (["heat"], 1200 + 300, 1200),
        (["heat", "hot"], 1200 + 120, 1200),
        (["suction"], 600 + 600, 600),
        (["vibration"], 0 + 60, 0),  # it was to go on until later
    ]
    assert known.cut_off == CutOff(session_id="s1", routine="a", side=Side.LEFT)
    assert await remembered(path, clocks=clocks) == known.model_copy(update={"cut_off": None})
