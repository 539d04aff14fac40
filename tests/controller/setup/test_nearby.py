"""Which devices are nearby, how each is told from others, and the lines to paste into the settings."""

from __future__ import annotations

import dataclasses

import pytest
import yaml

from controller.settings import DeviceSettings
from controller.setup.device_entry import DeviceEntry, entry_of, lines_to_paste, scalar
from controller.setup.nearby import NearbyDevice, devices_nearby, free_name, likely_side
from devices.driver.device_model import DeviceModel
from devices.roles import Side
from devices.support.yaml_file import parse_document
from tests.helpers.advertised import advertised
from tests.helpers.home import catalog

CATALOG = catalog()
PUMP_SERVICE = frozenset({"218a0001-a4d8-44d5-85b6-6c6574646f77"})
FIRST, SECOND = "C0:00:00:00:00:01", "C0:00:00:00:00:02"


def profile(profile_id: str) -> DeviceModel:
    found = CATALOG.get(profile_id)
    assert found is not None
    return found


def pump(name: str | None = "Pump", address: str = FIRST, rssi_dbm: int = -50) -> NearbyDevice:
    (found,) = devices_nearby([advertised(name, address, services=PUMP_SERVICE, rssi_dbm=rssi_dbm)], CATALOG)
    return found


def test_the_strongest_comes_first_and_what_no_profile_fits_is_there_too() -> None:
    found = devices_nearby(
        [advertised("Lamp", SECOND, rssi_dbm=-80), advertised("Pump", services=PUMP_SERVICE)], CATALOG
    )
    assert [(each.advertisement.name, [fit.id for fit in each.profiles]) for each in found] == [
        ("Pump", ["open-pump"]),
        ("Lamp", []),
    ]


@pytest.mark.parametrize(("rssi_dbm", "signal"), [(-40, "strong"), (-60, "strong"), (-61, "good"), (-76, "weak")])
def test_how_well_it_is_received_is_a_word(rssi_dbm: int, signal: str) -> None:
    assert pump(rssi_dbm=rssi_dbm).signal == signal


def test_one_that_is_configured_is_known() -> None:
    settings = DeviceSettings(name="left-pump", profile="open-pump", advertised_name="Pump")
    (found,) = devices_nearby([advertised("Pump", services=PUMP_SERVICE)], CATALOG, [settings])
    assert found.configured_as == "left-pump"
    assert pump().configured_as is None


def test_a_name_that_is_unique_is_enough() -> None:
    entry = entry_of(pump(), profile("open-pump"), "left-pump", Side.LEFT)
    assert entry.data() == {"name": "left-pump", "profile": "open-pump", "side": "left", "advertised_name": "Pump"}


def test_of_two_that_share_a_name_each_is_known_by_its_address() -> None:
    found = devices_nearby([advertised("Pump", each, services=PUMP_SERVICE) for each in (FIRST, SECOND)], CATALOG)
    entries = [entry_of(each, profile("open-pump"), "pump", Side.LEFT) for each in found]
    assert {each.address for each in entries} == {FIRST, SECOND}
    assert {each.advertised_name for each in entries} == {None}


@pytest.mark.parametrize("name", [None, "", " "])
def test_without_a_name_it_is_known_by_its_address(name: str | None) -> None:
    assert entry_of(pump(name), profile("open-pump"), "pump", Side.LEFT).address == FIRST


def test_one_that_others_look_like_is_known_by_its_address() -> None:
    ambiguous = next(each for each in CATALOG if each.match.ambiguous)
    assert entry_of(pump(), ambiguous, "pump", Side.LEFT).address == FIRST


@pytest.mark.parametrize(
    ("name", "side"),
    [("Letdown Pump L", "left"), ("MOON_R", "right"), ("Pumpe links", "left"), ("Roller", "both"), (None, "both")],
)
def test_a_name_may_say_the_side(name: str | None, side: str) -> None:
    assert likely_side(profile("open-pump"), name, ()) == side


def test_one_that_serves_one_breast_is_for_the_side_that_is_free() -> None:
    single = next(each for each in CATALOG if each.sides == "one")
    assert likely_side(single, "X", ()) is Side.LEFT
    assert likely_side(single, "X", {Side.LEFT}) is Side.RIGHT


def test_a_name_that_is_taken_gets_a_number() -> None:
    assert free_name("pump", ()) == "pump"
    assert free_name("pump", {"pump"}) == "pump-2"
    assert free_name("pump", {"pump", "pump-2", "pump-4"}) == "pump-3"


# Lines to paste

ODD = [
    "Pump: left",
    "#1",
    "no",
    "true",
    "12",
    "a'b",
    'a"b',
    "é 😀",
    "- x",
    "{x}",
    " x ",
    "x:",
    "\x07",
    "null",
    "~",
    "L" * 300,
]


@pytest.mark.parametrize("name", ["Letdown Pad", *ODD])
def test_any_text_is_written_so_that_it_is_read_back(name: str) -> None:
    assert parse_document(f"key: {scalar(name)}\n", "x.yaml").data == {"key": name}
    assert yaml.safe_load(f"key: {scalar(name)}\n") == {"key": name}


@pytest.mark.parametrize("name", ["Letdown Pad", *ODD])
@pytest.mark.parametrize("unverified", [True, False])
def test_the_lines_are_valid_where_they_are_pasted(name: str, unverified: bool) -> None:
    entry = DeviceEntry("left-pump", "open-pump", Side.LEFT, advertised_name=name)
    lines = lines_to_paste(entry, unverified=unverified)
    text = "devices:\n" + "".join(f"    {line}\n" for line in lines)
    assert parse_document(text, "x.yaml").data == {"devices": [entry.data()]}
    assert ("allow_unverified" in text) is unverified
    if unverified:
        allowed = parse_document(text.replace("  # allow_unverified", "  allow_unverified"), "x.yaml").data
        assert allowed == {"devices": [dataclasses.replace(entry, allow_unverified=True).data()]}
