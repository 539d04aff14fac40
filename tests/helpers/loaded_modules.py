"""Which modules a service loads that is built from the settings in its environment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.helpers.command_line import ROOT, environment

CODE = """
import asyncio, json, sys
from controller.app import assembled
from controller.mqtt.mqtt_settings import MqttSettings
from controller.settings import Settings
from devices.bluetooth.radio import Radio
from devices.support.clock import RealClock

async def main():
    clock = RealClock()
    async with assembled(Settings(mqtt=MqttSettings(embedded_port=0)), clock, Radio(clock)) as app:
        print(json.dumps([app.web is not None, sorted(sys.modules)]))

asyncio.run(main())
"""


def loaded(tmp_path: Path, **env: str) -> tuple[bool, set[str]]:
    """Return whether it has a page, and its modules."""
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(ROOT), XDG_STATE_HOME=str(tmp_path), **env),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    has_page, modules = json.loads(done.stdout)
    return has_page, set(modules)
