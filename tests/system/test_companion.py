"""The companion app of the documentation, against the service: what a developer begins with works."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.helpers.command_line import ROOT
from tests.helpers.mosquitto import free_port, mosquitto
from tests.helpers.mqtt_listener import ear
from tests.helpers.service_process import devices_are_there, program

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


def complaint(result: tuple[int | None, str]) -> str:
    """Return the one sentence of an app that has failed."""
    code, output = result
    assert code == 1, output
    assert output.count("\n") == 1, output
    return output.strip()


async def test_it_leads_through_a_session(tmp_path: Path) -> None:
    async with (
        mosquitto() as broker,
        program(tmp_path, "run", "--virtual", "--speed", "60", "--broker", str(broker.url)),
        ear(broker.url) as other,
    ):
        await devices_are_there(other)
        code, output = await companion(broker.port, "--routine", "soften-for-latch", "--no-symptoms")
        refused = await companion(broker.port, "--routine", "softly")
    assert code == 0, output
    told = [line.strip() for line in output.splitlines() if line.startswith("  ")]
    assert "let down" in told
    assert told[-1] == "session finished"
    assert "Put the flange on, nipple in the middle" in output
    assert "start refused: There is no routine softly" in complaint(refused)


async def test_it_says_in_one_sentence_that_there_is_no_broker() -> None:
    port = free_port()
    said = complaint(await companion(port))
    assert said.startswith(f"The broker at 127.0.0.1:{port} cannot be used (")
    assert said.endswith("): start it, or name another.")
    assert "The broker at nowhere.invalid:" in complaint(await companion(port, "--broker", "nowhere.invalid"))
    assert "The broker at 127.0.0.1:70000 cannot be used" in complaint(await companion(70000))


async def test_it_says_in_one_sentence_that_letdown_is_not_there() -> None:
    async with mosquitto() as broker:
        said = complaint(await companion(broker.port, "--station", "attic"))
    assert said == "No Letdown answers for the station attic: start `letdown run`, or name it by --station."
