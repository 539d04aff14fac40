"""`letdown doctor` and `letdown devices test` on plugs that are on a broker, and on one that is not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from controller.doctor.plug_checks import plugs
from controller.settings import load_settings
from tests.helpers.command_line import letdown
from tests.helpers.mosquitto import mosquitto
from tests.helpers.plugs_on_air import plug_home

pytestmark = pytest.mark.system


async def test_the_doctor_says_which_plug_can_be_used_and_switches_none(tmp_path: Path) -> None:
    async with mosquitto() as broker, plug_home(tmp_path, broker) as home:
        await asyncio.sleep(1)
        settings = load_settings(home.config)
        assert {each.message for each in await plugs(settings)} == {"answers, and has a timer"}
        text = home.config.read_text(encoding="utf-8").replace("shellyplusplugs-a1b2c3", "shellyplusplugs-nowhere")
        home.config.write_text(text.replace("heat_without_temperature: true", "heat_without_temperature: false"))
        found = await plugs(load_settings(home.config))
        assert {each.state for each in found} == {"problem", "note"}
        (missing,) = [each for each in found if each.state == "problem"]
        assert "did not answer Shelly.GetDeviceInfo" in missing.message
        assert not any(plug.changes for plug in home.plugs.values())


async def test_the_device_test_of_a_plug_needs_no_bluetooth(tmp_path: Path) -> None:
    async with mosquitto() as broker, plug_home(tmp_path, broker) as home:
        text = home.config.read_text(encoding="utf-8").replace(
            "name: warm-plug, profile: shelly", "name: pad, profile: shelly"
        )
        home.config.write_text(text)
        await asyncio.sleep(1)
        done = await asyncio.to_thread(
            letdown, "devices", "test", "pad", "--yes", "--config", str(home.config), cwd=tmp_path
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "not renewed, it switched itself off after" in done.stdout
        assert "its pad turns on with it" in done.stdout
        assert [why for _, _, why in home.plugs["shelly"].changes] == ["commanded", "commanded", "commanded", "timer"]
