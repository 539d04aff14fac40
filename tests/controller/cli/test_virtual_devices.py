"""`letdown virtual --profile`: the settings that it prints are all that a controller needs to drive the devices."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from controller.assembly.device_opening import device_named
from controller.assembly.extras import open_radio
from controller.settings import Settings
from devices.driver.device_roles import roles_of
from devices.profiles.catalog import Catalog
from devices.roles import RunState
from devices.support.clock import RealClock
from devices.virtual.profile_devices import devices_of, serve_home
from devices.virtual.virtual_home import Home
from tests.helpers.command_line import LETDOWN, complaint, environment
from tests.helpers.in_process import letdown


@contextlib.asynccontextmanager
async def connected(name: str, settings: Settings, clock: RealClock) -> AsyncIterator[Any]:
    """Yield a device of the settings as soon as it is connected."""
    async with open_radio(settings, clock) as radio:
        device = device_named(name, settings, clock, radio)
        link = asyncio.create_task(device.run())
        try:
            while not device.link.connected:  # noqa: ASYNC110 - the radio is in real time
                await asyncio.sleep(0.01)
            yield device
        finally:
            link.cancel()
            await asyncio.gather(link, return_exceptions=True)


async def test_a_controller_with_the_printed_settings_drives_the_devices() -> None:
    clock, catalog = RealClock(), Catalog.load()
    home = Home(clock, catalog, devices_of(catalog, ["lovense", "tuya-warmer"]), seed=1)
    async with asyncio.timeout(50), serve_home(home, "tcp-server:127.0.0.1:0") as printed:
        settings = Settings.model_validate(yaml.safe_load(yaml.safe_dump(printed)))
        async with connected("lovense", settings, clock) as device:
            (massager,) = roles_of(device)
            await massager.run(0.5, 60, 10, massager.side)
            assert home.twins["lovense"].body.run.running
            await massager.stop()
            assert not home.twins["lovense"].body.run.on
        async with connected("tuya-warmer", settings, clock) as device:
            (warmer,) = roles_of(device)
            await warmer.set_target(38.0, 60, 10)
            assert home.twins["tuya-warmer"].body.run.running
            await warmer.stop()
            assert warmer.reading.run_state is RunState.STOPPED


@pytest.mark.system
def test_the_command_prints_the_settings_as_yaml(tmp_path: Any) -> None:
    command = [*LETDOWN, "virtual", "--transport", "tcp-server:127.0.0.1:0", "--profile", "ooler"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = []
        while "allow_unverified" not in "".join(lines):
            line = process.stdout.readline()
            assert line, lines
            lines.append(line)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    settings = Settings.model_validate(yaml.safe_load("".join(lines)))
    assert [device.profile for device in settings.stations["home"].devices] == ["ooler"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--profile", "lovence"), "did you mean lovense"),
        (("--profile", "heating-mat"), "heating-mat is a template: the UUIDs of"),
    ],
)
def test_a_profile_that_cannot_be_served(arguments: tuple[str, ...], words: str, tmp_path: Any) -> None:
    assert words in complaint(letdown("virtual", *arguments, cwd=tmp_path), 2)


def test_a_profile_of_the_owner_is_served(tmp_path: Any) -> None:
    """Only its way through the settings: an unknown key of a device ends the command before it serves."""
    (tmp_path / "mine").mkdir()
    text = (
        "id: mine\nname: My massager\nroles: [massager]\n"
        "confidence: unverified\nprovenance: my own capture\nmatch: {name: MINE}\n"
        'channels: {tx: {service: "fff0", characteristic: "fff1", write: without-response}}\n'
        'commands:\n  run: {payload: ["01", {intensity: u8, scale: 0.01}]}\n  stop: {payload: "00"}\n'
    )
    (tmp_path / "mine" / "mine.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "letdown.yaml").write_text("profiles: [mine]\n", encoding="utf-8")
    options = ("--config", "letdown.yaml", "--transport", "usb:0", "--device", "other", "--profile", "mine")
    said = complaint(letdown("virtual", *options, cwd=tmp_path), 1)
    assert "unknown virtual device 'other'; there is mine" in said
