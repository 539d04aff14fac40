"""A background service that fails is started again, and ends nothing else."""

from __future__ import annotations

import asyncio

import pytest

from controller.service.kept_running import KeptRunning
from controller.service.service import Service


class Failing:
    """Fails at once, twice; then it runs."""

    def __init__(self) -> None:
        self.starts = 0
        self.ended = False
        self.runs = asyncio.Event()

    async def run(self) -> None:
        self.starts += 1
        if self.starts < 3:
            raise KeyError("a row of another version")
        self.runs.set()
        try:
            await asyncio.sleep(60)
        finally:
            self.ended = True


async def test_one_that_fails_is_logged_and_begins_again_and_the_service_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing = Failing()
    service = asyncio.create_task(Service([]).run([KeptRunning(failing, again_seconds=0)]))
    async with asyncio.timeout(10):
        await failing.runs.wait()
    assert failing.starts == 3
    assert not service.done()
    service.cancel()
    await asyncio.wait({service})
    assert failing.ended
    assert caplog.text.count("Failing failed; sessions go on") == 2
