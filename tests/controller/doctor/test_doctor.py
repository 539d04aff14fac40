"""What the doctor finds, and what it says to do about it. With a real BlueZ: `tests/bluez`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.doctor.bluetooth import bluetooth
from controller.doctor.broker import brokers
from controller.doctor.examination import examine
from controller.doctor.finding import Finding, trouble
from controller.doctor.machine import clock, output, versions
from controller.doctor.settings_file import settings_file
from controller.doctor.store import store
from controller.mqtt.broker import embedded_broker
from controller.mqtt.settings import BrokerUrl, MqttSettings
from controller.settings import Settings
from controller.store.store import Store
from devices.catalog import Catalog
from devices.clock import RealClock
from devices.roles import Side
from devices.virtual.air import Air, serve_controller
from devices.virtual.home import Described, Home

LISTEN_SECONDS = 0.5


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {each.about: each for each in findings}


def test_a_sentence_of_others_is_cut_where_its_remedy_begins() -> None:
    cut = trouble("store", "the store at /x is broken; move it away")
    assert (cut.says, cut.remedy) == ("the store at /x is broken", "move it away")
    assert trouble("x", "all is lost").remedy is None


def test_the_versions_are_named() -> None:
    found = versions()
    assert found.state == "ok"
    assert "bleak 3" in found.says


# The clock


async def test_a_clock_that_was_never_set_is_a_trouble() -> None:
    found = await clock(datetime(1970, 1, 1, tzinfo=UTC))
    assert (found.state, found.remedy) == (
        "trouble",
        "let this machine set its clock: sudo timedatectl set-ntp true",
    )


@pytest.mark.parametrize(("said", "state"), [("yes\n", "ok"), ("no\n", "note"), ("", "ok"), (None, "ok")])
async def test_a_clock_that_nobody_keeps_right_is_worth_knowing(
    said: str | None, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def says(*_: str) -> str | None:
        return said

    monkeypatch.setattr("controller.doctor.machine.output", says)
    assert (await clock(datetime(2026, 11, 24, tzinfo=UTC))).state == state


async def test_a_program_that_is_not_there_or_fails_says_nothing() -> None:
    assert await output("there-is-no-such-program") is None
    assert await output("false") is None
    assert await output("echo", "hello") == "hello\n"


# The store


async def test_a_store_that_is_not_there_yet_is_made_later(tmp_path: Path) -> None:
    found, runs = await store(tmp_path / "new" / "letdown.db")
    assert (found.state, runs) == ("note", False)
    assert not (tmp_path / "new").exists()


async def test_a_store_says_whether_a_service_has_it(tmp_path: Path) -> None:
    path = tmp_path / "letdown.db"
    async with Store.opened(path):
        found, runs = await store(path)
        assert (found.state, runs) == ("ok", True)
    found, runs = await store(path)
    assert (found.state, runs) == ("ok", False)


async def test_a_store_that_cannot_be_used_is_a_trouble_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "letdown.db"
    path.write_text("not a database, and longer than its head")
    found, _ = await store(path)
    assert found.state == "trouble"
    assert found.remedy is not None
    assert "move" in found.remedy


def modes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}


async def test_a_store_that_is_gone_while_a_service_has_it_is_a_trouble(tmp_path: Path) -> None:
    path = tmp_path / "letdown.db"
    async with Store.opened(path):
        path.unlink()
        found, runs = await store(path)
    assert (found.state, runs) == ("trouble", True)
    assert "every device is off" in (found.remedy or "")


async def test_a_store_that_a_service_has_and_cannot_use_is_a_trouble(tmp_path: Path) -> None:
    path = tmp_path / "letdown.db"
    path.write_text("not a database, and longer than its head")
    async with Store.opened(path):
        found, runs = await store(path)
    assert (found.state, runs) == ("trouble", True)


async def test_a_store_that_others_may_read_is_a_trouble_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "it is mine.db"
    async with Store.opened(path):
        pass
    path.chmod(0o666)
    before = modes(tmp_path)
    found, runs = await store(path)
    assert (found.state, found.remedy, runs) == ("trouble", f"chmod 600 '{path}'", False)
    assert modes(tmp_path) == before


async def test_looking_at_a_store_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "letdown.db"
    path.touch(0o600)
    found, _ = await store(path)
    assert found.state == "ok"
    assert modes(tmp_path) == {"letdown.db": 0o600}


# The settings file


DEVICE = "stations: {home: {devices: [{name: a, profile: b, address: 'AA:BB:CC:DD:EE:FF', tuya: {%s}}]}}"


@pytest.mark.parametrize(
    ("lines", "secret"),
    [
        ("mqtt: {brokers: ['mqtt://broker.lan', 'mqtts://me:hush@broker.lan:8883']}", "mqtt.brokers.1"),
        ("mqtt: {brokers: 'mqtt://me:hush@broker.lan'}", "mqtt.brokers"),
        ("mqtt: {brokers: [{host: broker.lan, username: me, password: hush}]}", "mqtt.brokers.0.password"),
        ("radio: {proxies: [{host: proxy.lan, key: hush}]}", "radio.proxies.0.key"),
        (DEVICE % "local_key: hush", "stations.home.devices.0.tuya.local_key"),
    ],
)
async def test_a_secret_that_everybody_may_read_is_a_trouble(tmp_path: Path, lines: str, secret: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(lines, encoding="utf-8")
    for mode, state in ((0o644, "trouble"), (0o602, "trouble"), (0o640, "ok"), (0o600, "ok")):
        file.chmod(mode)
        found = await settings_file(file)
        assert (found.about, found.state) == ("settings", state)
        assert "hush" not in str(found)
        if state == "trouble":
            assert f"({secret})" in found.says
            assert found.remedy == f"chmod o-rwx {file}"


@pytest.mark.parametrize(
    "lines",
    [
        "",
        "mqtt: {brokers: ['mqtt://me@broker.lan'], username: me, password_file: /etc/letdown/password}",
        "mqtt: {password_env: LETDOWN_PASSWORD, key_file: /etc/letdown/key.pem}",
        "radio: {proxies: [{host: proxy.lan, key_file: /etc/letdown/key}, {host: other.lan, key: null}]}",
        DEVICE % "local_key_env: LETDOWN_KEY",
        "mqtt: {base_topic: 'http://[', node: 'mqtt://['}",
    ],
)
async def test_a_file_without_secrets_may_be_read_by_everybody(tmp_path: Path, lines: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(lines, encoding="utf-8")
    file.chmod(0o644)
    assert (await settings_file(file)).state == "ok"


async def test_a_settings_file_that_cannot_be_read_is_a_trouble(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    assert (await settings_file(file)).state == "trouble"
    for content in (b"\xff", b"["):
        file.write_bytes(content)
        assert (await settings_file(file)).state == "trouble"


# Brokers


async def test_a_broker_is_tried_as_the_service_would() -> None:
    async with embedded_broker(0) as broker:
        nobody = BrokerUrl(host="127.0.0.1", port=1)
        good, bad = await brokers(MqttSettings(brokers=(broker.url, nobody)))
    assert good.state == "ok"
    assert "answers, in MQTT 3.1.1" in good.says
    assert (bad.state, bad.remedy) == ("trouble", "start the broker there, or correct mqtt.brokers")


async def test_without_any_the_embedded_one_is_mentioned() -> None:
    (found,) = await brokers(MqttSettings())
    assert found.state == "note"


# Bluetooth


@contextlib.asynccontextmanager
async def served(*devices: Described) -> AsyncIterator[str]:
    """Put devices on air, and serve a controller to listen to them."""
    air = Air()
    home = Home(RealClock(), Catalog.load(), devices, seed=2)
    async with home.on_air(air), serve_controller(air, "tcp-server:127.0.0.1:0") as transport:
        yield transport


def settings(transport: str, *devices: dict[str, Any]) -> Settings:
    return Settings.model_validate(
        {"radio": {"kind": "bumble", "transport": transport}, "stations": {"home": {"devices": list(devices)}}}
    )


async def test_each_device_is_listened_for() -> None:
    left = Described("left", "open-pump", "Pump L", Side.LEFT)
    twin = Described("twin", "open-pump", "Pump T", Side.LEFT)
    blanket = Described("ooler", "ooler", "OOLER", Side.BOTH)
    async with served(left, twin, twin._replace(key="twin-2"), blanket) as transport:
        asked = settings(
            transport,
            {"name": "left", "profile": "open-pump", "side": "left", "advertised_name": "Pump L"},
            {"name": "right", "profile": "open-pump", "side": "right", "advertised_name": "Pump R"},
            {"name": "twin", "profile": "open-pump", "side": "right", "advertised_name": "Pump T"},
            {"name": "wrong", "profile": "open-massager", "address": "F0:1E:7D:00:00:04"},
            {"name": "unknown", "profile": "nothing", "advertised_name": "X"},
        )
        found = by_name(await bluetooth(asked, service_runs=False, seconds=LISTEN_SECONDS))
        read = settings(transport, {"name": "pad", "profile": "ooler", "advertised_name": "OOLER"})
        (pad,) = await bluetooth(read, service_runs=False, seconds=LISTEN_SECONDS)
    assert {name: each.state for name, each in found.items()} == {
        "left": "ok",
        "right": "trouble",
        "twin": "trouble",
        "wrong": "trouble",
        "unknown": "trouble",
    }
    assert "at -50 dBm" in found["left"].says
    assert "switch it on" in (found["right"].remedy or "")
    assert "letdown scan --addresses" in (found["twin"].remedy or "")
    assert "is no Open lactation profile, massager" in found["wrong"].says
    assert "F0:1E" not in str(found)
    assert (pad.state, pad.remedy) == ("note", "allow_unverified: true lets it be controlled")


async def test_a_device_that_is_not_heard_may_be_the_running_services() -> None:
    pump = {"name": "left", "profile": "open-pump", "side": "left", "advertised_name": "Pump L"}
    async with served() as transport:
        found = await bluetooth(settings(transport, pump), service_runs=True, seconds=LISTEN_SECONDS)
    assert {each.about: each.state for each in found} == {"left": "note", "Bluetooth": "note"}
    assert "nothing at all was heard" in found[-1].says


async def test_a_controller_that_cannot_be_reached_is_a_trouble() -> None:
    pump = {"name": "left", "profile": "open-pump", "side": "left", "advertised_name": "Pump L"}
    (found,) = await bluetooth(settings("tcp-client:127.0.0.1:1", pump), service_runs=False, seconds=0.1)
    assert (found.about, found.state) == ("Bluetooth", "trouble")


async def test_all_of_it_together(tmp_path: Path) -> None:
    asked = Settings.model_validate({"store": {"path": str(tmp_path / "letdown.db")}})
    found = await examine(asked, 0.1)
    assert [each.about for each in found] == ["versions", "Bluetooth", "broker", "store", "clock"]
    assert not any(each.state == "trouble" for each in found)
    file = tmp_path / "mine.yaml"
    file.write_text("mqtt: {brokers: ['mqtt://me:hush@broker.lan']}", encoding="utf-8")
    file.chmod(0o644)
    assert [each.about for each in await examine(asked, 0.1, file) if each.state == "trouble"] == ["settings"]
