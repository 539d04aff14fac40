"""How long five years of sessions take to read and to show, beside their bare rows, and how large a session is."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controller.contract.session_record import (
    Curve,
    CurveQuantity,
    EventRecord,
    SessionDetails,
    SessionRecord,
    StepRecord,
)
from controller.database.database import Database
from controller.history.history_store import HistoryStore
from controller.history.session_records import SessionRecords, save, save_details
from devices.roles import Side
from tests.bench.rows import Row
from tests.helpers.history_views import seconds_of_views
from tests.helpers.kept_history import history_of
from tests.helpers.postgres import PostgresEngine, postgres_server
from tests.helpers.session_records import BEGAN, begun, days_of_sessions
from tests.helpers.web_service import web_service

_SESSIONS = 5 * 365 * 8
_WITH_CURVES = 200
_SECONDS = 1800
_SUCTION_BEGAN = 700
_KB = 1000


async def measure() -> list[Row]:
    """Fill a history, and read it."""
    with tempfile.TemporaryDirectory() as folder:
        size_kb = await _kb_of_a_session(Path(folder) / "curves.db")
        path = Path(folder) / "sessions.db"
        async with HistoryStore.opened(path) as store:
            statements = [each for number in range(_SESSIONS) for each in save(_record(number))]
            await store.write(*statements)
            began = time.process_time()
            records = await SessionRecords(store).sessions()
            ours = time.process_time() - began
        assert len(records) == _SESSIONS
        began = time.process_time()
        with contextlib.closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("SELECT * FROM session JOIN milk ON milk.session_id = session.id").fetchall()
        bare = time.process_time() - began
    assert len(rows) == 2 * _SESSIONS
    values = 2 * sum(len(each.values) for each in _details(0).curves)
    views = [await _slowest_view("SQLite", bare, None)]
    with postgres_server() as server:
        views.append(await _slowest_view("PostgreSQL", bare, PostgresEngine(server, Path(folder)).database()))
    return [
        *views,
        Row("five years of sessions, computing time", "ms", ours * 1000, bare * 1000),
        Row("a session of half an hour, beside its curves in two bytes a value", "kB", size_kb, values / _KB),
    ]


async def _slowest_view(name: str, bare_seconds: float, database: Database | None) -> Row:
    """Open every view of page and API on five years of sessions."""
    sessions = list(days_of_sessions(datetime.now(UTC), 5 * 365))
    with tempfile.TemporaryDirectory() as folder:
        async with (
            history_of(Path(folder) / "history.db", *sessions, database=database) as store,
            web_service(10, history=store, curves=True) as (_, port),
        ):
            took = await seconds_of_views(f"http://127.0.0.1:{port}/", sessions)
    return Row(f"the slowest view of five years, {name}", "ms", max(took.values()) * 1000, bare_seconds * 1000)


async def _kb_of_a_session(path: Path) -> float:
    async with HistoryStore.opened(path) as store:
        for number in range(_WITH_CURVES):
            await store.write(*save_details(_details(number)))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        ((pages, size),) = connection.execute("SELECT page_count, page_size FROM pragma_page_count, pragma_page_size")
    return float(pages * size) / _WITH_CURVES / _KB


def _record(number: int) -> SessionRecord:
    return begun(
        f"20260301T{number:06d}-abc123",
        hours=3 * number,
        ended_at=BEGAN + timedelta(hours=3 * number, seconds=_SECONDS),
        seconds=_SECONDS,
        outcome="completed",
        reason="completed",
        reason_words="the routine is done",
        let_down_seconds=70.5,
        let_down_by="flow",
        left=60.1,
        right=61.2,
        peak_vacuum_mmhg=151.0,
        highest_target_mmhg=150.0,
        rate_cpm=54.0,
        warmest_celsius=40.6,
        suction_seconds=1080.0,
        heat_seconds=300.0,
        massage_seconds=400.0,
    )


def _details(number: int) -> SessionDetails:
    """Return a usual session: warm compress, massage, and 18 minutes of two pumps."""
    source = random.Random(number)

    def curve(device: str, side: Side, quantity: CurveQuantity, mean: float, deviation: float) -> Curve:
        values = (source.gauss(mean, deviation) for _ in range(_SECONDS - _SUCTION_BEGAN))
        return Curve(device=device, side=side, quantity=quantity, values=(*[None] * _SUCTION_BEGAN, *values))

    steps = ("check", "warm", "massage", "stimulate", "express")
    return SessionDetails(
        record=_record(number),
        steps=tuple(
            StepRecord(name=name, began_seconds=index * 300.0, seconds=300.0, outcome="done")
            for index, name in enumerate(steps)
        ),
        events=tuple(
            EventRecord(id=f"{number:016x}{index:016x}", seconds=index, type="step_started", data={"index": index})
            for index in range(16)
        ),
        curves=(
            *(curve(f"{side.value}-pump", side, "vacuum_mmhg", 150.0, 3.0) for side in (Side.LEFT, Side.RIGHT)),
            *(curve(f"{side.value}-pump", side, "flow_ml_per_s", 0.2, 0.05) for side in (Side.LEFT, Side.RIGHT)),
        ),
    )
