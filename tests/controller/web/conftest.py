"""The web interface over a history in a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.history.history_store import HistoryStore
from controller.history.session_records import SessionRecords
from tests.helpers.kept_history import BERLIN, Editing, Kept
from tests.helpers.web_client import parts_of


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    async with HistoryStore.opened(tmp_path / "history.db") as store:
        history = SessionRecords(store)
        service = Editing(history)
        parts = replace(parts_of(service.handle), history=history, zone=BERLIN)
        yield Kept(store, history, service, parts)
