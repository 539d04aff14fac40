"""The whole service is killed in mid-session, again and again: the history has every event of each session, once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from controller.contract.events import Event
from tests.helpers.controlled import Service, service_under_test
from tests.helpers.service_process import EVENT, Program, wait

pytestmark = pytest.mark.system

KILLS = 4
ROUTINES = ("massage", "stimulate", "express")
LOST_SECONDS = 1.0  # what docs/history.md allows
FINISHED = "session_finished"
LATE_SECONDS = 0.5  # the controller's own turn, on a busy machine


class Stored(NamedTuple):
    """An event in the history."""

    id: str
    session_id: str
    type: str
    data: str


def stored(folder: Path) -> list[Stored]:
    """Return the events of all sessions, read without Letdown."""
    with contextlib.closing(sqlite3.connect(folder / "letdown-history.db")) as file:
        return [Stored(*row) for row in file.execute("SELECT id, session_id, type, data FROM session_event")]


def published(service: Service) -> dict[str, Event]:
    """Return the events of sessions that came over MQTT since the service was started, by their ids."""
    found = [Event.model_validate(each) for each in service.other.values(EVENT)]
    return {event.id: event for event in found if event.session_id is not None}


async def ready(service: Service, process: Program) -> None:
    """Wait until a session may be started."""
    await process.logged("connected to the broker")
    await service.ready(process)
    await wait(lambda: bool(service.uncertain) and not service.uncertain[-1])


async def test_no_event_is_lost_or_there_twice(tmp_path: Path) -> None:
    chance, sessions, killed = random.Random(7), list[str](), list[datetime]()
    said: dict[str, Event] = {}
    async with service_under_test(tmp_path) as service:
        for number in range(KILLS):
            async with service.running() as process:
                await ready(service, process)
                sessions.append(await service.start_and_run(ROUTINES[number % len(ROUTINES)]))
                await wait(lambda: sessions[-1] in {each.session_id for each in stored(tmp_path)})
                if number % 2:
                    await service.other.command({"id": f"lower-{number}", "action": "vacuum_down"})
                await asyncio.sleep(chance.uniform(0.0, 1.5))
                killed.append(datetime.now(UTC))
                await service.kill(process)
                said |= published(service)
        async with service.running() as process:
            await ready(service, process)
            await wait(lambda: {each.session_id for each in stored(tmp_path) if each.type == FINISHED} == set(sessions))
            await wait(lambda: {each.id for each in stored(tmp_path)} <= said.keys() | published(service).keys())
            rows = stored(tmp_path)
            said |= published(service)
    assert {each.session_id for each in rows} == set(sessions)
    for kind in ("session_started", FINISHED):
        assert Counter(each.session_id for each in rows if each.type == kind) == Counter(sessions)
    of_steps = [each for each in rows if each.type in ("step_started", "step_finished")]
    steps = Counter((each.session_id, each.type, json.loads(each.data)["index"]) for each in of_steps)
    assert set(steps.values()) == {1}
    missing = [event for id_, event in said.items() if id_ not in {each.id for each in rows}]
    allowed = timedelta(seconds=LOST_SECONDS + LATE_SECONDS)
    assert [event for event in missing if not any(timedelta() <= at - event.time <= allowed for at in killed)] == []
