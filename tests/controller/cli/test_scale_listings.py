"""A scale nearby and in the settings: it is read without leave, and nothing about starting it is said."""

from __future__ import annotations

from controller.cli.listings import advertisement_rows, device_rows, profile_rows
from controller.settings import Settings
from devices.roles import Side
from devices.support.clock import ScaledClock
from devices.virtual.transports import Air
from devices.virtual.virtual_home import DescribedDevice, Home
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.home import catalog

SCALE = DescribedDevice("scale", "decent-scale", "Decent Scale", Side.BOTH)


async def test_one_nearby_comes_with_the_lines_for_the_settings() -> None:
    clock, air = ScaledClock(1000), Air()
    home = Home(clock, catalog(), [SCALE], seed=1)
    async with home.on_air(air), radio_on_air(clock, air) as radio:
        await radio.find(lambda seen: seen.name == SCALE.advertised_name, -1)
        (row,) = advertisement_rows(radio, Settings(), catalog(), whole_addresses=False)
    assert row["profile"] == "decent-scale"
    assert "- name: scale" in row["settings"]
    assert "  profile: decent-scale" in row["settings"]
    assert not any("allow_unverified" in line for line in row["settings"])


def test_one_in_the_settings_needs_nothing_and_has_no_cautions() -> None:
    device = {"name": "s", "profile": "decent-scale", "side": "left", "advertised_name": "Decent Scale"}
    settings = Settings.model_validate({"stations": {"home": {"devices": [device]}}})
    (row,) = device_rows(settings, catalog())
    assert (row["roles"], row["needs"], row["cautions"]) == (["scale"], [], [])
    assert "reports_weight" in row["capabilities"]
    assert not {"start", "lease"} & set(row["capabilities"])


def test_profiles_say_what_must_be_known_of_each() -> None:
    rows = {row["id"]: row for row in profile_rows(catalog())}
    assert rows["decent-scale"]["needs"] == []
    assert rows["bookoo-mini-scale"]["needs"] == ["address"]
    assert any("sign bytes" in note for note in rows["bookoo-mini-scale"]["notes"])
    assert any("5 g" in note for note in rows["weight-scale-service"]["notes"])
