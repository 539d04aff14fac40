"""The quick start of docs/mqtt.md, typed as it stands there, against the service."""

from __future__ import annotations

import asyncio
import re
import shlex
from pathlib import Path

import pytest

from tests.helpers.command_line import ROOT
from tests.helpers.mosquitto import Mosquitto, find, mosquitto
from tests.helpers.mqtt_listener import ear
from tests.helpers.service_process import GUIDE, devices_are_there, kinds, latest, program, session, wait

pytestmark = pytest.mark.system

PAGE = (ROOT / "docs/mqtt.md").read_text(encoding="utf-8")
QUICK_START = PAGE.partition("## Quick start")[2].partition("\n## ")[0]
SERVE, WATCH, START, ANSWER, ANSWER_ALL, FLANGE, STOP = [
    block.strip() for block in re.findall(r"```sh\n(.*?)```", QUICK_START, re.DOTALL)
]


def at(broker: Mosquitto, command: str) -> list[str]:
    """Return the arguments of a mosquitto client, for the broker of the test."""
    name, *options = shlex.split(command)
    return [find(name), "-h", broker.host, "-p", str(broker.port), *options]


async def typed(broker: Mosquitto, command: str) -> None:
    process = await asyncio.create_subprocess_exec(*at(broker, command))
    assert await process.wait() == 0


async def test_it_does_what_it_says(tmp_path: Path) -> None:
    name, *options = shlex.split(SERVE)
    assert name == "letdown"
    options[options.index("--speed") + 1] = "60"
    async with (
        mosquitto() as broker,
        program(tmp_path, *options, "--broker", str(broker.url)),
        ear(broker.url) as other,
    ):
        await devices_are_there(other)
        other.puts_flange_on = False  # the reader of the page does
        watching = await asyncio.create_subprocess_exec(*at(broker, WATCH), stdout=asyncio.subprocess.PIPE)
        try:
            await typed(broker, START)
            await wait(lambda: len(other.replies()) == 1)
            assert other.replies()[-1]["id"] == "1"
            assert other.replies()[-1]["session_id"] is not None
            await wait(lambda: latest(other, GUIDE).get("question") is not None)
            first = latest(other, GUIDE)["question"]
            await typed(broker, ANSWER)
            await wait(lambda: latest(other, GUIDE)["question"] not in (first, None))
            await typed(broker, ANSWER_ALL)
            await wait(lambda: latest(other, GUIDE)["waits_for"] == "flange")
            await typed(broker, FLANGE)
            await wait(lambda: session(other)["target_vacuum_mmhg"] is not None)
            await typed(broker, STOP)
            await wait(lambda: session(other)["state"] == "stopped")
            await wait(lambda: kinds(other)[-1] == "session_finished")
            await wait(lambda: len(other.replies()) == 5)
        finally:
            watching.terminate()
        assert watching.stdout is not None
        seen = (await watching.stdout.read()).decode()
    assert [reply["outcome"] for reply in other.replies()] == ["accepted"] * 5
    assert all(f"letdown/home/{topic} {{" in seen for topic in ("guide", "event", "reply"))
    assert "Put the flange on, nipple in the middle" in seen
