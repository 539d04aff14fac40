"""The migrations make the very tables that the code knows."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine

import controller.store
from controller.store.tables import METADATA, REVISION

(FOLDER,) = controller.store.__path__
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
