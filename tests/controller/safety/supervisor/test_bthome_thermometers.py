"""A thermometer that only advertises: it counts while its temperature is new, and never by being repeated."""

from __future__ import annotations

import pytest

from tests.helpers.heated_home import BLIND, BTHOME, PAD, HeatedHome, heated_home

KEY = "231d39c1d7cc1ab1aee224cd096db932"
SEALED = BTHOME._replace(bthome={"bindkey": KEY})
either = pytest.mark.parametrize("thermometer", [BTHOME, SEALED], ids=["plain", "sealed"])


@pytest.mark.system
@either
async def test_its_temperature_is_heard_and_heat_runs_by_it(thermometer: object) -> None:
    async with heated_home(BLIND, thermometer) as house:  # type: ignore[arg-type]
        await house.warm(in_session=True, seconds=120)
        (role,) = house.station.thermometers
        assert role.reading.celsius == pytest.approx(house.pad.surface_celsius, abs=1.5)
        assert house.why == []


@either
async def test_one_that_is_heard_no_more_switches_heat_off(thermometer: object) -> None:
    async with heated_home(PAD, thermometer) as house:  # type: ignore[arg-type]
        await house.warm(in_session=False)
        house.thermometer.silent = True
        await house.until(lambda: not house.heats, within_seconds=11.5)
        assert house.why == ["thermometer_silent"]


async def ends_by_silence(house: HeatedHome) -> None:
    await house.until(lambda: not house.heats, within_seconds=11.5)
    assert house.why == ["thermometer_silent"]


@pytest.mark.system
@either
async def test_an_old_packet_that_is_repeated_makes_no_temperature_new(thermometer: object) -> None:
    async with heated_home(PAD, thermometer) as house:  # type: ignore[arg-type]
        await house.warm(in_session=True)
        house.home.bthome_thermometers["thermometer"].repeats = True
        await ends_by_silence(house)


async def test_one_that_advertises_too_rarely_switches_heat_off() -> None:
    async with heated_home(PAD, BTHOME) as house:
        await house.warm(in_session=True)
        house.home.bthome_thermometers["thermometer"].every_seconds = 30.0
        await ends_by_silence(house)


async def test_what_is_not_encrypted_with_the_owners_key_does_not_count() -> None:
    async with heated_home(PAD, SEALED) as house:
        await house.warm(in_session=True)
        house.home.bthome_thermometers["thermometer"].key = None
        await ends_by_silence(house)


async def test_too_hot_is_too_hot() -> None:
    async with heated_home(BLIND, BTHOME) as house:
        await house.warm(in_session=True)
        house.thermometer.absurd_celsius = 44.5
        await house.until(lambda: not house.heats, within_seconds=3)
        assert set(house.why) & {"temperature"}
