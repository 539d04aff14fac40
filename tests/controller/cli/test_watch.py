"""`letdown watch`: what it loads, what it reads, and what it makes of a broker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from controller.cli.watch import read_watch_settings
from tests.helpers.command_line import environment


def test_watching_loads_no_bluetooth_and_no_drivers(tmp_path: Path) -> None:
    code = "import sys; import controller.cli.watch; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "controller.mqtt.station_client" in loaded
    heavy = (
        "bleak",
        "bumble",
        "psycopg",
        "devices.driver",
        "devices.bluetooth",
        "devices.profiles",
        "devices.virtual",
    )
    assert not [name for name in loaded if name.startswith(heavy)]
    assert "controller.app" not in loaded


def test_the_broker_is_that_of_the_settings_and_others_are_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "letdown.yaml"
    file.write_text("language: de\nmqtt:\n  brokers: mqtts://broker.lan\n  base_topic: home/pump\nstations: {}\n")
    settings = read_watch_settings(file, [])
    assert (str(settings.mqtt.brokers[0]), settings.mqtt.base_topic) == ("mqtts://broker.lan:8883", "home/pump")
    assert settings.language == "de"
    assert str(read_watch_settings(file, ["mqtt://other"]).mqtt.brokers[0]) == "mqtt://other:1883"


def test_without_settings_it_is_the_broker_of_a_service_on_this_machine() -> None:
    assert str(read_watch_settings(None, []).mqtt.brokers[0]) == "mqtt://127.0.0.1:1883"


def test_a_broker_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with mqtt://"):
        read_watch_settings(None, ["http://broker"])
