"""`letdown setup` and plugs: those on the broker are listed, and added with their topic and the owner's consent."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.settings import load_settings
from controller.setup.elsewhere import DeviceElsewhere
from devices.driver.brokered_device import BrokeredDevice
from devices.errors import LinkLostError
from devices.roles import Side
from tests.helpers.home import catalog
from tests.helpers.scripted_setup_dialogue import Nearby, Talk

WITH_BROKER = 'language: en\nmqtt: {brokers: ["mqtt://broker.lan"]}\n'
PLUGS, DONE = "5", "6"  # of the menu: add, broker, comfort, language, plug, done


def found(name: str, profile: str, refusal: str | None = None, configured_as: str | None = None) -> DeviceElsewhere:
    model = catalog().get(profile)
    assert model is not None
    return DeviceElsewhere(BrokeredDevice(model, name, {"plug": {"topic": name}}, refusal), configured_as)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "letdown.yaml"
    file.write_text(WITH_BROKER, encoding="utf-8")
    return file


def on_the_broker(monkeypatch: pytest.MonkeyPatch, *plugs: DeviceElsewhere) -> None:
    async def look(_mqtt: object, _clock: object, _catalog: object, configured: object) -> list[DeviceElsewhere]:
        names = {each.name: each for each in configured}  # type: ignore[attr-defined]
        return [each for each in plugs if "warm-pad" not in names]

    monkeypatch.setattr("controller.cli.setup_plugs.devices_elsewhere", look)


def test_a_plug_is_added_with_its_topic_after_the_owner_has_agreed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = found("other", "shelly-plug", configured_as="mine")
    on_the_broker(monkeypatch, taken, found("old", "tasmota-plug", "too old"), found("shelly-1", "shelly-plug"))
    talk = Talk(file, Nearby([]), [PLUGS, "9", "1", "y", "", "", "n", "8", "y"], language=None)
    assert talk.agreed
    (device,) = load_settings(file).stations["home"].devices
    assert (device.name, device.profile, device.side, device.allow_unverified) == (
        *("warm-pad", "shelly-plug", Side.BOTH),
        True,
    )
    assert getattr(device.reached_by, "topic", None) == "shelly-1"
    assert "Nobody measures how warm the pad gets" in " ".join(talk.said.split())
    assert "too old" not in talk.said


def test_without_a_plug_or_an_answer_of_the_broker_it_says_so(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_the_broker(monkeypatch)
    assert "There is no plug on your broker" in Talk(file, Nearby([]), [PLUGS, DONE], language=None).said

    async def fail(*_: object) -> list[DeviceElsewhere]:
        raise LinkLostError("the broker is away")

    monkeypatch.setattr("controller.cli.setup_plugs.devices_elsewhere", fail)
    talk = Talk(file, Nearby([]), [PLUGS, DONE], language=None)
    assert "could not be asked for plugs: the broker is away" in " ".join(talk.said.split())


def test_without_a_broker_there_is_no_such_entry(tmp_path: Path) -> None:
    file = tmp_path / "none.yaml"
    file.write_text("language: en\n", encoding="utf-8")
    assert "smart plug" not in Talk(file, Nearby([]), ["5"], language=None).said
