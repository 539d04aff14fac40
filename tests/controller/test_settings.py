"""The owner's settings: defaults, errors with file and line, the environment, and that no password shows."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from controller.safety import OwnerLimits
from controller.settings import DeviceSettings, Settings, StationSettings, load_settings
from devices.roles import Side
from devices.shipped import SHIPPED
from devices.sighting import Sighting
from devices.yaml_file import FileError

Write = Callable[[str], Path]
SECRET = "hunter2-geheim"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("LETDOWN_"):
            monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        file = tmp_path / "letdown.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return written


def problems(file: Path) -> list[str]:
    with pytest.raises(FileError) as caught:
        load_settings(file)
    return str(caught.value).splitlines()


def station(devices: str) -> str:
    return f"stations:\n  home:\n    devices:\n{devices}"


# Defaults


def test_without_a_file_there_are_defaults() -> None:
    settings = load_settings(None)
    assert settings.language == "en"
    assert settings.limits == OwnerLimits()
    assert settings.radio.kind == "auto"
    assert settings.mqtt.embedded
    assert settings.stations == {"home": StationSettings()}
    assert settings.profiles == settings.routines == ()


def test_the_shipped_file_says_exactly_the_defaults() -> None:
    assert load_settings(SHIPPED / "letdown.yaml") == load_settings(None)


def test_the_shipped_file_names_every_setting() -> None:
    text = (SHIPPED / "letdown.yaml").read_text(encoding="utf-8")
    for name in (*Settings.model_fields, *OwnerLimits.model_fields, "brokers", "base_topic", "node", "ca_file"):
        assert f"{name}:" in text


def test_an_empty_file_is_the_defaults(write: Write) -> None:
    assert load_settings(write("")) == load_settings(None)


# Limits


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("comfort_vacuum_mmhg", "251"),
        ("comfort_vacuum_mmhg", "59"),
        ("stimulation_vacuum_mmhg", "121"),
        ("stimulation_vacuum_mmhg", "39"),
        ("heat_celsius", "42.5"),
        ("heat_celsius", "35"),
        ("heat_celsius", ".nan"),
        ("comfort_vacuum_mmhg", ".inf"),
        ("comfort_vacuum_mmhg", "lots"),
        ("vibration", "2"),
    ],
)
def test_raising_a_limit_is_refused_with_file_and_line(write: Write, key: str, value: str) -> None:
    file = write(f"language: en\nlimits:\n  {key}: {value}\n")
    (problem,) = problems(file)
    assert problem.startswith(f"{file}:3: limits.{key}: ")


def test_lowering_a_limit_is_accepted(write: Write) -> None:
    settings = load_settings(write("limits: {comfort_vacuum_mmhg: 140, heat_celsius: 38, vibration: true}"))
    assert settings.limits == OwnerLimits(comfort_vacuum_mmhg=140, heat_celsius=38, vibration=True)


# Devices


def test_a_device_needs_an_address_or_a_name(write: Write) -> None:
    file = write(station("      - name: pump\n        profile: open-pump\n"))
    (problem,) = problems(file)
    assert problem.startswith(f"{file}:4: stations.home.devices.0: ")
    assert "its address, or its advertised_name" in problem


def test_two_devices_with_one_name_are_refused(write: Write) -> None:
    each = "      - {name: pump, profile: open-pump, address: 'AA:BB:CC:DD:EE:FF'}\n"
    (problem,) = problems(write(station(each * 2)))
    assert "two devices are called pump" in problem
    assert "stations.home" in problem


def test_two_stations_may_use_the_same_name(write: Write) -> None:
    each = "    devices:\n    - {name: pump, profile: open-pump, advertised_name: "
    settings = load_settings(write(f"stations:\n  one:\n{each}X}}\n  two:\n{each}Y}}\n"))
    assert list(settings.stations) == ["one", "two"]


SAME = [
    ("address: 'AA:BB:CC:DD:EE:FF'", "address: 'aa:bb:cc:dd:EE:FF'"),
    ("address: 'AA:BB:CC:DD:EE:FF', advertised_name: X", "address: 'AA:BB:CC:DD:EE:FF', advertised_name: Y"),
    ("advertised_name: X", "advertised_name: X"),
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_a_device_that_is_configured_twice_in_a_station_is_refused(write: Write, first: str, second: str) -> None:
    devices = f"      - {{name: left, profile: x, {first}}}\n      - {{name: right, profile: x, {second}}}\n"
    file = write(station(devices))
    where = f"{file}:5: stations.home.devices.1"
    assert problems(file) == [
        f"{where}: a device belongs to one station, once: left of home and right of home are the same"
    ]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_a_device_of_two_stations_is_refused(write: Write, first: str, second: str) -> None:
    other = "    - {name: pad, profile: x, advertised_name: Z}\n"
    one = f"  one:\n    devices:\n{other}    - {{name: pump, profile: x, {first}}}\n"
    two = f"  two:\n    devices:\n    - {{name: pump, profile: x, {second}}}\n"
    file = write(f"stations:\n{one}{two}")
    where = f"{file}:8: stations.two.devices.0"
    assert problems(file) == [
        f"{where}: a device belongs to one station, once: pump of one and pump of two are the same"
    ]


def test_two_devices_of_one_name_are_told_apart_by_their_addresses(write: Write) -> None:
    each = "      - {{name: {}, profile: x, address: 'AA:BB:CC:DD:EE:{}', advertised_name: X}}\n"
    settings = load_settings(write(station(each.format("left", "01") + each.format("right", "02"))))
    assert len(settings.stations["home"].devices) == 2


@pytest.mark.parametrize("name", ["a/b", "a b+", "#", ""])
def test_a_device_is_called_what_can_stand_in_a_topic(write: Write, name: str) -> None:
    file = write(station(f"      - {{name: '{name}', profile: open-pump, advertised_name: X}}\n"))
    assert "stations.home.devices.0.name" in problems(file)[0]


@pytest.mark.parametrize("name", ["a/b", "'+'", "'#'", "''"])
def test_a_station_is_called_what_can_stand_in_a_topic(write: Write, name: str) -> None:
    assert "stations" in problems(write(f"stations:\n  {name}: {{devices: []}}\n"))[0]


def test_there_is_at_least_one_station(write: Write) -> None:
    assert "stations" in problems(write("stations: {}\n"))[0]


def sighting(address: str, name: str | None) -> Sighting:
    return Sighting(
        address=address,
        name=name,
        services=frozenset(),
        manufacturers={},
        service_data={},
        rssi_dbm=-50,
        tx_power_dbm=None,
        seen_at_seconds=0,
        device=None,  # type: ignore[arg-type]  # nothing here looks at it
    )


def test_an_address_decides_alone_whatever_the_name_says() -> None:
    device = DeviceSettings(name="p", profile="x", address="aa:bb:cc:dd:ee:ff", advertised_name="Pump")
    assert device.wanted(sighting("AA:BB:CC:DD:EE:FF", None))
    assert not device.wanted(sighting("AA:BB:CC:DD:EE:00", "Pump"))


def test_a_name_fits_only_as_a_whole() -> None:
    device = DeviceSettings(name="p", profile="x", side=Side.LEFT, advertised_name="Pump")
    assert device.wanted(sighting("AA:BB:CC:DD:EE:FF", "Pump"))
    assert not device.wanted(sighting("AA:BB:CC:DD:EE:FF", "Pump 2"))
    assert not device.wanted(sighting("AA:BB:CC:DD:EE:FF", None))


def test_an_unverified_device_is_not_allowed_by_default() -> None:
    assert not DeviceSettings(name="p", profile="x", advertised_name="Pump").allow_unverified


# What is not known


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("languag: en\n", 1, "languag"),
        ("language: en\nlimits:\n  vacuum: 100\n", 3, "limits.vacuum"),
        ("mqtt:\n  broker: []\n", 2, "mqtt.broker"),
        (station("      - {name: p, profile: x, advertised_name: X, sides: both}\n"), 4, "sides"),
    ],
)
def test_an_unknown_key_is_refused_with_its_line(write: Write, text: str, line: int, key: str) -> None:
    file = write(text)
    (problem,) = problems(file)
    assert problem.startswith(f"{file}:{line}: ")
    assert key in problem
    assert "misspelt" in problem


def test_a_key_that_is_said_twice_is_refused(write: Write) -> None:
    assert "said twice" in problems(write("language: en\nlanguage: de\n"))[0]


@pytest.mark.parametrize("text", ["- a\n", "language\n", "language: [en]\n", "radio: {kind: usb}\n", "a: [\n", "\t"])
def test_a_file_of_another_kind_is_refused_and_nothing_worse(write: Write, text: str) -> None:
    assert problems(write(text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path / "none.yaml")
    assert "none.yaml" in problem
    assert "cannot be read" in problem


@pytest.mark.parametrize("text", ["radio: {kind: bumble}\n", "radio: {transport: 'usb:0'}\n"])
def test_a_transport_goes_with_bumble_only(write: Write, text: str) -> None:
    assert "kind bumble goes with a transport" in problems(write(text))[0]


# The environment


def test_the_environment_wins(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write("language: en\nlimits: {comfort_vacuum_mmhg: 140, heat_celsius: 40}\nmqtt: {node: kitchen}\n")
    monkeypatch.setenv("LETDOWN_LANGUAGE", "de")
    monkeypatch.setenv("LETDOWN_MQTT__NODE", "bedroom")
    monkeypatch.setenv("LETDOWN_LIMITS__HEAT_CELSIUS", "38")
    settings = load_settings(file)
    assert settings.language == "de"
    assert settings.mqtt.node == "bedroom"
    assert settings.limits == OwnerLimits(comfort_vacuum_mmhg=140, heat_celsius=38)


def test_the_environment_works_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LETDOWN_MQTT__BROKERS", '["mqtt://broker.lan"]')
    assert load_settings(None).mqtt.brokers[0].host == "broker.lan"


@pytest.mark.parametrize("with_file", [True, False])
def test_the_environment_can_raise_no_limit_either(
    write: Write, monkeypatch: pytest.MonkeyPatch, with_file: bool
) -> None:
    monkeypatch.setenv("LETDOWN_LIMITS__HEAT_CELSIUS", "43")
    with pytest.raises(FileError, match=r"limits\.heat_celsius"):
        load_settings(write("limits: {heat_celsius: 40}\n") if with_file else None)


def test_an_error_of_the_environment_names_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LETDOWN_LIMITS__HEAT_CELSIUS", "43")
    with pytest.raises(FileError, match="the environment"):
        load_settings(None)


def test_a_broker_in_the_environment_that_is_no_list_is_an_error_with_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LETDOWN_STATIONS", "home")
    with pytest.raises(FileError):
        load_settings(None)


# Passwords


BROKERS = f"mqtt:\n  brokers: ['mqtt://ann:{SECRET}@broker.lan']\n"


def test_a_password_is_never_shown(write: Write) -> None:
    settings = load_settings(write(BROKERS))
    password = settings.mqtt.brokers[0].password
    assert password is not None
    assert password.get_secret_value() == SECRET
    for shown in (str(settings), repr(settings), settings.model_dump_json(), str(settings.mqtt), f"{settings.mqtt!r}"):
        assert SECRET not in shown


@pytest.mark.parametrize(
    "text",
    [
        f"mqtt:\n  brokers: ['mqtt://ann:{SECRET}@broker.lan:0']\n",
        f"mqtt:\n  brokers: 'mqtt://ann:{SECRET}@broker.lan:x'\n",
        f"mqtt:\n  brokers: ['http://ann:{SECRET}@broker.lan']\n",
        f"mqtt:\n  brokers: ['mqtt://broker.lan', 'mqtt://ann:{SECRET}@']\n",
        f"mqtt:\n  brokers: [{{host: broker.lan, passwort: {SECRET}}}]\n",
        f"mqtt:\n  brokers: [{{host: broker.lan, port: 0, password: {SECRET}}}]\n",
        f"mqtt:\n  brokers: [{{host: broker.lan, password: [{SECRET}]}}]\n",
        f"mqtt:\n  brokers: {{host: broker.lan, password: {SECRET}}}\n",
        f"mqtt:\n  brokers: ['mqtt://ann:{SECRET}@broker.lan']\nlanguage: 5\nlimits: {{heat_celsius: 99}}\n",
    ],
)
def test_an_error_never_repeats_a_password(write: Write, text: str) -> None:
    assert SECRET not in "\n".join(problems(write(text)))


def test_an_error_never_repeats_a_password_of_digits(write: Write) -> None:
    assert "48151623" not in "\n".join(problems(write("mqtt:\n  brokers: [{host: broker.lan, password: 48151623}]\n")))


def test_an_error_of_the_environment_never_repeats_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LETDOWN_MQTT__BROKERS", f'["mqtt://ann:{SECRET}@broker.lan:0"]')
    with pytest.raises(FileError) as caught:
        load_settings(None)
    assert SECRET not in str(caught.value)


# Receivers

RECEIVERS = "radio: {adapters: [hci1], proxies: [{host: nursery.local, key: k3y}]}\n"
PUMP = "      - {name: pump, profile: open-pump, side: left, advertised_name: Pump, through: %s}\n"


@pytest.mark.parametrize("name", ["hci1", "nursery.local"])
def test_a_device_can_be_bound_to_a_receiver(write: Write, name: str) -> None:
    settings = load_settings(write(RECEIVERS + station(PUMP % name)))
    (device,) = settings.stations["home"].devices
    wanted = device.wanted
    assert wanted(replace(sighting("C0:00:00:00:00:01", "Pump"), receiver=name))
    assert not wanted(replace(sighting("C0:00:00:00:00:01", "Pump"), receiver="hci0"))


def test_but_only_to_one_that_is_named(write: Write) -> None:
    (problem,) = problems(write(RECEIVERS + station(PUMP % "hci0")))
    assert "hci0 is neither in radio.adapters nor the host of one of radio.proxies" in problem


@pytest.mark.parametrize(
    ("radio", "words"),
    [
        ("{adapters: [usb0]}", "radio.adapters.0"),
        ("{kind: bumble, transport: usb:0, adapters: [hci0]}", "adapters and proxies go with kind auto"),
        ("{proxies: [{host: a.lan, key: x, key_file: y}]}", "the key is in key or in key_file"),
        ("{proxies: [{port: 1}]}", "radio.proxies.0.host"),
    ],
)
def test_what_cannot_be_a_receiver_is_refused(write: Write, radio: str, words: str) -> None:
    assert words in "\n".join(problems(write(f"radio: {radio}\n")))


def test_the_key_of_a_proxy_never_shows(write: Write) -> None:
    assert "k3y" not in repr(load_settings(write(RECEIVERS)))
    assert SECRET not in "\n".join(problems(write(f"radio: {{proxies: [{{host: a.lan, port: 0, key: {SECRET}}}]}}\n")))


# Frozen


def test_settings_cannot_be_changed() -> None:
    settings = load_settings(None)
    with pytest.raises(ValidationError):
        settings.limits.heat_celsius = 45
    with pytest.raises(ValidationError):
        settings.language = "de"
