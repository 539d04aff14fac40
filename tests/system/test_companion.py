"""The companion app of the documentation, against the service: what a developer begins with works."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.controller.mqtt.ear import ear
from tests.system.mosquitto import mosquitto
from tests.system.test_service import devices_are_there, program
from tests.test_cli import ROOT

pytestmark = pytest.mark.system


async def companion(port: int, *options: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "docs/companion.py"), "--port", str(port), *options),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(90):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_it_leads_through_a_session(tmp_path: Path) -> None:
    async with (
        mosquitto() as broker,
        program(tmp_path, "run", "--virtual", "--speed", "60", "--broker", str(broker.url)),
        ear(broker.url) as other,
    ):
        await devices_are_there(other)
        code, output = await companion(broker.port, "--routine", "soften-for-latch", "--no-symptoms")
        refused, why = await companion(broker.port, "--routine", "softly")
    assert code == 0, output
    told = [line.strip() for line in output.splitlines() if line.startswith("  ")]
    assert "let down" in told
    assert told[-1] == "session finished"
    assert "Expressing: Flange on" in output
    assert refused == 0
    assert "start refused: there is no routine softly" in why
