"""From an empty folder to suction: `letdown setup` at a terminal, `letdown run`, and a start by MQTT."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

import pytest

from controller.settings import load_settings
from tests.helpers.command_line import complaint, letdown
from tests.helpers.mosquitto import mosquitto
from tests.helpers.mqtt_listener import ear
from tests.helpers.pseudo_terminal import PseudoTerminal
from tests.helpers.service_process import ask, program, reading, wait

pytestmark = pytest.mark.system

SECRET = "hunter2-geheim"


def set_up(folder: Path, broker: str) -> str:
    """Lead the dialogue as a person would; return all that was shown."""
    with PseudoTerminal("setup", "--virtual", cwd=folder) as terminal:
        terminal.answer("Sprache · Language", "2")
        terminal.answer("Press Enter to search", "")
        terminal.until("Found nearby")
        terminal.until("Letdown Pump L")
        shown = terminal.said  # in any order: the signal is the same for all
        choice = shown[: shown.index("Letdown Pump L")].split()[-1]
        terminal.answer("Which one is yours?", choice)
        terminal.answer("Which breast is it for?", "")
        terminal.answer("What shall it be called?", "my-pump")
        terminal.answer("Try it now?", "y")
        terminal.until("my-pump: confirmed off")
        terminal.answer("Add another device?", "n")
        terminal.answer("Address", broker)
        terminal.answer("User name", "ann")
        terminal.answer("Password", SECRET)
        terminal.until("answers.")
        terminal.answer("Comfortable vacuum in mmHg", "120")
        terminal.answer("Save this?", "y")
        terminal.until("letdown run --virtual")
        assert terminal.ended() == 0
        return terminal.said


async def test_from_an_empty_folder_to_suction(tmp_path: Path) -> None:
    async with mosquitto() as broker:
        address = f"{broker.host}:{broker.port}"
        said = await asyncio.to_thread(set_up, tmp_path, address)
        assert SECRET not in said
        settings = load_settings(tmp_path / "letdown.yaml")
        assert [each.name for each in settings.stations["home"].devices] == ["my-pump"]
        assert settings.mqtt.password_file == tmp_path / "mqtt-password"
        # No --config, no --broker: everything comes from what was set up.
        async with program(tmp_path, "run", "--virtual", "--speed", "60") as running, ear(broker.url) as other:
            await wait(lambda: "my-pump is connected" in running.log and "connected to the broker" in running.log)
            assert f"using the settings in {tmp_path / 'letdown.yaml'}" in running.log
            assert (await ask(other, "start", routine="classic", side="left"))["outcome"] == "accepted"
            await wait(lambda: reading(other, "my-pump").get("run_state") == "running")
            assert (await ask(other, "stop"))["outcome"] == "accepted"
            await wait(lambda: reading(other, "my-pump").get("run_state") == "stopped")


def test_ctrl_c_leaves_everything_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "letdown.yaml").write_text("# mine\nlanguage: de\n", encoding="utf-8")
    with PseudoTerminal("setup", "--virtual", cwd=tmp_path) as terminal:
        terminal.answer("Was möchtest du tun?", "2")
        terminal.until("Adresse")
        terminal.until(">")
        terminal.type("broker.lan\n")
        terminal.answer("Benutzername", "ann")
        terminal.until("Passwort")
        terminal.type("\x03")
        terminal.until("Es wurde nichts geändert.")
        assert terminal.ended() == 130
    assert (tmp_path / "letdown.yaml").read_text() == "# mine\nlanguage: de\n"
    assert [each.name for each in tmp_path.iterdir()] == ["letdown.yaml"]


def test_a_disk_that_is_full_at_the_end_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "letdown.yaml").write_text("# mine\nlanguage: en\n", encoding="utf-8")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with PseudoTerminal("setup", "--virtual", cwd=tmp_path) as terminal:
        terminal.until("What would you like to do?")
        resource.prlimit(terminal.process.pid, resource.RLIMIT_FSIZE, (10, before[1]))
        terminal.until(">")
        terminal.type("3\n")
        terminal.answer("Comfortable vacuum in mmHg", "120")
        terminal.answer("What would you like to do?", "")
        terminal.answer("Save this?", "")
        terminal.until("letdown.yaml cannot be written: File too large; nothing was changed")
        assert terminal.ended() == 1
    assert (tmp_path / "letdown.yaml").read_text() == "# mine\nlanguage: en\n"
    assert [each.name for each in tmp_path.iterdir()] == ["letdown.yaml"]


def test_a_folder_that_is_read_only_is_named(tmp_path: Path) -> None:
    there = "/sys/kernel/letdown.yaml"  # where not even root may write
    said = complaint(letdown("setup", "--yes", "--comfort", "120", "--config", there, cwd=tmp_path), 1)
    assert said.startswith(f"letdown: {there} cannot be written: ")
    assert said.endswith("; nothing was changed")
