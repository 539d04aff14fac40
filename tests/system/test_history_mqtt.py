"""The summary of the history at a broker, through a session and an edit by another program; and without health data."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from controller.app import App
from controller.cli.command_settings import virtual_app
from controller.contract.session_record import SessionEdit
from controller.history import summary_publisher
from controller.history.history_store import HistoryStore
from controller.history.session_records import SessionRecords
from controller.mqtt.mqtt_settings import MqttSettings
from controller.mqtt.topics import Topics
from controller.settings import Settings
from devices.support.clock import ScaledClock
from tests.helpers.kept_history import history_of
from tests.helpers.mqtt_listener import Ear, ear
from tests.helpers.session_records import record

pytestmark = pytest.mark.system

TOPICS = Topics("letdown", "test")
HISTORY = TOPICS.history("home")
EARLIER = record("earlier", datetime.now(UTC) - timedelta(hours=3), left=40.0, right=35.0)
PATIENCE_SECONDS = 90.0


@contextlib.asynccontextmanager
async def serving(
    store: HistoryStore, publish: Literal["all", "minimal"] = "all", speed: float = 30.0
) -> AsyncIterator[tuple[App, Ear]]:
    """Run a service with the small broker, and a client that hears everything."""
    settings = Settings(mqtt=MqttSettings(embedded_port=0, node="test", publish=publish))
    async with virtual_app(settings, ScaledClock(speed), 2, parent=lambda: True, history=store) as app:
        task = asyncio.create_task(app.run())
        try:
            async with ear(app.broker) as other:
                yield app, other
        finally:
            task.cancel()
            await asyncio.wait({task})


async def hears(other: Ear, **wanted: Any) -> dict[str, Any]:
    """Wait until the summary says this, and return it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            for each in other.values(HISTORY):
                if all(each[name] == value for name, value in wanted.items()):
                    return dict(each)
            await asyncio.sleep(0.05)


async def a_session(app: App, other: Ear) -> str:
    """Have a short session to its end, and return its id."""
    (station,) = app.stations.values()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not all(device.link.connected for device in station.devices):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        command = {"action": "start", "args": {"routine": "soften-for-latch", "no_symptoms": True}}
        await other.client.publish(TOPICS.command("home"), json.dumps(command), 1)
        while not (station.session is not None and station.session.state.over):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return station.session.id


async def test_the_summary_through_a_session_and_an_edit_by_another_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summary_publisher, "LOOK_SECONDS", 1.0)
    file = tmp_path / "history.db"
    async with history_of(file, EARLIER) as store, serving(store) as (app, other):
        first = await hears(other, last_session_id="earlier")
        assert (first["rolling_24h_ml"], first["rolling_24h_sessions"]) == (75, 1)
        new = await a_session(app, other)
        after = await hears(other, last_session_id=new)
        kept = (await SessionRecords(store).sessions(last=1))[0]
        assert after["last_volume_total_ml"] == kept.volume_ml.total
        assert after["rolling_24h_sessions"] == 2
        async with HistoryStore.opened(file) as another:
            await SessionRecords(another).edit(SessionEdit(session_id="earlier", left_ml=20))
        await hears(other, rolling_24h_ml=55 + (kept.volume_ml.total or 0))
        async with ear(app.broker) as late:
            await asyncio.sleep(0.5)
            assert [message.retain for message in late.heard if message.topic.value == HISTORY] == [True]


async def test_without_health_data_no_topic_holds_any(tmp_path: Path) -> None:
    async with history_of(tmp_path / "history.db", EARLIER) as store, serving(store, "minimal") as (app, other):
        new = await a_session(app, other)
        await other.client.publish(TOPICS.command("home"), json.dumps({"action": "pain"}), 1)
        await asyncio.sleep(1)
        kept = (await SessionRecords(store).sessions(last=1))[0]
        assert kept.id == new  # it is kept, and not published
        heard = {message.topic.value: message for message in other.heard}
        assert "letdown/home/state" in heard
        assert [each for each in other.payloads(HISTORY) if each] == []
        values = [
            value
            for topic in (f"letdown/home/device/{name}/telemetry" for name in ("left-pump", "right-pump"))
            for each in other.values(topic)
            for value in each["values"]
        ]
        assert "vacuum_mmhg" in values
        assert not {"volume_ml", "flow_ml_per_s"} & set(values)
        states = other.values(TOPICS.state("home"))
        assert {each["volume_total_ml"] for each in states} == {None}
        assert {each["reason"] for each in states} == {None}
        assert {each["words"] for each in other.values(TOPICS.guide("home"))} == {""}
        assert "let_down" not in {each["type"] for each in other.values(TOPICS.event("home"))}
