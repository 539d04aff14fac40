"""Prometheus' view of a real `letdown run --virtual`: through a session, on the page's port and on one of its own."""

from __future__ import annotations

import asyncio
import re
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.helpers.mosquitto import mosquitto
from tests.helpers.service_process import Program, ask, devices_are_there, ear, program, start_without_questions

pytestmark = pytest.mark.system


def noted(running: Program, words: str) -> str:
    """Return the address that it logged after these words."""
    found = re.search(rf"{words} (\S+)", running.log)
    assert found is not None
    return found[1]


def read(address: str) -> dict[str, float]:
    """Return the sum of all series of each metric; those of an action by its name, too."""
    with urllib.request.urlopen(address, timeout=10) as answer:
        text = answer.read().decode()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for each in family.samples:
            for key in {each.name, f"{each.name} {each.labels.get('action', '')}".strip()}:
                found[key] = found.get(key, 0.0) + each.value
    return found


async def test_a_session_and_its_stop_are_counted(tmp_path: Path) -> None:
    env = {"LETDOWN_METRICS__ENABLED": "true", "LETDOWN_METRICS__PORT": "0", "LETDOWN_WEB__PORT": "0"}
    async with mosquitto() as broker, ear(broker.url) as other:
        options = ("run", "--virtual", "--ask", "--speed", "10", "--broker", str(broker.url))
        async with program(tmp_path, *options, LETDOWN_WEB__ENABLED="true", **env) as running:
            await running.logged("the metrics are at")
            await running.logged("the web page is at")
            await devices_are_there(other)
            before = await asyncio.to_thread(read, noted(running, "the metrics are at"))
            assert before["letdown_devices_connected"] == 4
            assert before["letdown_sessions_started_total"] == 0
            await start_without_questions(other, "power-pumping")
            await asyncio.sleep(1.1)  # a text is kept for a second
            during = await asyncio.to_thread(read, noted(running, "the metrics are at"))
            assert during["letdown_session_running"] == during["letdown_sessions_started_total"] == 1
            assert (await ask(other, "stop"))["outcome"] == "accepted"
            await asyncio.sleep(1.1)
            after = await asyncio.to_thread(read, f"{noted(running, 'the web page is at')}metrics")
    assert after["letdown_session_running"] == 0
    assert after["letdown_sessions_finished_total"] == 1
    assert after["letdown_stop_confirmation_seconds_count"] == 1
    assert after["letdown_commands_total start"] == after["letdown_commands_total stop"] == 1
    assert after["letdown_event_loop_lag_seconds_count"] > 2
    assert after["letdown_queue_length"] < 20
    assert after["process_resident_memory_bytes"] > 0
