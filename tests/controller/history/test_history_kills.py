"""Killed thirty times while it records, on either engine: at most the last second is lost, and nothing counts twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import secrets
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from controller.contract.session_record import HistoryError
from controller.history.carry_over import carry_over
from controller.history.epochs import end_interrupted
from controller.history.history_store import HistoryStore
from controller.history.session_records import SessionRecords
from controller.journal.store import Store
from tests.helpers.command_line import ROOT, environment, fork_server
from tests.helpers.engines import Engine
from tests.helpers.recorder_process import STATION

pytestmark = pytest.mark.system

KILLS = 30
MOST_LOST_SECONDS = 1.0
RECORDER = "tests.helpers.recorder_process"
SEED = int(os.environ.get("LETDOWN_TEST_SEED", secrets.randbelow(1_000_000)))


def record_and_kill(store: Path, engine: Engine, run: int, seconds: float) -> tuple[list[dict[str, Any]], float]:
    """Let a process record for so long after its first line, kill it, and return what it said, and when that was."""
    arguments = (str(store), str(engine.path), engine.url, f"r{run:02}")
    reader, writer = os.pipe()
    with os.fdopen(reader, "r", encoding="utf-8") as said:
        with os.fdopen(writer, "wb") as stdout:
            process = fork_server().begin(*arguments, main=RECORDER, cwd=ROOT, env=environment(), stdout=stdout)
        lines = [said.readline()]
        time.sleep(seconds)
        process.kill()
        killed = time.monotonic()
        lines += said.read().splitlines()
    return [json.loads(line) for line in lines if line.strip().endswith("}")], killed


async def caught_up(history: HistoryStore) -> None:
    """Wait until everything that waited is written."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(HistoryError):
                await history.write()
                return


async def test_thirty_kills_lose_at_most_a_second_and_count_nothing_twice(tmp_path: Path, engine: Engine) -> None:
    print(f"LETDOWN_TEST_SEED={SEED}")  # noqa: T201 - pytest shows it when the test fails
    chance = random.Random(SEED)
    store = tmp_path / "letdown.db"
    least: dict[str, int] = {}  # by session: how often its milk was counted more than a second before the kill
    most: dict[str, int] = defaultdict(int)
    for run in range(KILLS):
        away = run % 5 == 4  # sometimes without its database
        seconds = chance.uniform(0.5, 2.0)
        if away:
            with engine.away():
                said, killed = record_and_kill(store, engine, run, seconds)
        else:
            said, killed = record_and_kill(store, engine, run, seconds)
        for line in said:
            session, count = line["session"], line["count"]
            most[session] = max(most[session], count)
            if line["at"] < killed - MOST_LOST_SECONDS:
                least[session] = max(least.get(session, 0), count)
    async with Store.opened(store) as opened, HistoryStore.opened(engine.path, engine.database()) as history:
        await carry_over(opened, history)
        history.put(end_interrupted(STATION, "the controller ended"))
        await caught_up(history)
        records = await SessionRecords(history).sessions()
    assert len({each.id for each in records}) == len(records)
    counted = {each.id: round(each.volume_ml.total or 0) for each in records}
    assert least.keys() <= counted.keys() <= most.keys()
    assert len(least) > KILLS / 3  # it did record something, also on a busy machine
    for session, count in counted.items():
        assert least.get(session, 0) <= count <= most[session], session
    assert {(each.outcome, each.reason) for each in records} == {("failed", "cut_off")}
