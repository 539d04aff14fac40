"""The checks of the doctor and their remedies. With a real BlueZ: `tests/bluez`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.doctor.bluetooth_checks import bluetooth
from controller.doctor.check_result import CheckResult, problem_of
from controller.doctor.examination import brokers, examine
from controller.doctor.file_checks import settings_file, store
from controller.doctor.machine_checks import clock, output, versions
from controller.journal.store import Store
from controller.journal.store_errors import StoreError
from controller.mqtt.embedded_broker import embedded_broker
from controller.mqtt.mqtt_settings import BrokerUrl, MqttSettings
from controller.settings import Settings, StoreSettings
from devices.errors import AdapterUnavailableError, DeviceError
from devices.roles import Side
from devices.support.clock import RealClock
from devices.virtual.transports import Air, serve_controller
from devices.virtual.virtual_home import DescribedDevice, Home
from tests.helpers.home import catalog as shipped

LISTEN_SECONDS = 0.5


def by_name(findings: list[CheckResult]) -> dict[str, CheckResult]:
    return {each.subject: each for each in findings}


@pytest.mark.parametrize(
    ("error", "message", "remedy"),
    [
        (StoreError(Path("/x"), "is broken", "move it away"), "the store at /x is broken", "move it away"),
        (AdapterUnavailableError("it is off: hci0; really", "turn it on"), "it is off: hci0; really", "turn it on"),
        (DeviceError("all is lost"), "all is lost", None),
    ],
)
def test_the_remedy_of_an_error_is_taken_from_its_data(error: Any, message: str, remedy: str | None) -> None:
    result = problem_of("x", error)
    assert (result.state, result.message, result.remedy) == ("problem", message, remedy)


def test_the_versions_are_named() -> None:
    found = versions()
    assert found.state == "ok"
    assert "bleak 3" in found.message


# The clock


async def test_a_clock_that_was_never_set_is_a_problem() -> None:
    found = await clock(datetime(1970, 1, 1, tzinfo=UTC))
    assert (found.state, found.remedy) == (
        "problem",
        "let this machine set its clock: sudo timedatectl set-ntp true",
    )


@pytest.mark.parametrize(("said", "state"), [("yes\n", "ok"), ("no\n", "note"), ("", "ok"), (None, "ok")])
async def test_a_clock_that_is_not_synchronised_is_a_note(
    said: str | None, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def says(*_: str) -> str | None:
        return said

    monkeypatch.setattr("controller.doctor.machine_checks.output", says)
    assert (await clock(datetime(2026, 11, 24, tzinfo=UTC))).state == state


async def test_a_program_that_is_missing_or_fails_has_no_output() -> None:
    assert await output("there-is-no-such-program") is None
    assert await output("false") is None
    assert await output("echo", "hello") == "hello\n"


# The store


async def test_a_store_that_does_not_exist_yet_is_a_note(tmp_path: Path) -> None:
    found, runs = await store(tmp_path / "new" / "letdown.db")
    assert (found.state, runs) == ("note", False)
    assert not (tmp_path / "new").exists()


async def test_a_store_in_use_shows_that_a_service_runs(tmp_path: Path) -> None:
    path = tmp_path / "letdown.db"
    async with Store.opened(path):
        found, runs = await store(path)
        assert (found.state, runs) == ("ok", True)
    found, runs = await store(path)
    assert (found.state, runs) == ("ok", False)


async def test_a_store_that_cannot_be_used_is_a_problem_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "letdown.db"
    path.write_text("not a database, and longer than its head")
    found, _ = await store(path)
    assert found.state == "problem"
    assert found.remedy is not None
    assert "move" in found.remedy


def modes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}


async def test_a_store_that_is_deleted_while_in_use_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "letdown.db"
    async with Store.opened(path):
        path.unlink()
        found, runs = await store(path)
    assert (found.state, runs) == ("problem", True)
    assert "every device is off" in (found.remedy or "")


async def test_a_store_in_use_with_invalid_content_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "letdown.db"
    path.write_text("not a database, and longer than its head")
    async with Store.opened(path):
        found, runs = await store(path)
    assert (found.state, runs) == ("problem", True)


async def test_a_store_that_others_may_read_is_a_problem_and_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "it is mine.db"
    async with Store.opened(path):
        pass
    path.chmod(0o666)
    before = modes(tmp_path)
    found, runs = await store(path)
    assert (found.state, found.remedy, runs) == ("problem", f"chmod 600 '{path}'", False)
    assert modes(tmp_path) == before


async def test_checking_a_store_creates_no_file(tmp_path: Path) -> None:
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
        ("history: {url: 'postgresql://me:hush@database.lan/letdown'}", "history.url"),
        ("mqtt: {brokers: [{host: broker.lan, username: me, password: hush}]}", "mqtt.brokers.0.password"),
        ("radio: {proxies: [{host: proxy.lan, key: hush}]}", "radio.proxies.0.key"),
        (DEVICE % "local_key: hush", "stations.home.devices.0.tuya.local_key"),
    ],
)
async def test_a_secret_that_every_user_may_read_is_a_problem(tmp_path: Path, lines: str, secret: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(lines, encoding="utf-8")
    for mode, state in ((0o644, "problem"), (0o602, "problem"), (0o640, "ok"), (0o600, "ok")):
        file.chmod(mode)
        found = await settings_file(file)
        assert (found.subject, found.state) == ("settings", state)
        assert "hush" not in str(found)
        if state == "problem":
            assert f"({secret})" in found.message
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
async def test_a_file_without_secrets_may_be_read_by_every_user(tmp_path: Path, lines: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(lines, encoding="utf-8")
    file.chmod(0o644)
    assert (await settings_file(file)).state == "ok"


async def test_a_settings_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    assert (await settings_file(file)).state == "problem"
    for content in (b"\xff", b"["):
        file.write_bytes(content)
        assert (await settings_file(file)).state == "problem"


# Brokers


async def test_a_broker_is_connected_to_as_the_service_would() -> None:
    async with embedded_broker(0) as broker:
        nobody = BrokerUrl(host="127.0.0.1", port=1)
        good, bad = await brokers(MqttSettings(brokers=(broker, nobody)))
    assert good.state == "ok"
    assert "answers, in MQTT 3.1.1" in good.message
    assert (bad.state, bad.remedy) == ("problem", "start the broker there, or correct mqtt.brokers")


async def test_without_a_broker_the_embedded_one_is_named() -> None:
    (found,) = await brokers(MqttSettings())
    assert found.state == "note"


# Bluetooth


@contextlib.asynccontextmanager
async def served(*devices: DescribedDevice) -> AsyncIterator[str]:
    """Put devices on air, and serve a controller that can scan for them."""
    air = Air()
    home = Home(RealClock(), shipped(), devices, seed=2)
    async with home.on_air(air), serve_controller(air, "tcp-server:127.0.0.1:0") as transport:
        yield transport


def settings(transport: str, *devices: dict[str, Any]) -> Settings:
    return Settings.model_validate(
        {"radio": {"kind": "bumble", "transport": transport}, "stations": {"home": {"devices": list(devices)}}}
    )


async def test_each_device_is_scanned_for() -> None:
    left = DescribedDevice("left", "open-pump", "Pump L", Side.LEFT)
    twin = DescribedDevice("twin", "open-pump", "Pump T", Side.LEFT)
    blanket = DescribedDevice("ooler", "ooler", "OOLER", Side.BOTH)
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
        "right": "problem",
        "twin": "problem",
        "wrong": "problem",
        "unknown": "problem",
    }
    assert "at -50 dBm" in found["left"].message
    assert "switch it on" in (found["right"].remedy or "")
    assert "letdown scan --addresses" in (found["twin"].remedy or "")
    assert "is no Open lactation profile, massager" in found["wrong"].message
    assert "F0:1E" not in str(found)
    assert (pad.state, pad.remedy) == ("note", "allow_unverified: true lets it be controlled")


async def test_a_device_that_does_not_advertise_may_be_connected_to_the_service() -> None:
    pump = {"name": "left", "profile": "open-pump", "side": "left", "advertised_name": "Pump L"}
    async with served() as transport:
        found = await bluetooth(settings(transport, pump), service_runs=True, seconds=LISTEN_SECONDS)
    assert {each.subject: each.state for each in found} == {"left": "note", "Bluetooth": "note"}
    assert "no advertisements received" in found[-1].message


async def test_a_controller_that_cannot_be_reached_is_a_problem() -> None:
    pump = {"name": "left", "profile": "open-pump", "side": "left", "advertised_name": "Pump L"}
    (found,) = await bluetooth(settings("tcp-client:127.0.0.1:1", pump), service_runs=False, seconds=0.1)
    assert (found.subject, found.state) == ("Bluetooth", "problem")


async def test_without_devices_what_is_near_is_counted() -> None:
    left = DescribedDevice("left", "open-pump", "Pump L", Side.LEFT)
    async with served(left, left._replace(key="right", advertised_name="Pump R")) as transport:
        (found,) = await bluetooth(settings(transport), service_runs=False, seconds=LISTEN_SECONDS)
    assert (found.subject, found.state) == ("devices", "note")
    assert found.message == "2 devices near, 2 with a profile; your settings name none"
    assert "letdown scan" in (found.remedy or "")


async def test_without_devices_a_bluetooth_that_does_not_work_is_a_problem() -> None:
    (found,) = await bluetooth(settings("tcp-client:127.0.0.1:1"), service_runs=False, seconds=0.1)
    assert (found.subject, found.state) == ("Bluetooth", "problem")


async def test_all_checks_together(tmp_path: Path) -> None:
    async with served() as transport:
        asked = settings(transport).model_copy(update={"store": StoreSettings(path=tmp_path / "letdown.db")})
        found = await examine(asked, 0.1)
        subjects = ["versions", "installation", "Bluetooth", "broker", "web page", "store", "history", "clock"]
        assert [each.subject for each in found] == subjects
        assert not any(each.state == "problem" for each in found)
        file = tmp_path / "mine.yaml"
        file.write_text("mqtt: {brokers: ['mqtt://me:hush@broker.lan']}", encoding="utf-8")
        file.chmod(0o644)
        assert [each.subject for each in await examine(asked, 0.1, file) if each.state == "problem"] == ["settings"]
