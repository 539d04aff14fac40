"""A virtual device of any profile: what it advertises fits the profile, and the printed settings find it."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest

from devices.roles import Side
from devices.support.clock import RealClock
from devices.virtual.profile_devices import devices_of, settings_of
from devices.virtual.transports import Air
from devices.virtual.virtual_home import DEVICES, Home
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.home import catalog

CATALOG = catalog()
TEMPLATES = [profile.id for profile in CATALOG if profile.template]
SERVED = [profile.id for profile in CATALOG if not profile.template and profile.bluetooth]


@pytest.mark.system
async def test_every_profile_that_is_no_template_is_on_air_as_a_device_that_fits_it() -> None:
    clock = RealClock()
    home = Home(clock, CATALOG, devices_of(CATALOG, SERVED), seed=1)
    air = Air()
    async with home.on_air(air) as addresses, radio_on_air(clock, air) as radio:
        await clock.sleep(1.5)  # a thermometer advertises once a second
        found = {each.address.upper(): each for each in radio.advertisements.values()}
        fitting = {
            described.profile: {fit.profile.id for fit in CATALOG.fitting(found[addresses[described.key]])}
            for described in home.devices
        }
    recognisable = [each for each in SERVED if each != "kiturami-kdm-851"]  # what that one advertises is not published
    assert [profile_id for profile_id in recognisable if profile_id not in fitting[profile_id]] == []


def test_two_devices_of_one_profile_have_different_keys_names_and_sides() -> None:
    first, second = devices_of(CATALOG, ["open-pump", "open-pump"])
    assert (first.key, second.key) == ("open-pump", "open-pump-2")
    assert first.advertised_name != second.advertised_name
    assert [first.side, second.side] == [Side.LEFT, Side.RIGHT]


def test_an_excepted_name_is_not_advertised() -> None:
    (described,) = devices_of(CATALOG, ["satisfyer"])
    profile = CATALOG.get("satisfyer")
    assert profile is not None
    assert not any(fnmatchcase(described.advertised_name, pattern) for pattern in profile.match.not_name)


def test_an_unknown_profile_is_named_with_the_nearest_ids() -> None:
    with pytest.raises(ValueError, match=r"unknown profile 'lovence'; did you mean lovense\?"):
        devices_of(CATALOG, ["lovence"])
    with pytest.raises(ValueError, match=r"unknown profile 'xyzzy'; `letdown profiles` lists them"):
        devices_of(CATALOG, ["xyzzy"])


@pytest.mark.parametrize("profile_id", TEMPLATES)
def test_a_template_needs_the_uuids_of_its_owner(profile_id: str) -> None:
    with pytest.raises(ValueError, match=f"{profile_id} is a template: the UUIDs of .* under another id"):
        devices_of(CATALOG, [profile_id])


async def test_the_settings_have_all_that_an_owner_must_say() -> None:
    home = Home(RealClock(), CATALOG, devices_of(CATALOG, ["ooler", "tuya-warmer"]), seed=1)
    settings: dict[str, Any] = settings_of(home, {"ooler": "F0:00", "tuya-warmer": "F0:01"}, "tcp-client:127.0.0.1:1")
    assert settings["radio"] == {"kind": "bumble", "transport": "tcp-client:127.0.0.1:1"}
    ooler, warmer = settings["stations"]["home"]["devices"]
    fields = {"name": "ooler", "profile": "ooler", "side": "both", "address": "F0:00", "allow_unverified": True}
    assert ooler == fields
    assert warmer["tuya"].keys() == {"local_key", "uuid", "device_id", "datapoints"}
    assert set(warmer["tuya"]["datapoints"]) == {"switch", "temp_set", "countdown"}


async def test_devices_that_are_not_on_air_are_left_out() -> None:
    home = Home(RealClock(), CATALOG, DEVICES, seed=1)
    settings: dict[str, Any] = settings_of(home, {"massager": "F0:00"}, None)
    assert "radio" not in settings
    assert [each["name"] for each in settings["stations"]["home"]["devices"]] == ["massager"]
