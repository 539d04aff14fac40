"""The settings of devices, stations and adapters: addresses, names, and what may not be there twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from controller.settings import DeviceSettings, load_settings
from devices.bluetooth.advertisement import Advertisement
from devices.roles import Side
from tests.helpers.settings_file import Write, clear_environment, problems, settings_writer, station


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    clear_environment(monkeypatch)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return settings_writer(tmp_path)


# Devices


def test_a_device_needs_an_address_or_a_name(write: Write) -> None:
    file = write(station("      - name: pump\n        profile: open-pump\n"))
    (problem,) = problems(file)
    assert problem.startswith(f"{file}:4: stations.home.devices.0: ")
    assert "its address, or its advertised_name" in problem


def test_two_devices_with_one_name_are_refused(write: Write) -> None:
    each = "      - {name: pump, profile: open-pump, address: 'AA:BB:CC:DD:EE:FF'}\n"
    file = write(station(each * 2))
    words = "two devices are called pump; give each a name of its own"
    assert problems(file) == [f"{file}:{4 + at}: stations.home.devices.{at}.name: {words}" for at in (0, 1)]


def test_two_stations_may_use_the_same_name(write: Write) -> None:
    each = "    devices:\n    - {name: pump, profile: open-pump, advertised_name: "
    settings = load_settings(write(f"stations:\n  one:\n{each}X}}\n  two:\n{each}Y}}\n"))
    assert list(settings.stations) == ["one", "two"]


SAME = [
    ("address: 'AA:BB:CC:DD:EE:FF'", "address: 'aa:bb:cc:dd:EE:FF'", "address"),
    ("address: 'AA:BB:CC:DD:EE:FF', advertised_name: X", "address: 'AA:BB:CC:DD:EE:FF', advertised_name: Y", "address"),
    ("advertised_name: X", "advertised_name: X", "advertised name"),
    ("address: 'AA:BB:CC:DD:EE:FF', advertised_name: X", "advertised_name: X", "advertised name"),
]
ONCE = "a device belongs to one station, once"


@pytest.mark.parametrize(("first", "second", "same"), SAME)
def test_a_device_that_is_configured_twice_in_a_station_is_refused(
    write: Write, first: str, second: str, same: str
) -> None:
    devices = f"      - {{name: left, profile: x, {first}}}\n      - {{name: right, profile: x, {second}}}\n"
    file = write(station(devices))
    assert problems(file) == [
        f"{file}:4: stations.home.devices.0: left of home and right of home have the same {same}; {ONCE}",
        f"{file}:5: stations.home.devices.1: right of home and left of home have the same {same}; {ONCE}",
    ]


@pytest.mark.parametrize(("first", "second", "same"), SAME)
def test_a_device_of_two_stations_is_refused(write: Write, first: str, second: str, same: str) -> None:
    other = "    - {name: pad, profile: x, advertised_name: Z}\n"
    one = f"  one:\n    devices:\n{other}    - {{name: pump, profile: x, {first}}}\n"
    two = f"  two:\n    devices:\n    - {{name: pump, profile: x, {second}}}\n"
    file = write(f"stations:\n{one}{two}")
    assert problems(file) == [
        f"{file}:5: stations.one.devices.1: pump of one and pump of two have the same {same}; {ONCE}",
        f"{file}:8: stations.two.devices.0: pump of two and pump of one have the same {same}; {ONCE}",
    ]


ADDRESSED = "      - {name: pump, profile: x, address: %s}\n"


@pytest.mark.parametrize("address", ["aa:bb:cc:dd:ee:ff", "'1A2B3C4D-0000-1111-2222-ABCDEF012345'"])
def test_an_address_has_six_octets_or_is_a_uuid_of_macos(write: Write, address: str) -> None:
    (device,) = load_settings(write(station(ADDRESSED % address))).stations["home"].devices
    assert device.address == address.strip("'")


@pytest.mark.parametrize("address", ["AA:BB:CC:DD:EE", "AA-BB-CC-DD-EE-FF", "Letdown Pump", "AA:BB:CC:DD:EE:FG", "''"])
def test_any_other_address_is_refused_and_it_is_said_what_would_fit(write: Write, address: str) -> None:
    file = write(station(ADDRESSED % address))
    (problem,) = problems(file)
    assert problem.startswith(f"{file}:4: stations.home.devices.0.address: ")
    assert "AA:BB:CC:DD:EE:FF" in problem
    assert "letdown scan --addresses" in problem


@pytest.mark.parametrize("name", ["''", "'  '"])
def test_an_advertised_name_is_not_empty(write: Write, name: str) -> None:
    (problem,) = problems(write(station(f"      - {{name: pump, profile: x, advertised_name: {name}}}\n")))
    assert "stations.home.devices.0.advertised_name: is empty" in problem


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


def advertisement(address: str, name: str | None) -> Advertisement:
    return Advertisement(
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
    assert device.wanted(advertisement("AA:BB:CC:DD:EE:FF", None))
    assert not device.wanted(advertisement("AA:BB:CC:DD:EE:00", "Pump"))


def test_a_name_fits_only_as_a_whole() -> None:
    device = DeviceSettings(name="p", profile="x", side=Side.LEFT, advertised_name="Pump")
    assert device.wanted(advertisement("AA:BB:CC:DD:EE:FF", "Pump"))
    assert not device.wanted(advertisement("AA:BB:CC:DD:EE:FF", "Pump 2"))
    assert not device.wanted(advertisement("AA:BB:CC:DD:EE:FF", None))


def test_an_unverified_device_is_not_allowed_by_default() -> None:
    assert not DeviceSettings(name="p", profile="x", advertised_name="Pump").allow_unverified


# Adapters

ADAPTERS = "radio: {adapters: [hci1], proxies: [{host: nursery.local, key: k3y}]}\n"
PUMP = "      - {name: pump, profile: open-pump, side: left, advertised_name: Pump, through: %s}\n"


@pytest.mark.parametrize("name", ["hci1", "nursery.local"])
def test_a_device_can_be_bound_to_an_adapter_of(write: Write, name: str) -> None:
    settings = load_settings(write(ADAPTERS + station(PUMP % name)))
    (device,) = settings.stations["home"].devices
    wanted = device.wanted
    assert wanted(replace(advertisement("C0:00:00:00:00:01", "Pump"), adapter=name))
    assert not wanted(replace(advertisement("C0:00:00:00:00:01", "Pump"), adapter="hci0"))


def test_but_only_to_one_that_is_named(write: Write) -> None:
    (problem,) = problems(write(ADAPTERS + station(PUMP % "hci0")))
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
def test_what_cannot_be_an_adapter_is_refused(write: Write, radio: str, words: str) -> None:
    assert words in "\n".join(problems(write(f"radio: {radio}\n")))


def test_the_key_of_a_proxy_never_shows(write: Write) -> None:
    assert "k3y" not in repr(load_settings(write(ADAPTERS)))
    text = "radio: {proxies: [{host: a.lan, port: 0, key: hunter2-geheim}]}\n"
    assert "hunter2" not in "\n".join(problems(write(text)))
