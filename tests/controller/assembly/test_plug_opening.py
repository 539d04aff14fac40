"""A plug in the settings: it is named by its topic, it needs a broker, and it needs no Bluetooth."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.app import check
from controller.assembly.device_opening import uses_bluetooth
from controller.assembly.extras import SetupError
from controller.cli.listings import device_rows
from controller.contract.cautions import Caution
from controller.settings import Settings, load_settings
from devices.profiles.catalog import Catalog
from devices.support.clock import RealClock
from devices.support.file_error import FileError

PLUG = "{name: warm-pad, profile: shelly-plug, plug: {topic: shellyplug-1}, allow_unverified: true}"
PUMP = "{name: pump, profile: open-pump, advertised_name: Pump}"
BROKER = 'mqtt: {brokers: ["mqtt://me:geheim@broker.lan"]}'


def read(folder: Path, *devices: str, more: str = BROKER) -> Settings:
    file = folder / "letdown.yaml"
    lines = [f"      - {device}" for device in devices]
    file.write_text("\n".join([more, "stations:", "  home:", "    devices:", *lines, ""]), encoding="utf-8")
    return load_settings(file)


async def test_it_is_named_by_its_topic_and_needs_no_bluetooth(tmp_path: Path) -> None:
    settings = read(tmp_path, PLUG)
    check(settings, RealClock())
    assert not uses_bluetooth(settings)
    assert uses_bluetooth(read(tmp_path, PLUG, PUMP))


async def test_without_a_broker_it_is_refused_with_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="name yours in mqtt"):
        check(read(tmp_path, PLUG, more="language: en"), RealClock())


@pytest.mark.parametrize(
    ("device", "problem"),
    [
        ("{name: a, profile: shelly-plug, advertised_name: Shelly}", "add plug: {topic: shellyplusplugs-a1b2c3}"),
        ("{name: a, profile: open-pump, plug: {topic: x}}", "is found by Bluetooth; name its address"),
        ("{name: a, profile: zigbee2mqtt-plug, plug: {topic: pad}}", "such as zigbee2mqtt/pad"),
        ("{name: a, profile: zigbee2mqtt-plug, plug: {topic: zigbee2mqtt/pad, channel: 2}}", "several relays"),
        ("{name: a, profile: tasmota-plug, plug: {topic: pad, channel: 0}}", "counts its relays from 1"),
    ],
)
async def test_what_does_not_fit_is_said(tmp_path: Path, device: str, problem: str) -> None:
    with pytest.raises(SetupError, match=problem):
        check(read(tmp_path, device), RealClock())


@pytest.mark.parametrize("topic", ["", "'#'", "a/+/b", "/a", "a/", "' a'"])
def test_a_topic_is_one_topic(tmp_path: Path, topic: str) -> None:
    with pytest.raises(FileError, match=r"plug\.topic"):
        read(tmp_path, f"{{name: a, profile: shelly-plug, plug: {{topic: {topic}}}}}")


def test_two_devices_have_not_the_same_topic(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="have the same topic"):
        read(tmp_path, PLUG, PLUG.replace("warm-pad", "other"))


def test_the_listing_shows_where_it_is_and_what_it_cannot(tmp_path: Path) -> None:
    (row,) = device_rows(read(tmp_path, PLUG), Catalog.load())
    assert row["known_by"] == "topic shellyplug-1"
    assert row["cautions"] == [Caution.NO_TEMPERATURE]
    assert "lease" in row["capabilities"]
    assert "target_celsius" not in row["capabilities"]
    assert "geheim" not in str(row)
