"""A thermometer nearby and in the settings: it is read without leave, and only it is placed somewhere."""

from __future__ import annotations

import pytest

from controller.app import check
from controller.assembly.extras import SetupError
from controller.cli.listings import advertisement_rows, device_rows
from controller.settings import Settings
from devices.roles import Side
from devices.support.clock import RealClock, ScaledClock
from devices.virtual.transports import Air
from devices.virtual.virtual_home import DescribedDevice, Home
from devices.virtual.virtual_radio import radio_on_air
from tests.helpers.home import catalog

THERMOMETER = DescribedDevice("thermometer", "health-thermometer", "Thermo", Side.BOTH)


def settings_of(**more: str) -> Settings:
    device = {"name": "t", "profile": "health-thermometer", "address": "AA:BB:CC:DD:EE:FF", **more}
    return Settings.model_validate({"stations": {"home": {"devices": [device]}}})


async def test_one_nearby_comes_with_the_lines_for_the_settings() -> None:
    clock, air = ScaledClock(1000), Air()
    home = Home(clock, catalog(), [THERMOMETER], seed=1)
    async with home.on_air(air), radio_on_air(clock, air) as radio:
        await radio.find(lambda seen: seen.name == THERMOMETER.advertised_name, -1)
        (row,) = advertisement_rows(radio, Settings(), catalog(), whole_addresses=True)
    assert row["profile"] == "health-thermometer"
    assert "  placed: pad   # on the warm compress; or breast, on the skin" in row["settings"]
    assert not any("allow_unverified" in line for line in row["settings"])


def test_one_in_the_settings_needs_nothing_and_has_no_cautions() -> None:
    (row,) = device_rows(settings_of(placed="breast"), catalog())
    assert (row["roles"], row["needs"], row["cautions"]) == (["thermometer"], [], [])
    assert "reports_temperature" in row["capabilities"]
    assert not {"start", "lease"} & set(row["capabilities"])


async def test_it_is_on_a_pad_or_a_breast() -> None:
    for placed in ("pad", "breast"):
        check(settings_of(placed=placed), RealClock())
    with pytest.raises(ValueError, match="placed"):
        settings_of(placed="forehead")


async def test_nothing_else_is_placed_anywhere() -> None:
    with pytest.raises(SetupError, match="only a thermometer is placed on a pad or a breast; remove `placed`"):
        check(settings_of(profile="open-pump", side="left", placed="pad"), RealClock())
