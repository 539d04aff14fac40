"""What works on the history is built only where there is something to do."""

from __future__ import annotations

from pathlib import Path

from controller.assembly.history_building import build_pruner
from controller.database.postgres_database import PostgresDatabase
from controller.database.sqlite_database import SqliteDatabase
from controller.history.history_store import HistoryStore, queue_file
from controller.settings import Settings


def test_a_home_that_keeps_everything_has_nothing_to_prune(tmp_path: Path) -> None:
    keeping, pruning = Settings(), Settings.model_validate({"history": {"keep_days": 90}})
    path = tmp_path / "history.db"
    server = HistoryStore(PostgresDatabase(lambda: "postgresql://host/letdown"), queue_file(path))
    home = HistoryStore(SqliteDatabase(path), queue_file(path))
    assert build_pruner(keeping, None) is None
    assert build_pruner(keeping, home) is None
    assert build_pruner(pruning, home) is not None
    assert build_pruner(keeping, server) is not None, "it keeps the months of its tables in order"
