"""Where there is no fleet, nothing of it is loaded: neither its modules nor the client of the cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from controller.assembly.extras import SetupError, require_fleet
from tests.helpers.command_line import ROOT, environment
from tests.helpers.in_process import letdown

LIBRARIES = ("nats", "nkeys", "psycopg")
FLEET = """
mqtt: {brokers: ["mqtt://127.0.0.1:1"]}
fleet: {servers: ["nats://127.0.0.1:1"]}
stations:
  home:
    devices: [{name: pump, profile: open-pump, side: left, advertised_name: Pump}]
"""
CODE = """
import asyncio, contextlib, json, sys
from controller.cli.serve import ServeOptions, serve
from controller.mqtt.mqtt_settings import MqttSettings
from controller.settings import Settings, StationSettings

async def main():
    settings = Settings(mqtt=MqttSettings(embedded_port=0), stations={"home": StationSettings()})
    serving = asyncio.create_task(serve(lambda: settings, ServeOptions()))
    await asyncio.sleep(1)
    assert not serving.done(), serving.exception()
    print(json.dumps(sorted(sys.modules)))
    serving.cancel()
    await asyncio.wait({serving})

asyncio.run(main())
"""


def test_a_home_loads_nothing_of_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(ROOT), XDG_STATE_HOME=str(tmp_path), LETDOWN_WEB__ENABLED="false"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    modules = set(json.loads(done.stdout))
    assert "controller.service.service" in modules
    assert {each for each in modules if each.startswith("controller.fleet")} == set()
    assert {each for each in modules if each.startswith("controller.cluster.")} == {
        "controller.cluster.cluster_settings",
        "controller.cluster.fleet_names",
    }
    assert modules.isdisjoint(LIBRARIES)


def test_a_fleet_without_its_extra_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    require_fleet()
    monkeypatch.setattr("controller.assembly.extras.find_spec", lambda _: None)
    with pytest.raises(SetupError, match=r"pip install 'letdown\[fleet\]'"):
        require_fleet()


def test_run_says_which_extra_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.assembly.extras.find_spec", lambda _: None)
    (tmp_path / "letdown.yaml").write_text(FLEET, encoding="utf-8")
    done = letdown("run", "--config", "letdown.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "letdown: a fleet needs an extra: pip install 'letdown[fleet]'" in done.stderr


def test_virtual_devices_are_not_served_by_a_fleet(tmp_path: Path) -> None:
    (tmp_path / "letdown.yaml").write_text(FLEET, encoding="utf-8")
    done = letdown("run", "--virtual", "--config", "letdown.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "--virtual goes with a controller by itself" in " ".join(done.stderr.split())
