"""A We-Vibe with one motor gets its step twice, as buttplug sends it."""

from __future__ import annotations

import pytest

from devices.virtual.we_vibe import WeVibeBody
from tests.helpers.twins import driven

STOP = bytes.fromhex("0f 00 00 00 00 00 00 00")


@pytest.mark.parametrize(
    ("profile", "intensity", "frame"),
    [
        ("we-vibe-8bit", 1 / 12, "0f 03 00 04 04 03 00 00"),
        ("we-vibe-8bit", 0.3, "0f 03 00 06 06 03 00 00"),  # 3.6 steps, so 3
        ("we-vibe-8bit", 1, "0f 03 00 0f 0f 03 00 00"),
        ("we-vibe-wand", 1 / 22, "0f 03 00 04 04 03 00 00"),
        ("we-vibe-wand", 0.3, "0f 03 00 09 09 03 00 00"),  # 6.6 steps, so 6
        ("we-vibe-wand", 1, "0f 03 00 19 19 03 00 00"),
    ],
)
async def test_each_step_is_sent_twice_and_runs_it(profile: str, intensity: float, frame: str) -> None:
    async with driven(profile) as (driver, twin, _):
        assert isinstance(twin.body, WeVibeBody)
        await driver.command("run", {"intensity": intensity}, undone_by="stop")
        assert twin.written == [("tx", bytes.fromhex(frame))]
        assert intensity - 1 / 12 < twin.body.intensity <= intensity + 1e-6
        await driver.stop("stop")
        assert twin.body.intensity == 0
        assert twin.written[1:] == [("tx", STOP)] * 2


@pytest.mark.parametrize(
    "frame",
    [
        "0f 03 00 09 03 02 00 00",  # two motors, set apart
        "0f 03 00 09 09 01 00 00",
        "0f 03 00 03 03 03 00 00",  # no step
        "0f 03 00 10 10 03 00 00",  # above the most
        "0f 03 00 99 00 03 00 00",  # the layout of other models
        "0f 03 00 09 09 03 00",
    ],
)
async def test_no_other_frame_runs_it(frame: str) -> None:
    async with driven("we-vibe-8bit") as (driver, twin, _):
        await driver.link.write(driver.connection.characteristics["tx"], bytes.fromhex(frame), response=True)
        assert not twin.body.run.on
