"""Devices that a script asks for: what the flags leave out is found by scanning."""

from __future__ import annotations

import pytest

from controller.setup.device_entry import DeviceEntry
from controller.setup.nearby import NearbyDevice, devices_nearby
from controller.setup.requested_devices import RequestedDevice, entry_for, everything_in, requested
from devices.driver.registry import driver_of
from devices.errors import AmbiguousNameError, NotAdvertisingError
from devices.roles import Side
from tests.helpers.advertised import advertised
from tests.helpers.home import catalog

CATALOG = catalog()
PUMP_SERVICE = frozenset({"218a0001-a4d8-44d5-85b6-6c6574646f77"})
FIRST, SECOND = "C0:00:00:00:00:01", "C0:00:00:00:00:02"


def nearby(*names: str | None) -> list[NearbyDevice]:
    addresses = [f"C0:00:00:00:00:{number:02X}" for number in range(1, len(names) + 1)]
    found = [advertised(name, each, services=PUMP_SERVICE) for name, each in zip(names, addresses, strict=True)]
    return devices_nearby(found, CATALOG)


def entry(text: str, found: list[NearbyDevice], profile: str | None = None, side: str | None = None) -> DeviceEntry:
    (asked,) = requested([text], [profile] if profile else [], [side] if side else [])
    return entry_for(asked, found, CATALOG, (), allow_unverified=False)


def test_flags_stand_in_the_same_order() -> None:
    assert requested(["a=X", "b=Y=Z"], ["p", "q"], ["left", "right"]) == [
        RequestedDevice("a", "X", "p", Side.LEFT),
        RequestedDevice("b", "Y=Z", "q", Side.RIGHT),
    ]
    assert [each.profile for each in requested(["a=X", "b=Y"], ["p"], [])] == ["p", "p"]


@pytest.mark.parametrize(
    ("devices", "profiles", "sides", "words"),
    [
        (["a"], [], [], "write NAME=ADDRESS"),
        (["=x"], [], [], "write NAME=ADDRESS"),
        (["a="], [], [], "write NAME=ADDRESS"),
        (["a=x"], ["p", "q"], [], "--profile is given once for each"),
        (["a=x", "b=y"], [], ["left"], "--side is given once for each"),
        (["a=x"], [], ["up"], "--side up: it is left, right or both"),
    ],
)
def test_flags_that_do_not_fit(devices: list[str], profiles: list[str], sides: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        requested(devices, profiles, sides)


def test_profile_and_side_are_found() -> None:
    assert entry("mine=Pump L", nearby("Pump L")) == DeviceEntry(
        "mine", "open-pump", Side.LEFT, advertised_name="Pump L"
    )


def test_an_address_stays_an_address() -> None:
    assert entry(f"mine={FIRST}", nearby("Pump")).address == FIRST


def test_with_its_profile_it_need_not_be_near() -> None:
    assert entry("mine=Pump", [], "open-pump", "right") == DeviceEntry(
        "mine", "open-pump", Side.RIGHT, advertised_name="Pump"
    )


def test_what_is_not_near_cannot_be_found() -> None:
    with pytest.raises(NotAdvertisingError, match="switch it on"):
        entry("mine=Pump", nearby("Other"))


def test_of_two_with_one_name_neither_is_chosen() -> None:
    with pytest.raises(AmbiguousNameError, match="give its address"):
        entry("mine=Pump", nearby("Pump", "Pump"))
    assert entry(f"mine={SECOND}", nearby("Pump", "Pump")).address == SECOND


def test_a_device_that_no_profile_fits() -> None:
    found = devices_nearby([advertised("Lamp")], CATALOG)
    with pytest.raises(ValueError, match="no profile fits; say which one with --profile"):
        entry("mine=Lamp", found)


def test_an_unknown_profile() -> None:
    with pytest.raises(ValueError, match="there is no profile nope"):
        entry("mine=Pump", [], "nope")


def test_what_needs_keys_is_asked_for_in_the_dialogue_only() -> None:
    with pytest.raises(ValueError, match=r"tuya\.local_key.*without --yes"):
        entry(f"mine={FIRST}", [], "sporramom-w3")


def test_one_that_others_look_like_needs_its_address() -> None:
    ambiguous = next(each for each in CATALOG if each.match.ambiguous and not driver_of(each).owner_values(each))
    with pytest.raises(ValueError, match="give its address"):
        entry("mine=X", [], ambiguous.id)


def test_consent_is_for_unverified_profiles_alone() -> None:
    unverified = next(
        each for each in CATALOG if each.confidence == "unverified" and not each.template and not each.match.ambiguous
    )
    for profile, allowed in ((unverified.id, True), ("open-pump", False)):
        (asked,) = requested(["x=X"], [profile], [])
        assert entry_for(asked, [], CATALOG, (), allow_unverified=True).allow_unverified is allowed
        assert not entry_for(asked, [], CATALOG, (), allow_unverified=False).allow_unverified


def test_everything_near_gets_a_name_of_its_own() -> None:
    found = everything_in(nearby("Pump L", "Pump", "Pump"), ["pump-l"])
    assert [(each.name, each.wanted) for each in found] == [
        ("pump-l-2", "Pump L"),
        ("pump", SECOND),
        ("pump-2", "C0:00:00:00:00:03"),
    ]
